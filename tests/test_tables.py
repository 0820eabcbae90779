"""The published tables: what is streamed shard by shard is what one table in memory would be."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flowgrad import artifacts
from flowgrad.datasets.base import Annotations, Box, SoundEvent
from flowgrad.decoding import ClipStatus
from flowgrad.errors import InputError
from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.evaluation.intervals import differences, names, with_intervals
from flowgrad.protocols import BUILT_IN
from flowgrad.report import differences_text, summary_text
from flowgrad.schemas.differences import DIFFERENCES
from flowgrad.schemas.plan import NO_ANNOTATIONS, NO_VIDEO
from flowgrad.schemas.scores import SCORES
from flowgrad.stages.tables import check_accepted, frame_columns, run_clips, run_summary

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


def place_of(clip: str) -> str:
    """Three places with three clips, one with two, and clips that are alone."""
    return f"place{int(clip[4:]) % 4}" if clip.startswith("clip") else clip


def values_of(rows: pd.DataFrame) -> list[list[np.ndarray]]:
    """The scores of each clip of each place."""
    named = rows.assign(place=rows["video"].map(place_of))
    return [[clip["ciou"].to_numpy() for _, clip in some.groupby("video")] for _, some in named.groupby("place")]


def summarised(folder: Path, shards: list[list[str]], present: list[str]) -> tuple[bytes, bytes]:
    """Write score files of these shards, summarise them and return both tables."""
    files = []
    for number, clips in enumerate(shards):
        table = pd.concat([scores(clip) for clip in clips]).sort_values(["model", "protocol", "video", "frame"])
        files.append(folder / f"{number}.csv")
        long = table.rename(columns={"ciou": "value"}).assign(metric="ciou")[list(SCORES)]
        artifacts.write_table(files[-1], long, float_format="%.17g")
    plan = pd.DataFrame({"video": present, "shard": "00001", "reason": ""})
    plan = plan.assign(place=[place_of(clip) for clip in present], picture=present)
    artifacts.write_table(folder / "plan.csv", plan)
    run_summary(
        plan_in=folder / "plan.csv",
        scores_in=files,
        rows=[(model, protocol) for model in [*MODELS, "flowgrad-en"] for protocol in PROTOCOLS],
        metrics=[CIOU],
        reference="flow",
        frames_out=folder / "out/frames.csv",
        summary_out=folder / "out/summary.csv",
        differences_out=folder / "out/differences.csv",
    )
    assert {path.name for path in (folder / "out").iterdir()} == {"frames.csv", "summary.csv", "differences.csv"}
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
        found = with_intervals(CIOU, values_of(scored))
        expected = {
            "frames": len(scored),
            "skipped": len(rows) - len(scored),
            "clips": scored["video"].nunique(),
            "places": scored["video"].map(place_of).nunique(),
            "success_at_0_5": (scored["ciou"] >= 0.5).mean(),
            "mean_ciou": scored["ciou"].mean(),
        } | {bound: found[bound] for column in CIOU.columns for bound in names(column)}
        assert table.loc[key, list(expected)].to_dict() == pytest.approx(expected, abs=1e-6)

    paper = whole[whole["protocol"] == "paper"].dropna(subset="ciou").set_index(["video", "frame"])
    row, reference = (paper[paper["model"] == model] for model in ("rcgrad", "flow"))
    both = row.index.intersection(reference.index).sort_values()
    assert 0 < len(both) < min(len(row), len(reference)), "each row lacks an item that the other has"
    gaps = differences(CIOU, *(values_of(some.loc[both].reset_index()) for some in (row, reference)))
    compared = pd.read_csv(tmp_path / "out/differences.csv").set_index(["protocol", "model", "figure"])
    assert set(compared["reference"]) == {"flow"}
    for column, gap in gaps.items():
        line = compared.loc[("paper", "rcgrad", column)]
        assert line["frames"] == len(both)
        assert line["places"] == len({place_of(video) for video, _ in both})
        assert line[["difference", "difference_low", "difference_high", "p"]].tolist() == pytest.approx(
            [gap.value, gap.low, gap.high, gap.p], rel=1e-5
        )
        assert line["p_corrected"] == line["p"], "a row without a frame is no comparison"
    assert compared.loc[("paper", "flowgrad-en", "auc")].drop(["reference", "frames", "places"]).isna().all()
    assert (table.loc["flowgrad-en", ["frames", "skipped", "clips", "no_detections"]] == 0).all(axis=None)
    assert table.loc["flowgrad-en", "mean_ciou"].isna().all()


def test_nothing_to_summarise(tmp_path):
    frames, summary = summarised(tmp_path, [], [])
    compared = pd.read_csv(tmp_path / "out/differences.csv")
    assert list(compared.columns) == list(DIFFERENCES)
    assert compared["difference"].isna().all()
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
    artifacts.write_table(
        tmp_path / "plan.csv", pd.DataFrame({"video": list(known), "shard": "00001", "reason": "", "place": "here"})
    )
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


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


LONG = """model,protocol,video,frame,time_s,metric,value,status
flow,paper,a,8,1,ciou,0.29999999999999999,ok
flow,paper,a,9,1.125,ciou,0.5,ok
flow,paper,a,10,1.25,ciou,0,constant_map
flow,paper,b,8,1,ciou,,no_sound
yolo,paper,a,8,1,ciou,0,no_detections
yolo,paper,a,9,1.125,ciou,0,empty_prediction
yolo,paper,a,10,1.25,ciou,0,empty_ground_truth
yolo,paper,b,8,1,ciou,,no_detections
flow,paper,gone,8,1,ciou,1,constant_map
"""


def test_a_summary_to_the_letter(tmp_path):
    """Open cases are counted, also those that are left out; a clip that went away counts nowhere."""
    (tmp_path / "scores.csv").write_text(LONG)
    (tmp_path / "plan.csv").write_text(
        "video,shard,reason,place,picture\na,00001,,a,a\nb,00001,,b,b\ngone,,annotated without a video,gone,gone\n"
    )
    run_summary(
        plan_in=tmp_path / "plan.csv",
        scores_in=[tmp_path / "scores.csv"],
        rows=[(model, "paper") for model in ("yolo", "flow", "none")],
        metrics=[CIOU],
        frames_out=tmp_path / "frames.csv",
        summary_out=tmp_path / "summary.csv",
        differences_out=tmp_path / "differences.csv",
    )
    assert lines_of(tmp_path / "summary.csv") == [
        "model,protocol,frames,skipped,success_at_0_3,success_at_0_5,auc,mean_ciou,clips,success_at_0_5_low,"
        "success_at_0_5_high,no_detections,constant_map,empty_prediction,empty_ground_truth,ambiguous,places,"
        "success_at_0_3_low,success_at_0_3_high,auc_low,auc_high,mean_ciou_low,mean_ciou_high",
        "flow,paper,3,1,0.666667,0.333333,0.275,0.266667,1,,,0,1,0,0,0,1,,,,,,",
        "none,paper,0,0,,,,,0,,,0,0,0,0,0,0,,,,,,",
        "yolo,paper,3,1,0,0,0.025,0,1,,,2,0,1,1,0,1,,,,,,",
    ]
    assert lines_of(tmp_path / "frames.csv") == [
        "model,protocol,video,frame,time_s,ciou,status",
        "flow,paper,a,8,1,0.3,ok",
        "flow,paper,a,9,1.125,0.5,ok",
        "flow,paper,a,10,1.25,0,constant_map",
        "flow,paper,b,8,1,,no_sound",
        "yolo,paper,a,8,1,0,no_detections",
        "yolo,paper,a,9,1.125,0,empty_prediction",
        "yolo,paper,a,10,1.25,0,empty_ground_truth",
        "yolo,paper,b,8,1,,no_detections",
    ]


def test_success_is_decided_before_a_value_is_rounded(tmp_path):
    (tmp_path / "scores.csv").write_text(
        "model,protocol,video,frame,time_s,metric,value,status\nflow,paper,a,8,1,ciou,0.49999999999999994,ok\n"
    )
    (tmp_path / "plan.csv").write_text("video,shard,reason,place,picture\na,00001,,a,a\n")
    run_summary(
        plan_in=tmp_path / "plan.csv",
        scores_in=[tmp_path / "scores.csv"],
        rows=[("flow", "paper")],
        metrics=[CIOU],
        frames_out=tmp_path / "frames.csv",
        summary_out=tmp_path / "summary.csv",
        differences_out=tmp_path / "differences.csv",
    )
    assert lines_of(tmp_path / "summary.csv")[1] == "flow,paper,1,0,1,0,0.475,0.5,1,,,0,0,0,0,0,1,,,,,,"
    assert lines_of(tmp_path / "frames.csv")[1] == "flow,paper,a,8,1,0.5,ok"


@pytest.mark.parametrize("listens", [True, False])
def test_clips_to_the_letter(tmp_path, listens):
    """Every clip has one row: planned or not, good or bad; what sounds not is skipped only where a model listens."""
    car = [Box(number / 8, 1, 1, 5, 5, "car", True) for number in (7, 8, 15, 16)]
    known = Annotations((*car, replace(car[1], x=2)), (SoundEvent(1, 9, "car", True),))
    (tmp_path / "known.json").write_text(
        json.dumps({name: known.to_json() for name in ("good", "mute", "broken", "cut")})
    )
    (tmp_path / "status.csv").write_text(
        "video,status,reason,frames,width,height,sound_s,sound_reason,anchor_s,published_flow\n"
        "good,ok,,16,40,22,2,,,0\n"
        "mute,ok,a note,16,40,22,,no sound track,,0\n"
        "broken,failed,zero frames,0,0,0,,no sound track,,0\n"
        "cut,failed,truncated,9,40,22,2,,,0\n"
    )
    (tmp_path / "plan.csv").write_text(
        "video,shard,reason,place\n"
        "good,00001,,here\nmute,00001,,here\nbroken,00001,,here\ncut,00001,,cut\nlate,00002,,here\n"
        f"bare,,{NO_ANNOTATIONS},bare\nlost,,{NO_VIDEO!r},there\n".replace("'", '"')
    )
    run_clips(
        plan_in=tmp_path / "plan.csv",
        statuses_in=[tmp_path / "status.csv"],
        annotations_in=[tmp_path / "known.json"],
        protocols=[BUILT_IN["paper"].ground_truth],
        listens=listens,
        out=tmp_path / "clips.csv",
    )
    mute = "no sound track (models that listen have no map, its frames are not scored)"
    assert lines_of(tmp_path / "clips.csv") == [
        "video,status,reason,frames,scored_frames,place",
        "bare,skipped,no annotations: left out of a labelled dataset,0,0,bare",
        f'broken,failed,"zero frames; {mute}",0,0,here' if listens else "broken,failed,zero frames,0,0,here",
        "cut,failed,truncated,9,1,cut",
        "good,ok,,16,2,here",
        "late,skipped,came while a run was under way: run again,0,0,here",
        'lost,failed,"annotated, but there is no video file",0,0,there',
        f'mute,skipped,"a note; {mute}",16,0,here' if listens else "mute,ok,a note,16,2,here",
    ]


def test_a_run_that_accepts_no_bad_clip_says_which(tmp_path):
    path = tmp_path / "clips.csv"
    path.write_text("video,status,reason\na,ok,\nb,skipped,mute\n")
    check_accepted(path)
    path.write_text("video,status,reason\na,ok,\nb,failed,zero frames\nc,failed,empty file\n")
    with pytest.raises(InputError, match=r"2 of 3 clips failed \(on_bad_clip: fail\), the first is b: zero frames"):
        check_accepted(path)


# the table in the terminal


def a_summary(protocols: tuple[str, ...] = ("paper", "robust")) -> pd.DataFrame:
    """Four rows, of which two are controls; blank is best at everything."""
    figures = {"flow": 0.2, "motion": 0.5, "centre-box": 0.1, "blank": 0.9}
    rows = [
        {"model": model, "protocol": protocol, "frames": 89, "skipped": 0, "places": 10}
        | {
            name: value
            for figure in ("success_at_0_3", "success_at_0_5", "auc", "mean_ciou", "pointing_game", "mine")
            for name, value in zip((figure, *names(figure)), (level, level - 0.0621, level + 0.0577), strict=True)
        }
        for model, level in sorted(figures.items())
        for protocol in protocols
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
def test_a_table_fits_the_terminal(monkeypatch, columns):
    """Every figure of every row is there once, whatever the width; the rows of a block stand in columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = summary_text(a_summary())
    *table, legend = shown.splitlines()
    assert max(map(len, table)) <= columns
    assert len(legend) <= 80
    flow = [line for line in shown.splitlines() if line.startswith("flow")]
    assert sum(line.count("0.200") for line in flow) == 2 * 6
    digits = 3 if columns == 200 else 2
    assert f"({0.2 - 0.0621:.{digits}f}-{0.2 + 0.0577:.{digits}f})".replace("0.", ".") in flow[0]
    blocks = {60: 3, 80: 2, 100: 2, 120: 1, 200: 1}
    assert len(flow) == 2 * blocks[columns]


def test_a_table_says_what_is_best_and_what_is_chance(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = summary_text(a_summary())
    first, second, legend = shown.split("\n\n")
    assert first.startswith("protocol paper: 89 frames, 10 places\n")
    assert second.startswith("protocol robust: 89 frames, 10 places\n")
    assert "intervals over places" in legend
    heading, *rows = first.splitlines()[1:]
    assert heading.split() == ["model", "success_at_0_3", "success_at_0_5", "auc", "mean_ciou", "pointing_game", "mine"]
    assert [row.split()[0].strip("-") for row in rows] == ["motion", "flow", "", "blank", "centre-box"], "best first"
    assert rows[0].count("*") == 5, "nobody knows whether a higher mine is better"
    assert not any("*" in row for row in rows[1:]), "a control is not praised"


def test_counts_that_differ_are_a_column_and_one_row_is_not_the_best(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    summary = a_summary(("paper",))
    summary.loc[summary["model"] == "flow", "skipped"] = 4
    assert "skipped" in summary_text(summary).splitlines()[1]
    alone = summary_text(summary[summary["model"].isin(["flow", "blank"])])
    assert "*" not in alone.split("\n\n")[0]
    bare = summary.drop(columns=[name for name in summary if name.endswith(("_low", "_high"))])
    assert "(" not in summary_text(bare).split("\n\n")[0], "a single place has no interval"


def test_differences_are_a_block_a_protocol(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    rows = [
        (model, protocol, "flow", figure, 0.1, 0.0512, 0.2, p)
        for protocol in ("paper", "robust")
        for model, p in (("motion", 0.01), ("rcgrad", 0.5))
        for figure in CIOU.columns
    ]
    columns = ["model", "protocol", "reference", "figure", "difference", "difference_low", "difference_high"]
    shown = differences_text(pd.DataFrame(rows, columns=[*columns, "p_corrected"]))
    assert max(map(len, shown.splitlines())) <= 80
    motion = [line for line in shown.splitlines() if line.startswith("motion")]
    assert sum(line.count("+0.100*(+.05 +.20)") for line in motion) == 2 * 4
    assert "rcgrad  +0.100 (+.05 +.20)" in shown
