"""Gradient ascent from several starts in a box."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.surrogates.acquisition.gradient_ascent import ascend


def bowl(matrix, top):
    """A concave quadratic."""

    def heights(x):
        z = x - top
        return -0.5 * np.einsum("si,ij,sj->s", z, matrix, z), -z @ matrix

    return heights


@pytest.fixture
def hill():
    rng = np.random.default_rng(0)
    base = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    return base @ np.diag(10.0 ** np.linspace(0, 3, 5)) @ base.T, rng.normal(size=5)


def test_the_top_of_an_ill_conditioned_hill_is_found_from_every_start(hill):
    start = np.random.default_rng(1).normal(size=(4, 5)) * 3
    found = ascend(bowl(*hill), start, np.full((4, 5), -20.0), np.full((4, 5), 20.0), 60)
    assert np.abs(found - hill[1]).max() < 1e-3


def test_ascent_in_a_box_leaves_no_slope_to_follow(hill):
    low, high = np.full((3, 5), -0.3), np.full((3, 5), 0.3)
    start = np.random.default_rng(2).uniform(-0.3, 0.3, (3, 5))
    found = ascend(bowl(*hill), start, low, high, 120)
    slope = bowl(*hill)(found)[1]
    free = np.where(((found <= low) & (slope < 0)) | ((found >= high) & (slope > 0)), 0.0, slope)
    assert ((low <= found) & (found <= high)).all()
    assert np.abs(free).max() < 1e-2 * np.abs(hill[0]).max()


def test_no_start_ends_lower_than_it_began():
    def heights(x):
        return np.sin(40 * x).sum(axis=1) + x.sum(axis=1), 40 * np.cos(40 * x) + 1

    start = np.random.default_rng(3).random((20, 3))
    low, high = np.zeros_like(start), np.ones_like(start)
    found = ascend(heights, start, low, high, 25)
    assert (heights(found)[0] >= heights(start)[0]).all()
    alone = ascend(heights, start[:1], low[:1], high[:1], 25)
    assert heights(alone)[0][0] == pytest.approx(heights(found[:1])[0][0], abs=1e-6)


def test_fixed_coordinates_and_starts_on_a_plain_do_not_move():
    start = np.array([[0.2, 0.7]])
    low, high = np.array([[0.0, 0.7]]), np.array([[1.0, 0.7]])
    found = ascend(lambda x: (-((x - 0.5) ** 2).sum(axis=1), -2 * (x - 0.5)), start, low, high, 30)
    assert found == pytest.approx(np.array([[0.5, 0.7]]), abs=1e-6)
    flat = ascend(lambda x: (np.zeros(len(x)), np.zeros_like(x)), start, low, high, 30)
    assert np.array_equal(flat, start)
