"""Every page that a page points to is there, its lines fit, and the engine understands every command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from conftest import REPOSITORY
from snakemake.cli import get_argument_parser

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The names that headings get: lower case, spaces as hyphens, other signs gone."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_fit_a_terminal(page):
    assert [line for line in page.read_text().splitlines() if len(line) > 120] == []


def commands() -> list[str]:
    """Every command of the engine in a page, a profile or the Snakefile that asks for something to be made."""
    files = [*PAGES, REPOSITORY / "Snakefile", REPOSITORY / "config.yaml", *REPOSITORY.glob("profiles/*/profile.yaml")]
    texts = [path.read_text().replace("\\\n", "") for path in files]
    found = [line for text in texts for line in re.findall(r"\bsnakemake (--[^`\n]+)", text)]
    return [line.split("  #")[0].strip() for line in found]


def test_commands_ask_for_what_there_is():
    """Options that take several values swallow the target that stands behind them."""
    targets = {
        name for path in REPOSITORY.rglob("*.smk") for name in re.findall(r"^rule (\w+):", path.read_text(), re.M)
    }
    assert len(commands()) > 10
    for command in commands():
        asked = get_argument_parser().parse_args(shlex.split(command))
        assert asked.targets, command
        assert not asked.quiet, f"{command}: the profiles are quiet, and --quiet swallows what follows it"
        assert set(asked.targets) <= targets | {"all"}, command
        assert all(path.suffix == ".yaml" for path in asked.configfile or []), command
