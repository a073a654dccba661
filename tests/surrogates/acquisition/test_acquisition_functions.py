"""Acquisition functions, compared with Monte Carlo, finite differences and limits."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.surrogates.acquisition.functions import (
    expected_improvement,
    log_expected_improvement,
    log_probability_of_improvement,
    probability_of_improvement,
    thompson,
    upper_confidence_bound,
)

ALL = {
    "ei": expected_improvement,
    "log_ei": log_expected_improvement,
    "pi": probability_of_improvement,
    "log_pi": log_probability_of_improvement,
    "ucb": upper_confidence_bound,
}
MEANS = np.array([-2.0, -0.5, 0.0, 0.3, 1.5, 4.0])
STDS = np.array([0.1, 0.5, 1.0, 2.0, 0.7, 3.0])


@pytest.mark.parametrize(("mean", "std"), list(zip(MEANS, STDS, strict=True)))
def test_ei_and_pi_agree_with_monte_carlo(mean, std):
    drawn = mean + std * np.random.default_rng(0).standard_normal(200_000)  # five standard errors: false alarm < 1e-6
    gains = np.maximum(0.2 - drawn, 0.0)
    wins = drawn < 0.2
    at = (np.array([mean]), np.array([std]), 0.2)
    assert abs(expected_improvement(*at).value[0] - gains.mean()) <= 5 * gains.std() / np.sqrt(2e5) + 1e-9
    assert abs(probability_of_improvement(*at).value[0] - wins.mean()) <= 5 * wins.std() / np.sqrt(2e5) + 1e-9


@pytest.mark.parametrize("name", ALL)
def test_derivatives_of_acquisitions_are_finite_differences(name):
    found = ALL[name](MEANS, STDS, 0.2)
    step = 1e-6
    by_mean = (ALL[name](MEANS + step, STDS, 0.2).value - ALL[name](MEANS - step, STDS, 0.2).value) / (2 * step)
    by_std = (ALL[name](MEANS, STDS + step, 0.2).value - ALL[name](MEANS, STDS - step, 0.2).value) / (2 * step)
    assert np.allclose(found.by_mean, by_mean, rtol=1e-5, atol=1e-7)
    assert np.allclose(found.by_std, by_std, rtol=1e-5, atol=1e-7)


def test_logarithms_agree_with_the_plain_functions():
    mean, std = np.linspace(-5, 20, 300), np.full(300, 1.3)
    assert np.allclose(
        log_expected_improvement(mean, std, 0.0).value, np.log(expected_improvement(mean, std, 0.0).value)
    )
    logs = log_probability_of_improvement(mean, std, 0.0).value
    assert np.allclose(logs, np.log(probability_of_improvement(mean, std, 0.0).value))


@pytest.mark.parametrize("function", [log_expected_improvement, log_probability_of_improvement])
def test_far_tails_are_finite_monotone_and_keep_their_gradient(function):
    mean = np.concatenate([-np.logspace(8, 0, 200), np.logspace(0, 8, 600)])
    found = function(mean, np.ones(800), 0.0)
    for part in found:
        assert np.isfinite(part).all()
    assert (np.diff(found.value) <= 0).all()
    assert (np.diff(found.value[210:]) < 0).all()
    assert (found.by_mean[200:] < 0).all()
    assert (found.by_std[201:] > 0).all()


def test_log_ei_is_continuous_where_its_branches_meet():
    for seam in (1.0, 100.0, 1e6):
        around = seam * (1 + np.array([-1e-9, 1e-9]))
        low, high = log_expected_improvement(around, np.ones(2), 0.0).value
        assert abs(high - low) <= 4e-9 * seam * (1 + seam)


def test_far_out_log_ei_follows_its_asymptote():
    u = np.array([1e3, 1e5, 1e7])
    expected = -0.5 * u**2 - 0.5 * np.log(2 * np.pi) - 2 * np.log(u)
    assert np.allclose(log_expected_improvement(u, np.ones(3), 0.0).value, expected, rtol=1e-11)


def test_without_spread_ei_is_the_certain_gain():
    mean = np.array([-1.0, 0.5])
    assert np.allclose(expected_improvement(mean, np.full(2, 1e-12), 0.0).value, [1.0, 0.0])
    assert np.allclose(probability_of_improvement(mean, np.full(2, 1e-12), 0.0).value, [1.0, 0.0])
    assert np.allclose(upper_confidence_bound(mean, np.full(2, 1e-12)).value, -mean)


@pytest.mark.parametrize("name", ALL)
def test_a_lower_mean_is_better(name):
    value = ALL[name](np.linspace(-3, 3, 50), np.ones(50), 0.4).value
    assert (np.diff(value) < 0).all()


@pytest.mark.parametrize("name", ["ei", "log_ei", "ucb"])
def test_more_spread_is_better(name):
    value = ALL[name](np.full(50, 0.5), np.linspace(0.1, 3, 50), 0.4).value
    assert (np.diff(value) > 0).all()


def test_thompson_draws_have_the_posterior_s_moments():
    rng = np.random.default_rng(1)
    root = rng.standard_normal((3, 3))
    mean, spread = np.array([1.0, -2.0, 0.5]), root @ root.T
    drawn = -np.array([thompson(mean, spread, rng) for _ in range(20_000)])
    error = np.sqrt(np.diag(spread) / 20_000)  # five standard errors: false alarm < 1e-5
    assert (np.abs(drawn.mean(axis=0) - mean) < 5 * error).all()
    assert np.allclose(np.cov(drawn.T), spread, atol=0.1 * np.abs(spread).max())
