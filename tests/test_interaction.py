"""Several sources in one picture: every one must be found; pictures are what is counted, and left out."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowgrad import artifacts
from flowgrad.check import check
from flowgrad.config import parse
from flowgrad.errors import InputError
from flowgrad.evaluation import interaction
from flowgrad.evaluation.base import Metric
from flowgrad.evaluation.intervals import GROUPS, replicated, with_intervals
from flowgrad.evaluation.registry import METRICS
from flowgrad.evaluation.summary import figures
from flowgrad.schemas.plan import PLACES
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


def test_clips_of_a_place_come_together_and_places_are_left_out():
    clips = {"a-cat": of([0.9]), "a-dog": of([0.2]), "b-cat": of([0.7]), "b-dog": of([0.6]), "c-cat": of([0.5])}
    place_of = {name: name[0] for name in clips}
    found = figures(clips, place_of, [METRICS["ciou"], IIOU])
    assert found["success_at_0_5"] == 0.8
    assert found["iiou"] == pytest.approx(2 / 3)
    made = replicated(IIOU, [[of([0.9]), of([0.2])], [of([0.7]), of([0.6])], [of([0.5])]])
    assert made.replicates["iiou"].tolist() == pytest.approx([1.0, 0.5, 0.5])
    assert found["iiou_low"] < 2 / 3 < found["iiou_high"]


@given(pictures)
def test_the_short_way_to_the_replicates_is_that_of_leaving_out(drawn):
    """As a mean over pictures, of unequal numbers of pairs, and as a figure that is computed anew."""
    places = [[of([ciou]) for ciou in picture] for picture in drawn]
    long_way = Metric("iiou", None, IIOU.columns, IIOU.summarise, beside=("ciou",), by_place=True)
    short, long = replicated(IIOU, places), replicated(long_way, places)
    for column in IIOU.columns:
        np.testing.assert_allclose(short.replicates[column], long.replicates[column], atol=1e-12)


def test_a_group_of_places_keeps_them_apart():
    """Of more places than replicates several are left out together; they do not become one picture."""
    rng = np.random.default_rng(2)
    places = [[of([value]) for value in rng.random(2) ** 0.5] for _ in range(2 * GROUPS)]
    long_way = Metric("iiou", None, IIOU.columns, IIOU.summarise, beside=("ciou",), by_place=True)
    made = replicated(long_way, places)
    kept = [np.concatenate(place) for number, place in enumerate(places) if number % GROUPS != 3]
    assert made.replicates["iiou"][3] == interaction.figures(kept)["iiou"]


def test_a_mean_over_items_is_none_over_places():
    wrong = Metric(
        "pairs", None, ("x",), lambda some: {"x": np.concatenate(some).mean()}, ("ciou",), by_place=True, means=("x",)
    )
    with pytest.raises(InputError, match="metric pairs: x is no mean over places"):
        with_intervals(wrong, [[of([0.0]), of([0.0])], [of([1.0])]])


def test_in_the_summary_and_against_a_reference(tmp_path: Path):
    """A pair without a value is skipped; its picture is judged by the others."""
    clips = {
        "a1": (0.9, 0.9),
        "a2": (0.1, 0.8),
        "b1": (0.7, 0.6),
        "b2": (0.6, 0.2),
        "c1": (0.8, 0.8),
        "c2": (None, 0.1),
    }
    rows = [
        (model, "paper", clip, 0, 1.5, "ciou", value, "ok" if value is not None else "no_sound")
        for clip, values in clips.items()
        for model, value in zip(("flow", "rcgrad"), values, strict=True)
    ]
    artifacts.write_table(tmp_path / "scores.csv", pd.DataFrame(rows, columns=list(SCORES)))
    plan = pd.DataFrame([dict.fromkeys(PLACES, "") | {"video": c, "shard": "1", "place": c[0]} for c in clips])
    artifacts.write_table(tmp_path / "plan.csv", plan[list(PLACES)])
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
    assert table.loc["flow", ["frames", "skipped", "places"]].tolist() == [5, 1, 3]
    assert table.loc["flow", "iiou"] == pytest.approx(2 / 3, abs=1e-6)
    assert table.loc["rcgrad", "iiou"] == pytest.approx(1 / 3, abs=1e-6)
    gaps = pd.read_csv(tmp_path / "differences.csv").set_index("figure")
    # on the pairs that both have: the third picture succeeds in both
    assert gaps.loc["iiou", "difference"] == pytest.approx(2 / 3 - 2 / 3, abs=1e-6)
    assert gaps.loc["iiou", ["frames", "places"]].tolist() == [5, 3]


def test_a_slice_has_some_of_a_pictures_pairs_and_so_no_figure():
    assert [metric.name for metric in sliced([METRICS["ciou"], IIOU])] == ["ciou"]


def test_a_metric_of_ones_own_is_tried_with_the_values_that_it_reads(tmp_path: Path):
    (tmp_path / "own_interaction.py").write_text(
        "from flowgrad.evaluation.base import Metric\n"
        "OWN = Metric('own', None, ('x',), lambda s: {'x': min(v[:, 0].min() for v in s)}, ('ciou',), by_place=True)\n"
    )
    raw = {"dataset": {"root": "data"}, "metrics": ["ciou", "own"], "plugins": [str(tmp_path / "own_interaction.py")]}
    assert not [problem for problem in check(parse(raw), dataset=False).problems if "metric" in problem]
