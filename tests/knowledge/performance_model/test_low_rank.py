"""Low-rank model: planted factors, missing cells and bounds."""

from __future__ import annotations

import numpy as np
import pytest

from planted_scores import planted
from seasoned.knowledge.performance_model.low_rank import fit_factors
from seasoned.knowledge.performance_model.model import fit_metric


def test_low_rank_model_recovers_the_planted_covariance():
    rng = np.random.default_rng(0)
    loadings, mean = rng.normal(size=(2, 30)), rng.normal(size=30)
    drawn = rng.normal(size=(600, 2))
    weights, _ = np.linalg.qr(drawn - drawn.mean(axis=0))
    weights *= np.sqrt(600)  # of mean 0 and covariance I to the digit: what is left is the noise's luck
    model = fit_factors(mean + weights @ loadings + 0.1 * rng.normal(size=(600, 30)), 2)
    assert model.mean == pytest.approx(mean, abs=0.03)
    assert model.loadings.T @ model.loadings == pytest.approx(loadings.T @ loadings, abs=0.1)
    assert model.noise.mean() == pytest.approx(0.01, rel=0.1)
    assert model.noise == pytest.approx(np.full(30, 0.01), rel=0.7)


def test_missing_cells_are_filled_from_other_configurations():
    table, _, _ = planted(1)
    holes = np.random.default_rng(2).random(table.shape) < 0.3
    model = fit_factors(np.where(holes, np.nan, table), 2)
    error = (model.completed - table)[holes]
    assert np.sqrt(np.mean(error**2)) < 0.2  # the planted spread of a cell is 1.4, its noise 0.1
    assert (model.completed[~holes] == table[~holes]).all()


def test_cell_with_a_lower_bound_is_completed_at_or_above_the_bound():
    """Of every third cell only that it is at least so much below the truth is known: better than not to know it."""
    table, _, _ = planted(8)
    rng = np.random.default_rng(9)
    cut = rng.random(table.shape) < 0.3
    told = np.where(cut, table - rng.exponential(0.5, table.shape), table)
    bounded, without = fit_factors(told, 2, bounds=cut), fit_factors(np.where(cut, np.nan, table), 2)
    assert (bounded.completed[cut] >= told[cut]).all()
    assert (bounded.completed[~cut] == table[~cut]).all()
    taken = fit_factors(told, 2)  # for what it is not: the truth
    errors = [np.abs(model.completed - table)[cut].mean() for model in (bounded, without, taken)]
    assert errors[0] < 0.5 * errors[2]
    assert errors[0] < 1.1 * errors[1]
    far = np.where(cut, table + 3.0, table)
    assert (fit_factors(far, 2, bounds=cut).completed[cut] >= far[cut]).all()


def test_surplus_factors_are_shrunk_away():
    table, _, _ = planted(3, tasks=100)
    strength = np.linalg.norm(fit_factors(table, 6).loadings, axis=1)
    assert strength[2:].max() < 0.1 * strength[:2].min()


def test_factors_beyond_the_rank_of_the_table_have_no_weight():
    factors = fit_metric(np.random.default_rng(0).normal(size=(100, 5))).factors
    assert np.abs(factors.weights[:, 5:]).max() == 0.0
    assert np.abs(factors.weights[:, :4]).std() > 0.1
