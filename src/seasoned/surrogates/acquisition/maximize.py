"""Maximisation of an acquisition function: random candidates, gradient ascent, and sweeps over discrete levels.

1. Candidates are a shifted Sobol sequence over the box, and Gaussian perturbations of the centres.
2. The best candidates become starts. Each round has two steps: gradient ascent of the continuous coordinates, with all
   starts in one batch, and a sweep of each discrete coordinate over its levels.
3. The result is the best point that was not tried before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from seasoned.surrogates.acquisition.gradient_ascent import ascend

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seasoned.surrogates.layout import Layout

__all__ = ["Box", "Effort", "Score", "candidates", "maximize", "sobol"]

_SCALES: Final = (0.1, 0.03, 0.01, 0.001)  # standard deviations of Gaussian perturbations, in units of the box
_HALVINGS: Final = 5  # largest number of halvings of an ascent that ended at a forbidden point
_SWEPT: Final = 16  # largest number of levels of a column in one sweep


class Score(Protocol):
    """Function to be maximised, at features of shape (m, p)."""

    def value(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Value, shape (m,)."""

    def gradient(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Value, shape (m,), and derivatives by the numeric features, shape (m, numeric)."""


@dataclass(frozen=True, slots=True)
class Box:
    """Search box.

    Attributes:
        low: Lower bounds, shape (d,); ignored for nominal columns.
        high: Upper bounds, shape (d,); ignored for nominal columns.
        centers: Points to perturb, shape (k, d).
        steps: Natural step of each coordinate, which preconditions the ascent, shape (d,).
        switch: Probability that a nominal coordinate of a Sobol candidate is drawn at random, instead of the value of a
            centre; 1 for the whole cube.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    centers: NDArray[np.float64]
    steps: NDArray[np.float64]
    switch: float = 1.0


@dataclass(frozen=True, slots=True)
class Effort:
    """Effort of the maximisation.

    Attributes:
        sobol: Number of quasi-random candidates.
        gaussian: Number of perturbations of the centres.
        starts: Number of starts of the ascent.
        iterations: Iterations of the ascent; each needs one batch of gradients.
        rounds: Largest number of rounds of ascent and sweep.
    """

    sobol: int = 512
    gaussian: int = 256
    starts: int = 6
    iterations: int = 30
    rounds: int = 2


@lru_cache(maxsize=8)
def sobol(count: int, dimension: int) -> NDArray[np.float64]:
    """First points of a scrambled Sobol sequence, shape (count, dimension). The array is cached and must not change."""
    from scipy.stats import qmc

    if dimension == 0 or dimension > 21201:  # largest dimension of the Sobol sequence in scipy
        return np.random.default_rng(0).random((count, dimension))
    points = qmc.Sobol(dimension, scramble=True, rng=np.random.default_rng(0)).random(
        1 << max(count - 1, 1).bit_length()
    )
    return points[:count]


def maximize(
    score: Score,
    layout: Layout,
    box: Box,
    rng: np.random.Generator,
    refused: Callable[[NDArray[np.float64]], bool],
    effort: Effort = Effort(),
    *,
    allowed: Callable[[NDArray[np.float64]], bool] | None = None,
) -> NDArray[np.float64] | None:
    """Return the point with the largest score that is not refused, shape (d,); None if no candidate is left.

    Args:
        score: Function to maximise.
        layout: Layout of the unit cube.
        box: Search box.
        rng: Random generator of the candidates.
        refused: Predicate of snapped points: True if the point must not be returned, because it was tried before.
        effort: Effort of the maximisation.
        allowed: Predicate of snapped points: True if the point is valid; None if all points are valid.
    """
    unit = layout.snap(candidates(layout, box, rng, effort)).unit
    unit = unit[_open(allowed, unit)]
    if not len(unit):
        return None
    values = _values(score, layout, unit)
    order = np.argsort(-values, kind="stable")
    points = _starts(unit[order], effort.starts)
    found = _values(score, layout, points)
    for _ in range(effort.rounds):
        points, found = _inside(
            score, layout, allowed, (points, found), _climb(score, layout, box, points, found, effort.iterations)
        )
        if not len(layout.discrete):
            break
        before = found
        points, found = _sweep(score, layout, box, points, found, rng, allowed=allowed)
        if np.array_equal(before, found):
            break
    for index in np.argsort(-found, kind="stable"):
        if not refused(points[index]):
            return np.asarray(points[index])
    return next((unit[index] for index in order if not refused(unit[index])), None)


def _open(allowed: Callable[[NDArray[np.float64]], bool] | None, unit: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask of the points that are allowed, shape (m,)."""
    return (
        np.ones(len(unit), dtype=np.bool_) if allowed is None else np.array([allowed(u) for u in unit], dtype=np.bool_)
    )


def _inside(
    score: Score,
    layout: Layout,
    allowed: Callable[[NDArray[np.float64]], bool] | None,
    before: tuple[NDArray[np.float64], NDArray[np.float64]],
    after: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and scores after an ascent. A point that is not allowed moves half-way back, repeatedly, until allowed."""
    points, found = before
    higher, reached = after
    for _ in range(_HALVINGS):
        free = _open(allowed, higher) & (reached >= found)
        if free.all():
            return higher, reached
        higher = np.where(free[:, None], higher, layout.snap(0.5 * (points + higher)).unit)
        reached = np.where(free, reached, _values(score, layout, higher))
    free = _open(allowed, higher) & (reached >= found)
    return np.where(free[:, None], higher, points), np.where(free, reached, found)


def _values(score: Score, layout: Layout, unit: NDArray[np.float64]) -> NDArray[np.float64]:
    return score.value(layout.features(*layout.snap(unit)))


def candidates(layout: Layout, box: Box, rng: np.random.Generator, effort: Effort) -> NDArray[np.float64]:
    """Candidates, not snapped, shape (m, d): Sobol points of the box, perturbations of the centres, and the centres."""
    d = len(layout.columns)
    spread = (sobol(effort.sobol, d) + rng.random(d)) % 1.0
    around = box.centers[rng.integers(0, len(box.centers), effort.sobol)]
    even = box.low + spread * (box.high - box.low)
    for j in layout.nominal:
        keep = rng.random(effort.sobol) >= box.switch
        even[:, j] = np.where(keep, around[:, j], spread[:, j])
    centers = box.centers[np.arange(effort.gaussian) % len(box.centers)]
    scales = np.array(_SCALES)[rng.integers(0, len(_SCALES), effort.gaussian)][:, None]
    moved = np.clip(centers + scales * (box.high - box.low) * rng.standard_normal(centers.shape), box.low, box.high)
    chosen = rng.random(centers.shape) < np.where(
        rng.random((effort.gaussian, 1)) < 0.5, 1.0, min(1.0, 2.0 / max(d, 1))
    )
    near = np.where(chosen, moved, centers)
    for j in layout.nominal:
        switched = rng.random(effort.gaussian) < 1.0 / max(d, 1)
        near[:, j] = np.where(switched, rng.random(effort.gaussian), centers[:, j])
    for j in layout.discrete:
        if not layout.columns[j].nominal:
            switched = rng.random(effort.gaussian) < 1.0 / max(d, 1)
            near[:, j] = np.where(switched, _neighbour(layout, j, near[:, j], rng), near[:, j])
    return np.concatenate([even, near, box.centers])


def _neighbour(layout: Layout, j: int, unit: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Move each coordinate one level up or down at random."""
    levels = layout.columns[j].levels
    assert levels is not None
    step = rng.choice([-1, 1], len(unit))
    return np.asarray(levels[np.clip(layout.level(j, unit) + step, 0, len(levels) - 1)])


def _starts(unit: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """First `count` distinct points."""
    _, first = np.unique(unit[: 8 * count], axis=0, return_index=True)
    return unit[np.sort(first)[:count]].copy()


def _climb(
    score: Score,
    layout: Layout,
    box: Box,
    points: NDArray[np.float64],
    found: NDArray[np.float64],
    iterations: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gradient ascent of the continuous coordinates of all points at once."""
    moving = layout.continuous
    if not len(moving):
        return points, found
    place = np.searchsorted(layout.numeric, moving)  # positions among the numeric features
    snapped = layout.snap(points)
    features, active = layout.features(*snapped), snapped.active[:, moving]
    steps = box.steps[moving]
    low = np.where(active, box.low[moving] / steps, points[:, moving] / steps)
    high = np.where(active, box.high[moving] / steps, points[:, moving] / steps)

    def heights(scaled: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        features[:, place] = scaled * steps  # only continuous columns change, so no snap is needed
        values, slopes = score.gradient(features)
        return values, slopes[:, place] * steps * active

    start = np.clip(points[:, moving] / steps, low, high)
    moved = points.copy()
    moved[:, moving] = ascend(heights, start, low, high, iterations) * steps
    moved = layout.snap(moved).unit
    reached = _values(score, layout, moved)
    better = reached > found
    return np.where(better[:, None], moved, points), np.where(better, reached, found)


def _sweep(
    score: Score,
    layout: Layout,
    box: Box,
    points: NDArray[np.float64],
    found: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    allowed: Callable[[NDArray[np.float64]], bool] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Set each discrete coordinate in turn to the level with the largest score."""
    points = points.copy()
    for j in layout.discrete:
        levels = _allowed(layout, box, j)
        if len(levels) > _SWEPT:
            levels = np.sort(rng.choice(levels, _SWEPT, replace=False))
        moved = np.repeat(points, len(levels), axis=0)
        moved[:, j] = np.tile(levels, len(points))
        moved = layout.snap(moved).unit
        values = np.where(_open(allowed, moved), _values(score, layout, moved), -np.inf).reshape(len(points), -1)
        best = values.argmax(axis=1)
        rows = np.arange(len(points))
        better = values[rows, best] > found
        points[better] = moved.reshape(len(points), len(levels), -1)[rows, best][better]
        found = np.where(better, values[rows, best], found)
    return points, found


def _allowed(layout: Layout, box: Box, j: int) -> NDArray[np.float64]:
    """Levels of a column inside the box; all levels of a nominal column."""
    levels = layout.columns[j].levels
    assert levels is not None
    if layout.columns[j].nominal:
        return levels
    inside = levels[(levels >= box.low[j] - 1e-12) & (levels <= box.high[j] + 1e-12)]
    return inside if len(inside) else levels
