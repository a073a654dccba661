"""Cold search: a Gaussian process over a pool of configurations."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.knowledge.transfer.cold_search import fit_pool, pool_of


@pytest.mark.parametrize("seed", range(20))  # one draw in some hundreds looks like noise to it, and may
def test_fitted_pool_follows_its_trials_and_is_uncertain_far_away(seed):
    rng = np.random.default_rng(seed)
    points = rng.random((8, 2))
    fitted = fit_pool(points, np.sin(4 * points[:, 0]))
    at, far = fitted.predict(points), fitted.predict(points + 50.0)
    assert np.corrcoef(at.mean, fitted.targets)[0, 1] > 0.9
    assert far.mean == pytest.approx(np.zeros(8), abs=1e-3)
    assert at.std.max() < far.std.min()


def test_leave_one_out_prediction_equals_a_solve_without_the_row():
    rng = np.random.default_rng(0)
    points, scores = rng.random((12, 2)), rng.normal(size=12)
    fitted = fit_pool(points, scores)
    left = fitted.left_out()
    kept = np.arange(12) != 4
    again = fit_pool(points, scores)
    kernel = again.factor @ again.factor.T
    expected = kernel[4, kept] @ np.linalg.solve(kernel[np.ix_(kept, kept)], fitted.targets[kept])
    assert left.mean[4] == pytest.approx(expected)


def test_pool_has_unit_scale_and_no_constant_columns():
    features = np.random.default_rng(0).random((400, 3)) * [1.0, 1000.0, 0.0] + 5.0
    points = pool_of(features).points
    assert points.shape == (400, 2)
    distances = np.square(points[:, None] - points[None]).sum(axis=2)
    assert distances.mean() == pytest.approx(1.0, rel=1e-6)


def test_expected_gain_of_equal_scores_is_finite():
    fitted = fit_pool(np.random.default_rng(0).random((4, 2)), np.full(4, 2.0))
    assert np.isfinite(fitted.expected_gain(np.random.default_rng(1).random((5, 2)))).all()
