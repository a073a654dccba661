"""Optimal design: trials that lower the variance of all expected scores most."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from seasoned.errors import InvalidInput
from seasoned.knowledge import fit_metric, informative
from seasoned.knowledge.performance_model.low_rank import fit_factors

RNG = np.random.default_rng(0)


def variance(factors, rows):
    """The sum of the variances of all scores after trials of some configurations, by the whole covariance."""
    v = factors.loadings
    whole = v.T @ v
    across = whole[:, rows]
    return np.trace(
        whole - across @ np.linalg.solve(whole[np.ix_(rows, rows)] + np.diag(factors.noise[rows]), across.T)
    )


def test_each_designed_trial_lowers_the_variance_most():
    table = RNG.normal(size=(80, 3)) @ RNG.normal(size=(3, 12)) + 0.3 * RNG.normal(size=(80, 12))
    factors = fit_factors(table, 3)
    open_ = np.arange(12) != 4
    chosen = informative(factors, open_, 4).tolist()
    for place, taken in enumerate(chosen):
        before = chosen[:place]
        left = {j: variance(factors, [*before, j]) for j in np.flatnonzero(open_) if j not in before}
        assert min(left, key=left.get) == taken
    assert len(set(chosen)) == 4
    assert 4 not in chosen


def test_design_avoids_factors_that_are_known():
    factors = fit_factors(np.stack([RNG.normal(size=60) * 3, RNG.normal(size=60)], axis=1), 2)
    known = np.diag([1e-9, 1.0]) if np.abs(factors.loadings[0, 0]) > 1 else np.diag([1.0, 1e-9])
    assert informative(factors, np.ones(2, dtype=bool), 1).tolist() == [0]
    assert informative(factors, np.ones(2, dtype=bool), 1, known).tolist() == [1]


def test_designed_trials_predict_orders_better_than_trials_of_the_best():
    loadings = RNG.normal(size=(4, 100))
    scores = RNG.normal(size=(160, 4)) @ loadings + 2 * RNG.random(100) + 0.5 * RNG.normal(size=(160, 100))
    past, new = scores[:120], scores[120:]
    metric = fit_metric(past)
    best = np.argsort(past.mean(axis=0))[:5]
    telling = informative(metric.factors, np.ones(100, dtype=bool), 5)
    found = []
    for rows in (best, telling):
        rest = np.setdiff1d(np.arange(100), [*best, *telling])
        beliefs = [metric.condition(rows, task[rows]).mean(rest) for task in new]
        found.append(np.mean([spearmanr(one, task[rest])[0] for one, task in zip(beliefs, new, strict=True)]))
    assert found[1] > found[0] + 0.03


@pytest.mark.parametrize(
    ("open_", "count", "covariance"),
    [
        (np.ones(3, dtype=bool), 1, None),
        (np.ones(5, dtype=bool), 0, None),
        (np.arange(5) < 2, 3, None),
        (np.ones(5, dtype=bool), 1, np.eye(5)),
    ],
)
def test_design_with_inconsistent_arguments_is_refused(open_, count, covariance):
    factors = fit_factors(RNG.normal(size=(20, 5)), 2)
    with pytest.raises(InvalidInput, match="give"):
        informative(factors, open_, count, covariance)
