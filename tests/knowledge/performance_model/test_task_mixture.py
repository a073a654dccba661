"""Task mixture: past tasks conditioned on the trials of a new task."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from planted_scores import planted
from seasoned.knowledge.performance_model.low_rank import fit_factors
from seasoned.knowledge.performance_model.regret import Level, compress, levels_of, standardise
from seasoned.knowledge.performance_model.settings import MetricSettings
from seasoned.knowledge.performance_model.task_mixture import condition


def test_trials_order_other_configurations_on_any_scale_of_the_task():
    """Tasks of other medians and gaps: configurations that were not tried come out in the planted order."""
    table, _, _ = planted(4, tasks=300)
    rng = np.random.default_rng(5)
    median, gap = rng.normal(0.5, 0.1, 300), rng.uniform(0.1, 0.3, 300)
    scores = median[:, None] + gap[:, None] * standardise(table, levels_of(table))
    past = Level(median[:250], gap[:250])
    factors = fit_factors(compress(standardise(scores[:250], past)), 2)
    rows, others = np.arange(0, 30, 3), np.setdiff1d(np.arange(30), np.arange(0, 30, 3))
    alike = np.full(250, 1 / 250)
    agreement = [
        spearmanr(
            condition(scores[task, rows], rows, factors, past, alike, MetricSettings()).mean(others),
            scores[task, others],
        ).statistic
        for task in range(250, 300)
    ]
    assert np.mean(agreement) > 0.9


def test_scores_on_an_unseen_scale_keep_finite_weights():
    table, _, _ = planted(6)
    past = levels_of(table)
    factors = fit_factors(compress(standardise(table, past)), 2)
    rows = np.array([0, 5, 9])
    found = condition(
        1e3 + 1e3 * table[0, rows], rows, factors, past, np.full(len(table), 1 / len(table)), MetricSettings()
    )
    assert np.isfinite(found.weights).all()
    assert found.weights.sum() == pytest.approx(1.0)


def test_expected_variance_includes_noise_where_requested():
    table, _, _ = planted(7)
    past = levels_of(table)
    factors = fit_factors(compress(standardise(table, past)), 2)
    rows, columns = np.array([0, 5, 9]), np.arange(10, 20)
    found = condition(table[0, rows], rows, factors, past, np.full(len(table), 1 / len(table)), MetricSettings())
    with_it, without = found.by_task(columns)[1], found.by_task(columns, 0.0)[1]
    assert with_it - without == pytest.approx(factors.noise[columns])
