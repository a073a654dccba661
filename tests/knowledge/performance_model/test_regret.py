"""Regret: levels of tasks, scales of scores and their compression."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasoned.errors import InvalidInput
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.performance_model.regret import compress, expand, levels_of, regret, standardise

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.floats(0.01, 100.0), st.floats(-50.0, 50.0))
def test_regret_ignores_units_of_the_scores(seed, factor, shift):
    scores = np.random.default_rng(seed).normal(size=(4, 9))
    scores[0, 0] = np.nan
    one, other = regret(scores, levels_of(scores)), regret(factor * scores + shift, levels_of(factor * scores + shift))
    assert one == pytest.approx(other, abs=1e-6, nan_ok=True)
    assert np.nanmin(one, axis=1) == pytest.approx(np.zeros(4), abs=1e-9)


def test_task_with_equal_scores_has_finite_regrets():
    scores = np.full((1, 5), 3.0)
    assert regret(scores, levels_of(scores)).tolist() == [[1.0] * 5]  # best and median fall together


def test_levels_of_a_task_without_scores_are_refused():
    with pytest.raises(InvalidInput, match="task 1"):
        levels_of(np.array([[1.0, 2.0], [np.nan, np.nan]]))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_compression_keeps_the_order_and_is_inverted_by_expansion(numbers):
    z = np.sort(np.array(numbers))
    assert (np.diff(compress(z)) >= 0).all()
    assert expand(compress(z)) == pytest.approx(z, rel=1e-9, abs=1e-9)


def test_gap_of_a_searched_task_has_a_lower_bound():
    scores = np.array([[1.0, 1.2, 1.1, 3.0, 1.15], [1.0, 9.0, 5.0, 6.0, 2.0]])
    plain, wide = levels_of(scores), levels_of(scores, np.array([1.0, 1.0]))
    assert plain.gap[0] == pytest.approx(0.15)
    assert wide.gap.tolist() == pytest.approx([1.0, plain.gap[1]])
    assert standardise(scores, wide).min(axis=1).tolist() == pytest.approx([-1.0, -1.0])
    assert standardise(scores, wide)[0, 3] == pytest.approx(1.0)  # 12.3 by the median of the tuned ones
    assert standardise(scores, plain)[0, 3] > 12.0


def test_gap_of_a_task_with_ties_at_the_best_is_of_the_others():
    scores = np.array([[0.0, 0.0, 0.0, 1.0, 3.0], [1.0, 3.0, 2.0, 4.0, 5.0]])
    level = levels_of(scores)
    assert level.median.tolist() == [0.0, 3.0]
    np.testing.assert_allclose(level.gap, [0.2, 2.0])
    np.testing.assert_allclose(standardise(scores, level)[0], [0, 0, 0, 5, 15])
    assert regret(scores, level)[0].tolist() == [1.0] * 5, "there is nothing between the best and the median"
    alone = levels_of(np.array([[2.0, 2.0, 2.0]]))
    assert (alone.median.tolist(), alone.gap[0] > 0) == ([2.0], True)


def test_task_with_equal_scores_leaves_levels_of_others_unchanged():
    """Its gap was next to nothing, and the grid of hypotheses went from there on: all gains were no numbers."""
    rng = np.random.default_rng(0)
    past = rng.random((19, 30))
    plain = levels_of(past)
    for same in (np.zeros((1, 30)), np.full((1, 30), 0.5)):
        level = levels_of(np.vstack([past, same]))
        np.testing.assert_array_equal(level.gap[:19], plain.gap)
        assert level.gap[19] == np.median(plain.gap)
        belief = fit_metric(np.vstack([past, same])).condition(np.array([3, 7]), past[0, [3, 7]])
        assert np.isfinite(belief.expected_gain(np.arange(30))).all()


def test_huge_score_of_a_failure_does_not_set_the_gap():
    scores = np.array([[0.1, 0.2, 0.3, 0.4, 1e12]])
    assert levels_of(scores).gap.tolist() == [0.3 - 0.1]
