"""Output warps, failures, refit points and the trust region."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.surrogates.gp.hyperpriors import global_prior
from seasoned.surrogates.gp.kernel import Frame
from seasoned.surrogates.gp.process import Sample, condition, posterior
from seasoned.surrogates.gp.regression import (
    MOST_POINTS,
    choose_warp,
    refit_point,
    regress,
    subset,
    targets_of,
    updated,
    with_pending,
)
from seasoned.surrogates.gp.trust_region_model import Region
from seasoned.surrogates.output_warping import WARPS, finite, signed, with_failures

FRAME = Frame(np.arange(2), 2, np.full(2, 0.5), np.full(2, 0.5))
POINTS = np.random.default_rng(0).random((40, 2))


@pytest.mark.parametrize("name", WARPS)
def test_a_warp_keeps_the_order_and_standardises(name):
    values = np.exp(3 * np.random.default_rng(1).standard_normal(60))
    targets, _ = WARPS[name](finite(values))
    order = np.argsort(values)
    assert (np.diff(targets[order]) >= 0).all()
    assert (np.diff(targets[order][:30]) > 0).all()
    assert targets.mean() == pytest.approx(0, abs=1e-9)
    assert targets.std() == pytest.approx(1)


@pytest.mark.parametrize("name", WARPS)
def test_a_warp_s_slopes_are_its_derivatives_on_the_better_half(name):
    unit = finite(np.sort(np.random.default_rng(2).gamma(1.0, size=400)))
    targets, slopes = WARPS[name](unit)
    found = np.log(np.diff(targets) / np.diff(unit))
    assert np.abs(found - (slopes[1:] + slopes[:-1]) / 2)[5:150].max() < 0.05


@pytest.mark.parametrize(
    "values",
    [[1.0] * 9, [-1e308, 1e308, 0.0, 1.0, 2.0], [5e-324, 0.0, -5e-324, 0.0], [7.0], [1.0, 1.0, 1.0, 2.0]],
)
@pytest.mark.parametrize("name", WARPS)
def test_hard_values_stay_finite(values, name):
    assert np.isfinite(targets_of(np.array(values), name)).all()


def test_a_failed_trial_is_worse_than_the_worst():
    targets = with_failures(np.array([0.0, -1.0, 1.0]), np.array([False, True, False, False]))
    assert targets.tolist() == [0.0, 2.1, -1.0, 1.0]
    assert np.isfinite(with_failures(np.array([]), np.array([True, True]))).all()


def test_a_constraint_s_zero_stays_zero():
    values = signed(np.array([-1e308, -2.0, 0.0, 3.0, 1e308]))
    assert values[2] == 0
    assert (np.diff(values) > 0).all()


def test_orders_of_magnitude_are_not_left_as_they_are():
    losses = 10 ** (8 * np.sum((POINTS - 0.4) ** 2, axis=1))
    assert choose_warp(POINTS, losses, FRAME) != "standard"


def test_a_model_between_refits_is_one_condition_of_the_log():
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


def test_refits_come_at_fixed_points():
    assert [refit_point(count) for count in (1, 30, 31, 52, 103, 209, 999)] == [1, 30, 30, 50, 100, 200, 980]


def test_of_many_results_the_best_and_the_latest_stay():
    losses = np.random.default_rng(3).random(600)
    kept = subset(losses, MOST_POINTS)
    assert len(kept) == MOST_POINTS
    assert set(np.argsort(losses)[: MOST_POINTS // 2]) <= set(kept)
    assert 599 in kept
    assert (np.diff(kept) > 0).all()


def test_a_pending_point_is_believed_and_no_longer_unsure():
    sample = Sample(POINTS[:3], np.array([0.5, -1.0, 0.5]), np.zeros(3))
    gp = condition(sample, FRAME, global_prior(2, trend=True).start)
    point = np.array([0.9, 0.1])  # a third of the cube's side from the nearest of them
    before, after = posterior(gp, point[None]), posterior(with_pending(gp, [point]), point[None])
    assert after.mean[0] == pytest.approx(before.mean[0], abs=1e-6)
    assert after.std[0] < 0.5 * before.std[0], "nothing but noise is left"


def test_the_trust_region_grows_with_gains_at_its_edge_and_shrinks_with_failures():
    region = Region(radius=0.1)
    assert region.stepped(0.1, gained=True, worthy=True).radius == pytest.approx(0.2)
    assert region.stepped(0.03, gained=True, worthy=True).radius == pytest.approx(0.1)
    assert region.stepped(0.001, gained=True, worthy=True).radius < 0.1
    failed = region
    for _ in range(200):
        failed = failed.stepped(0.1, gained=False, worthy=True)
    assert failed.collapsed(3)
    assert Region(radius=0.5).stepped(0.5, gained=True, worthy=True).radius == 0.5


def test_a_local_search_ends_when_its_gains_are_dull():
    region = Region()
    for _ in range(30):
        assert not region.collapsed(5) or region.minor >= 14
        region = region.stepped(0.03, gained=True, worthy=False)
    assert region.collapsed(5)
    assert not region.stepped(0.03, gained=True, worthy=True).collapsed(5)
