"""What a job finds in its conda environment or container is what the lock says, and is enough."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import pytest
import yaml
from conftest import REPOSITORY
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

RULE = re.compile(
    r'^rule (\w+):.*?conda:\s+"\.\./\.\./envs/(\w+)\.yaml".*?script:\s+"\.\./\.\./(scripts/\w+\.py)"', re.M | re.S
)
LOADED = """
import ast, sys
tree = ast.parse(open(sys.argv[1]).read())
imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
exec(compile(ast.Module(imports, []), sys.argv[1], "exec"))
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def pins(name: str) -> set[str]:
    environment = yaml.safe_load((REPOSITORY / f"envs/{name}.yaml").read_text())
    (found,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    return set(found)


def rules() -> list[tuple[str, str, str]]:
    """Name, environment and script of every rule with a script."""
    return [
        found for path in sorted((REPOSITORY / "workflow/rules").glob("*.smk")) for found in split(path.read_text())
    ]


def split(text: str) -> list[tuple[str, str, str]]:
    blocks = re.split(r"(?m)^(?=(?:    )?rule \w+:)", text)
    return [found.groups() for found in map(RULE.search, blocks) if found]


@pytest.mark.parametrize("name", ["arrays", "torch"])
def test_environments_agree_with_the_lock(name):
    """envs/*.yaml pin what constraints.txt pins for their Python."""
    lock = {line.split(" ; ")[0] for line in (REPOSITORY / "constraints.txt").read_text().splitlines()}
    assert pins(name) <= lock, pins(name) - lock


def test_every_rule_with_a_script_has_an_environment():
    scripts = {path.name for path in (REPOSITORY / "scripts").glob("*.py")}
    assert {script.removeprefix("scripts/") for *_, script in rules()} == scripts


def everything_under(names: set[str]) -> set[str]:
    """The packages that come with these."""
    found, waiting = set(), set(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        try:
            needed = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:
            continue
        waiting |= {need.name for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})}
    return found


@pytest.mark.parametrize(("rule", "environment", "script"), rules())
def test_an_environment_holds_what_its_rules_import(rule, environment, script):
    """Only the names of packages are compared: what a script imports at its top, with all that follows from it."""
    command = [sys.executable, "-c", LOADED, REPOSITORY / script]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    packages = packages_distributions()
    loaded = {canonicalize_name(name) for module in run.stdout.split() for name in packages.get(module, [])}
    held = everything_under({pin.split("==")[0] for pin in pins(environment)})
    assert loaded - held - {"flowgrad", "setuptools", "pip"} == set(), rule
