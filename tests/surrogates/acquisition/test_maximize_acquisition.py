"""Maximisation of an acquisition over numbers, levels, categories and branches."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from seasoned.samplers.bayes.layout import layout_of
from seasoned.space import Float, Space
from seasoned.surrogates.acquisition.maximize import Box, Effort, maximize, sobol
from seasoned.surrogates.layout import Column, Layout

LEVELS = (np.arange(5) + 0.5) / 5
TWO = np.array([0.25, 0.75])
MIXED = Layout(
    (
        Column(),
        Column(levels=LEVELS),
        Column(levels=TWO, nominal=True),
        Column(default=0.3, parent=2, option=1),
    )
)


class Peak:
    """A concave score whose top is known."""

    def __init__(self, top, scale=1.0):
        self.top = np.asarray(top)
        self.scale = np.asarray(scale)

    def value(self, features):
        return -np.sum(((features - self.top) * self.scale) ** 2, axis=1)

    def gradient(self, features):
        slope = -2 * (features - self.top) * self.scale**2
        return self.value(features), slope[:, :3] if features.shape[1] > 5 else slope


def box(d, **given):
    return Box(np.zeros(d), np.ones(d), np.full((1, d), 0.5), np.ones(d), **given)


def never(_):
    return False


def test_the_top_of_a_hill_is_found_to_many_digits():
    layout = Layout((Column(),) * 4)
    top = np.array([0.123, 0.456, 0.789, 0.0])
    found = maximize(Peak(top), layout, box(4), np.random.default_rng(0), never)
    assert np.abs(found - top).max() < 1e-4


def test_the_maximum_lies_in_the_box():
    layout = Layout((Column(),) * 2)
    inside = Box(np.array([0.2, 0.3]), np.array([0.4, 0.5]), np.array([[0.3, 0.4]]), np.full(2, 0.1))
    found = maximize(Peak([1.0, 0.0]), layout, inside, np.random.default_rng(0), never)
    assert np.allclose(found, [0.4, 0.3])


def test_numbers_levels_categories_and_branches_are_maximised():
    best = MIXED.snap(np.array([[0.31, 0.7, 0.75, 0.62]]))
    top = MIXED.features(*best)[0]
    found = maximize(Peak(top), MIXED, box(4), np.random.default_rng(0), never)
    assert np.allclose(found, best.unit[0], atol=1e-3)


def test_refused_points_are_not_returned():
    grid = Layout((Column(levels=TWO), Column(levels=TWO, nominal=True)))
    top = grid.features(*grid.snap(np.array([[0.75, 0.25]])))[0]
    taken = set()
    for _ in range(4):
        found = maximize(Peak(top), grid, box(2), np.random.default_rng(0), lambda unit: tuple(unit) in taken)
        taken.add(tuple(found))
    assert taken == set(itertools.product(TWO, TWO))
    assert maximize(Peak(top), grid, box(2), np.random.default_rng(0), lambda _: True, Effort(16, 8)) is None


@pytest.mark.parametrize("seed", range(3))
def test_snapping_is_a_projection(seed):
    unit = np.random.default_rng(seed).random((50, 4))
    once = MIXED.snap(unit)
    twice = MIXED.snap(once.unit)
    assert np.array_equal(once.unit, twice.unit)
    assert np.array_equal(once.active, twice.active)
    assert np.array_equal(once.active[:, 3], once.unit[:, 2] == 0.75)
    assert (once.unit[~once.active[:, 3], 3] == 0.3).all()


def test_categories_differ_by_one_and_inactive_coordinates_by_nothing():
    unit, active = MIXED.snap(np.array([[0.5, 0.5, 0.2, 0.1], [0.5, 0.5, 0.2, 0.9], [0.5, 0.5, 0.9, 0.3]]))
    features = MIXED.features(unit, active)
    assert np.array_equal(features[0], features[1])
    squared = np.bincount(MIXED.groups, (features[0] - features[2]) ** 2)
    assert np.allclose(squared, [0, 0, 0, 1, 1])  # numbers first, then the category, then the branch's bit


def test_sobol_points_are_even():
    points = sobol(256, 3)
    assert points.shape == (256, 3)
    assert np.abs(points.mean(axis=0) - 0.5).max() < 0.01


def test_a_climb_into_a_forbidden_region_stops_at_its_edge():
    class Slope:
        def value(self, features):
            return features[:, 0].copy()

        def gradient(self, features):
            return features[:, 0].copy(), np.ones((len(features), 1))

    layout = layout_of(Space(x=Float(0, 1)))
    box = Box(np.zeros(1), np.ones(1), np.array([[0.1]]), np.ones(1))
    few = Effort(sobol=4, gaussian=0, starts=1, iterations=20)
    allowed = {"allowed": lambda unit: unit[0] < 0.9}
    found = maximize(Slope(), layout, box, np.random.default_rng(0), lambda _: False, few, **allowed)
    drawn = maximize(Slope(), layout, box, np.random.default_rng(0), lambda _: False, replace(few, rounds=0), **allowed)
    assert drawn[0] < found[0] < 0.9
    free = maximize(Slope(), layout, box, np.random.default_rng(0), lambda _: False, few)
    assert free[0] == pytest.approx(1.0)
