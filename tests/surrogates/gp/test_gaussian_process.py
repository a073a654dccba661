"""Gaussian process: gradients, updates, leave-one-out, and limits of the posterior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seasoned.surrogates.gp.hyperpriors import NOISE, SIGNAL, global_prior, local_prior
from seasoned.surrogates.gp.kernel import Frame
from seasoned.surrogates.gp.marginal_likelihood import Evidence, fit
from seasoned.surrogates.gp.process import (
    Sample,
    append,
    cholesky,
    condition,
    covariance,
    leave_one_out,
    posterior,
    retarget,
    solve,
)

GROUPS = np.array([0, 1, 2, 3, 3, 3, 4])  # three numbers, a category of three levels, a branch's bit
FRAME = Frame(GROUPS, 3, np.array([0.5, 0.4, 0.6]), np.array([0.5, 0.3, 0.5]))


def some_features(rng, count):
    code = rng.integers(0, 3, (count, 1)) == np.arange(3)
    return np.hstack([rng.random((count, 3)), np.sqrt(0.5) * code, rng.integers(0, 2, (count, 1))])


def some_sample(rng, count=25):
    return Sample(some_features(rng, count), rng.standard_normal(count), rng.random(count))


def some_theta(rng, prior):
    return np.clip(prior.start + 0.3 * rng.standard_normal(len(prior.start)), prior.low, prior.high)


@pytest.mark.parametrize("prior", [local_prior(5), global_prior(5, trend=True), global_prior(5, trend=False)])
def test_the_gradient_of_the_evidence_is_its_finite_difference(prior):
    rng = np.random.default_rng(3)
    sample, theta = some_sample(rng), some_theta(rng, prior)
    theta[NOISE] = -3.0
    _, gradient = Evidence(sample, FRAME, prior)(theta)
    steps = 1e-5 * np.eye(len(theta))
    differences = [
        (8 * (value(theta + step) - value(theta - step)) - value(theta + 2 * step) + value(theta - 2 * step)) / 12e-5
        for step in steps
        for value in [lambda at: Evidence(sample, FRAME, prior)(at)[0]]
    ]
    assert np.abs(gradient - differences).max() <= 1e-6 * np.abs(gradient).max()


def test_the_gradients_of_the_posterior_are_its_finite_differences():
    rng = np.random.default_rng(4)
    gp = condition(some_sample(rng), FRAME, some_theta(rng, local_prior(5)))
    points = some_features(rng, 6)
    moments = posterior(gp, points, gradient=True)
    assert np.allclose(moments.mean, posterior(gp, points).mean, rtol=1e-12, atol=1e-12)
    assert np.allclose(moments.std, posterior(gp, points).std, rtol=1e-9)
    for j in range(3):
        step = 1e-5 * np.eye(7)[j]
        up, down = posterior(gp, points + step), posterior(gp, points - step)
        assert np.allclose(moments.mean_gradient[:, j], (up.mean - down.mean) / 2e-5, rtol=1e-6, atol=1e-6)
        assert np.allclose(moments.std_gradient[:, j], (up.std - down.std) / 2e-5, rtol=1e-6, atol=1e-6)


def test_a_rank_one_update_is_the_model_of_all_points():
    rng = np.random.default_rng(5)
    gp = condition(some_sample(rng), FRAME, some_theta(rng, local_prior(5)))
    point = some_features(rng, 1)[0]
    grown = append(gp, point, 0.7, 0.2)
    whole = condition(grown.sample, FRAME, gp.theta)
    assert len(grown.alpha) == 26
    assert np.allclose(grown.factor, whole.factor, atol=1e-10)
    assert np.allclose(grown.alpha, whole.alpha, rtol=1e-8)
    assert np.allclose(retarget(grown, 2 * grown.sample.targets).alpha, 2 * whole.alpha, rtol=1e-8)


def test_leaving_one_out_is_the_model_without_it():
    rng = np.random.default_rng(6)
    sample = replace(some_sample(rng, 12), weights=np.zeros(12))
    theta = some_theta(rng, global_prior(5, trend=True))
    mean, std = leave_one_out(condition(sample, FRAME, theta))
    for left in range(12):
        others = np.arange(12) != left
        rest = Sample(sample.features[others], sample.targets[others], sample.weights[others])
        found = posterior(condition(rest, FRAME, theta), sample.features[[left]])
        assert mean[left] == pytest.approx(found.mean[0], rel=1e-8)
        assert std[left] ** 2 == pytest.approx(found.std[0] ** 2 + np.exp(theta[NOISE]), rel=1e-8)


def test_a_model_without_noise_interpolates_its_points():
    rng = np.random.default_rng(7)
    sample = replace(some_sample(rng, 10), weights=np.zeros(10))
    theta = global_prior(5, trend=False).start.copy()
    theta[NOISE] = np.log(1e-10)
    gp = condition(sample, FRAME, theta)
    at, away = posterior(gp, sample.features), posterior(gp, sample.features + 50.0)
    assert np.allclose(at.mean, sample.targets, atol=1e-6)
    assert at.std.max() < 1e-3
    assert np.allclose(away.mean, 0.0, atol=1e-9)
    assert np.allclose(away.std, np.exp(0.5 * theta[SIGNAL]))


def test_the_posterior_covariance_has_the_variances_on_its_diagonal():
    rng = np.random.default_rng(8)
    gp = condition(some_sample(rng), FRAME, some_theta(rng, local_prior(5)))
    points = some_features(rng, 9)
    assert np.allclose(np.diag(covariance(gp, points)), posterior(gp, points).std ** 2, rtol=1e-9)


def test_the_trend_finds_the_bottom_of_a_bowl_from_few_points():
    rng = np.random.default_rng(9)
    frame = Frame(np.arange(4), 4, np.zeros(4), np.ones(4))
    mix = rng.standard_normal((4, 4))
    points = rng.uniform(-1, 1, (16, 4))  # 15 coefficients

    def bowl(x):
        return np.sum(((x - 0.2) @ mix) ** 2, axis=1)

    sample = Sample(points, bowl(points), np.zeros(16))
    gp = condition(sample, frame, fit(sample, frame, local_prior(4)))
    assert np.abs(posterior(gp, points[:4] / 2).mean - bowl(points[:4] / 2)).max() < 0.02 * bowl(points).max()


def test_a_fit_finds_the_coordinate_that_matters():
    rng = np.random.default_rng(10)
    frame = Frame(np.arange(3), 3, np.full(3, 0.5), np.full(3, 0.5))
    points = rng.random((40, 3))
    targets = np.sin(9 * points[:, 1])
    sample = Sample(points, (targets - targets.mean()) / targets.std(), np.zeros(40))
    prior = global_prior(3, trend=True)
    theta = fit(sample, frame, prior)
    assert theta[1] + 1.0 < min(theta[0], theta[2])
    evidence = Evidence(sample, frame, prior)
    assert evidence(theta)[0] < evidence(prior.start)[0]


def test_equal_points_do_not_break_the_factorisation():
    sample = Sample(np.full((5, 7), 0.5), np.zeros(5), np.zeros(5))
    theta = local_prior(5).start.copy()
    theta[NOISE] = np.log(1e-10)
    assert np.isfinite(posterior(condition(sample, FRAME, theta), np.full((1, 7), 0.4)).mean).all()


def test_a_covariance_of_nan_is_an_error():
    with pytest.raises(FloatingPointError, match="NaN"):
        condition(Sample(np.full((2, 7), np.nan), np.zeros(2), np.zeros(2)), FRAME, local_prior(5).start)


def test_a_cholesky_factor_keeps_its_diagonal_above_rounding():
    """It solves by numbers that are nothing but rounding, and what it solves grows without bound."""
    near = np.linspace(0.0, 1e-7, 24)[:, None]
    covariance = 1e7 * np.exp(-0.5 * (near - near.T) ** 2) + 3e-8 * np.eye(len(near))
    factor = cholesky(covariance)
    assert factor.diagonal().min() ** 2 > 1e-14 * 1e7
    assert np.abs(solve(factor, covariance[:, :1])).max() < 1e5
