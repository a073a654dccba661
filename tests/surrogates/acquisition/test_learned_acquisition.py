"""Learned acquisition function: log expected improvement plus a learned correction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasoned.errors import InvalidInput
from seasoned.knowledge.transfer.acquisition_training import LOG_EI
from seasoned.surrogates.acquisition.functions import log_expected_improvement
from seasoned.surrogates.acquisition.learned import Correction, LearnedAcquisition, Progress

SOME = Correction.of_vector(np.random.default_rng(3).normal(size=18))
EARLY, LAST = Progress(3, 20), Progress(19, 20)


@given(st.floats(-5, 5), st.floats(0.01, 2.0), st.floats(-5, 5))
@pytest.mark.parametrize(("correction", "progress"), [(LOG_EI, EARLY), (SOME, LAST)])
def test_learned_acquisition_is_log_ei_without_weights_and_at_the_end(correction, progress, mean, std, best):
    at = (np.array([mean]), np.array([std]), best)
    for got, usual in zip(LearnedAcquisition(correction, progress)(*at), log_expected_improvement(*at), strict=True):
        assert got == usual


@pytest.mark.parametrize("prior_std", [1.0, 3.0])
def test_learned_acquisition_derivatives_equal_finite_differences(prior_std):
    means, stds = np.array([-2.0, -0.5, 0.0, 0.3, 1.5, 30.0]), np.array([0.1, 0.5, 1.0, 2.0, 0.7, 0.5])
    function, step = LearnedAcquisition(SOME, EARLY, prior_std), 1e-6
    found = function(means, stds, 0.2)
    by_mean = (function(means + step, stds, 0.2).value - function(means - step, stds, 0.2).value) / (2 * step)
    by_std = (function(means, stds + step, 0.2).value - function(means, stds - step, 0.2).value) / (2 * step)
    assert np.allclose(found.by_mean, by_mean, rtol=1e-5, atol=1e-6)
    assert np.allclose(found.by_std, by_std, rtol=1e-5, atol=1e-6)
    assert not np.allclose(found.value, log_expected_improvement(means, stds, 0.2).value, atol=1e-2)


def test_learned_acquisition_ignores_units_of_the_objective():
    mean, std = np.array([-1.0, 0.4, 2.0]), np.array([0.3, 0.8, 0.1])
    one, ten = (LearnedAcquisition(SOME, EARLY, unit)(unit * mean, unit * std, unit * 0.1).value for unit in (1, 10))
    assert np.allclose(one, ten - np.log(10))


def test_correction_weights_survive_their_vector():
    vector = np.random.default_rng(0).normal(size=18)
    assert Correction.of_vector(vector).vector() == pytest.approx(vector)
    assert len({Correction.of_vector(vector), Correction.of_vector(vector), Correction.of_vector(vector + 1)}) == 2


@pytest.mark.parametrize("vector", [np.zeros(5), np.zeros(0), np.full(6, np.nan)])
def test_correction_vector_of_wrong_size_or_with_nan_is_refused(vector):
    with pytest.raises(InvalidInput, match="finite"):
        Correction.of_vector(vector)


def test_correction_weight_on_width_prefers_wide_candidates():
    vector = np.zeros(6)
    vector[1], vector[5] = 1.0, 10.0
    mean, std = np.array([0.0, 0.3]), np.array([0.2, 0.6])
    plain = log_expected_improvement(mean, std, -0.5).value
    wide = LearnedAcquisition(Correction.of_vector(vector), EARLY)(mean, std, -0.5).value
    assert (wide - plain)[1] > (wide - plain)[0]
