"""Task prior: weights of past tasks and forecasts from meta-features."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.performance_model.low_rank import fit_factors
from seasoned.knowledge.performance_model.task_prior import fit_task_prior


@pytest.fixture(scope="module")
def world():
    """Tasks whose scores follow two of six meta-features; the last ten are new."""
    rng = np.random.default_rng(0)
    about = rng.normal(size=(90, 6))
    weights = np.stack([np.tanh(about[:, 0]), np.sin(about[:, 1])], axis=1)
    return about, weights @ rng.normal(size=(2, 30)) + 0.1 * rng.normal(size=(90, 30))


def test_task_prior_predicts_scores_of_new_tasks(world):
    about, table = world
    factors = fit_factors(table[:80], 4)
    prior = fit_task_prior(about[:80], factors)
    expected = np.stack([factors.mean + prior.latent(one) @ factors.loadings for one in about[80:]])
    error, usual = np.square(table[80:] - expected).mean(), np.square(table[80:] - table[:80].mean(axis=0)).mean()
    assert error < 0.5 * usual


def test_shares_favour_tasks_alike_in_relevant_meta_features(world):
    about, table = world
    prior = fit_task_prior(about[:80], fit_factors(table[:80], 4))
    for new in about[80:]:
        shares = prior.shares(new)
        assert shares.sum() == pytest.approx(1.0)
        assert shares.min() >= 0.2 / 80 - 1e-12
        far = np.abs(about[:80, :2] - new[:2]).sum(axis=1)
        assert shares @ far < far.mean()


def test_tasks_without_meta_features_have_equal_shares(world):
    about, table = world
    known = about[:80].copy()
    known[::4] = np.nan
    prior = fit_task_prior(known, fit_factors(table[:80], 4))
    shares = prior.shares(about[85])
    assert shares[::4] == pytest.approx(0.2 / 80)
    assert prior.shares(np.full(6, np.nan)) == pytest.approx(np.full(80, 1 / 80))


def test_shares_ignore_order_and_units_of_meta_features(world):
    about, table = world
    factors = fit_factors(table[:80], 4)
    usual = fit_task_prior(about[:80], factors).shares(about[81])
    order = np.array([3, 0, 5, 1, 4, 2])
    other = np.exp(about[:, order])
    assert fit_task_prior(other[:80], factors).shares(other[81]) == pytest.approx(usual, abs=1e-9)


def test_few_described_tasks_make_no_task_prior(world):
    about, table = world
    factors = fit_factors(table[:80], 4)
    few = np.where(np.arange(80)[:, None] < 9, about[:80], np.nan)
    assert fit_task_prior(few, factors) is None
    with pytest.raises(InvalidInput, match="tasks"):
        fit_task_prior(about, factors)
