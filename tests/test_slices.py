"""Slices: what kind of frame a figure is of, from annotations to the table."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from test_generated import moving_square

import flowgrad
from flowgrad import artifacts, cli
from flowgrad.config import parse
from flowgrad.datasets.base import Annotations, Box, Region, SoundEvent
from flowgrad.datasets.registry import open_dataset
from flowgrad.errors import InputError
from flowgrad.evaluation.registry import METRICS
from flowgrad.evaluation.slices import measured, ordered, slices, stands
from flowgrad.protocols import BUILT_IN
from flowgrad.stages.conditions import loudness
from flowgrad.stages.slices import slice_columns, sliced

PAPER, RELEASED = BUILT_IN["paper"], BUILT_IN["released"]
HEARD = (SoundEvent(0.0, 9.0, "car", True),)


def box(time, x, y, w=40.0, h=20.0, label="car", visible=True, track="1"):
    return Box(time, x, y, w, h, label, visible, track)


def of_frame(number, *boxes, protocol=PAPER, **more):
    return slices(Annotations(boxes, HEARD, **more), protocol, (200, 100))[number]


def test_a_vehicle_that_stands_with_its_engine_running():
    """It sounds and has not moved between the annotations before and after; a nudge of its box is no motion."""
    standing = [box(time, 50 + 0.5 * step, 40) for step, time in enumerate((1.0, 1.5, 2.0))]
    assert of_frame(12, *standing)["motion"] == "standing"
    leaves = [*standing[:2], box(2.0, 80, 40)]
    assert of_frame(12, *leaves)["motion"] == "moving"
    assert of_frame(8, *leaves)["motion"] == "standing", "until then it stands"
    beside = [box(time, 100 + 20 * time, 10, track="2") for time in (1.0, 1.5, 2.0)]
    assert of_frame(12, *standing, *beside)["motion"] == "both"
    assert of_frame(12, *standing, *beside)["boxes"] == "2"


def test_without_a_track_nobody_knows_what_stands():
    for boxes in ([box(1.0, 50, 40)], [box(1.0, 50, 40, track=""), box(1.5, 50, 40, track="")]):
        assert "motion" not in of_frame(8, *boxes)
    # a track far away in time says nothing
    assert stands(box(1.0, 50, 40), [box(1.0, 50, 40), box(3.0, 50, 40)]) is None


def test_parked_ones_are_those_that_do_not_count():
    moving = [box(time, 60 * time, 40) for time in (1.0, 1.5, 2.0)]
    parked = [box(time, 150, 60, label="truck", track="2") for time in (1.0, 1.5, 2.0)]
    assert of_frame(12, *moving)["parked"] == "no"
    assert of_frame(12, *moving, *parked)["parked"] == "yes"
    hidden = [box(time, 150, 60, label="truck", track="2", visible=False) for time in (1.0, 1.5, 2.0)]
    assert of_frame(12, *moving, *hidden)["parked"] == "no", "nobody sees it"
    # under the released rule every visible box counts, so that nothing is left to distract
    assert of_frame(12, *moving, *parked, protocol=RELEASED)["parked"] == "no"
    assert of_frame(12, *moving, *parked, protocol=RELEASED)["class"] == "several"
    assert of_frame(12, *moving, *parked)["class"] == "car"


def test_size_is_that_of_the_truth():
    assert of_frame(8, box(1.0, 0, 0, w=20, h=10))["size"] == "small"
    assert of_frame(8, box(1.0, 0, 0, w=40, h=20))["size"] == "medium"
    assert of_frame(8, box(1.0, 0, 0, w=100, h=50))["size"] == "large"
    boxes = [box(1.0, x, 0, w=20, h=10, track=str(x)) for x in (0, 50, 100, 150)]
    found = of_frame(8, *boxes)
    assert (found["boxes"], found["size"]) == ("3 or more", "medium"), "of all that count, together"


def test_stills_and_traits():
    known = Annotations(regions=(Region(0, 0, 0.5, 0.5),), label="violin", traits={"split": "test"})
    assert slices(known, PAPER, (100, 100)) == {0: {"class": "violin", "size": "large", "split": "test"}}
    assert Annotations.from_json(known.to_json()) == known
    assert "traits" not in Annotations().to_json()


def test_city_and_night_of_urbansas(mini):
    known = open_dataset("urbansas", mini).annotations()
    table = pd.read_csv(mini / "annotations/video_annotations.csv").drop_duplicates("filename").set_index("filename")
    assert {known[name].traits["city"] for name in known if known[name].traits} == set(table["city"])
    for name, row in table.iterrows():
        assert known[name].traits == {"city": row["city"], "night": "yes" if row["night"] else "no"}


def test_measured_conditions():
    assert measured(-math.inf, 0.0) == {"loudness": "quiet", "camera": "still"}
    assert measured(-35.0, math.nan) == {"loudness": "medium"}
    assert loudness(np.zeros(0, np.float32)) != loudness(np.zeros(0, np.float32)), "no sound is not silence"
    tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32)
    assert loudness(tone) == pytest.approx(-3.01, abs=0.01)
    assert loudness(tone / 10) == pytest.approx(-23.01, abs=0.01)


def test_values_stand_in_their_own_order():
    found = {"size": {"small", "large", "medium"}, "night": {"yes", "no"}, "class": {"truck", "bus"}}
    assert ordered(found) == [
        *(("class", value) for value in ("bus", "truck")),
        *(("size", value) for value in ("small", "medium", "large")),
        *(("night", value) for value in ("no", "yes")),
    ]


def test_what_reads_negatives_has_no_figure_of_a_slice():
    metrics = [METRICS[name] for name in ("ciou", "confidence", "pointing_game")]
    kept = [metric.name for metric in sliced(metrics)]
    assert "ciou" in kept
    assert "confidence" not in kept
    assert len(set(slice_columns(sliced(metrics)))) == len(slice_columns(sliced(metrics)))


def test_from_videos_to_the_table(workflow, tmp_path, capsys):
    """All kinds of frames; each slice is a part of the summary, and what nobody asks for goes."""
    root = moving_square(tmp_path / "data", "apple", "berry", "cherry")
    boxes = root / "annotations/video_annotations.csv"
    header, *rows = boxes.read_text().splitlines()
    night = {"apple": 1, "berry": 0, "cherry": 0}
    lines = [f"{row},1,{night[row.split(',')[0]]},lima" for row in rows]
    boxes.write_text("\n".join([f"{header},track_id,night,city", *lines]) + "\n")
    config = {"dataset": {"root": str(root)}, "models": ["flow", "centre-box"], "pictures": 0, "slices": "all"}
    run = workflow(config)
    assert run.status == 0, run.output
    results = flowgrad.open_results(run.folder / "results")
    summary = results.summary.set_index(["model", "protocol"])
    found = results.slices
    assert set(found["slice"]) == {"class", "boxes", "size", "motion", "parked", "loudness", "camera", "city", "night"}
    counted = found.groupby(["model", "protocol", "slice"])["frames"].sum()
    for (model, protocol, name), frames in counted.items():
        assert frames == summary.loc[(model, protocol), "frames"], name
    whole = found[found["slice"] == "class"].set_index(["model", "protocol"])
    for figure in ("success_at_0_3", "success_at_0_5", "auc", "mean_ciou", "pointing_game", "auc_low", "auc_high"):
        assert whole[figure].to_dict() == pytest.approx(summary[figure].to_dict(), nan_ok=True), figure
    at_night = found[found["value"].eq("yes") & found["slice"].eq("night")]
    assert set(zip(at_night["clips"], at_night["places"], at_night["few"], strict=True)) == {(1, 1, True)}
    frames = results.frames
    dark = frames[(frames["video"] == "apple") & (frames["model"] == "flow") & (frames["protocol"] == "paper")]
    of_flow = at_night[(at_night["model"] == "flow") & (at_night["protocol"] == "paper")]
    assert of_flow["mean_ciou"].item() == pytest.approx(dark["ciou"].mean(), abs=1e-5)
    heard = pd.read_csv(run.folder / "results/conditions/00001.csv")
    assert len(heard) == 3 * 24
    assert heard["loudness_db"].between(-16, -12).all(), "the tone has an amplitude of 0.3"
    assert (heard["camera"].dropna() < 1e-3).all(), "nothing but the square moves"
    assert heard["camera"].isna().sum() == 3, "the last frame of a clip has no next one"

    assert cli.main(["table", str(results.folder), "--slices", "auc"]) == 0
    printed = capsys.readouterr().out
    assert "auc by kind of frame" in printed
    assert "night: yes" in printed
    assert cli.main(["table", str(results.folder), "--slices", "acu"]) == 2
    assert "did you mean auc" in capsys.readouterr().err
    assert workflow(config).nothing_to_do

    config["slices"] = "annotations"
    assert workflow(config).jobs == {"slices": 1, "release": 1}, "and no score anew"
    assert not {"loudness", "camera"} & set(flowgrad.open_results(results.folder).slices["slice"])
    config["slices"] = "none"
    assert workflow(config).nothing_to_do
    # it goes with the next run that has anything to do
    assert workflow(config | {"reference": "flow"}).jobs == {"summary": 1}
    assert not (results.folder / "metrics/slices.csv").exists()
    assert cli.main(["table", str(results.folder), "--slices", "auc"]) == 2
    assert "set slices: annotations, run again" in capsys.readouterr().err


def test_a_shaky_camera_is_seen(tmp_path):
    """Flow of a picture that is shifted whole: the camera's motion, in widths of the frame."""
    from flowgrad.stages import conditions

    frames, flow, out = tmp_path / "frames.h5", tmp_path / "flow.h5", tmp_path / "out.csv"
    numbers = np.arange(3, dtype=np.int32)
    with artifacts.create(frames, "frames", sample_rates=[16000]) as file:
        clip = file.clip("a", width=400, height=224)
        clip.append(frame=numbers)
        clip = file.clip("empty", width=400, height=224)
    moved = np.zeros((3, 2, 224, 224), np.float16)
    moved[1, 0] += 4
    moved[2, 1] -= 2
    with artifacts.create(flow, "flow") as file:
        file.clip("a").append(frame=numbers, signed=moved)
    conditions.run(frames_in=frames, flow_in=flow, out=out)
    found = pd.read_csv(out)
    assert found["camera"].to_numpy() == pytest.approx([0, 0.01, 0.005], abs=1e-6)
    assert found["loudness_db"].isna().all()
    assert list(found["video"]) == ["a"] * 3


def test_a_trait_cannot_have_the_name_of_a_slice():
    known = Annotations((box(1.0, 0, 0),), HEARD, traits={"size": "XL"})
    with pytest.raises(InputError, match="trait 'size': a slice has that name"):
        slices(known, PAPER, (200, 100))


def test_what_is_scored_needs_annotations(tmp_path):
    for key, value in (("slices", "all"), ("listening", True)):
        with pytest.raises(InputError, match=f"{key}: {str(value).lower()} needs annotations, which format 'videos'"):
            parse({"dataset": {"format": "videos", "root": str(tmp_path)}, key: value})
