"""The workflow as a person runs it: on real clips, twice, with clips added, changed, removed and broken."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, ffmpeg_program, make_clip, network_settings, settings

import flowgrad
from flowgrad.errors import InputError

TABLES = ("metrics/frames.csv", "metrics/summary.csv", "clips.csv")
PER_SHARD = {"decode": 1, "flow": 1, "arithmetic": 1, "score": 1, "release": 1}
TABLE_JOBS = {"summary": 1, "slices": 1, "clips": 1}


def test_only_what_changed_is_done_again(workflow, dataset, mini):
    """Nothing to do, one clip added, one changed, one removed, a corrected annotation: the jobs are counted."""
    root = dataset("lyon1029_40200", "lisbon1076_40113")
    first = workflow(settings(root))
    assert first.status == 0, first.output
    assert first.jobs == {name: 2 * n for name, n in PER_SHARD.items()} | TABLE_JOBS
    assert workflow(settings(root)).nothing_to_do

    dataset("london270_8218")
    added = workflow(settings(root))
    assert added.jobs == PER_SHARD | TABLE_JOBS
    assert b"london270_8218" in added.bytes_of("metrics/frames.csv")

    (root / "clips/lyon1029_40200.mp4").unlink()
    removed = workflow(settings(root))
    assert removed.jobs == TABLE_JOBS
    assert b"lyon1029_40200" not in removed.bytes_of("metrics/frames.csv")

    shutil.copy(mini / "clips/prague1033_43918.mp4", root / "clips/london270_8218.mp4")
    assert workflow(settings(root)).jobs == PER_SHARD | TABLE_JOBS
    assert workflow(settings(root)).nothing_to_do


def test_a_corrected_annotation_redoes_scores_only(workflow, dataset):
    root = dataset("lyon1029_40200", "lisbon1076_40113")
    config = settings(root, frames="all")
    assert workflow(config).status == 0
    path = root / "annotations/audio_annotations.csv"
    text = path.read_text()
    assert "5.312" in text
    path.write_text(text.replace("5.312", "8.312"))
    assert workflow(config).jobs == {"score": 1, "summary": 1, "slices": 1, "clips": 1}


def test_clips_of_one_location_are_one_place(workflow, dataset):
    """Real annotations: the place is their location_id. Clips without a scored frame are in no interval."""
    root = dataset("lisbon1067_40096", "lisbon1067_41198", "lyon1029_40200", "london270_8218")
    run = workflow(settings(root, models=["flow", "centre-box"], protocols=["paper"]))
    assert run.status == 0, run.output
    clips = pd.read_csv(run.folder / "results/clips.csv").set_index("video")
    assert clips.loc["lisbon1067_40096", "place"] == clips.loc["lisbon1067_41198", "place"] == "lisbon1067"
    frames = pd.read_csv(run.folder / "results/metrics/frames.csv").dropna(subset="ciou")
    summary = pd.read_csv(run.folder / "results/metrics/summary.csv").set_index("model")
    assert summary.loc["flow", "places"] == frames["video"].map(clips["place"]).nunique() == 2


def test_annotated_frames_score_as_all_frames_do(workflow, dataset, reference, tmp_path):
    """frames: annotated saves work and changes no row, detections and their motion among them."""
    root = dataset("lyon1029_40200", "lisbon1076_40113")
    runs = {}
    for frames in ("all", "annotated"):
        config = settings(root, frames=frames, models=["flow", "yolo-baseline", "yolo-topline"], clips_per_job=16)
        config["detector"] = {"weights": str(reference / "weights/yolov8n.pt"), "image_size": 320}
        runs[frames] = workflow(config, folder=tmp_path / frames)
        assert runs[frames].status == 0, runs[frames].output
    assert runs["all"].bytes_of("clips.csv") == runs["annotated"].bytes_of("clips.csv")
    tables = [pd.read_csv(run.folder / "results/metrics/frames.csv") for run in runs.values()]
    keys = ["model", "protocol", "video", "frame"]
    both = tables[0].merge(tables[1], on=keys, suffixes=("", "_annotated"))
    assert len(both) == len(tables[0]) == len(tables[1])
    np.testing.assert_allclose(both["ciou"], both["ciou_annotated"], atol=1e-3)
    for protocol in ("paper", "released"):
        boxes = [
            pd.read_csv(run.folder / f"results/detections/{protocol}/00001.csv").round({"x1": 0, "y1": 0})
            for run in runs.values()
        ]
        shared = boxes[0].merge(boxes[1], on=["video", "frame", "x1", "y1", "label"])
        assert len(shared) >= 0.9 * len(boxes[1]) > 0
        assert (shared["moving_x"] == shared["moving_y"]).all()


def test_a_dry_run_beside_a_run_leaves_it_unharmed(workflow, dataset, tmp_path):
    """A clip is added and looked at with -n while a run is under way: the run ends well, the next one adds the clip."""
    import threading
    import time

    root = dataset("lyon1029_40200")
    config, folder = settings(root, frames="all"), tmp_path / "work"
    beside: list[str] = []

    def add_and_look() -> None:
        deadline = time.monotonic() + 60
        while not (folder / "results/frames").exists() and time.monotonic() < deadline:
            pass
        dataset("lisbon1076_40113")
        beside.append(workflow(config, "-n", folder=folder).output)

    watcher = threading.Thread(target=add_and_look)
    watcher.start()
    run = workflow(config, folder=folder)
    watcher.join()
    assert beside
    assert run.status == 0, run.output
    after = workflow(config, folder=folder)
    assert after.status == 0, after.output
    assert after.jobs["decode"] == 1
    table = pd.read_csv(folder / "results/clips.csv").set_index("video")
    assert table.loc["lisbon1076_40113", "status"] == "ok"


def test_settings_redo_what_they_touch(workflow, dataset, narrow, tmp_path):
    """Another checkpoint, threshold, model or protocol: what does not depend on it stays."""
    import torch

    root = dataset("lyon1029_40200")
    config = network_settings(root, narrow)
    first = workflow(config)
    assert first.status == 0, first.output

    other = tmp_path / "other.pt"
    torch.save({name: value * 2 for name, value in torch.load(narrow / "rcgrad.pt").items()}, other)
    config["checkpoints"] = {"rcgrad": str(other)}
    redone = workflow(config)
    derived = {"heatmaps": 1, "arithmetic": 1}
    assert redone.jobs == derived | {"release": 1, "score": 1, "summary": 1, "slices": 1}, (
        "rcgrad and what derives from it"
    )

    moved = tmp_path / "moved.pt"
    shutil.move(other, moved)
    config["checkpoints"] = {"rcgrad": str(moved)}
    assert workflow(config).nothing_to_do, "weights are known by their content"

    config["protocols"] = ["mine"]
    config["custom_protocols"] = {"mine": {"based_on": "paper", "change": {"map_threshold": 0.4}}}
    custom = workflow(config)
    assert custom.status == 0, custom.output
    assert "flow" not in custom.jobs
    assert "decode" not in custom.jobs


def test_a_row_or_a_protocol_more_redoes_no_other(workflow, dataset, narrow):
    """Weights that came later, then the other protocol: nothing is done again but the row that takes seconds."""
    root = dataset("lyon1029_40200")
    config = settings(root, frames="all", protocols=["paper"])
    assert workflow(config).status == 0
    config |= {"models": ["flow", "rcgrad"], "checkpoints": {"rcgrad": str(narrow / "rcgrad.pt")}}
    config |= {"frames": "all", "batch_size": 32}
    added = workflow(config)
    assert added.status == 0, added.output
    assert added.jobs == {"heatmaps": 1, "release": 1, "score": 1} | TABLE_JOBS
    config["protocols"] = ["paper", "released"]
    added = workflow(config)
    assert added.status == 0, added.output
    assert added.jobs == {"heatmaps": 1, "arithmetic": 1, "release": 1, "score": 1} | TABLE_JOBS


@pytest.mark.runs
def test_cores_and_shards_do_not_change_a_byte(workflow, dataset, checkpoints, reference, tmp_path):
    root = dataset("lyon1029_40200", "lisbon1076_40113")
    runs = []
    for cores, clips_per_job in ((1, 1), (2, 16)):
        config = network_settings(root, checkpoints, clips_per_job=clips_per_job)
        config["checkpoints"] = {"rcgrad": str(checkpoints / "rc_grad.pt")}
        config |= {"models": [*config["models"], "yolo-topline"], "protocols": ["paper", "released"]}
        config["detector"] = {"weights": str(reference / "weights/yolov8n.pt")}
        run = workflow(config, folder=tmp_path / f"cores{cores}", cores=cores)
        assert run.status == 0, run.output
        runs.append(run)
    for name in TABLES:
        assert runs[0].bytes_of(name) == runs[1].bytes_of(name), name


def test_bad_clips_are_named_and_the_others_are_finished(workflow, dataset, narrow, mini):
    """Every kind of bad clip in one shard with a good one."""
    root = dataset("lyon1029_40200", "prague1033_43918", "lisbon1076_40113")
    clips = root / "clips"
    whole = (mini / "clips/london271_8256.mp4").read_bytes()
    (clips / "empty.mp4").write_bytes(b"")
    (clips / "text.mp4").write_text("no video")
    (clips / "no_index.mp4").write_bytes(whole[: len(whole) // 2])
    silent = [ffmpeg_program(), "-v", "error", "-y", "-i", mini / "clips/prague1033_43918.mp4"]
    subprocess.run([*silent, "-an", "-c", "copy", clips / "prague1033_43918.mp4"], check=True)
    short = [ffmpeg_program(), "-v", "error", "-y", "-i", mini / "clips/lisbon1076_40113.mp4"]
    subprocess.run([*short, "-t", "8", "-c", "copy", clips / "lisbon1076_40113.mp4"], check=True)
    make_clip(clips / "unlabelled.mp4")
    extra = "".join(
        f"0,1,{x},10,20,20,0,1.0,car,{clip},nowhere,nowhere,0.5,0,none\n"
        for clip in ("empty", "text", "no_index", "absent")
        for x in (10,)
    )
    extra += "0,9,900,10,20,20,0,1.0,car,lyon1029_40200,nowhere,nowhere,2.0,0,none\n"
    with (root / "annotations/video_annotations.csv").open("a") as file:
        file.write(extra)

    config = network_settings(root, narrow, clips_per_job=16)
    run = workflow(config)
    assert run.status == 0, run.output
    table = pd.read_csv(run.folder / "results/clips.csv").set_index("video")
    reasons = {name: (row["status"], str(row["reason"])) for name, row in table.iterrows()}
    assert reasons["empty"] == ("failed", "empty file (0 bytes)")
    assert reasons["text"][0] == reasons["no_index"][0] == "failed"
    assert "unreadable" in reasons["text"][1]
    assert reasons["absent"] == ("failed", "annotated, but there is no video file")
    assert reasons["unlabelled"][0] == "skipped"
    assert "no annotations" in reasons["unlabelled"][1]
    assert reasons["prague1033_43918"][0] == "skipped"
    assert "no sound track" in reasons["prague1033_43918"][1]
    assert reasons["lyon1029_40200"][0] == "ok"
    assert "boxes outside the frame, which do not count: 1" in reasons["lyon1029_40200"][1]
    assert "clips: " in run.output
    assert "failed" in run.output

    frames = pd.read_csv(run.folder / "results/metrics/frames.csv")
    assert set(frames.loc[frames["video"] == "prague1033_43918", "status"]) == {"no_sound"}
    late = frames[(frames["video"] == "lisbon1076_40113") & (frames["time_s"] >= 8)]
    assert set(late["status"]) == {"no_frame"}
    assert late["ciou"].isna().all()
    assert len(set(frames.groupby(["model", "protocol"]).size())) == 1, "every model has a row for every frame"
    summary = pd.read_csv(run.folder / "results/metrics/summary.csv")
    assert len(set(summary["frames"])) == 1
    assert (summary["skipped"] > 0).all()

    strict = workflow(config | {"on_bad_clip": "fail"})
    assert strict.status == 1
    assert "clips failed (on_bad_clip: fail)" in strict.output
    assert (run.folder / "results/metrics/summary.csv").exists()


def test_a_folder_of_videos_needs_no_annotations(workflow, tmp_path, narrow, reference):
    """Odd real files: a phone's rotated one, variable rate, a silent track, none at all, 10 bit."""
    root = tmp_path / "my videos"
    (root / "sub").mkdir(parents=True)
    names = (
        "oddities_moviepy/fire2.mp4",
        "noaudio_bikes/bikes.mp4",
        "codecs_torchcodec/nasa_13013_rotated.mp4",
        "codecs_torchcodec/h265_10bits.mp4",
        "dashcam_720p_silent/test_video.mp4",
    )
    for name in names:
        shutil.copy(reference / "videos" / name, root / "sub")
    config = {
        "dataset": {"format": "videos", "root": str(root)},
        "models": ["flow", "rcgrad", "flowgrad-h", "yolo-topline"],
        "protocols": ["paper"],
        "checkpoints": {"rcgrad": str(narrow / "rcgrad.pt")},
        "detector": {"weights": str(reference / "weights/yolov8n.pt"), "image_size": 320},
    }
    run = workflow(config)
    assert run.status == 0, run.output
    assert not (run.folder / "results/metrics").exists()
    assert "networks: float32 through " in run.output
    table = pd.read_csv(run.folder / "results/clips.csv").set_index("video")
    assert table.loc["sub__fire2", "status"] == "ok"
    assert "no sound track" in table.loc["sub__bikes", "reason"]
    assert "digital silence" in table.loc["sub__test_video", "reason"]
    results = flowgrad.open_results(run.folder / "results")
    maps, times = results.heatmaps("sub__fire2", model="flowgrad-h")
    assert len(maps) == table.loc["sub__fire2", "frames"] - 1, "the last frame has no successor"
    np.testing.assert_allclose(np.diff(times), 1 / 8)
    assert len(results.heatmaps("sub__bikes", model="flow")[0]) == 79
    with pytest.raises(InputError, match="has no paper rcgrad maps"):
        results.heatmaps("sub__bikes", model="rcgrad")
    cars = results.detections("sub__test_video")
    assert (cars["label"] == "car").any()
    assert workflow(config).nothing_to_do

    picture = tmp_path / "picture.png"
    command = [sys.executable, "-m", "flowgrad.cli", "show", "sub__fire2", "--model", "flowgrad-h", "-o", picture]
    command += ["--results", run.folder / "results", "--video", root / "sub/fire2.mp4"]
    subprocess.run(command, check=True, capture_output=True)
    assert picture.stat().st_size > 10_000


@pytest.mark.runs
def test_every_odd_file(workflow, reference, tmp_path):
    """Forty of them: a row each, flow for each, no error; and the same table again from other cores and shards."""
    root = tmp_path / "odd"
    root.mkdir()
    for name in ("videos", "cases"):
        (root / name).symlink_to(reference / name)
    config = {"dataset": {"format": "videos", "root": str(root)}, "models": ["flow"], "protocols": ["paper"]}
    run = workflow(config)
    assert run.status == 0, run.output
    table = pd.read_csv(run.folder / "results/clips.csv").set_index("video")
    assert len(table) == 25 + 15
    assert table[table["status"] == "failed"].index.tolist() == ["cases__clock_bomb"]
    assert "one picture stands for 300.0 s" in table.loc["cases__b5_samsung_firstframe", "reason"]
    assert "no map" in table.loc["cases__v05_one", "reason"]
    results = flowgrad.open_results(run.folder / "results")
    for clip, frames in table["frames"].items():
        if frames > 1:
            assert len(results.heatmaps(clip, "flow")[0]) == frames - 1
    still, _ = results.flow("cases__b5_samsung_firstframe")
    assert not still[:2399].any(), "nothing moves while a picture stands"
    assert still[2399:].any()
    again = workflow(config | {"clips_per_job": 8}, "--", "clips", cores=1, folder=tmp_path / "again")
    assert again.bytes_of("clips.csv") == run.bytes_of("clips.csv")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"protcols": ["paper"]}, "protcols: unknown key"),
        ({"models": ["flow", "rcgrad"]}, "checkpoints.rcgrad: rc_grad.pt not found"),
        ({"dataset": {"format": "urbansas", "root": "nowhere"}}, "nowhere is not a folder"),
    ],
)
def test_no_job_starts_while_the_check_fails(workflow, tmp_path, change, words):
    (tmp_path / "dataset").mkdir()
    config = settings(tmp_path / "dataset") | change
    run = workflow(config, environment={"FLOWGRAD_WEIGHTS": str(tmp_path / "none")})
    assert run.status == 1
    assert words in run.output
    assert "Traceback" not in run.output
    assert not (run.folder / "results").exists()


def test_a_killed_job_is_done_again_to_the_same_bytes(workflow, dataset, tmp_path):
    """The job that computes flow is killed while it works: no file under its name, and the next run mends it."""
    import os
    import signal
    import threading
    import time

    root = dataset("lyon1029_40200")
    config = settings(root, frames="all")
    folder = tmp_path / "killed"
    killed: list[int] = []

    def kill_flow_job() -> None:
        deadline = time.monotonic() + 60
        while not killed and time.monotonic() < deadline:
            for path in (folder / "results/flow").rglob(".*.tmp-*"):
                pid = int(path.name.rsplit("-", 1)[1])
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                return

    watcher = threading.Thread(target=kill_flow_job)
    watcher.start()
    run = workflow(config, folder=folder)
    watcher.join()
    assert killed
    assert run.status == 1
    assert not (folder / "results/flow/farneback/magnitude/00001.h5").exists()
    again = workflow(config, folder=folder)
    assert again.status == 0, again.output
    clean = workflow(config, folder=tmp_path / "clean")
    for name in (*TABLES, "flow/farneback/magnitude/00001.h5", "heatmaps/paper/flow/00001.h5"):
        assert again.bytes_of(name) == clean.bytes_of(name), name


def test_moved_data_and_results_stay_done(workflow, dataset, tmp_path):
    """Paths are not part of what a result depends on."""
    root = dataset("lyon1029_40200")
    assert workflow(settings(root)).status == 0
    shutil.move(root, tmp_path / "elsewhere")
    assert workflow(settings(tmp_path / "elsewhere")).nothing_to_do


def test_workflow_is_formatted_and_linted(tmp_path):
    root = tmp_path / "videos"
    root.mkdir()
    make_clip(root / "a.mp4", seconds=0.5)
    command = [sys.executable, "-m", "snakemake", "--lint", "--snakefile", REPOSITORY / "Snakefile"]
    command += ["--directory", tmp_path, "--config", f"dataset={{format: videos, root: {root}}}", "models=[flow]"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "good condition" in done.stdout + done.stderr, done.stdout + done.stderr
