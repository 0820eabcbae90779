"""Which map belongs to which source: against every permutation, and against counting pixels."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from flowgrad.evaluation.assignment import NONE, assigned, ciou_of_pairs, frame_wise, source_wise

COUNTS = st.tuples(st.integers(0, 5), st.integers(0, 5))
# few values, so that many assignments are as good
SCORES = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1), st.floats(-1e6, 1e6))


def best_sum(scores: np.ndarray) -> float:
    """The highest sum of any assignment, of all that there are."""
    scores = scores if scores.shape[0] >= scores.shape[1] else scores.T
    maps, sources = scores.shape
    return max(sum(scores[chosen[s], s] for s in range(sources)) for chosen in permutations(range(maps), sources))


@given(COUNTS.flatmap(lambda shape: hnp.arrays(np.float64, shape, elements=SCORES)))
def test_no_permutation_is_better(scores):
    maps, sources = scores.shape
    found = assigned(scores)
    assert found.shape == (sources,)
    used = found[found != NONE]
    assert len(used) == len(set(used.tolist())) == min(maps, sources)
    total = sum(scores[chosen, source] for source, chosen in enumerate(found) if chosen != NONE)
    assert total == pytest.approx(best_sum(scores), abs=1e-6)


@pytest.mark.parametrize("shape", [(40, 40), (60, 25), (25, 60)])
def test_large_ones_are_found_where_the_answer_is_known(shape):
    """A hidden assignment with the highest score of its row and column is the only best one."""
    rng = np.random.default_rng(3)
    maps, sources = shape
    scores = rng.random(shape) * 0.9
    few = min(shape)
    hidden_maps, hidden_sources = rng.permutation(maps)[:few], rng.permutation(sources)[:few]
    scores[hidden_maps, hidden_sources] = 1
    expected = np.full(sources, NONE)
    expected[hidden_sources] = hidden_maps
    np.testing.assert_array_equal(assigned(scores), expected)


@st.composite
def masks_and_sources(draw):
    maps, sources = draw(COUNTS)
    masks = draw(hnp.arrays(np.bool_, (maps, 2, 3)))
    return masks, draw(hnp.arrays(np.float32, (sources, 2, 3), elements=st.sampled_from([0.0, 0.5, 1.0])))


def counted(mask: np.ndarray, truth: np.ndarray) -> float:
    pairs = list(zip(mask.ravel().tolist(), truth.ravel().tolist(), strict=True))
    union = sum(true for _, true in pairs) + sum(marked and not true for marked, true in pairs)
    return sum(true for marked, true in pairs if marked) / union if union else 0.0


@given(masks_and_sources())
@settings(deadline=None)
def test_scores_are_those_of_counting(drawn):
    masks, sources = drawn
    pairs = ciou_of_pairs(masks, sources)
    assert pairs.shape == (len(masks), len(sources))
    for k, mask in enumerate(masks):
        for s, truth in enumerate(sources):
            assert pairs[k, s] == pytest.approx(counted(mask, truth))
    everything, all_sources = np.zeros((2, 3), bool), np.zeros((2, 3))
    for mask in masks:
        everything |= mask
    for truth in sources:
        all_sources = np.maximum(all_sources, truth)
    assert frame_wise(masks, sources) == pytest.approx(counted(everything, all_sources))
    found = source_wise(masks, sources)
    assert found.shape == (len(sources),)
    assert found.sum() == pytest.approx(best_sum(pairs), abs=1e-9)


@given(masks_and_sources(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_maps_and_sources_says_nothing(drawn, random):
    masks, sources = drawn
    maps, places = list(range(len(masks))), list(range(len(sources)))
    random.shuffle(maps)
    random.shuffle(places)
    shuffled = masks[maps], sources[places]
    assert frame_wise(*shuffled) == pytest.approx(frame_wise(masks, sources))
    assert source_wise(*shuffled).sum() == pytest.approx(source_wise(masks, sources).sum())


def test_both_questions_have_answers_of_their_own():
    """Maps that find everything and cannot tell the sources apart; a map too few."""
    left = np.zeros((1, 4, 4), np.float32)
    left[..., :2] = 1
    sources = np.concatenate([left, 1 - left])
    both = np.ones((2, 4, 4), bool)
    assert frame_wise(both, sources) == 1
    assert source_wise(both, sources).tolist() == [0.5, 0.5]
    assert frame_wise(sources > 0, sources) == 1
    assert source_wise(sources[::-1] > 0, sources).tolist() == [1, 1], "whichever map it is"
    assert source_wise(left > 0, sources).tolist() == [1, 0]
    assert frame_wise(left > 0, sources) == 0.5


def test_what_is_no_mask_is_refused():
    masks, sources = np.zeros((2, 3, 4), bool), np.zeros((1, 3, 4))
    with pytest.raises(ValueError, match=r"masks: expected \(K, H, W\) bool, got \(2, 3, 4\) float64"):
        source_wise(masks.astype(float), sources)
    with pytest.raises(ValueError, match=r"sources: expected \(S, 3, 4\), got \(1, 4, 3\)"):
        frame_wise(masks, sources.reshape(1, 4, 3))
    with pytest.raises(ValueError, match=r"scores: expected finite \(K, S\), got \(1, 2\)"):
        assigned(np.array([[0.5, np.nan]]))
    with pytest.raises(ValueError, match=r"scores: expected finite \(K, S\), got \(3,\)"):
        assigned(np.zeros(3))
