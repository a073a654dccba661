"""Multi-objective optimisation: dominance, fronts, crowding distance and hypervolume. All objectives are minimised.

A point p dominates q if p_j <= q_j for all objectives j, and p_j < q_j for at least one. Values may be infinite (for
example +inf for a failed objective), but not NaN.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["crowding_distance", "hypervolume", "non_dominated_sort", "pareto_front"]


def non_dominated_sort(values: ArrayLike, most: int | None = None) -> NDArray[np.intp]:
    """Return the front of each point: 0 if no point dominates it, 1 if only points of front 0 dominate it, and so on.

    The front of a point is the length of the longest chain of dominating points. In lexicographic order, dominating
    points come before dominated ones. So one pass suffices for one or two objectives: O(n log n), by bisection over the
    last members of the fronts. For more objectives, fronts are removed one after another, in O(m n) per point of a
    front.

    Args:
        values: Objectives, shape (n, m), minimised.
        most: For three objectives or more, the number of distinct points that need a rank. Once so many points have a
            rank, all others get the next one. None ranks all points.

    Returns:
        Ranks, shape (n,); equal points have equal ranks.

    Raises:
        InvalidInput: If the values are not an (n, m) table or contain NaN.

    Source: Deb et al. (2002), A fast and elitist multiobjective genetic algorithm, section III; for two objectives
    Jensen (2003), Reducing the run-time complexity of multiobjective EAs.

    Example:
        >>> non_dominated_sort([[0, 1], [1, 0], [1, 1], [2, 2]]).tolist()
        [0, 0, 1, 2]
    """
    table = _table(values)
    unique, inverse = np.unique(table, axis=0, return_inverse=True)  # sorted lexicographically
    ranks = (
        _ranks_of_two(unique) if table.shape[1] <= 2 else _ranks_of_many(unique, len(unique) if most is None else most)
    )
    return ranks[inverse.reshape(-1)]


def _ranks_of_two(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Ranks, shape (n,), of distinct points in lexicographic order, for one or two objectives."""
    lowest: list[float] = []  # last objective of the last member of each front; never decreasing over fronts
    ranks = np.empty(len(points), dtype=np.intp)
    for index, value in enumerate(points[:, -1].tolist()):
        front = bisect_right(lowest, value) if points.shape[1] == 2 else index
        if front == len(lowest):
            lowest.append(value)
        lowest[front] = value
        ranks[index] = front
    return ranks


def _ranks_of_many(points: NDArray[np.float64], most: int) -> NDArray[np.intp]:
    """Ranks, shape (n,), for any number of objectives, until `most` points are ranked."""
    ranks = np.empty(len(points), dtype=np.intp)
    left = np.arange(len(points))
    rank = 0
    while len(left) and len(points) - len(left) < most:
        front = _front_of_many(points[left])
        ranks[left[front]] = rank
        left = left[~front]
        rank += 1
    ranks[left] = rank
    return ranks


def _front_of_many(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask of the non-dominated points, shape (n,), of distinct points in lexicographic order.

    The first point is on the front. The points that it dominates are dropped, and the step is repeated.
    """
    front = np.zeros(len(points), dtype=np.bool_)
    left = np.arange(len(points))
    while len(left):
        front[left[0]] = True
        left = left[(points[left] < points[left[0]]).any(axis=1)]
    return front


def pareto_front(values: ArrayLike) -> NDArray[np.bool_]:
    """Return a mask of the points that no other point dominates; equal points are all on the front.

    Args:
        values: Objectives, shape (n, m), minimised.

    Returns:
        A mask, shape (n,).

    Raises:
        InvalidInput: If the values are not an (n, m) table or contain NaN.

    Example:
        >>> pareto_front([[0, 1], [1, 0], [1, 1]]).tolist()
        [True, True, False]
    """
    table = _table(values)
    unique, inverse = np.unique(table, axis=0, return_inverse=True)
    if table.shape[1] <= 2:
        return np.asarray((_ranks_of_two(unique) == 0)[inverse.reshape(-1)])
    return np.asarray(_front_of_many(unique)[inverse.reshape(-1)])


def crowding_distance(values: ArrayLike) -> NDArray[np.float64]:
    """Return the crowding distance of each point of one front: the sum of the side lengths of its neighbours' box.

    The side length in an objective f is (f[i + 1] - f[i - 1]) / (max f - min f), with the points in the order of f. The
    two end points have infinite distance. An objective with one value contributes 0 and has no end points.

    Args:
        values: Objectives of one front, shape (n, m).

    Returns:
        Distances, shape (n,), larger where the front is sparse.

    Raises:
        InvalidInput: If the values are not an (n, m) table or contain NaN.

    Source: Deb et al. (2002), section III.B.

    Example:
        >>> crowding_distance([[0, 4], [1, 2], [4, 0]]).tolist()
        [inf, 2.0, inf]
    """
    table = np.nan_to_num(_table(values)) / 2  # halved: differences of two doubles must not overflow
    distances = np.zeros(len(table))
    if len(table) <= 2:
        return np.full(len(table), np.inf)
    for column in table.T:
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        width = ordered[-1] - ordered[0]
        if width > 0:
            distances[order[1:-1]] += (ordered[2:] - ordered[:-2]) / width
            distances[order[[0, -1]]] = np.inf
    return distances


def hypervolume(values: ArrayLike, reference: ArrayLike) -> float:
    """Return the exact volume between the points' front and a reference point, for any number of objectives.

    Two objectives need one sweep, O(n log n). Three need a sweep of sweeps, O(n^2 log n). For more objectives, each
    point adds its volume minus the volume shared with later points, by recursion (exponential in m at worst).

    Args:
        values: Objectives, shape (n, m), minimised. Only points smaller than the reference in all objectives count.
        reference: The worst point that counts, shape (m,).

    Returns:
        The volume, at least 0; infinite if a counted point has an infinite distance from the reference.

    Raises:
        InvalidInput: If the shapes do not agree, or a number is NaN.

    Source: While, Bradstreet and Barone (2012), A fast way of calculating exact hypervolumes.

    Example:
        >>> hypervolume([[0, 1], [1, 0]], reference=[2, 2])
        3.0
    """
    table = _table(values)
    corner = np.asarray(reference, dtype=np.float64)
    if corner.shape != (table.shape[1],) or np.isnan(corner).any():
        raise InvalidInput(
            f"the reference point {np.asarray(reference).tolist()} does not fit values of shape {table.shape}; give "
            f"one number per objective."
        )
    inside = table[(table < corner).all(axis=1)]
    front = np.unique(inside[pareto_front(inside)], axis=0)
    return _volume(front, corner) if np.isfinite(corner - front).all() else math.inf


def _volume(front: NDArray[np.float64], corner: NDArray[np.float64]) -> float:
    """Volume of distinct, non-dominated points, shape (n, m), in lexicographic order, all below `corner`."""
    if len(front) == 0:
        return 0.0
    if len(front) == 1:
        return float(np.prod(corner - front[0]))
    if len(corner) == 1:
        return float(corner[0] - front[0, 0])
    if len(corner) == 2:
        widths = np.append(front[1:, 0], corner[0]) - front[:, 0]
        return float(widths @ (corner[1] - front[:, 1]))
    if len(corner) == 3:
        return _volume_of_three(front, corner)
    total = 0.0
    for index, point in enumerate(front):
        shared = np.maximum(front[index + 1 :], point)  # volume shared with later points
        total += float(np.prod(corner - point)) - _volume(np.unique(shared[pareto_front(shared)], axis=0), corner)
    return total


def _volume_of_three(front: NDArray[np.float64], corner: NDArray[np.float64]) -> float:
    """Volume of three objectives: slices along the third, each with the area of the points up to it."""
    ordered = front[np.argsort(front[:, 2], kind="stable")]
    heights = np.append(ordered[1:, 2], corner[2]) - ordered[:, 2]
    stairs = np.empty((0, 2))  # front of the first two coordinates so far, ascending in the first
    total = 0.0
    for point, height in zip(ordered[:, :2], heights.tolist(), strict=True):
        beaten = (point <= stairs).all(axis=1)
        place = int(np.searchsorted(stairs[~beaten, 0], point[0]))
        if not (stairs <= point).all(axis=1).any():
            stairs = np.insert(stairs[~beaten], place, point, axis=0)
        total += height * _volume(stairs, corner[:2])
    return total


def _table(values: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] == 0:
        raise InvalidInput(f"objectives of shape {table.shape} were given; give one row per point, shape (n, m).")
    if np.isnan(table).any():
        raise InvalidInput("the objectives hold NaN; give numbers, +inf for what failed.")
    return table
