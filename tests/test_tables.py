"""The published tables: what is streamed shard by shard is what one table in memory would be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flowgrad import artifacts
from flowgrad.evaluation.statistics import clip_bootstrap
from flowgrad.stages.score import FRAME_COLUMNS
from flowgrad.stages.tables import run_summary

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
    return pd.DataFrame(rows, columns=list(FRAME_COLUMNS))


def summarised(folder: Path, shards: list[list[str]], present: list[str]) -> tuple[bytes, bytes]:
    """Write score files of these shards, summarise them and return both tables."""
    files = []
    for number, clips in enumerate(shards):
        table = pd.concat([scores(clip) for clip in clips]).sort_values(["model", "protocol", "video", "frame"])
        files.append(folder / f"{number}.csv")
        artifacts.write_table(files[-1], table, float_format="%.17g")
    plan = pd.DataFrame({"video": present, "shard": "00001", "reason": ""})
    artifacts.write_table(folder / "plan.csv", plan)
    run_summary(
        plan_in=folder / "plan.csv",
        scores_in=files,
        models=[*MODELS, "flowgrad-en"],
        protocols=PROTOCOLS,
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
    assert frames.decode() == ",".join(FRAME_COLUMNS) + "\n"
    assert summary.count(b"\n") == 1 + 3 * 2
