"""Heads of the performance model: seconds and failures on planted tasks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from seasoned.errors import InvalidInput
from seasoned.knowledge.performance_model.heads import fit_failures, fit_head, fit_seconds

EVERY, NOTHING = np.arange(30), np.array([], dtype=np.intp)


def planted(seed, tasks=80):
    """Seconds ~ size^exponent, the exponents of configurations differing."""
    rng = np.random.default_rng(seed)
    size, exponent = rng.uniform(2, 5, (tasks, 1)), rng.uniform(0.5, 2.0, 30)
    return 10.0 ** (size * exponent - 5.0 + 0.05 * rng.normal(size=(tasks, 30)))


def test_one_trial_predicts_the_seconds_of_all_others():
    seconds = planted(0)
    head, new = fit_seconds(seconds[:60]), np.log10(seconds[60:])
    row = np.array([4])
    blind = np.median([np.abs(head.predict(EVERY, NOTHING, np.array([])).mean - task).mean() for task in new])
    errors = [np.abs(head.predict(EVERY, row, task[row]).mean - task).mean() for task in new]
    assert np.median(errors) < 0.3 * blind


def test_spread_of_seconds_shrinks_with_trials_and_is_calibrated():
    seconds = planted(1)
    head, new = fit_seconds(seconds[:60]), np.log10(np.maximum(seconds[60:], 1e-3))
    rows = np.array([1, 11, 21])
    others = np.setdiff1d(EVERY, rows)
    before = head.predict(others, NOTHING, np.array([])).std
    z = []
    for task in new:
        got = head.predict(others, rows, task[rows])
        assert (got.std < before).all()
        z.append((task[others] - got.mean) / got.std)
    assert 0.6 < np.sqrt(np.mean(np.square(z))) < 1.6


def test_failure_risks_rank_tasks_and_configurations():
    rng = np.random.default_rng(2)
    hard, fragile = rng.normal(size=(200, 1)), rng.normal(size=30)
    failed = rng.random((200, 30)) < 1.0 / (1.0 + np.exp(2.0 - 1.5 * (hard + fragile)))
    head = fit_failures(failed[:150])
    base = head.predict(EVERY, NOTHING, np.array([])).mean
    assert spearmanr(base, fragile).statistic > 0.9
    assert ((base >= 0.0) & (base <= 1.0)).all()
    rows = np.arange(0, 30, 2)
    risk = [head.predict(EVERY, rows, task[rows].astype(float)).mean.mean() for task in failed[150:]]
    assert spearmanr(risk, hard[150:, 0]).statistic > 0.7


def test_weights_of_similar_tasks_move_the_prior_of_a_head():
    table = np.repeat([[0.0, 1.0], [4.0, 5.0]], 5, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(10, 2))
    head = fit_head(table)
    got = head.predict(np.array([0, 1]), NOTHING, np.array([]), weights=np.repeat([0.0, 1.0], 5))
    assert got.mean == pytest.approx([4.0, 5.0], abs=0.05)


def test_seconds_cut_off_at_a_limit_are_completed_above_the_limit():
    """The slowest were all killed at the limit; quick failures say nothing."""
    seconds = planted(5)
    limit = float(np.quantile(seconds, 0.8))
    killed, broken = seconds > limit, np.random.default_rng(6).random(seconds.shape) < 0.1
    told = np.log10(np.maximum(np.where(killed, limit, np.where(broken, 1e-3, seconds)), 1e-3))
    cut = killed | broken
    head, plain = fit_head(told, cut), fit_head(told)
    truth = np.log10(seconds)
    assert (head.factors.completed[cut] >= told[cut]).all()
    for some, most in ((killed, 1.0), (broken & ~killed, 0.3)):
        errors = [np.abs(one.factors.completed - truth)[some].mean() for one in (head, plain)]
        assert errors[0] < most * errors[1]


@pytest.mark.parametrize("table", [np.ones((2, 4)), np.where(np.eye(4) == 1, np.nan, np.nan)])
def test_head_refuses_tables_without_enough_values(table):
    with pytest.raises(InvalidInput):
        fit_head(table)


def test_head_refuses_values_that_are_not_finite():
    with pytest.raises(InvalidInput):
        fit_head(np.random.default_rng(0).normal(size=(9, 4))).predict(EVERY[:4], np.array([1]), np.array([np.inf]))
