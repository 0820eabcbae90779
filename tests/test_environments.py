"""What a job finds in its conda environment or container is what the lock says, and is enough."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import pytest
import yaml
from conftest import REPOSITORY
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flowgrad.provenance import modules_behind

RULE = re.compile(
    r'^rule (\w+):.*?conda:\s+"\.\./\.\./envs/(\w+)\.yaml".*?script:\s+"\.\./\.\./(scripts/\w+\.py)"', re.M | re.S
)
LATER = {
    "detect": ["flowgrad.detection.yolo"],
    "flow": ["flowgrad.flow.farneback"],
    "heatmaps": ["flowgrad.models.rcgrad.model"],
}
"""What rules load by name: the detector, the estimator, the networks."""


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
    here = {
        "python_version": "3.11",
        "python_full_version": "3.11.9",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    }
    entries = map(Requirement, (REPOSITORY / "constraints.txt").read_text().splitlines())
    lock = {f"{entry.name}{entry.specifier}" for entry in entries if not entry.marker or entry.marker.evaluate(here)}
    assert pins(name) <= lock, pins(name) - lock


def test_the_container_copies_one_file_a_line():
    """Apptainer takes a source and a target from a line, and drops what follows."""
    definition = (REPOSITORY / "envs/container.def").read_text()
    lines = definition.split("%files\n")[1].split("\n\n")[0].splitlines()
    assert len(lines) == 5
    for line in lines:
        source, target = line.split()
        assert (REPOSITORY / source).exists()
        assert target.startswith("/opt/flowgrad/")


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


def imported(module: str) -> tuple[set[str], set[str]]:
    """The packages that a module imports when it is loaded, and those that it imports at all."""
    path = REPOSITORY.joinpath("src", *module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(path.read_text())
    return named(tree.body), named(ast.walk(tree))


def named(nodes: Iterable[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize(("rule", "environment", "script"), rules())
def test_an_environment_holds_what_its_rules_import(rule, environment, script):
    """All that the modules behind a stage import, in functions too; of torch only what is loaded with the module."""
    text = (REPOSITORY / script).read_text()
    stages = re.findall(r"^from flowgrad\.stages import (\w+)", text, re.M)
    modules = modules_behind(*(f"flowgrad.stages.{name}" for name in stages), *LATER.get(rule, []))
    wanted = (
        named(ast.walk(ast.parse(text))) | imported("flowgrad.workflow.job")[0] | imported("flowgrad.workflow.run")[0]
    )
    for module in modules:
        loaded, ever = imported(module)
        # a module that makes maps is behind scores as well, which run no network
        wanted |= loaded | (ever - {"torch"} if environment == "arrays" else ever)
    packages = packages_distributions()
    needed = {canonicalize_name(name) for package in wanted for name in packages.get(package, [])}
    held = everything_under({pin.split("==")[0] for pin in pins(environment)})
    assert needed - held - {"flowgrad"} == set(), rule
