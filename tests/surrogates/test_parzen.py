"""Parzen mixtures: densities that integrate to one, and draws that follow them."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.surrogates.parzen import fit_parzen

LEVELS = np.array([0, 5, 3])
NOMINAL = np.array([False, False, True])


def mixture(count=6, weights=None, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.random((count, 3))
    points[:, 1:] = (np.floor(points[:, 1:] * LEVELS[1:]) + 0.5) / LEVELS[1:]
    return points, fit_parzen(points, LEVELS, NOMINAL, weights)


def grid(steps=200):
    """Midpoints of the continuum and all levels, shape (steps * 15, 3)."""
    axes = [(np.arange(n) + 0.5) / n for n in (steps, 5, 3)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


@pytest.mark.parametrize("count", [0, 1, 6, 60])
def test_the_density_integrates_to_one(count):
    _, density = mixture(count)
    assert np.exp(density.log_density(grid())).mean() == pytest.approx(1.0, rel=1e-3)


def test_a_mixture_without_points_is_uniform():
    _, density = mixture(0)
    np.testing.assert_allclose(density.log_density(grid(10)), 0.0, atol=1e-12)
    assert density.sample(np.random.default_rng(0), 100).std(axis=0) == pytest.approx([0.29, 0.28, 0.27], abs=0.05)


def test_draws_follow_the_density():
    """The mean log density of draws is the negative entropy; false alarm below 1e-6 (five standard errors)."""
    _, density = mixture(4)
    points = grid()
    logs = density.log_density(points)
    expected = float((np.exp(logs) * logs).mean())
    drawn = density.log_density(density.sample(np.random.default_rng(1), 20_000))
    assert drawn.mean() == pytest.approx(expected, abs=5 * drawn.std() / np.sqrt(len(drawn)) + 1e-3)


def test_draws_lie_in_the_cube_and_on_the_levels():
    _, density = mixture(3)
    drawn = density.sample(np.random.default_rng(0), 500)
    assert ((drawn >= 0) & (drawn <= 1)).all()
    np.testing.assert_allclose(drawn[:, 1:] * LEVELS[1:] % 1.0, 0.5)
    assert len(np.unique(drawn[:, 2])) == 3


def test_the_density_follows_points_and_their_weights():
    points, even = mixture(6)
    assert (even.log_density(points) > 0).all()
    weights = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    _, uneven = mixture(6, weights)
    assert np.argmax(uneven.log_density(points)) == 5
    assert uneven.log_density(points)[5] > even.log_density(points)[5]


def test_more_points_narrow_the_density():
    widths = [mixture(count)[1].widths[0] for count in (1, 10, 100)]
    assert widths == sorted(widths, reverse=True)
    assert np.isfinite(mixture(200)[1].log_density(grid(50))).all()


def test_the_density_of_many_levels_integrates_to_one():
    rng = np.random.default_rng(0)
    levels, nominal = np.array([1000, 7]), np.zeros(2, dtype=np.bool_)
    centres = (np.floor(rng.random((300, 2)) * levels) + 0.5) / levels
    parzen = fit_parzen(centres, levels, nominal)
    bins = np.arange(7)
    every = np.column_stack([np.full(7, 0.5005), (bins + 0.5) / 7])
    whole = np.array([[(a + 0.5) / 1000, (b + 0.5) / 7] for a in range(1000) for b in bins])
    assert np.exp(parzen.log_density(whole)).mean() == pytest.approx(1.0, rel=1e-6), "a density relative to uniform"
    assert parzen.log_density(every).shape == (7,)
