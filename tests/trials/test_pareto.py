"""Dominance, fronts, crowding and hypervolume, compared with brute force."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.trials.pareto import crowding_distance, hypervolume, non_dominated_sort, pareto_front


def dominates(left, right):
    return bool((left <= right).all() and (left < right).any())


def peeled(values):
    """Ranks by the definition: take the undominated away, again and again."""
    ranks, left = np.full(len(values), -1), set(range(len(values)))
    rank = 0
    while left:
        front = {i for i in left if not any(dominates(values[j], values[i]) for j in left)}
        ranks[list(front)] = rank
        left -= front
        rank += 1
    return ranks


def tables():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        shape = (int(rng.integers(1, 40)), int(rng.integers(1, 6)))
        smooth = rng.standard_normal(shape)
        yield pytest.param(smooth if seed % 2 else np.round(smooth), id=f"{seed}-{shape}")  # rounded: many ties


@pytest.mark.parametrize("values", list(tables()))
def test_ranks_and_fronts_are_those_of_the_definition(values):
    ranks = non_dominated_sort(values)
    np.testing.assert_array_equal(ranks, peeled(values))
    np.testing.assert_array_equal(pareto_front(values), ranks == 0)


@pytest.mark.parametrize("values", list(tables()))
def test_ranks_stop_where_enough_points_have_theirs(values):
    ranks, most = peeled(values), len(values) // 3
    some = non_dominated_sort(values, most)
    if values.shape[1] <= 2:
        np.testing.assert_array_equal(some, ranks)
        return
    np.testing.assert_array_equal(np.minimum(ranks, some.max()), some)
    assert len(np.unique(values[some < some.max()], axis=0)) >= most or some.max() == ranks.max()


@pytest.mark.parametrize("values", list(tables()))
def test_hypervolume_is_the_volume_of_the_union_of_boxes(values):
    """On a grid of whole numbers the union is a count of cells."""
    points = np.clip(np.round(values * 2), -3, 3).astype(int)
    reference = np.full(points.shape[1], 3)
    cells = np.stack(np.meshgrid(*[np.arange(-3, 3)] * points.shape[1], indexing="ij"), axis=-1)
    covered = np.zeros(cells.shape[:-1], dtype=bool)
    for point in points:
        covered |= (cells >= point).all(axis=-1)
    assert hypervolume(points, reference) == covered.sum()


@pytest.mark.parametrize("objectives", [2, 3, 4, 5])
def test_hypervolume_agrees_with_inclusion_and_exclusion(objectives):
    values = np.random.default_rng(objectives).random((9, objectives))
    total = 0.0
    for chosen in range(1, 2 ** len(values)):
        members = values[[bool(chosen >> i & 1) for i in range(len(values))]]
        total += (-1) ** (len(members) + 1) * np.prod(1.0 - members.max(axis=0))
    assert hypervolume(values, np.ones(objectives)) == pytest.approx(total, rel=1e-9)


def test_hypervolume_at_its_limits():
    assert hypervolume(np.empty((0, 2)), [1, 1]) == 0.0
    assert hypervolume([[1, 0]], [1, 1]) == 0.0  # on the edge
    assert hypervolume([[np.inf, 0], [0, 2]], [1, 1]) == 0.0
    assert hypervolume([[0.25]], [1.0]) == 0.75
    assert hypervolume([[0, 0], [0, 0]], [2, 3]) == 6.0


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_hypervolume_grows_with_a_point_and_with_the_reference(objectives):
    rng = np.random.default_rng(objectives)
    values = rng.random((20, objectives))
    ones = np.ones(objectives)
    less = hypervolume(values[:-1], ones)
    assert hypervolume(values, ones) >= less > 0
    assert hypervolume([*values, 0.9 * values.min(axis=0)], ones) > hypervolume(values, ones)
    assert hypervolume(values, 0.8 * ones) < hypervolume(values, ones)


def test_crowding_is_the_sum_of_neighbour_distances():
    values = np.array([[0.0, 1.0], [0.1, 0.8], [0.2, 0.7], [0.9, 0.1], [1.0, 0.0]])
    crowding = crowding_distance(values)
    assert np.isinf(crowding[[0, 4]]).all()
    assert crowding[1:4].tolist() == pytest.approx([0.2 + 0.3, 0.8 + 0.7, 0.8 + 0.7])


def test_crowding_ignores_scale_and_constant_objectives():
    values = np.array([[0.0, 4.0], [1.0, 2.0], [2.0, 1.0], [4.0, 0.0]])
    scaled = np.column_stack([values * [1e-3, 1e6], np.full(4, 7.0)])
    np.testing.assert_allclose(crowding_distance(scaled), crowding_distance(values))
    assert crowding_distance(np.ones((5, 2))).tolist() == [0.0] * 5
    assert np.isinf(crowding_distance([[0, 1], [1, 0]])).all()


def test_extreme_values_do_not_overflow():
    values = [[-1e308, 1e308], [0, 0], [1e308, -1e308], [np.inf, -np.inf]]
    assert non_dominated_sort(values).tolist() == [0, 0, 0, 0]
    assert np.isfinite(crowding_distance(values)[1])


def test_wrong_shapes_and_nan_are_refused():
    with pytest.raises(InvalidInput, match="NaN"):
        non_dominated_sort([[0, np.nan]])
    with pytest.raises(InvalidInput, match="shape"):
        pareto_front([1, 2])
    with pytest.raises(InvalidInput, match="reference"):
        hypervolume([[0, 1]], [1])
