"""Every model on every dataset that has what it needs; docs/systems.md shows what runs."""

from __future__ import annotations

import re
from pathlib import Path

import matrix
import pytest
from conftest import REPOSITORY


@pytest.mark.matrix
@pytest.mark.parametrize("title", matrix.SETS)
def test_what_runs_is_what_the_page_says(title, tmp_path):
    found = matrix.run(title, tmp_path / "set", matrix.write_networks(tmp_path / "networks"))
    assert found == _page()[title]


def _page() -> dict[str, dict[str, str]]:
    """The table of the page, by set and model."""
    lines = Path(REPOSITORY / "docs/systems.md").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| | A |"))
    groups: dict[str, list[str]] = {}
    for line in lines[start:]:
        item = re.match(r"- ([A-Z]): ", line)
        if item:
            groups[item[1]] = []
        elif groups and not line.startswith("  "):
            break
        if groups:
            groups[list(groups)[-1]] += re.findall(r"`([\w-]+)`", line)
    page: dict[str, dict[str, str]] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("| `"):
            break
        title, *cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        of = {name: cell for letter, cell in zip(groups, cells, strict=True) for name in groups[letter]}
        page[title.strip("`")] = {name: of[name] for name in matrix.ROWS}
    return page


def test_the_page_has_every_model_and_every_format():
    from flowgrad.datasets.registry import FORMATS

    page = _page()
    assert list(page) == list(matrix.SETS)
    assert {matrix.format_of(title) for title in page} >= set(FORMATS.built_in)
