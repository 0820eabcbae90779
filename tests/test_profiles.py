"""The profiles: those for a cluster say what the default one says, and name rules that there are."""

from __future__ import annotations

import re

import pytest
import yaml
from conftest import REPOSITORY, network_settings

RULES = {
    name
    for path in REPOSITORY.glob("workflow/rules/*.smk")
    for name in re.findall(r"(?:rule|as) (\w+)(?: with)?:", path.read_text())
}


def profile(name: str) -> dict:
    return yaml.safe_load((REPOSITORY / f"profiles/{name}/profile.yaml").read_text())


def test_profiles_agree():
    """--workflow-profile replaces the default profile, --profile is laid under it: both must come to the same."""
    default, slurm, gpu = profile("default"), profile("slurm"), profile("slurm-gpu")
    del default["resources"]  # how many GPUs this machine has
    assert slurm == slurm | default
    needs = slurm.pop("set-resources"), gpu.pop("set-resources")
    assert slurm == gpu
    for rules in needs:
        assert set(rules) <= RULES


@pytest.mark.parametrize("name", ["slurm", "slurm-gpu"])
def test_what_was_too_little_is_more_on_retry(name):
    """Memory of every rule, and time but that of trainings, which go on where they were."""
    settings = profile(name)
    for rule, asked in {"": settings["default-resources"], **settings["set-resources"]}.items():
        for resource in {"mem_mb", "runtime"} & set(asked):
            first, second = (eval(str(asked[resource]), {"attempt": attempt}) for attempt in (1, 2))
            assert second == first * (1 if (rule, resource) == ("fit", "runtime") else 2), (rule, resource)


@pytest.mark.parametrize("option", ["--profile", "--workflow-profile"])
def test_what_jobs_ask_for(workflow, dataset, narrow, option):
    """Networks ask for a GPU, arithmetic on maps does not, whatever this machine has."""
    config = network_settings(dataset("lyon1029_40200"), narrow)
    run = workflow(config, "-n", "--quiet", "host", option, REPOSITORY / "profiles/slurm-gpu")
    assert run.status == 0, run.output
    blocks = re.findall(r"^rule (?:heatmaps|arithmetic):(.*?)^\S", run.output, re.DOTALL | re.MULTILINE)
    asked = [
        tuple(
            found[1] if (found := re.search(rf"\b{name}=([\w-]+)", block)) else "0"
            for name in ("model", "mem_mb", "gpu")
        )
        for block in blocks
    ]
    assert sorted(asked) == [("flow", "1000", "0"), ("flowgrad-h", "1000", "0"), ("rcgrad", "6000", "1")]
