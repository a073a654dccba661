"""Regression by a Gaussian process: warps, updates, refits, and rows of a full model."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.surrogates.gp.hyperpriors import global_prior
from seasoned.surrogates.gp.kernel import Frame
from seasoned.surrogates.gp.process import Sample, condition, posterior
from seasoned.surrogates.gp.regression import (
    MOST_POINTS,
    SIGNED,
    choose_warp,
    refit_point,
    regress,
    subset,
    targets_of,
    updated,
    with_pending,
)

FRAME = Frame(np.arange(2), 2, np.full(2, 0.5), np.full(2, 0.5))
POINTS = np.random.default_rng(0).random((40, 2))


def test_losses_over_orders_of_magnitude_are_warped():
    losses = 10 ** (8 * np.sum((POINTS - 0.4) ** 2, axis=1))
    assert choose_warp(POINTS, losses, FRAME) != "standard"


def test_updates_one_by_one_equal_one_update():
    losses = np.sum((POINTS - 0.3) ** 2, axis=1)
    losses[7] = np.nan
    base = regress(POINTS[:30], losses[:30], FRAME)
    stepwise = base
    for count in range(31, 41):
        stepwise = updated(stepwise, POINTS[:count], losses[:count])
    at_once = updated(base, POINTS, losses)
    assert np.array_equal(stepwise.gp.alpha, at_once.gp.alpha)
    assert len(at_once.rows) == 40
    better = np.argsort(posterior(at_once.gp, POINTS).mean)[:5]
    assert np.nanmax(losses[better]) < np.nanmedian(losses)


def test_refits_come_at_fixed_counts():
    assert [refit_point(count) for count in (1, 30, 31, 52, 103, 209, 999)] == [1, 30, 30, 50, 100, 200, 980]


def test_the_best_and_the_latest_results_stay_in_a_full_model():
    losses = np.random.default_rng(3).random(600)
    kept = subset(losses, MOST_POINTS)
    assert len(kept) == MOST_POINTS
    assert set(np.argsort(losses)[: MOST_POINTS // 2]) <= set(kept)
    assert 599 in kept
    assert (np.diff(kept) > 0).all()


def test_a_pending_point_keeps_its_mean_and_loses_its_spread():
    sample = Sample(POINTS[:3], np.array([0.5, -1.0, 0.5]), np.zeros(3))
    gp = condition(sample, FRAME, global_prior(2, trend=True).start)
    point = np.array([0.9, 0.1])  # a third of the cube's side from the nearest of them
    before, after = posterior(gp, point[None]), posterior(with_pending(gp, [point]), point[None])
    assert after.mean[0] == pytest.approx(before.mean[0], abs=1e-6)
    assert after.std[0] < 0.5 * before.std[0], "nothing but noise is left"


def test_a_failed_trial_violates_a_constraint_that_all_others_keep():
    targets = targets_of(np.array([-1.0, -1.1, -0.9, np.nan]), SIGNED)
    assert targets[:3].max() < 0 < targets[3]


def test_the_best_results_by_merit_stay_in_a_full_model():
    points = np.random.default_rng(0).random((300, 2))
    losses = np.r_[np.full(1, 1.0), np.linspace(-1.0, 0.0, 299)]
    merit = np.r_[0.0, np.arange(1.0, 300.0)]
    assert 0 not in regress(points, losses, FRAME, warp="standard").rows
    assert 0 in regress(points, losses, FRAME, warp="standard", merit=merit).rows
