"""The published tables: what is streamed shard by shard is what one table in memory would be."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flowgrad import artifacts
from flowgrad.datasets.base import Annotations, Box, SoundEvent
from flowgrad.decoding import ClipStatus
from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.evaluation.statistics import clip_bootstrap
from flowgrad.protocols import BUILT_IN
from flowgrad.schemas import SCORES
from flowgrad.stages.tables import frame_columns, run_clips, run_summary

MODELS, PROTOCOLS = ("flow", "rcgrad"), ("paper", "released")
CLIPS = [*(f"clip{number:02d}" for number in range(10, 0, -1)), 'a "quoted", name', "línea"]


def scores(clip: str) -> pd.DataFrame:
    """Scores of a clip with every open case: no cIoU, no detections, nothing at all."""
    rng = np.random.default_rng(len(clip) * 31 + ord(clip[-1]))
    rows = [
        (model, protocol, clip, frame, frame / 8, *case)
        for model in MODELS
        for protocol in PROTOCOLS
        for frame in sorted(rng.choice(80, 9, replace=False))
        for case in [(np.nan, "no_sound") if rng.random() < 0.2 else (rng.random() ** 3, "ok")]
    ]
    return pd.DataFrame(rows, columns=frame_columns([CIOU]))


def summarised(folder: Path, shards: list[list[str]], present: list[str]) -> tuple[bytes, bytes]:
    """Write score files of these shards, summarise them and return both tables."""
    files = []
    for number, clips in enumerate(shards):
        table = pd.concat([scores(clip) for clip in clips]).sort_values(["model", "protocol", "video", "frame"])
        files.append(folder / f"{number}.csv")
        long = table.rename(columns={"ciou": "value"}).assign(metric="ciou")[list(SCORES)]
        artifacts.write_table(files[-1], long, float_format="%.17g")
    plan = pd.DataFrame({"video": present, "shard": "00001", "reason": ""})
    artifacts.write_table(folder / "plan.csv", plan)
    run_summary(
        plan_in=folder / "plan.csv",
        scores_in=files,
        rows=[(model, protocol) for model in [*MODELS, "flowgrad-en"] for protocol in PROTOCOLS],
        metrics=[CIOU],
        frames_out=folder / "out/frames.csv",
        summary_out=folder / "out/summary.csv",
    )
    assert {path.name for path in (folder / "out").iterdir()} == {"frames.csv", "summary.csv"}
    return (folder / "out/frames.csv").read_bytes(), (folder / "out/summary.csv").read_bytes()


@pytest.mark.parametrize("size", [1, 5, 12])
def test_tables_are_those_of_all_scores_at_once(tmp_path, size):
    """Whatever shards the clips are in, in whatever order; a clip that went away has no row."""
    gone, *present = CLIPS
    shards = [CLIPS[start : start + size] for start in range(0, len(CLIPS), size)]
    frames, summary = summarised(tmp_path, shards, present)

    whole = pd.concat([scores(clip) for clip in present]).sort_values(["model", "protocol", "video", "frame"])
    assert frames.decode() == whole.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    assert gone.encode() not in frames

    (tmp_path / "summary.csv").write_bytes(summary)
    table = pd.read_csv(tmp_path / "summary.csv").set_index(["model", "protocol"])
    for key, rows in whole.groupby(["model", "protocol"]):
        scored = rows.dropna(subset="ciou")
        low, high = clip_bootstrap(scored["ciou"].to_numpy() >= 0.5, scored["video"].to_numpy())
        expected = {
            "frames": len(scored),
            "skipped": len(rows) - len(scored),
            "clips": scored["video"].nunique(),
            "success_at_0_5": (scored["ciou"] >= 0.5).mean(),
            "mean_ciou": scored["ciou"].mean(),
            "success_at_0_5_low": low,
            "success_at_0_5_high": high,
        }
        assert table.loc[key, list(expected)].to_dict() == pytest.approx(expected, abs=1e-6)
    assert (table.loc["flowgrad-en", ["frames", "skipped", "clips", "no_detections"]] == 0).all(axis=None)
    assert table.loc["flowgrad-en", "mean_ciou"].isna().all()


def test_nothing_to_summarise(tmp_path):
    frames, summary = summarised(tmp_path, [], [])
    assert frames.decode() == ",".join(frame_columns([CIOU])) + "\n"
    assert summary.count(b"\n") == 1 + 3 * 2


def test_a_clip_without_a_scored_frame_says_why(tmp_path):
    """In clips.csv, beside what decoding found; the reason is that of the protocol that comes nearest to a score."""
    car, heard = Box(0.5, 1, 1, 5, 5, "car", True), SoundEvent(0, 1, "car", True)
    known = {
        "scored": Annotations((car,), (heard,)),
        "unseen": Annotations((replace(car, visible=False),), (heard,)),
        "beside": Annotations((replace(car, x=500),), (replace(heard, label="bus"),)),
        "short": Annotations((replace(car, time=5),), (replace(heard, end=9),)),
        "mute": Annotations((car,), (heard,)),
    }
    statuses = [ClipStatus(name, frames=16, width=400, height=225, sound_s=2.0) for name in known]
    statuses[-1].sound_s, statuses[-1].sound_reason = None, "no sound track"
    artifacts.write_table(tmp_path / "status.csv", pd.DataFrame(map(asdict, statuses)))
    artifacts.write_table(tmp_path / "plan.csv", pd.DataFrame({"video": list(known), "shard": "00001", "reason": ""}))
    artifacts.write_json(tmp_path / "known.json", {name: of_clip.to_json() for name, of_clip in known.items()})
    run_clips(
        plan_in=tmp_path / "plan.csv",
        statuses_in=[tmp_path / "status.csv"],
        annotations_in=[tmp_path / "known.json"],
        protocols=[protocol.ground_truth for protocol in BUILT_IN.values()],
        listens=True,
        out=tmp_path / "clips.csv",
    )
    table = pd.read_csv(tmp_path / "clips.csv", keep_default_na=False).set_index("video")
    assert table["reason"].to_dict() == {
        # `released` takes boxes outside the frame and any sound for them
        "beside": "boxes outside the frame, which do not count: 1",
        "mute": "no sound track (models that listen have no map, its frames are not scored)",
        "scored": "",
        "short": "no scored frame: the pictures end before the first frame that would be scored",
        "unseen": "no scored frame: no annotated vehicle is visible",
    }
    assert table["scored_frames"].to_dict() == {"beside": 1, "mute": 0, "scored": 1, "short": 0, "unseen": 0}
    assert set(table["status"].drop("mute")) == {"ok"}
