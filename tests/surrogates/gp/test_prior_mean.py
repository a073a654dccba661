"""Prior mean from elsewhere: followed where results agree, dropped where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.surrogates.acquisition.weighted_sum import AcquisitionTerm
from seasoned.surrogates.gp.kernel import Frame
from seasoned.surrogates.gp.process import posterior
from seasoned.surrogates.gp.regression import regress, updated

FRAME = Frame(np.arange(2), 2, np.full(2, 0.5), np.full(2, 0.5))


def hills(points):
    """Hills that a quadratic trend does not fit."""
    return np.sin(9.0 * points[:, 0]) + np.cos(7.0 * points[:, 1])


def expectation(of=hills, count=120):
    points = np.random.default_rng(0).random((count, 2))
    return regress(points, of(points), FRAME, warp="standard").gp


def few(count=10, seed=1):
    points = np.random.default_rng(seed).random((count, 2))
    return points, 1000.0 + 50.0 * hills(points)


def test_a_right_prior_mean_is_followed_on_the_scale_of_the_results():
    points, losses = few()
    there = np.random.default_rng(2).random((200, 2))
    with_it = regress(points, losses, FRAME, warp="standard", expected=expectation())
    without = regress(points, losses, FRAME, warp="standard")
    assert with_it.lean is not None
    assert with_it.targets() == pytest.approx(without.targets())
    foreseen = posterior(with_it.gp, there).mean + with_it.lean.at(there)
    assert np.corrcoef(foreseen, hills(there))[0, 1] > 0.95
    assert np.corrcoef(posterior(without.gp, there).mean, hills(there))[0, 1] < 0.8


@pytest.mark.parametrize("of", [lambda p: -hills(p), lambda p: np.zeros(len(p))], ids=["wrong", "flat"])
def test_a_wrong_prior_mean_is_dropped(of):
    points, losses = few()
    with_it = regress(points, losses, FRAME, warp="standard", expected=expectation(of))
    without = regress(points, losses, FRAME, warp="standard")
    assert with_it.lean is None
    assert np.array_equal(with_it.gp.alpha, without.gp.alpha)


def test_an_unrelated_prior_mean_is_seldom_followed():
    """Of 16 unrelated expectations at most 4; each is taken with a chance of about 5%: p < 0.001 for more."""
    taken = 0
    for seed in range(16):
        points, losses = few(12, seed)
        turn = np.random.default_rng(seed).uniform(4.0, 9.0, 4)
        other = expectation(lambda p, t=turn: np.sin(t[0] * p[:, 0] + t[1]) * np.sin(t[2] * p[:, 1] + t[3]), 40)
        taken += regress(points, losses, FRAME, warp="standard", expected=other).lean is not None
    assert taken <= 4


def test_an_update_keeps_the_prior_mean_and_changes_the_targets():
    points, losses = few(14)
    early = regress(points[:10], losses[:10], FRAME, warp="standard", expected=expectation())
    grown = updated(early, points, losses)
    whole = regress(points, losses, FRAME, warp="standard")
    assert grown.lean is early.lean
    assert grown.count == 14
    assert grown.targets() == pytest.approx(whole.targets())


@pytest.mark.parametrize("acquisition", ["log_ei", "ei", "ucb"])
def test_the_acquisition_gradient_with_a_prior_mean_is_its_difference(acquisition):
    model = regress(*few(), FRAME, warp="standard", expected=expectation())
    part = AcquisitionTerm(model.gp, acquisition, float(model.targets().min()), lean=model.lean)
    at, step = np.random.default_rng(3).random((5, 2)), 1e-6
    value, slopes = part.gradient(at)
    assert value == pytest.approx(part.value(at))
    for column in range(2):
        move = step * np.eye(2)[column]
        by_difference = (part.value(at + move) - part.value(at - move)) / (2 * step)
        assert slopes[:, column] == pytest.approx(by_difference, rel=1e-3, abs=1e-5)
