"""The profiles: those for a cluster say what the default one says, and name rules that there are."""

from __future__ import annotations

import re

import pytest
import yaml
from conftest import REPOSITORY, network_settings

RULES = {
    name for path in REPOSITORY.glob("workflow/rules/*.smk") for name in re.findall(r"rule (\w+):", path.read_text())
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


@pytest.mark.parametrize("option", ["--profile", "--workflow-profile"])
def test_what_jobs_ask_for(workflow, dataset, checkpoints, option):
    """Networks ask for a GPU, arithmetic on maps does not, whatever this machine has."""
    config = network_settings(dataset("lyon1029_40200"), checkpoints)
    run = workflow(config, "-n", option, REPOSITORY / "profiles/slurm-gpu")
    assert run.status == 0, run.output
    job = re.compile(r"rule (?:heatmaps|arithmetic):.*?model=([\w-]+).*?mem_mb=(\d+).*?gpu=(\d)", re.DOTALL)
    asked = job.findall(run.output)
    assert sorted(asked) == [("flow", "1000", "0"), ("flowgrad-h", "1000", "0"), ("rcgrad", "6000", "1")]
