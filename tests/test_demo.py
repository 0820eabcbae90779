"""The demo, made small: from no configuration to the table, the training killed on the way."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY, make_clip
from test_generated import moving_square

from flowgrad import cli
from flowgrad.config import parse, with_demo

SMALL = {
    "checkpoints": "trained",
    "streets": {"labelled": 2, "unlabelled": 9, "seconds": 6, "width": 208, "height": 112},
    "training": {"epochs": 3, "batch_size": 4, "detector_epochs": 2},
    "detector": {"weights": "trained"},
    "clips_per_job": 5,
    "pictures": 1,
    # tests of their own look at these
    "page": False,
    "figures": False,
}
ROWS = [
    "centre-box", "flow", "flowgrad-en", "flowgrad-h", "flowgrad-ic", "motion", "random-weights", "rcgrad",
    "rcgrad-motion", "yolo-baseline", "yolo-topline",
]  # fmt: skip


def test_no_dataset_is_the_demo():
    assert parse({}) == parse(with_demo({}))
    assert parse({}).dataset.format == "streets"
    assert parse({"models": ["flow"]}).reference is None, "the demo's is no row of these"
    changed = parse({"training": {"epochs": 3}})
    assert (changed.training.epochs, changed.training.width) == (3, parse({}).training.width)
    assert parse({"dataset": {"format": "videos", "root": "x"}}).checkpoints == {}


@pytest.fixture(scope="module")
def small_demo(tmp_path_factory):
    """The demo's folder after a run in which every training process was killed once."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    return folder


def snakemake(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", folder]
    command += ["--configfile", folder / "small.yaml", "--cores", "2", *arguments]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


@pytest.mark.runs
def test_a_killed_training_goes_on(small_demo):
    """SIGKILL to everything in the middle of a training; --unlock and the same command, and it ends."""
    fatal = random.Random(7).randint(2, SMALL["training"]["epochs"])
    process = snakemake(small_demo, "train")
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith(f"rcgrad: epoch {fatal} "):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "".join(said)
    unlocked = snakemake(small_demo, "--unlock")
    unlocked.communicate()
    assert unlocked.returncode == 0
    again = snakemake(small_demo, "train")
    output = again.communicate()[0]
    assert again.returncode == 0, output
    assert "rcgrad: goes on from" in output
    for method in ("rcgrad", "flowgrad-ic", "flowgrad-en"):
        found = sorted(path.name for path in (small_demo / "results/training" / method).iterdir())
        assert found == sorted([f"{method}.ckpt", "clips.csv", "log.csv", "loss.png"])
        log = pd.read_csv(small_demo / f"results/training/{method}/log.csv")
        assert list(log["epoch"]) == [1, 2, 3]
        # two held-out clips, a window each: of two places one is right
        pairs = 3 if method == "flowgrad-en" else 1
        assert log["held_out_chance"].to_numpy() == pytest.approx(pairs * np.log(2), abs=1e-5)
        kept = log["held_out_loss"].min()
        assert (f"{method}: which is no better than chance" in output) == (kept >= pairs * np.log(2)), log


@pytest.mark.runs
def test_all_rows_come_from_nothing_but_this_repository(small_demo, capsys):
    process = snakemake(small_demo, "all")
    output = process.communicate()[0]
    assert process.returncode == 0, output
    assert "no dataset is configured: this is the demo" in output
    summary = pd.read_csv(small_demo / "results/metrics/summary.csv")
    assert sorted(set(summary["model"])) == ROWS
    assert len(summary) == 2 * len(ROWS), "under two protocols"
    assert "difference to centre-box on the same frames" in output
    assert "random-weights (robust) is deaf" in output, "it has learnt nothing"
    assert (summary["frames"] + summary["skipped"] > 0).all()
    assert "2 clips: 2 ok" in output
    used = pd.read_csv(small_demo / "results/training/rcgrad/clips.csv")
    assert (used["status"] == "used").sum() == 9
    assert not set(used["video"]) & set(pd.read_csv(small_demo / "results/clips.csv")["video"])
    assert (small_demo / "results/pictures/paper/00001.png").stat().st_size > 20_000
    show = ["show", "labelled_00001", "--results", str(small_demo / "results"), "-o", str(small_demo / "map.png")]
    assert cli.main(show) == 0, "it finds what the run rendered"
    assert cli.main([*show, "--model", "yolo-topline"]) == 2
    assert "yolo-topline makes no maps; its boxes are in results/detections" in capsys.readouterr().err
    assert "Nothing to be done" in snakemake(small_demo, "all").communicate()[0]


@pytest.mark.runs
def test_another_seed_trains_anew_and_renders_nothing(small_demo):
    change = {**SMALL, "training": {**SMALL["training"], "seed": 5}}
    (small_demo / "small.yaml").write_text(yaml.safe_dump(change))
    output = snakemake(small_demo, "-n", "--", "all").communicate()[0]
    jobs = dict(line.split() for line in output.splitlines() if len(line.split()) == 2 and line.split()[1].isdigit())
    assert jobs.get("fit") == "3", output
    assert jobs.get("fit_detector") == "1"
    assert not {"render", "samples", "decode", "flow"} & set(jobs), output


@pytest.mark.runs
def test_annotated_clips_are_never_learnt_from(workflow, tmp_path):
    """Under whatever name: the same file in the training folder is left out and counted."""
    root = moving_square(tmp_path / "data", "apple", "berry")
    videos = tmp_path / "videos"
    videos.mkdir()
    for number in range(7):
        make_clip(videos / f"v{number}.mp4", seconds=6, fps=12, size=(96, 64), seed=number)
    (videos / "other name.mp4").write_bytes((root / "clips/apple.mp4").read_bytes())
    make_clip(videos / "short.mp4", seconds=3, size=(96, 64))
    config = {
        "dataset": {"root": str(root)},
        "models": ["rcgrad"],
        "protocols": ["paper"],
        "checkpoints": {"rcgrad": "trained"},
        "training": {"root": str(videos), "width": 16, "init": {"rcgrad": "random"}, "batch_size": 4, "epochs": 1},
        "frames": "annotated",
        "pictures": 0,
    }
    run = workflow(config)
    assert run.status == 0, run.output
    table = pd.read_csv(run.folder / "results/training/rcgrad/clips.csv").set_index("video")
    assert table.loc["other name", "reason"] == "is an annotated clip of the dataset"
    assert table.loc["short", "status"] == "left out"
    assert "rcgrad: 7 clips, 2 left out" in run.output
    assert len(pd.read_csv(run.folder / "results/metrics/summary.csv")) == 1

    # a clip that somebody annotates later is no longer learnt from: its samples stay, the training begins anew
    (root / "clips/v0.mp4").write_bytes((videos / "v0.mp4").read_bytes())
    moving_square(root, "apple", "berry", "v0")
    later = workflow(config)
    assert later.status == 0, later.output
    assert "rcgrad: 6 clips, 3 left out" in later.output
    assert later.jobs["fit"] == 1
    assert "samples" not in later.jobs

    config["training"]["batch_size"] = 64
    few = workflow(config)
    assert few.status == 1
    assert "are too few for training.batch_size: 64" in few.output
    assert "Traceback" not in few.output


def test_what_cannot_be_trained_is_said_before_the_first_job(workflow, tmp_path):
    root = moving_square(tmp_path / "data", "apple")
    config = {"dataset": {"root": str(root)}, "models": ["rcgrad"], "checkpoints": {"rcgrad": "trained"}}
    run = workflow(config, environment={"FLOWGRAD_WEIGHTS": str(tmp_path / "none")})
    assert run.status == 1
    assert "training.init.rcgrad: resnet18-f37072fd.pth not found" in run.output
    assert "or set it to random" in run.output
    config["training"] = {"init": {"rcgrad": "random"}}
    run = workflow(config)
    assert run.status == 1
    assert "is annotated, and nothing is learnt from those" in run.output
    run = workflow({"dataset": {"root": str(root)}, "models": ["yolo-topline"], "detector": {"weights": "trained"}})
    assert "detector.weights: only rendered streets have boxes to train a detector from" in run.output
    run = workflow({"training": {"root": str(root / "clips")}, "detector": {"weights": "trained"}})
    assert "detector.weights: a detector is trained from rendered streets; leave out training.root" in run.output
    config["training"]["root"] = str(tmp_path / "nowhere")
    run = workflow(config)
    assert run.status == 1
    assert "training.root: " in run.output
    assert "nowhere is not a folder" in run.output
    assert "Traceback" not in run.output
