"""Several sources in one picture: every one must be found; pictures are what is counted, and left out."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import layouts
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowgrad import artifacts
from flowgrad.check import check
from flowgrad.config import parse
from flowgrad.datasets.base import Annotations, Clip
from flowgrad.datasets.registry import open_dataset
from flowgrad.errors import InputError
from flowgrad.evaluation import interaction
from flowgrad.evaluation.base import Metric
from flowgrad.evaluation.intervals import GROUPS, replicated, with_intervals
from flowgrad.evaluation.registry import METRICS
from flowgrad.evaluation.summary import figures, grouped
from flowgrad.plan import Plan
from flowgrad.report import summary_text
from flowgrad.schemas.plan import PICTURES, PLACES
from flowgrad.schemas.scores import SCORES
from flowgrad.stages.slices import sliced
from flowgrad.stages.tables import run_summary

IIOU = METRICS["iiou"]
VALUES = st.sampled_from([0.0, 0.1, 0.4999, 0.5, 0.6, 0.85, 1.0])
pictures = st.lists(st.lists(VALUES, min_size=1, max_size=4), min_size=1, max_size=8)


def of(picture: list[float]) -> np.ndarray:
    return np.array(picture)[:, None]


@given(pictures)
def test_figures_are_those_of_counting(drawn):
    """Picture by picture, pair by pair and threshold by threshold, with the thresholds' float rounding."""

    def share(threshold: float) -> float:
        return sum(min(int(ciou >= threshold) for ciou in picture) for picture in drawn) / len(drawn)

    rates = [share(0.05 * i) for i in range(21)]
    found = interaction.figures([of(picture) for picture in drawn])
    assert found["iiou"] == pytest.approx(share(0.5))
    assert found["iauc"] == pytest.approx(sum(0.05 * (low + high) / 2 for low, high in pairwise(rates)))


@given(pictures)
def test_a_picture_is_no_better_than_its_pairs(drawn):
    """IIoU is at most the share of pairs that succeed, where all pictures have as many; of one pair each it is that."""
    alike = [(picture * 4)[:2] for picture in drawn]
    pairs = np.concatenate([np.array(picture) for picture in alike])
    assert interaction.figures([of(picture) for picture in alike])["iiou"] <= (pairs >= 0.5).mean() + 1e-12
    alone = [picture[:1] for picture in drawn]
    assert interaction.figures([of(picture) for picture in alone])["iiou"] == pytest.approx(
        np.mean([picture[0] >= 0.5 for picture in alone])
    )


def test_by_hand():
    """Two instruments: both found; one found; none. A model that marks one of them whatever sounds has the second."""
    found = interaction.figures([of([0.5, 0.9]), of([0.9, 0.0]), of([0.1, 0.1])])
    assert found["iiou"] == pytest.approx(1 / 3)
    # the least are 0.5, 0 and 0.1: 11, 1 and 3 thresholds of 21, and the first counts by half
    assert found["iauc"] == pytest.approx(0.05 * (11 + 1 + 3 - 1.5) / 3)


CLIPS = {"a-cat": of([0.9]), "a-dog": of([0.2]), "b-cat": of([0.7]), "b-dog": of([0.6]), "c-cat": of([0.5])}
PAIRS = {"a": ["a-cat", "a-dog"], "b": ["b-cat", "b-dog"], "c": ["c-cat"]}


def test_pairs_of_a_picture_come_together_and_pictures_are_left_out():
    found = figures(CLIPS, {name: name[0] for name in CLIPS}, [METRICS["ciou"], IIOU], PAIRS)
    assert found["success_at_0_5"] == 0.8
    assert found["iiou"] == pytest.approx(2 / 3)
    made = replicated(IIOU, [[of([0.9, 0.2])], [of([0.7, 0.6])], [of([0.5])]])
    assert made.replicates["iiou"].tolist() == pytest.approx([1.0, 0.5, 0.5])
    assert found["iiou_low"] < 2 / 3 < found["iiou_high"]


def test_a_place_of_several_pictures_is_left_out_as_a_whole():
    """The least is that of a picture, and what is left out is a place: of two there are two replicates."""
    place_of = {name: "video 2" if name[0] == "c" else "video 1" for name in CLIPS}
    (first, second) = grouped(IIOU, CLIPS, place_of, PAIRS)
    assert [picture[:, 0].tolist() for picture in first] == [[0.9, 0.2], [0.7, 0.6]]
    assert [picture[:, 0].tolist() for picture in second] == [[0.5]]
    made = replicated(IIOU, [first, second])
    assert made.figures["iiou"] == pytest.approx(2 / 3)
    assert made.replicates["iiou"].tolist() == [1.0, 0.5]
    by_video = interaction.figures([of([0.9, 0.2, 0.7, 0.6]), of([0.5])])
    assert by_video["iiou"] == 0.5, "taken by places the figure is another"


def test_a_picture_with_a_pair_that_has_no_value_does_not_count():
    clips = {name: values for name, values in CLIPS.items() if name != "a-dog"}
    assert len(grouped(IIOU, clips, {name: "street" for name in clips}, PAIRS)[0]) == 2
    assert grouped(IIOU, {"a-cat": of([1.0])}, {"a-cat": "street"}, PAIRS) == []


@given(pictures)
def test_the_short_way_to_the_replicates_is_that_of_leaving_out(drawn):
    """As a mean over pictures, of unequal numbers of pairs in places of two, and as a figure that is computed anew."""
    places = [[of(picture) for picture in drawn[start : start + 2]] for start in range(0, len(drawn), 2)]
    long_way = Metric("iiou", None, IIOU.columns, IIOU.summarise, beside=("ciou",), by_picture=True)
    short, long = replicated(IIOU, places), replicated(long_way, places)
    for column in IIOU.columns:
        np.testing.assert_allclose(short.replicates[column], long.replicates[column], atol=1e-12)


def test_a_group_of_places_keeps_them_apart():
    """Of more places than replicates several are left out together; they do not become one picture."""
    rng = np.random.default_rng(2)
    places = [[of(list(rng.random(2) ** 0.5))] for _ in range(2 * GROUPS)]
    long_way = Metric("iiou", None, IIOU.columns, IIOU.summarise, beside=("ciou",), by_picture=True)
    made = replicated(long_way, places)
    kept = [place[0] for number, place in enumerate(places) if number % GROUPS != 3]
    assert made.replicates["iiou"][3] == interaction.figures(kept)["iiou"]


def test_a_mean_over_items_is_none_over_pictures():
    wrong = Metric(
        "pairs", None, ("x",), lambda some: {"x": np.concatenate(some).mean()}, ("ciou",), by_picture=True, means=("x",)
    )
    with pytest.raises(InputError, match="metric pairs: x is no mean over pictures"):
        with_intervals(wrong, [[of([0.0, 0.0])], [of([1.0])]])


def test_in_the_summary_and_against_a_reference(tmp_path: Path):
    """Two pictures of one place, and four others. A picture with a pair that is skipped, that has no truth or whose
    file is absent does not count; a clip that is no pair of any picture, as a negative is, is not asked for."""
    clips = {
        "a1": (0.9, 0.9),
        "a2": (0.1, 0.8),
        "b1": (0.7, 0.6),
        "b2": (0.6, 0.2),
        "c1": (0.8, 0.8),
        "c2": (None, 0.1),
        "d1": (1.0, 1.0),
        "e1": (0.9, 0.1),
    }
    rows = [
        (model, "paper", clip, 0, 1.5, "ciou", value, "ok" if value is not None else "no_sound")
        for clip, values in clips.items()
        for model, value in zip(("flow", "rcgrad"), values, strict=True)
    ]
    rows += [(model, "paper", "negative", 0, 1.5, "ciou", None, "negative") for model in ("flow", "rcgrad")]
    artifacts.write_table(tmp_path / "scores.csv", pd.DataFrame(rows, columns=list(SCORES)))
    # of d2 the file is absent, f1 has no box that counts
    named = [*clips, "d2", "f1"]
    places = [{"a": "street", "b": "street"}.get(clip[0], clip[0]) for clip in named]
    plan = pd.DataFrame({"video": named, "place": places, "picture": [clip[0] for clip in named], "reason": ""})
    plan["shard"] = ["" if clip == "d2" else "1" for clip in named]
    negative = {"video": "negative", "shard": "1", "reason": "", "place": "e", "picture": ""}
    plan = pd.concat([plan, pd.DataFrame([negative])])
    artifacts.write_table(tmp_path / "plan.csv", plan[list(PICTURES)])
    run_summary(
        plan_in=tmp_path / "plan.csv",
        scores_in=[tmp_path / "scores.csv"],
        rows=[("flow", "paper"), ("rcgrad", "paper")],
        metrics=[METRICS["ciou"], IIOU],
        reference="flow",
        frames_out=tmp_path / "frames.csv",
        summary_out=tmp_path / "summary.csv",
        differences_out=tmp_path / "differences.csv",
    )
    table = pd.read_csv(tmp_path / "summary.csv").set_index("model")
    counts = ["frames", "skipped", "places", "pictures", "skipped_pictures"]
    assert table.loc["flow", counts].tolist() == [7, 1, 4, 3, 3]
    assert table.loc["rcgrad", counts].tolist() == [8, 0, 4, 4, 2]
    # of a, b, e; of a, b, c, e
    assert table.loc["flow", "iiou"] == pytest.approx(2 / 3, abs=1e-6)
    assert table.loc["rcgrad", "iiou"] == pytest.approx(1 / 4, abs=1e-6)
    gaps = pd.read_csv(tmp_path / "differences.csv").set_index("figure")
    # of a, b and e, whose pairs both have
    assert gaps.loc["iiou", "difference"] == pytest.approx(1 / 3 - 2 / 3, abs=1e-6)
    assert gaps.loc["iiou", ["frames", "places"]].tolist() == [5, 2]
    assert gaps.loc["mean_ciou", ["frames", "places"]].tolist() == [7, 4]
    shown = summary_text(table.reset_index())
    assert "pictures  skipped_pictures" in shown


FLUTE = "HnUOaSfTA6c_000_00000"
GROUPINGS = [
    ("audioset-instruments", {"video 0": 3, "video 1": 2}, {"3": 2, "4": 1, "12": 2}),
    (
        "music",
        {"9XoXQXCVUQY": 2, "HnUOaSfTA6c": 2},
        {"9XoXQXCVUQY_000_00000": 1, "9XoXQXCVUQY_000_00007": 1, FLUTE: 2},
    ),
    ("is3", {"cat_alarmclock_1828": 2, "lion_chainsaw_756": 2}, {"cat_alarmclock_1828": 2, "lion_chainsaw_756": 2}),
    (
        "vpo",
        {"000000489267": 2, "000000041772": 1, "000000041773": 1},
        {"000000489267": 2, "000000041772": 1, "000000041773": 1},
    ),
    (
        "vggsound-duet",
        {"zpWuikVorYg_000032+gEvCUcZ6w88_000030": 2},
        {"zpWuikVorYg_000032+gEvCUcZ6w88_000030": 2},
    ),
]


@pytest.mark.parametrize(("name", "places", "shown"), GROUPINGS, ids=[name for name, *_ in GROUPINGS])
def test_the_pictures_of_a_dataset_stand_in_the_plan(tmp_path, name, places, shown):
    layouts.WRITERS[name](tmp_path / "data", 0)
    plan = Plan(tmp_path / "results")
    plan.update(open_dataset(name, tmp_path / "data"), 10)
    table = artifacts.read_table(plan.clips_file, PICTURES)
    assert Counter(table["place"]) == places
    assert Counter(table["picture"]) == shown


def test_every_item_of_ms3_is_a_picture_of_its_video(tmp_path):
    files = {
        number: (f"visual_frames/clip/clip.mp4_{number}.png", f"audio_wav/test/clip{number}.wav", [1.0, 1.0, 9.0, 9.0])
        for number in ("1", "2")
    }
    layouts._box_pairs(tmp_path, "ms3_box.json", files, 0)
    clips = open_dataset("vpo", tmp_path).clips()
    assert [(clip.name, clip.place, clip.shown) for clip in clips] == [
        ("clip_1", "clip", "clip_1"),
        ("clip_2", "clip", "clip_2"),
    ]


def test_a_negative_is_a_pair_of_no_picture(tmp_path):
    """Its picture can be that of a clip that sounds: nothing of it is found under a foreign sound."""
    layouts.write_vggss(tmp_path / "data")
    plan = Plan(tmp_path / "results")
    plan.update(open_dataset("vggss", tmp_path / "data", "vggss_test_plus_silent"), 10)
    table = artifacts.read_table(plan.clips_file, PICTURES)
    assert len(table) == 4
    assert set(table["picture"].dropna()) == set(layouts.VGGSS)


def test_the_pairs_of_a_picture_have_one_place(tmp_path):
    class TwoPlaces:
        root, labelled = tmp_path, True

        def clips(self):
            return [Clip(name, None, place=name, picture="shown") for name in "ab"]

        def annotations(self):
            return {name: Annotations() for name in "ab"}

    words = "clips 'a' and 'b' show one picture ('shown') at two places ('a' and 'b'); the dataset must give them one"
    with pytest.raises(InputError, match=re.escape(words)):
        Plan(tmp_path / "results").update(TwoPlaces(), 2)
    assert Clip("a", None, picture="shown").group == "shown"


def test_pictures_of_one_video_through_the_workflow(tmp_path, workflow):
    """The whole frame covers one of three pictures in each of its pairs; by videos it would be none. A folder from
    before pictures had names is brought up to date."""
    root = tmp_path / "data"
    layouts.write_audioset_instruments(root)
    content = json.loads((root / "normav.json").read_text())
    next(one for one in content["annotations"] if one["image_id"] == 4)["bbox"] = [0, 0, 1, 1]
    (root / "normav.json").write_text(json.dumps(content))
    config = {
        "dataset": {"format": "audioset-instruments", "root": str(root)},
        "models": ["centre-box", "whole-frame"],
        "protocols": ["paper"],
        "metrics": ["ciou", "iiou"],
        "pictures": 0,
    }
    run = workflow(config)
    assert run.status == 0, run.output
    summary = run.folder / "results/metrics/summary.csv"
    table = pd.read_csv(summary).set_index("model")
    assert table.loc["whole-frame", ["places", "pictures", "skipped_pictures"]].tolist() == [2, 3, 0]
    assert table.loc["whole-frame", "iiou"] == pytest.approx(1 / 3, abs=1e-6)
    before = summary.read_bytes()
    plan = run.folder / "results/plan/clips.csv"
    earlier = pd.read_csv(plan, dtype=str)[list(PLACES)]
    earlier.to_csv(plan, index=False)
    summary.unlink()
    again = workflow(config, folder=run.folder)
    assert again.status == 0, again.output
    assert pd.read_csv(plan, dtype=str).columns.tolist() == list(PICTURES)
    assert not {"score", "decode"} & again.jobs.keys()
    assert summary.read_bytes() == before


def test_a_slice_has_some_of_a_pictures_pairs_and_so_no_figure():
    assert [metric.name for metric in sliced([METRICS["ciou"], IIOU])] == ["ciou"]


def test_a_metric_of_ones_own_is_tried_with_the_values_that_it_reads(tmp_path: Path):
    (tmp_path / "own_interaction.py").write_text(
        "from flowgrad.evaluation.base import Metric\n"
        "def least(pictures): return {'x': min(pairs[:, 0].min() for pairs in pictures)}\n"
        "OWN = Metric('own', None, ('x',), least, ('ciou',), by_picture=True)\n"
    )
    raw = {"dataset": {"root": "data"}, "metrics": ["ciou", "own"], "plugins": [str(tmp_path / "own_interaction.py")]}
    assert not [problem for problem in check(parse(raw), dataset=False).problems if "metric" in problem]
