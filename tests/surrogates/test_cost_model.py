"""Cost model of trials: recovered slopes, shrinkage, and derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.surrogates.acquisition.weighted_sum import AcquisitionSum, AcquisitionTerm
from seasoned.surrogates.cost import fit_cost
from seasoned.surrogates.gp.hyperpriors import local_prior
from seasoned.surrogates.gp.kernel import Frame
from seasoned.surrogates.gp.process import Sample, condition


@pytest.fixture
def cost():
    rng = np.random.default_rng(0)
    features = rng.random((60, 3))
    seconds = np.exp(0.5 + 3.0 * features[:, 0] - 1.0 * features[:, 1] + 0.1 * rng.standard_normal(60))
    return fit_cost(features, seconds)


def test_the_cost_model_recovers_its_slopes(cost):
    assert cost.slopes == pytest.approx([3.0, -1.0, 0.0], abs=0.1)
    assert cost.log_seconds(np.zeros((1, 3)))[0] == pytest.approx(0.5, abs=0.1)


def test_one_trial_determines_a_level_and_no_slope():
    found = fit_cost(np.array([[0.2, 0.9]]), np.array([4.0]))
    assert found.log_seconds(np.random.default_rng(0).random((5, 2))) == pytest.approx(np.log(4.0))


def test_unknown_seconds_are_left_out_of_the_cost_model():
    features = np.array([[0.0], [1.0], [0.5]])
    assert fit_cost(features, np.full(3, np.nan)) is None
    assert fit_cost(np.zeros((0, 2)), np.zeros(0)) is None
    known = fit_cost(features, np.array([1.0, np.nan, 1.0]))
    assert known.log_seconds(features) == pytest.approx(0.0)


def test_zero_seconds_give_a_finite_cost():
    assert np.isfinite(fit_cost(np.array([[0.0], [1.0]]), np.array([0.0, 1e6])).value(np.array([[0.5]]))).all()


def test_cost_and_acquisition_add_up_with_their_gradients():
    rng = np.random.default_rng(1)
    code = rng.integers(0, 2, (12, 1)) == np.arange(2)
    features = np.hstack([rng.random((12, 2)), np.sqrt(0.5) * code])  # two numbers and a category
    frame, prior = Frame(np.array([0, 1, 2, 2]), 2, np.full(2, 0.5), np.full(2, 0.5)), local_prior(3)
    gp = condition(Sample(features, rng.standard_normal(12), np.zeros(12)), frame, prior.start)
    cost = fit_cost(features, np.exp(features @ [1.0, -2.0, 3.0, 0.0]))
    gain = AcquisitionTerm(gp, "log_ei", -0.5)
    total, at = AcquisitionSum((gain, cost)), features[:4] + 0.01
    value, slopes = total.gradient(at)
    assert value == pytest.approx(gain.value(at) - cost.log_seconds(at))
    assert slopes.shape == (4, 2)
    for j in range(2):
        step = 1e-6 * np.eye(4)[j]
        assert (total.value(at + step) - total.value(at - step)) / 2e-6 == pytest.approx(slopes[:, j], rel=1e-4)
