"""Three datasets after one another, and one dataset with other rows and clips: nothing shown is another run's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY, Finished, make_clip
from PIL import Image
from test_generated import moving_square

import flowgrad
from flowgrad import cli
from flowgrad.errors import InputError

CLONE = [
    "Snakefile",
    "Makefile",
    "config.yaml",
    "constraints.txt",
    "pyproject.toml",
    "envs",
    "profiles",
    "scripts",
    "src",
    "workflow",
]
SHIPPED = "streets-detector.pt"
STREETS = {"labelled": 2, "unlabelled": 0, "seconds": 2, "width": 208, "height": 112}


def snapshot(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowgrad.cli", "check", "--directory", folder]
    return subprocess.run([*command, "-c", folder / "config.test.yaml"], capture_output=True, text=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of the repository as it stands here."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for source in (REPOSITORY / name for name in CLONE):
        if source.is_dir():
            shutil.copytree(source, clone / source.name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, clone)
    return clone


def make_table(clone: Path, dataset: Path, options: str = "", weights: str | None = None) -> Finished:
    """``make table`` in a clone whose environment is the one that runs the tests."""
    (clone / ".venv").mkdir(exist_ok=True)
    if not (clone / ".venv/bin").exists():
        (clone / ".venv/bin").symlink_to(Path(sys.executable).parent)
    # a make around the tests must not pass its own options on; a proxy that refuses: nothing is downloaded
    outer = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "FLOWGRAD_WEIGHTS", "VENV", "CORES")
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    environment |= {"PYTHONPATH": str(clone / "src"), "https_proxy": "http://127.0.0.1:9"}
    if weights is not None:
        environment["FLOWGRAD_WEIGHTS"] = weights
    options = f"--config page=false figures=false {options}"
    command = ["make", "--old-file", "setup", "table", f"DATASET={dataset}", f"SNAKEMAKE_OPTIONS={options}", "CORES=2"]
    process = subprocess.run(
        command, cwd=clone, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900
    )
    return Finished(process.returncode, process.stdout, clone)


def shown(folder: Path) -> set[str]:
    """All clips that anything in a results folder shows."""
    results = flowgrad.open_results(folder)
    return set(results.clips["video"]) | (set(results.frames["video"]) if results.has_table else set())


@pytest.mark.runs
def test_three_datasets_after_one_another_as_a_new_user_would(workflow, clone, tmp_path, capsys):
    """Streets in the clone, then a labelled and an unlabelled dataset of one name with ``make table``."""
    config = {"dataset": {"format": "streets"}, "streets": STREETS, "models": ["flow"], "protocols": ["paper"]}
    streets = workflow(config, folder=clone)
    assert streets.status == 0, streets.output
    before = snapshot(clone / "results")

    labelled = moving_square(tmp_path / "one/my street", "apple", "berry")
    other = workflow({"dataset": {"root": str(labelled)}, "models": ["flow"]}, folder=clone)
    dry = workflow({"dataset": {"root": str(labelled)}, "models": ["flow"]}, "-n", folder=clone)
    checked = check(clone)
    for status, said in ((other.status, other.output), (dry.status, dry.output), (checked.returncode, checked.stderr)):
        assert status == 1
        assert f"{clone}/results holds the results of rendered streets" in said
        assert "name another working folder (--directory), or delete or rename that folder" in said
        assert "Traceback" not in said
    assert snapshot(clone / "results") == before

    first = make_table(clone, labelled)
    assert first.status == 0, first.output
    assert first.output.count("results in runs/my_street/results") == 2, "before the run and after it"
    assert "2 clips: 2 ok" in first.output
    assert "mean_ciou" in first.output
    unlabelled = tmp_path / "two/my street"
    unlabelled.mkdir(parents=True)
    make_clip(unlabelled / "cherry.mp4", seconds=1)
    second = make_table(clone, unlabelled)
    assert second.status == 0, second.output
    assert "results in runs/my_street-2/results" in second.output
    assert "1 clips: 1 ok" in second.output
    assert "mean_ciou" not in second.output

    capsys.readouterr()
    runs = {"results": {"labelled_00001", "labelled_00002"}, "runs/my_street/results": {"apple", "berry"}}
    for folder, clips in (runs | {"runs/my_street-2/results": {"cherry"}}).items():
        assert shown(clone / folder) == clips
        assert len(list((clone / folder / "pictures/paper").iterdir())) == 1
        assert cli.main(["table", str(clone / folder)]) == 0
        assert ("mean_ciou" in capsys.readouterr().out) == (folder in runs)
    assert snapshot(clone / "results") == before

    again = make_table(clone, labelled)
    assert again.nothing_to_do
    assert again.output.count("in brackets: 95 % intervals") == 1, "the table is printed all the same"
    elsewhere = tmp_path / "three/my street"
    elsewhere.parent.mkdir()
    unlabelled.rename(elsewhere)
    moved = make_table(clone, elsewhere)
    assert moved.nothing_to_do, moved.output
    assert "results in runs/my_street-2/results" in moved.output

    lock = clone / "runs/my_street-2/.snakemake/locks/0.output.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text("results/clips.csv\n")
    (clone / "runs/my_street-2/results/clips.csv").unlink()
    killed = make_table(clone, elsewhere)
    assert killed.status != 0
    assert "lock" in killed.output.lower()
    unlocked = make_table(clone, elsewhere, "--unlock")
    assert unlocked.status == 0, unlocked.output
    assert not lock.exists()

    (clone / "weights").mkdir()
    detector = REPOSITORY / "src/flowgrad/shipped" / SHIPPED
    shutil.copy(detector, clone / "weights/yolov8n.pt")
    for weights in (None, "weights"):
        found = make_table(clone, elsewhere, "-n", weights)
        assert found.status == 0, found.output
        assert "left out yolo" not in found.output
        assert "detect" in found.output


@pytest.mark.runs
def test_what_is_shown_is_of_the_last_run(workflow, tmp_path, capsys):
    """A row, a protocol and two clips go; what they were is not shown, and most of it is there when they come back."""
    root = moving_square(tmp_path / "data", "apple", "berry", "cherry")
    full = {"dataset": {"root": str(root)}, "models": ["flow", "yolo-baseline"], "clips_per_job": 2}
    full |= {"detector": {"weights": SHIPPED}}
    run = workflow(full)
    assert run.status == 0, run.output
    folder = run.folder / "results"
    before = flowgrad.open_results(folder)
    assert len(before.summary) == 4
    assert set(before.detections("berry", "released").columns) >= {"x1", "moving"}
    tall = np.asarray(Image.open(folder / "pictures/paper/00001.png")).shape[0]
    (folder / "pictures/paper/mine.png").write_bytes(b"a person's")

    for name in ("berry", "cherry"):
        (root / f"clips/{name}.mp4").rename(tmp_path / f"{name}.mp4")
    small = full | {"models": ["flow"], "protocols": ["paper"]}
    del small["detector"]
    files = {path: found for path, found in snapshot(folder).items() if "plan" not in path.parts}
    assert workflow(small, "-n").status == 0
    assert {path: found for path, found in snapshot(folder).items() if "plan" not in path.parts} == files
    looked_at = flowgrad.open_results(folder)
    with pytest.raises(InputError, match=r"summary\.csv: counts 2 clips that went since, such as 'berry'; run again"):
        _ = looked_at.summary
    assert set(looked_at.frames["video"]) == {"apple"}
    assert cli.main(["table", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "counts 2 clips that went since" in out
    assert "mean_ciou" not in out

    smaller = workflow(small)
    assert smaller.status == 0, smaller.output
    rules = {"release", "arithmetic", "score", "sheet", "summary", "slices", "clips"}
    assert set(smaller.jobs) == rules
    assert smaller.jobs["sheet"] == 1
    results = flowgrad.open_results(folder)
    assert results.summary[["model", "protocol"]].to_numpy().tolist() == [["flow", "paper"]]
    assert set(results.frames["video"]) == {"apple"}
    # annotated without a video: a row that says so
    assert list(results.clips["status"]) == ["ok", "failed", "failed"]
    for asked, words in (
        (lambda: results.heatmaps("apple", "flow", "released"), "no released flow maps in the last run"),
        (lambda: results.heatmaps("berry", "flow"), "no clip 'berry'"),
        (lambda: results.detections("apple"), "no row of the last run detects.*add yolo-baseline or yolo-topline"),
        (lambda: results.detections("berry"), "no clip 'berry'"),
    ):
        with pytest.raises(InputError, match=words):
            asked()
    sheets = sorted(str(path.relative_to(folder / "pictures")) for path in folder.glob("pictures/**/*.png"))
    assert sheets == ["paper/00001.png", "paper/mine.png"]
    assert np.asarray(Image.open(folder / "pictures/paper/00001.png")).shape[0] < tall, "a row for apple alone"
    assert workflow(small).nothing_to_do

    for name in ("berry", "cherry"):
        (tmp_path / f"{name}.mp4").rename(root / f"clips/{name}.mp4")
    back = workflow(full)
    assert back.status == 0, back.output
    assert set(back.jobs) == rules, "no frame is decoded and no box detected again"
    again = flowgrad.open_results(folder)
    assert again.summary.equals(before.summary)
    assert len(again.detections("berry", "released")) == len(before.detections("berry", "released"))


def test_a_row_that_went_from_videos_is_not_shown(workflow, tmp_path):
    """Without a table nothing else tells that a row went."""
    root = tmp_path / "videos"
    root.mkdir()
    make_clip(root / "a.mp4", seconds=1)
    config = {"dataset": {"format": "videos", "root": str(root)}, "models": ["flow", "yolo-topline"], "pictures": 0}
    config |= {"detector": {"weights": SHIPPED}, "protocols": ["paper"]}
    run = workflow(config)
    assert run.status == 0, run.output
    assert "moving" in flowgrad.open_results(run.folder / "results").detections("a")
    assert workflow(config | {"models": ["yolo-topline"]}).jobs == {"clips": 1, "release": 1}
    results = flowgrad.open_results(run.folder / "results")
    assert "moving" in results.detections("a")
    with pytest.raises(InputError, match="there are no paper flow maps in the last run; there are none"):
        results.heatmaps("a", "flow")
    with pytest.raises(InputError, match="the last run computed no magnitude flow; add flow to models"):
        results.flow("a")
    with pytest.raises(InputError, match="there is no table, for the dataset has no annotations"):
        _ = results.summary
