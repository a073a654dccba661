"""Levels, regrets, and the low-rank model: what was planted is found, with holes and without."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from seasoned.errors import InvalidInput
from seasoned.knowledge.performance_model.low_rank import fit_factors
from seasoned.knowledge.performance_model.regret import Level, compress, expand, levels_of, regret, standardise
from seasoned.knowledge.performance_model.settings import MetricSettings
from seasoned.knowledge.performance_model.task_mixture import condition

seeds = st.integers(0, 2**32 - 1)


def planted(seed, tasks=200, configurations=30, rank=2, noise=0.1):
    rng = np.random.default_rng(seed)
    weights, loadings = rng.normal(size=(tasks, rank)), rng.normal(size=(rank, configurations))
    mean = rng.normal(size=configurations)
    return mean + weights @ loadings + noise * rng.normal(size=(tasks, configurations)), mean, loadings


@given(seeds, st.floats(0.01, 100.0), st.floats(-50.0, 50.0))
def test_regret_does_not_ask_for_units(seed, factor, shift):
    scores = np.random.default_rng(seed).normal(size=(4, 9))
    scores[0, 0] = np.nan
    one, other = regret(scores, levels_of(scores)), regret(factor * scores + shift, levels_of(factor * scores + shift))
    assert one == pytest.approx(other, abs=1e-6, nan_ok=True)
    assert np.nanmin(one, axis=1) == pytest.approx(np.zeros(4), abs=1e-9)


def test_a_task_on_which_all_are_equal_has_finite_regrets():
    scores = np.full((1, 5), 3.0)
    assert regret(scores, levels_of(scores)).tolist() == [[1.0] * 5]  # best and median fall together


def test_a_task_without_scores_is_refused():
    with pytest.raises(InvalidInput, match="task 1"):
        levels_of(np.array([[1.0, 2.0], [np.nan, np.nan]]))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_compression_keeps_the_order_and_can_be_undone(numbers):
    z = np.sort(np.array(numbers))
    assert (np.diff(compress(z)) >= 0).all()
    assert expand(compress(z)) == pytest.approx(z, rel=1e-9, abs=1e-9)


def test_the_model_finds_the_planted_covariance():
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


def test_holes_are_filled_by_what_the_other_configurations_say():
    table, _, _ = planted(1)
    holes = np.random.default_rng(2).random(table.shape) < 0.3
    model = fit_factors(np.where(holes, np.nan, table), 2)
    error = (model.completed - table)[holes]
    assert np.sqrt(np.mean(error**2)) < 0.2  # the planted spread of a cell is 1.4, its noise 0.1
    assert (model.completed[~holes] == table[~holes]).all()


def test_what_is_known_by_a_bound_is_at_least_that():
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


def test_the_gap_of_what_was_chosen_for_being_good_has_a_least():
    scores = np.array([[1.0, 1.2, 1.1, 3.0, 1.15], [1.0, 9.0, 5.0, 6.0, 2.0]])
    plain, wide = levels_of(scores), levels_of(scores, np.array([1.0, 1.0]))
    assert plain.gap[0] == pytest.approx(0.15)
    assert wide.gap.tolist() == pytest.approx([1.0, plain.gap[1]])
    assert standardise(scores, wide).min(axis=1).tolist() == pytest.approx([-1.0, -1.0])
    assert standardise(scores, wide)[0, 3] == pytest.approx(1.0)  # 12.3 by the median of the tuned ones
    assert standardise(scores, plain)[0, 3] > 12.0


def test_more_factors_than_planted_are_shrunk_away():
    table, _, _ = planted(3, tasks=100)
    strength = np.linalg.norm(fit_factors(table, 6).loadings, axis=1)
    assert strength[2:].max() < 0.1 * strength[:2].min()


def test_what_trials_say_of_other_configurations_asks_for_no_scale():
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


def test_scores_on_a_scale_never_seen_are_only_unlikely():
    table, _, _ = planted(6)
    past = levels_of(table)
    factors = fit_factors(compress(standardise(table, past)), 2)
    rows = np.array([0, 5, 9])
    found = condition(
        1e3 + 1e3 * table[0, rows], rows, factors, past, np.full(len(table), 1 / len(table)), MetricSettings()
    )
    assert np.isfinite(found.weights).all()
    assert found.weights.sum() == pytest.approx(1.0)


def test_luck_counts_in_what_is_expected_as_far_as_it_is_asked_to():
    table, _, _ = planted(7)
    past = levels_of(table)
    factors = fit_factors(compress(standardise(table, past)), 2)
    rows, columns = np.array([0, 5, 9]), np.arange(10, 20)
    found = condition(table[0, rows], rows, factors, past, np.full(len(table), 1 / len(table)), MetricSettings())
    with_it, without = found.by_task(columns)[1], found.by_task(columns, 0.0)[1]
    assert with_it - without == pytest.approx(factors.noise[columns])
