"""What is added, or said in other words, redoes nothing that was there: in a copy of the repository, with real runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY
from test_generated import moving_square

from flowgrad.provenance import modules_behind

IGNORED = shutil.ignore_patterns(".git", ".venv", ".snakemake", "results", "runs", "__pycache__", ".*_cache", "tests")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository beside a finished run of it."""
    folder = tmp_path_factory.mktemp("additions")
    shutil.copytree(REPOSITORY, folder / "clone", ignore=IGNORED)
    root = moving_square(folder / "data", "apple")
    work = folder / "work"
    work.mkdir()
    config = {"dataset": {"root": str(root)}, "models": ["flow", "whole-frame"], "protocols": ["paper"]}
    (work / "c.yaml").write_text(yaml.safe_dump(config))
    run(folder / "clone", "-q", "all")
    return folder / "clone"


def run(clone: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--snakefile", clone / "Snakefile", "--configfile", "c.yaml"]
    done = subprocess.run(
        [*command, "--cores", "2", *arguments] if "-q" not in arguments else [*command, "--cores", "2"],
        cwd=clone.parent / "work",
        env={"PATH": "/usr/bin:/bin", "HOME": str(clone.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def edit(clone: Path, module: str, old: str, new: str) -> None:
    path = clone / "src/flowgrad" / module
    text = path.read_text()
    assert old in text, module
    path.write_text(text.replace(old, new, 1))


def nothing_to_do(clone: Path) -> bool:
    return "Nothing to be done" in run(clone, "-n")


def test_words_redo_nothing(clone):
    """Comments, docstrings and descriptions of settings."""
    assert nothing_to_do(clone)
    edit(clone, "flow/farneback.py", "class Farneback:", "# a comment\nclass Farneback:")
    edit(clone, "stages/score.py", '"""Score one shard.', '"""Score one shard, in other words.')
    edit(clone, "media/video.py", '"""The pictures of a recording', '"""All the pictures of a recording')
    edit(clone, "protocols.py", 'description="boxes that overlap', 'description="vehicles that overlap')
    edit(clone, "models/rcgrad/presets.py", 'description="frames as decoded', 'description="frames as they are')
    assert nothing_to_do(clone)


def test_entries_redo_nothing(clone):
    """A model, a dataset, a metric, a threshold rule and an estimator more, each in its registry."""
    edit(clone, "models/registry.py", "_BUILT_IN = (", '_BUILT_IN = (\n    Model("new", "flowgrad.new:load"),')
    edit(
        clone,
        "datasets/registry.py",
        '        DatasetFormat("videos"',
        '        DatasetFormat("new", "x:y"),\n        DatasetFormat("videos"',
    )
    edit(
        clone,
        "flow/registry.py",
        '        Estimator("dis"',
        '        Estimator("new", "x:y"),\n        Estimator("dis"',
    )
    edit(clone, "evaluation/registry.py", "(CIOU, SUCC", '(Metric("new", len, ("new",), len), CIOU, SUCC')
    edit(clone, "evaluation/registry.py", "RULES = (FIXED", 'RULES = (ThresholdRule("new", max), FIXED')
    (clone / "src/flowgrad/datasets/new.py").write_text("")
    edit(clone, "datasets/urbansas.py", "import os\n", "import os\n\nUNUSED = 1\n")
    assert nothing_to_do(clone)


def test_code_redoes_what_it_computes(clone):
    """The other way round: an edit that changes a figure is not overlooked."""
    edit(clone, "flow/farneback.py", '"winsize": 15', '"winsize": 17')
    jobs = run(clone, "-n")
    assert "flow" in jobs
    assert "arithmetic" in jobs
    assert "decode" not in jobs.split("Reasons")[0]
    edit(clone, "flow/farneback.py", '"winsize": 17', '"winsize": 15')
    assert nothing_to_do(clone)
    edit(clone, "evaluation/statistics.py", "CONFIDENCE = 0.95", "CONFIDENCE = 0.9")
    jobs = run(clone, "-n")
    assert "summary" in jobs
    assert "score" not in jobs.split("Reasons")[0], "an interval is no score"
    edit(clone, "evaluation/statistics.py", "CONFIDENCE = 0.9", "CONFIDENCE = 0.95")


@pytest.mark.parametrize("stage", ["decode", "flow", "heatmaps", "detect", "score", "tables", "pictures", "samples"])
def test_no_registry_and_no_reader_stands_behind_a_stage(stage):
    behind = modules_behind(f"flowgrad.stages.{stage}")
    assert f"flowgrad.stages.{stage}" in behind
    tables = {name for name in behind if name.startswith("flowgrad.schemas.")}
    assert "flowgrad.schemas.clips" not in tables or stage == "tables", "a new column of clips.csv redoes no other"
    for name in behind:
        assert not name.endswith("registry") or name == "flowgrad.registry", name
        assert name not in ("flowgrad.plugins", "flowgrad.datasets.urbansas", "flowgrad.datasets.videos"), name
        assert not name.startswith("flowgrad.config"), name
        assert name not in ("flowgrad.media.describe", "flowgrad.media.clip"), "what is said to people"
        assert name == f"flowgrad.stages.{stage}" or not name.startswith("flowgrad.stages."), "stages import no stage"
    assert "flowgrad.protocols" not in behind, "a stage gets its parts by value"


LOWER = ("media", "flow", "models", "detection", "evaluation", "datasets", "training", "figures", "synthetic")
UPPER = ("cli", "config", "workflow", "stages", "check")


@pytest.mark.parametrize("package", LOWER)
def test_what_stages_call_knows_nothing_of_what_is_above(package):
    """docs/architecture.md says so."""
    for path in sorted((REPOSITORY / "src/flowgrad" / package).rglob("*.py")):
        module = ".".join(path.relative_to(REPOSITORY / "src").with_suffix("").parts).removesuffix(".__init__")
        above = [name for name in modules_behind(module) if name.split(".")[1:2] and name.split(".")[1] in UPPER]
        assert above == [], module
