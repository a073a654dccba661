"""Piecewise-linear quantile functions: means, improvements and probabilities against samples and limits."""

from __future__ import annotations

import numpy as np
import pytest

from nearest_quantiles import NORMAL
from seasoned.incontext.quantile_function import QuantileFunction
from seasoned.surrogates.acquisition.functions import log_expected_improvement

SKEWED = np.cumsum(np.random.default_rng(0).exponential(0.1, (4, 99)) ** 2 + 1e-3, axis=1) - 0.5
SAMPLES = 400_000


def samples(values, rng):
    """Draws of one distribution by its inverse distribution function, shape (SAMPLES,)."""
    p = rng.random(SAMPLES)
    inside = np.interp(p, np.arange(1, 100) / 100, values)
    low = values[0] + (values[9] - values[0]) / np.log(10) * np.log(p / 0.01)
    high = values[98] - (values[98] - values[89]) / np.log(10) * np.log((1 - p) / 0.01)
    return np.where(p < 0.01, low, np.where(p > 0.99, high, inside))


def within_five_errors(draws, value):
    """False alarms: 6e-7."""
    return abs(draws.mean() - value) < 5 * max(draws.std(), 1e-3) / np.sqrt(SAMPLES)


@pytest.mark.parametrize("row", range(4))
def test_mean_improvement_and_probability_are_those_of_samples(row):
    values = SKEWED[[row]]
    f = samples(values[0], np.random.default_rng(row))
    predicted = QuantileFunction(values)
    assert within_five_errors(f, predicted.mean()[0])
    low, high = values[0, 0], values[0, -1]
    for best in (low - 0.1, low, 0.3 * low + 0.7 * high, values[0, 40], high, high + 0.5):
        improvement = np.maximum(best - f, 0)
        assert within_five_errors(improvement, np.exp(predicted.log_expected_improvement(best)[0]))
        assert within_five_errors((f <= best) * 1.0, np.exp(predicted.log_probability_below(best)[0]))


def test_improvement_is_that_of_a_normal_variable_for_normal_quantiles():
    predicted = QuantileFunction(NORMAL[None])
    best = np.linspace(-1.8, 6, 30)
    ours = [predicted.log_expected_improvement(b)[0] for b in best]
    np.testing.assert_allclose(ours, log_expected_improvement(np.zeros(30), np.ones(30), best).value, atol=0.12)
    far = log_expected_improvement(np.zeros(1), np.ones(1), -4.0).value
    assert far < predicted.log_expected_improvement(-4.0) < far + 3.0, "the exponential tail is the heavier one"


def test_far_improvement_is_finite_and_its_slope_is_that_of_the_tail():
    predicted = QuantileFunction(SKEWED)
    far = [predicted.log_expected_improvement(best) for best in (-1e6, -2e6)]
    assert np.isfinite(far).all()
    slope = (SKEWED[:, 9] - SKEWED[:, 0]) / np.log(10)
    np.testing.assert_allclose((far[0] - far[1]) / 1e6, 1 / slope)
    chance = [predicted.log_probability_below(best) for best in (-1e6, -2e6)]
    np.testing.assert_allclose((chance[0] - chance[1]) / 1e6, 1 / slope)
    assert (predicted.log_probability_below(1e6) == 0).all()
    np.testing.assert_allclose(np.exp(predicted.log_expected_improvement(1e6)), 1e6 - predicted.mean())


def test_improvement_and_probability_are_continuous_and_increase():
    for row in SKEWED:
        predicted = QuantileFunction(row[None])
        ends = np.concatenate([row - 1e-9, row + 1e-9])
        ends.sort()
        for function in (predicted.log_expected_improvement, predicted.log_probability_below):
            values = np.array([function(best)[0] for best in ends])
            assert (np.diff(values) > 0).all()
            assert np.abs(values[1::2] - values[::2]).max() < 1e-4


def test_units_do_not_matter():
    first = QuantileFunction(SKEWED, 1e-9)
    second = QuantileFunction(1000 * SKEWED + 7, 1e-6)
    np.testing.assert_allclose(second.mean(), 1000 * first.mean() + 7)
    for best in (-3.0, 0.2, 5.0):
        np.testing.assert_allclose(
            second.log_expected_improvement(1000 * best + 7), first.log_expected_improvement(best) + np.log(1000)
        )


def test_equal_quantiles_are_a_certain_value():
    predicted = QuantileFunction(np.full((1, 99), 2.0), 1e-3)
    assert predicted.mean() == pytest.approx(2.0)
    assert np.exp(predicted.log_expected_improvement(5.0)) == pytest.approx(3.0, abs=1e-4)
    assert predicted.log_expected_improvement(1.0)[0] == pytest.approx(np.log(1e-5) - 1000)
    assert np.exp(predicted.log_probability_below(2.1)) == pytest.approx(1.0)
    assert predicted.log_probability_below(1.9)[0] == pytest.approx(np.log(0.01) - 100)


def test_some_equal_quantiles_are_an_atom():
    values = np.linspace(0, 1, 99)[None].copy()
    values[:, 30:60] = values[:, [30]]
    f = samples(values[0], np.random.default_rng(0))
    predicted = QuantileFunction(values)
    for best in (values[0, 30], values[0, 30] + 0.01, values[0, 60]):
        assert within_five_errors(np.maximum(best - f, 0), np.exp(predicted.log_expected_improvement(best)[0]))
        assert within_five_errors((f <= best) * 1.0, np.exp(predicted.log_probability_below(best)[0]))
