"""The built-in metrics against loops that follow their definitions, and what they are told of items without truth."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from flowgrad.datasets.base import Annotations, Region, SoundEvent
from flowgrad.errors import InputError
from flowgrad.evaluation import highlight, negatives, pointing, success
from flowgrad.evaluation.base import Metric, Prediction
from flowgrad.evaluation.registry import METRICS
from flowgrad.evaluation.silent import negative_items
from flowgrad.stages.tables import figures, frame_columns, summary_columns

maps = hnp.arrays(np.float32, (2, 5, 5), elements=st.sampled_from([-1.0, 0.0, 0.25, 2.0]))
masks = hnp.arrays(np.bool_, (2, 5, 5))
# few values, so that many are equal; None: an item without truth
judged = st.lists(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.7]), st.sampled_from([None, 0.0, 0.1, 0.4999, 0.5, 0.95, 1.0])),
        min_size=1,
        max_size=6,
    ),
    min_size=1,
    max_size=5,
)


def arrays(clips: list[list[tuple[float, float | None]]]) -> list[np.ndarray]:
    return [np.array([(own, math.nan if ciou is None else ciou) for own, ciou in clip]) for clip in clips]


@given(judged)
def test_average_precision_f1_and_accuracy_are_those_of_counting(clips):
    """Every threshold that makes a difference, one item after the other; precision from the best end."""
    items = [item for clip in clips for item in clip]
    positives = [item for item in items if item[1] is not None]
    precisions, recalls, f1s, right = [], [], [], [sum(ciou is None for _, ciou in items)]
    for threshold in sorted({own for own, _ in items}, reverse=True):
        tp = sum(own >= threshold and ciou is not None and ciou >= 0.5 for own, ciou in items)
        fp = sum(own >= threshold and (ciou is None or ciou < 0.5) for own, ciou in items)
        fn = sum(own < threshold for own, _ in positives)
        precisions.append(tp / (tp + fp))
        recalls.append(tp / (tp + fn) if tp + fn else 1.0)
        f1s.append(2 * tp / (2 * tp + fp + fn) if 2 * tp + fp + fn else 1.0)
        right.append(tp + sum(own < threshold and ciou is None for own, ciou in items))
    found = negatives.figures(arrays(clips))
    assert found["negatives"] == len(items) - len(positives)
    assert found["localization_accuracy"] == pytest.approx(max(right) / len(items))
    if not positives:
        assert math.isnan(found["average_precision"])
        assert math.isnan(found["max_f1"])
        return
    area, before = 0.0, 0.0
    for place, recall in enumerate(recalls):
        area += (recall - before) * max(precisions[place:])
        before = recall
    assert found["average_precision"] == pytest.approx(area)
    assert found["max_f1"] == pytest.approx(
        max(2 * p * r / (p + r) if p + r else 0.0 for p, r in zip(precisions, recalls, strict=True))
    )


@given(judged)
@settings(deadline=None)
def test_average_precision_is_that_of_a_library_where_nothing_is_confused(clips):
    """Every item with truth is found and no two confidences are equal: SLAVC's counts are then the usual ones."""
    from torchmetrics.functional.classification import binary_average_precision

    torch = pytest.importorskip("torch")
    items = [ciou is not None for clip in clips for _, ciou in clip]
    order = np.random.default_rng(len(items)).permutation(len(items)) / len(items)
    if not any(items):
        return
    found = negatives.curve(order, np.array(items), np.array(items))
    precision, recall, _ = found.T
    area = float((np.diff(recall, prepend=0.0) * precision).sum())
    expected = binary_average_precision(torch.tensor(order), torch.tensor(items, dtype=torch.long))
    assert area == pytest.approx(float(expected), abs=1e-5)


def test_one_that_knows_when_to_be_silent_beats_one_that_does_not():
    knows = [np.array([[0.9, 1.0], [0.8, 0.9], [0.1, np.nan], [0.2, np.nan]])]
    blind = [np.array([[0.1, 1.0], [0.2, 0.9], [0.9, np.nan], [0.8, np.nan]])]
    perfect = {"average_precision": 1.0, "max_f1": 1.0, "localization_accuracy": 1.0, "negatives": 2}
    assert negatives.figures(knows) == perfect
    assert all(negatives.figures(blind)[name] < 1 for name in list(perfect)[:3])
    without = [clip[:2] for clip in blind]
    assert negatives.figures(without)["localization_accuracy"] == 1, "success at 0.5"


@given(maps)
def test_confidence_is_the_mean_of_the_highest_quarter(found):
    expected = [np.mean(sorted(map(float, one.ravel()), reverse=True)[:6]) for one in found]
    np.testing.assert_allclose(negatives.confidence(found), expected, atol=1e-6)


def test_confidence_is_that_of_the_maps_before_they_are_normalised():
    raw = np.full((1, 2, 2), 7, np.float32)
    prediction = Prediction(np.ones_like(raw), raw > 0, raw)
    assert negatives.of_items(prediction, np.zeros_like(raw)) == [7]
    assert negatives.of_items(Prediction(prediction.maps, prediction.masks), np.zeros_like(raw)) == [1]


@given(maps, masks)
def test_the_pointing_game_draws_among_the_highest(found, truth):
    expected = []
    for one, true in zip(found.tolist(), truth.tolist(), strict=True):
        cells = [
            (value, hit) for row, hits in zip(one, true, strict=True) for value, hit in zip(row, hits, strict=True)
        ]
        best = max(value for value, _ in cells)
        inside = [hit for value, hit in cells if value == best]
        expected.append(sum(inside) / len(inside))
    np.testing.assert_allclose(pointing.hits(found, truth.astype(np.float32)), expected)


@given(masks, judged)
def test_what_is_highlighted_is_counted_pixel_by_pixel(marked, clips):
    shares = highlight.of_items(Prediction(marked.astype(np.float32), marked), np.zeros(marked.shape, np.float32))
    assert shares.tolist() == pytest.approx([sum(map(sum, one)) / 25 for one in marked.tolist()])
    found = highlight.figures(arrays(clips))
    for name, wanted in (("highlighted", False), ("highlighted_negatives", True)):
        chosen = [own for clip in clips for own, ciou in clip if (ciou is None) == wanted]
        if not chosen:
            assert math.isnan(found[name])
            assert math.isnan(found[f"{name}_auc"])
            continue
        rates = [sum(share <= 0.05 * i for share in chosen) / len(chosen) for i in range(21)]
        area = sum(0.05 * (low + high) / 2 for low, high in pairwise(rates))
        assert found[name] == pytest.approx(sum(chosen) / len(chosen))
        assert found[f"{name}_auc"] == pytest.approx(area)


@given(judged)
def test_success_at_a_tenth_is_counted(clips):
    cious = [[ciou for _, ciou in clip if ciou is not None] for clip in clips]
    some = [np.array(clip)[:, None] for clip in cious if clip]
    if some:
        flat = [value for clip in cious for value in clip]
        assert success.figures(some)["success_at_0_1"] == pytest.approx(sum(v >= 0.1 for v in flat) / len(flat))


def test_figures_give_each_metric_the_values_that_it_reads():
    """A column a metric that has values; an item without truth reaches those alone that read it."""
    names = ("ciou", "success_0_1", "confidence", "highlighted")
    chosen = [METRICS[name] for name in names]
    clips = [
        np.array([[0.6, 0.9, 0.5], [np.nan, 0.1, 0.0], [np.nan, np.nan, np.nan]]),
        np.array([[0.05, 0.5, 0.25]]),
    ]
    place_of = {"a": "here", "b": "there"}
    found = figures(dict(zip("ab", clips, strict=True)), place_of, chosen, {})
    assert found["success_at_0_5"] == found["success_at_0_1"] == 0.5
    assert found["negatives"] == 1
    assert (found["highlighted"], found["highlighted_negatives"]) == (0.375, 0)
    assert frame_columns(chosen)[5:] == ["ciou", "status", "confidence", "highlighted"]
    assert {name for name in found if not name.endswith(("_low", "_high"))} == {
        column for metric in chosen for column in metric.columns
    }
    assert set(found) <= set(summary_columns(chosen))
    assert figures({"a": np.full((1, 3), np.nan)}, place_of, chosen, {}) == {}


def test_what_a_metric_is_not_is_said():
    with pytest.raises(InputError, match=r"metric odd: beside: expected \('ciou',\), got 'ciou'"):
        Metric("odd", None, ("odd",), success.figures, beside="ciou")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="metric odd: expected a value an item, or metrics that it reads"):
        Metric("odd", None, ("odd",), success.figures)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), []),
        ((SoundEvent(-1, -1, "-1", True),), [0, 4, 8, 12]),
        ((SoundEvent(-1, -1, "-1", False),), []),
        ((SoundEvent(0, 9, "offscreen", True),), [0, 4, 8, 12]),
        ((SoundEvent(0, 9, "offscreen", False),), []),
        ((SoundEvent(0.5, 1, "car", True),), [0, 12]),
        ((SoundEvent(0.51, 1, "car", False),), [0, 4, 12]),
    ],
)
def test_a_frame_is_a_negative_where_somebody_listened_and_nothing_on_screen_sounds(events, expected):
    assert negative_items(Annotations(events=events), frames=16) == expected


def test_a_still_is_no_negative():
    events = (SoundEvent(-1, -1, "-1", True),)
    assert negative_items(Annotations(regions=(Region(0, 0, 1, 1),), events=events), frames=1) == []
