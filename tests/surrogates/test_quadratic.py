"""Quadratics about the best point: their fit, their minimum in a box, and the steps to it."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.surrogates.gp.trust_region_model import newton_step
from seasoned.surrogates.layout import Column, Layout
from seasoned.surrogates.quadratic import Quadratic, box_minimum, fit_quadratic

CURVED = np.array([[1e6, 300.0, 0.0], [300.0, 1.0, 0.1], [0.0, 0.1, 1.0]])  # condition 1e6


def sample(function, bottom, count, seed=0):
    points = np.random.default_rng(seed).random((count, len(bottom)))
    return points, np.array([function(point - bottom) for point in points])


def step_from(layout, points, losses, radius=0.5):
    unit, active = layout.snap(points)
    return newton_step(layout, unit, active, losses, int(np.argmin(losses)), radius)


def test_a_quadratic_s_coefficients_are_found():
    z = np.random.default_rng(0).normal(size=(16, 3))
    slope = np.array([1.0, -2.0, 0.5])
    q = z @ slope + 0.5 * np.einsum("ij,jk,ik->i", z, CURVED, z)
    found = fit_quadratic(z, q - q.min())
    assert found is None or found.error > 1e-6  # not 0 at the origin: a constant is missing
    found = fit_quadratic(z, q)
    assert np.allclose(found.gradient, slope, rtol=1e-5)
    assert np.allclose(found.hessian, CURVED, rtol=1e-5, atol=1e-4)
    assert found.error < 1e-8


def test_a_diagonal_quadratic_needs_fewer_points():
    z = np.random.default_rng(1).normal(size=(9, 3))
    assert np.allclose(fit_quadratic(z, z**2 @ [1.0, 2.0, 3.0]).hessian, np.diag([2.0, 4.0, 6.0]), atol=1e-6)
    assert fit_quadratic(z[:7], z[:7, 0] ** 2) is None


@pytest.mark.parametrize("seed", range(8))
def test_the_box_minimum_keeps_the_box_and_the_optimality_conditions(seed):
    rng = np.random.default_rng(seed)
    d = 5
    root = rng.normal(size=(d, d))
    bowl = Quadratic(3 * rng.normal(size=d), root @ root.T + 0.01 * np.eye(d), 0.0)
    low, high = -rng.random(d), rng.random(d)
    z = box_minimum(bowl, low, high)
    slope = bowl.gradient + bowl.hessian @ z
    assert (z >= low).all()
    assert (z <= high).all()
    inside = (z > low) & (z < high)
    assert np.abs(slope[inside]).max(initial=0.0) < 1e-8
    assert (slope[z == low] >= -1e-8).all()
    assert (slope[z == high] <= 1e-8).all()


def test_saddles_and_flat_quadratics_are_made_convex():
    bent = Quadratic(np.array([1.0, 1.0]), np.diag([2.0, -3.0]), 0.0).convex()
    assert np.allclose(np.linalg.eigvalsh(bent.hessian), [2.0, 3.0])
    slope = Quadratic(np.array([1.0, -1.0]), np.zeros((2, 2)), 0.0).convex()
    assert box_minimum(slope, np.full(2, -0.5), np.full(2, 0.5)).tolist() == [-0.5, 0.5]


def test_one_step_ends_at_the_bottom_of_an_ill_conditioned_bowl():
    bottom = np.array([0.4, 0.55, 0.6])
    points, losses = sample(lambda z: 7.0 + z @ CURVED @ z, bottom, 20)
    assert np.abs(step_from(Layout((Column(),) * 3), points, losses, radius=1.0) - bottom).max() < 1e-6


def test_a_step_keeps_categories_and_branches_and_lands_on_levels():
    levels = (np.arange(9) + 0.5) / 9
    two = np.array([0.25, 0.75])
    layout = Layout((Column(), Column(levels=levels), Column(levels=two, nominal=True), Column(parent=2, option=1)))
    points = layout.snap(np.random.default_rng(0).random((60, 4))).unit
    bottom = np.array([0.37, 0.71, 0.25, 0.5])
    losses = ((points - bottom) ** 2) @ [1.0, 2.0, 1.0, 0.0]
    found = step_from(layout, points, losses)
    assert found[0] == pytest.approx(0.37, abs=1e-6)
    assert found[1] == levels[np.argmin(np.abs(levels - 0.71))]
    assert found[2:].tolist() == [0.25, 0.5]


def test_an_undetermined_quadratic_stays_in_the_span_of_its_points():
    z = np.random.default_rng(2).normal(size=(12, 3)) * [1.0, 1.0, 0.0]
    found = fit_quadratic(z, z[:, 0] ** 2 + z[:, 1] ** 2)
    assert np.allclose(found.hessian, np.diag([2.0, 2.0, 0.0]), atol=1e-8)
    lonely = np.vstack([z * [1.0, 0.0, 0.0], [[0.0, 1.0, 0.0]]])  # one point alone tells of its coordinate
    assert np.isfinite(fit_quadratic(lonely, lonely[:, 0] ** 2 + lonely[:, 1] ** 2).error)


def test_noise_fits_no_quadratic_and_the_bottom_gives_no_step():
    points = np.random.default_rng(0).random((40, 3))
    found = fit_quadratic(points[1:] - points[0], np.random.default_rng(1).random(39) ** 8)
    assert found.error > 0.2
    bottom = np.full(3, 0.5)
    points, losses = sample(lambda z: z @ z, bottom, 30)
    again = np.vstack([points, bottom])
    assert step_from(Layout((Column(),) * 3), again, np.append(losses, 0.0)) is None


def test_a_fixed_coordinate_outside_the_box_stays():
    bowl = Quadratic(np.array([-1.0, 0.0]), np.eye(2), 0.0)
    found = box_minimum(bowl, np.array([0.5, -1.0]), np.array([0.4, 1.0]), np.array([True, False]))
    assert found.tolist() == [0.5, 0.0]
