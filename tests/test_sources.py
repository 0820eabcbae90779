"""Models that tell parts of an item apart: what is kept of them, and how they are scored against several sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flowgrad import artifacts
from flowgrad.datasets.base import Annotations, Box, Region, SoundEvent
from flowgrad.errors import InputError
from flowgrad.evaluation.parts import masks_of
from flowgrad.evaluation.thresholds import ADAPTIVE, FIXED
from flowgrad.models.base import Batch, Maps, Model, Needs, Parts, Settings
from flowgrad.protocols import PAPER
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.schemas.plan import PLACES
from flowgrad.schemas.status import STATUS
from flowgrad.shard import PlannedClip
from flowgrad.stages import heatmaps, sources

LEFT, RIGHT, TOP, WHOLE = np.zeros((4, 4)), np.zeros((4, 4)), np.zeros((4, 4)), np.ones((4, 4))
LEFT[:, :2], RIGHT[:, 2:], TOP[:2] = 1, 1, 1


def shard(
    folder: Path, clips: list[PlannedClip], known: dict[str, Annotations], parts: dict[str, tuple[Any, list[bool]]]
) -> sources.Shard:
    """Write the files of a shard; ``parts``: the maps of frame 0 and 4 of every clip, and which count."""
    folder.mkdir(parents=True)
    made = sources.Shard(*(folder / name for name in ("clips.json", "maps.h5", "status.csv", "known.json")))
    artifacts.write_json(made.clips, {"clips": [clip.to_json() for clip in clips]})
    artifacts.write_json(made.annotations, {name: one.to_json() for name, one in known.items()})
    row = dict.fromkeys(STATUS, "") | {"status": "ok", "frames": 8, "width": 224, "height": 224, "published_flow": 0}
    artifacts.write_table(made.status, pd.DataFrame([row | {"video": clip.name} for clip in clips]))
    with artifacts.create(made.maps, HEATMAPS) as output:
        for name, (maps, counted) in parts.items():
            frames = np.array([0, 4], np.int32)
            output.clip(name, parts=json.dumps([str(part) for part in range(len(maps))])).append(
                frame=frames,
                time_s=frames / 8,
                maps=np.zeros((2, 224, 224), np.float16),
                part_maps=np.stack([np.asarray(maps, np.float16)] * 2),
                part_scores=np.ones((2, len(maps)), np.float32),
                part_counted=np.array([counted, counted]),
            )
    return made


def scored(tmp_path: Path, shards: list[sources.Shard], present: list[str]) -> pd.DataFrame:
    sources.run(
        model="one",
        protocol_name="paper",
        protocol=PAPER,
        threshold=FIXED,
        shards=shards,
        present=present,
        out=tmp_path / "scores.csv",
    )
    return pd.read_csv(tmp_path / "scores.csv")


def street() -> Annotations:
    """A car on the left and a bus on the right, both heard at 0 s; at 0.5 s the car alone."""
    boxes = [Box(0, 0, 0, 112, 224, "car", True), Box(0, 112, 0, 112, 224, "bus", True)]
    boxes += [Box(0.5, 0, 0, 112, 224, "car", True), Box(0.5, 112, 0, 112, 224, "bus", True)]
    return Annotations(
        tuple(boxes), (SoundEvent(0, 0.6, "car", identifiable=True), SoundEvent(0, 0.2, "bus", identifiable=True))
    )


def test_classes_of_a_street_are_its_sources(tmp_path):
    """Who marks both places in one map finds what sounds, and tells nothing apart."""
    clips = [PlannedClip(name, f"{name}.mp4", "") for name in ("apart", "blurred", "silent", "gone")]
    made = shard(
        tmp_path / "1",
        clips,
        {clip.name: street() for clip in clips},
        {
            "apart": ([RIGHT, LEFT, TOP], [True, True, False]),
            "blurred": ([WHOLE - np.eye(4) * 1e-3, TOP], [True, False]),
            "silent": ([LEFT, RIGHT], [False, False]),
            "gone": ([LEFT, RIGHT], [True, True]),
        },
    )
    table = scored(tmp_path, [made], ["apart", "blurred", "silent"]).set_index(["video", "frame"])
    assert table["sources"].to_dict() == {
        (name, frame): count for name in ("apart", "blurred", "silent") for frame, count in ((0, 2), (4, 1))
    }
    assert table.loc[("apart", 0), ["parts", "frame_wise", "source_wise"]].tolist() == [2, 1, 1]
    # at 0.5 s the map of the bus is one too many for everything together, not for the source
    assert table.loc[("apart", 4), "frame_wise"] == pytest.approx(0.5)
    assert table.loc[("apart", 4), "source_wise"] == 1
    blurred = table.loc[("blurred", 0)]
    assert blurred["frame_wise"] > 0.7
    assert blurred["source_wise"] < blurred["frame_wise"] / 2 + 0.01, "one map for two sources"
    assert table.loc[("silent", 0), ["parts", "frame_wise", "source_wise"]].tolist() == [0, 0, 0]


def test_an_item_without_maps_is_skipped_and_counted(tmp_path):
    clips = [PlannedClip(name, f"{name}.mp4", "") for name in ("here", "mute")]
    known = {clip.name: street() for clip in clips}
    made = shard(tmp_path / "1", clips, known, {"here": ([RIGHT, LEFT], [True, True])})
    table = scored(tmp_path, [made], ["here", "mute"]).set_index(["video", "frame"])
    assert table.loc["mute", "frame_wise"].isna().tolist() == [True, True]
    plan = pd.DataFrame([dict.fromkeys(PLACES, "") | {"video": name, "place": name} for name in ("here", "mute")])
    artifacts.write_table(tmp_path / "plan.csv", plan)
    sources.run_table(plan_in=tmp_path / "plan.csv", scores_in=[tmp_path / "scores.csv"], out=tmp_path / "table.csv")
    figures = pd.read_csv(tmp_path / "table.csv").set_index("which")
    assert figures[["items", "skipped"]].to_numpy().tolist() == [[2, 2], [1, 1]]


def test_a_rule_that_is_told_the_truth_is_told_all_sources_together():
    """Each of two parts marks what is above the tenth highest, for both sources have ten pixels."""
    maps = np.random.default_rng(2).random((2, 8, 8)).astype(np.float32)
    truth = np.zeros((8, 8))
    truth[:2, :5] = 1
    masks = masks_of(maps, ADAPTIVE, PAPER.threshold, truth)
    assert masks.sum(axis=(1, 2)).tolist() == [9, 9]
    assert masks_of(maps[:0], ADAPTIVE, PAPER.threshold, truth).shape == (0, 8, 8)


def test_stills_that_show_and_sound_the_same_are_one_item(tmp_path):
    def still(name: str, sound: str) -> PlannedClip:
        return PlannedClip(name, "picture.jpg", "", sound, "", still=True, anchor_s=0.5)

    left, right = Region(0, 0, 0.5, 1), Region(0.5, 0, 1, 1)
    maps = ([LEFT, RIGHT], [True, True])
    first = shard(
        tmp_path / "1",
        [still("banjo", "a.wav"), still("other", "b.wav")],
        {"banjo": Annotations(regions=(left,), label="banjo"), "other": Annotations(regions=(left,), label="banjo")},
        {"banjo": maps, "other": maps},
    )
    second = shard(
        tmp_path / "2",
        [still("cello", "a.wav")],
        {"cello": Annotations(regions=(right,), label="cello")},
        {"cello": maps},
    )
    table = scored(tmp_path, [first, second], ["banjo", "cello", "other"]).set_index("video")
    assert table["sources"].to_dict() == {"banjo": 2, "other": 1}
    assert table["frame_wise"].tolist() == [1, 0.5]
    assert table["source_wise"].tolist() == [1, 1]

    plan = pd.DataFrame([dict.fromkeys(PLACES, "") | {"video": name, "place": name} for name in ("banjo", "other")])
    artifacts.write_table(tmp_path / "plan.csv", plan)
    sources.run_table(plan_in=tmp_path / "plan.csv", scores_in=[tmp_path / "scores.csv"], out=tmp_path / "table.csv")
    figures = pd.read_csv(tmp_path / "table.csv").set_index("which")
    assert figures["items"].to_dict() == {"all": 2, "several": 1}
    assert figures.loc["all", "frame_wise_mean_ciou"] == pytest.approx(0.75)
    assert figures.loc["all", "source_wise_mean_ciou"] == 1
    assert figures.loc["all", "frame_wise_mean_ciou_low"] < 0.75


class Flowing(Settings):
    def needs(self) -> Needs:
        from flowgrad.models.base import FlowSpec

        return Needs(flow=FlowSpec())


class Telling:
    """Tells the quick from the slow; ``classes`` too many where it is wrong."""

    def __init__(self, *_: Any):
        self.classes = 2

    def parted(self, batch: Batch) -> tuple[Maps, Parts]:
        assert batch.flow is not None
        flow = batch.flow.astype(np.float32)
        maps = np.stack([flow[:, ::56, ::56], -flow[:, ::56, ::56]], axis=1)
        scores = maps.mean(axis=(2, 3))
        return flow, Parts(maps, scores, scores >= 0, ("quick", "slow")[: self.classes])


class Wrong(Telling):
    def __init__(self, *_: Any):
        self.classes = 1


def test_parts_are_kept_beside_the_maps(tmp_path):
    with artifacts.create(tmp_path / "flow.h5", "flow") as output:
        frames = np.arange(3, dtype=np.int32)
        magnitude = (np.arange(3 * 224 * 224).reshape(3, 224, 224) % 5 + 1).astype(np.float16)
        output.clip("a", source_width=224).append(frame=frames, time_s=frames / 8, magnitude=magnitude)
    settings = Flowing()

    def run(load: Any) -> None:
        heatmaps.run(
            model=Model("telling", load, {"paper": settings}, parts=True),
            settings=settings,
            protocol_name="paper",
            out=tmp_path / "maps.h5",
            flow_in=tmp_path / "flow.h5",
        )

    run(Telling)
    with artifacts.open_artifact(tmp_path / "maps.h5", HEATMAPS) as reader:
        assert json.loads(reader.attributes("a")["parts"]) == ["quick", "slow"]
        assert reader.read("a", "part_maps").shape == (3, 2, 4, 4)
        np.testing.assert_array_equal(reader.read("a", "part_maps")[:, 0], magnitude[:, ::56, ::56])
        assert reader.read("a", "part_counted").tolist() == [[True, False]] * 3
        assert reader.read("a", "part_scores").dtype == np.float32
    with pytest.raises(
        InputError, match=r"model telling: parts: expected maps \(3, 1, 'h', 'w'\).*gives \(3, 2, 4, 4\)"
    ):
        run(Wrong)
