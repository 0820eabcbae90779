"""The whole path on a generated dataset: needs nothing but this repository."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY, make_clip

import flowgrad
from flowgrad.errors import InputError

SIZE = (160, 96)


def moving_square(root: Path, *clips: str) -> Path:
    """Lay out a dataset in Urbansas form whose vehicle is the square that :func:`conftest.make_clip` moves."""
    (root / "clips").mkdir(parents=True, exist_ok=True)
    (root / "annotations").mkdir(exist_ok=True)
    boxes = ["filename,time,x,y,w,h,visibility,label"]
    events = ["filename,start,end,label,non_identifiable_vehicle_sound"]
    for clip in clips:
        seed = ord(clip[0]) - ord("a")
        if not (root / f"clips/{clip}.mp4").exists():
            make_clip(root / f"clips/{clip}.mp4", seconds=3, size=SIZE, seed=seed)
        for half_second in range(6):
            left = (5 + 3 * (12 * half_second) + 11 * seed) % (SIZE[0] - 30)
            boxes.append(f"{clip},{half_second / 2},{left},30,30,30,1,car")
        events.append(f"{clip},0.2,2.9,car,0")
    (root / "annotations/video_annotations.csv").write_text("\n".join(boxes) + "\n")
    (root / "annotations/audio_annotations.csv").write_text("\n".join(events) + "\n")
    return root


def test_a_reference_redoes_the_summary_alone(workflow, tmp_path):
    """Rows are compared on the same items, place by place; another reference or location costs no score."""
    root = moving_square(tmp_path / "data", "apple1_1", "apple1_2", "berry2_1", "cherry")
    config = {"dataset": {"root": str(root)}, "models": ["flow", "whole-frame", "centre-box"], "pictures": 0}
    run = workflow(config)
    assert run.status == 0, run.output
    results = run.folder / "results"
    assert len(pd.read_csv(results / "metrics/differences.csv")) == 0
    assert "difference to" not in run.output
    summary = pd.read_csv(results / "metrics/summary.csv")
    assert set(summary["places"]) == {3}
    assert (summary["clips"] == 4).all()

    config["reference"] = "centre-box"
    assert workflow(config, "-n").jobs == {"summary": 1}
    run = workflow(config)
    assert run.jobs == {"summary": 1}
    compared = flowgrad.open_results(results).differences.set_index(["model", "protocol", "figure"])
    assert {model for model, _, _ in compared.index} == {"flow", "whole-frame"}
    figures = summary.set_index(["model", "protocol"])
    for (model, protocol, figure), line in compared.iterrows():
        gap = figures.loc[(model, protocol), figure] - figures.loc[("centre-box", protocol), figure]
        assert line["difference"] == pytest.approx(gap, abs=2e-6), "every item has a value in every row"
        assert line["difference_low"] <= line["difference"] <= line["difference_high"]
        assert line["places"] == 3
        assert line["p"] <= line["p_corrected"] <= min(1, 2 * line["p"]) * (1 + 1e-5), "two rows, six digits"
    assert "difference to centre-box on the same frames" in run.output
    printed = [line for line in run.output.splitlines() if re.search(r"[-+]\d?\.\d+\)", line)]
    assert len(printed) == 6 + 2 * 4, "those of the differences in two blocks, the figures of a line are more than fit"
    assert max(map(len, printed)) <= 120
    assert workflow(config).nothing_to_do

    boxes = root / "annotations/video_annotations.csv"
    header, *rows = boxes.read_text().splitlines()
    boxes.write_text("\n".join([f"{header},location_id", *(f"{row},{row[0]}" for row in rows)]) + "\n")
    assert workflow(config | {"reference": "flow"}, "-n").jobs == {"summary": 1, "slices": 1, "clips": 1}
    config["reference"] = "rcgrad"
    refused = workflow(config, "-n")
    assert refused.status != 0
    assert "reference: rcgrad is no row of this run; add it to models" in refused.output


def test_the_whole_path(workflow, tmp_path):
    root = moving_square(tmp_path / "data", "apple", "berry")
    config = {"dataset": {"root": str(root)}, "models": ["flow"], "clips_per_job": 1}
    run = workflow(config)
    assert run.status == 0, run.output
    assert "2 clips: 2 ok" in run.output
    summary = pd.read_csv(run.folder / "results/metrics/summary.csv").set_index("protocol")
    assert list(summary["frames"]) == [10, 10], "five half seconds of each clip lie within the sound event"
    whole_frame = 30 * 30 / (SIZE[0] * SIZE[1])
    assert (summary["mean_ciou"] > 2 * whole_frame).all(), "the only thing that moves is found"
    assert summary.loc["paper", "mean_ciou"] > 0.2
    frames = pd.read_csv(run.folder / "results/metrics/frames.csv")
    assert set(frames["status"]) == {"ok"}
    assert sorted(set(frames["time_s"])) == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert workflow(config).nothing_to_do

    moving_square(root, "apple", "berry", "cherry")
    added = workflow(config)
    assert added.status == 0, added.output
    assert added.jobs == {
        "decode": 1,
        "flow": 1,
        "arithmetic": 1,
        "release": 1,
        "score": 1,
        "summary": 1,
        "slices": 1,
        "clips": 1,
        "sheet": 2,
    }
    assert len(pd.read_csv(run.folder / "results/metrics/frames.csv")) == 30


def test_what_has_no_weights_is_left_out_everywhere(workflow, tmp_path):
    """models: available, with an empty weights folder: the engine and the jobs agree on which rows there are."""
    root = moving_square(tmp_path / "data", "apple")
    run = workflow(
        {"dataset": {"root": str(root)}, "models": "available", "protocols": ["paper"], "frames": "annotated"},
        # a proxy that refuses: the attempt to download the detector stays on this machine
        environment={"FLOWGRAD_WEIGHTS": str(tmp_path / "none"), "https_proxy": "http://127.0.0.1:9"},
    )
    assert run.status == 0, run.output
    assert "left out rcgrad, flowgrad-h, rcgrad-motion: checkpoints.rcgrad" in run.output
    models = set(pd.read_csv(run.folder / "results/metrics/summary.csv")["model"])
    assert models == {"flow", "motion"}
    assert "the download failed" in run.output


def test_the_flow_follows_the_square(workflow, tmp_path):
    """The brightest part of the flow map lies in the annotated box, and the picture can be shown."""
    from flowgrad.cli import main

    root = moving_square(tmp_path / "data", "apple", "berry")
    run = workflow({"dataset": {"root": str(root)}, "models": ["flow"], "protocols": ["paper"]})
    assert run.status == 0, run.output
    results = flowgrad.open_results(run.folder / "results")
    maps, times = results.heatmaps("apple", "flow")
    assert maps.shape == (23, 224, 224)
    row = int(np.flatnonzero(times == 1.0)[0])
    _, x = np.unravel_index(maps[row].argmax(), maps[row].shape)
    left = (5 + 3 * 24) % (SIZE[0] - 30)
    assert left - 8 <= x / 224 * SIZE[0] <= left + 38

    arguments = ["show", "apple", "--results", str(run.folder / "results"), "-o", str(tmp_path / "p.png")]
    assert main([*arguments, "--video", str(root / "clips/apple.mp4"), "--time", "1.0"]) == 0
    assert (tmp_path / "p.png").stat().st_size > 5_000
    assert main([*arguments, "--video", str(root / "clips/berry.mp4")]) == 2, "another clip's video is refused"
    assert main([*arguments, "--video", str(root / "clips/apple.mp4"), "--time", "99"]) == 2
    with pytest.raises(InputError, match="did you mean 'apple'"):
        results.heatmaps("aple", "flow")
    with pytest.raises(InputError, match="there are paper flow"):
        results.heatmaps("apple", "rcgrad")


@pytest.mark.runs
def test_the_engine_itself_is_killed(workflow, tmp_path):
    """SIGKILL in the middle of a run: --unlock and the same command end it, to the same tables as a clean run."""
    root = moving_square(tmp_path / "data", "apple", "berry")
    config = {"dataset": {"root": str(root)}, "models": ["flow"], "protocols": ["paper"], "clips_per_job": 1}
    folder = tmp_path / "killed"
    folder.mkdir()
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--configfile", "c.yaml"]
    with (folder / "log").open("w") as log:
        engine = subprocess.Popen([*command, "--cores", "2"], cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while not list((folder / "results/frames").glob("*.h5")) and time.monotonic() < deadline:
            assert engine.poll() is None, (folder / "log").read_text()
        engine.kill()
        engine.wait()
    locked = workflow(config, folder=folder)
    assert locked.status == 1
    assert "lock" in locked.output.lower()
    assert workflow(config, "--unlock", folder=folder).status == 0
    again = workflow(config, folder=folder)
    assert again.status == 0, again.output
    clean = workflow(config, folder=tmp_path / "clean")
    for name in ("metrics/frames.csv", "metrics/summary.csv", "clips.csv"):
        assert again.bytes_of(name) == clean.bytes_of(name), name
