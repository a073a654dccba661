"""Output warps: order, slopes, failures and the zero of constraints."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.surrogates.gp.regression import targets_of
from seasoned.surrogates.output_warping import WARPS, finite, signed, with_failures


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
def test_targets_of_extreme_values_are_finite(values, name):
    assert np.isfinite(targets_of(np.array(values), name)).all()


def test_the_target_of_a_failed_trial_is_worse_than_the_worst():
    targets = with_failures(np.array([0.0, -1.0, 1.0]), np.array([False, True, False, False]))
    assert targets.tolist() == [0.0, 2.1, -1.0, 1.0]
    assert np.isfinite(with_failures(np.array([]), np.array([True, True]))).all()


def test_a_constraint_s_zero_stays_zero():
    values = signed(np.array([-1e308, -2.0, 0.0, 3.0, 1e308]))
    assert values[2] == 0
    assert (np.diff(values) > 0).all()
