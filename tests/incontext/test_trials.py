"""Surrogate of a study: what a network reads and what follows from its quantiles."""

from __future__ import annotations

import numpy as np
import pytest

from nearest_quantiles import NearestQuantiles
from seasoned.incontext.trials import ContextReader, TrialsModel
from small_networks import random_network


@pytest.fixture
def model():
    X = np.array([[0.1, 0.5], [0.4, np.nan], [0.6, 0.5], [0.9, 0.5]])
    return TrialsModel(NearestQuantiles(), X, np.array([3.0, 2.0, 0.0, 1.0]), np.array([False, True]))


def test_improvement_is_largest_near_the_best_trial(model):
    X = np.array([[0.12, 0.5], [0.58, 0.5], [0.35, np.nan]])
    assert model.log_expected_improvement(X, 0.0).argmax() == 1
    assert model.mean(X).argmin() == 1
    assert model.log_probability_below(X, 0.5).argmax() == 1
    assert model.quantiles(X).shape == (3, 99)


def test_running_trial_enters_with_its_median_and_pushes_the_next_away(model):
    running = np.array([[0.7, 0.5]])
    later = model.with_pending(running)
    assert later.y[-1] == pytest.approx(model.quantiles(running)[0, 49])
    near = np.array([[0.71, 0.5]])
    assert later.log_expected_improvement(near, 0.0) < model.log_expected_improvement(near, 0.0)
    assert model.with_pending(np.zeros((0, 2))) is model


def test_equal_losses_give_finite_values():
    model = TrialsModel(NearestQuantiles(), np.random.default_rng(0).random((5, 2)), np.ones(5), np.zeros(2, bool))
    assert np.isfinite(model.log_expected_improvement(np.random.default_rng(1).random((7, 2)), 1.0)).all()


def test_in_context_network_is_a_reader_of_trials():
    rng = np.random.default_rng(0)
    X, y = rng.random((20, 3)), rng.random(20)
    X[:5, 1] = np.nan
    network = random_network()
    assert isinstance(network, ContextReader)
    model = TrialsModel(network, X, y, np.array([True, False, False]))
    values = model.with_pending(X[:2] + 0.01).log_expected_improvement(rng.random((6, 3)), y.min())
    assert np.isfinite(values).all()
    assert values.std() > 0
