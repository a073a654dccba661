"""Prior of studies: trials of a random search for the minimum of a drawn function.

The trials of a study are not uniform: a search returns to where it was good. So a drawn study begins with uniform
points; later points are mutations of the best points so far, with steps that become smaller. The rows are shuffled at
the end, so that context and queries follow one distribution.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from seasoned.incontext.prior.choices import log_integer, log_uniform, one_of, standardise
from seasoned.incontext.prior.drawn_table import DrawnTable
from seasoned.incontext.prior.spaces import draw_space
from seasoned.incontext.prior.surfaces import draw_surface

if TYPE_CHECKING:
    from seasoned.incontext.prior.spaces import DrawnSpace
    from seasoned.incontext.prior.surfaces import Function

__all__ = ["draw_trials"]

UNIFORM = 0.15
"""Share of studies with uniform trials only."""
EXACT = 0.4
"""Share of studies without noise."""
RANKED = 0.5
"""Share of studies whose losses are on the half-rank scale, on which samplers show them to a network."""


def draw_trials(rng: np.random.Generator, rows: int, columns: int) -> DrawnTable:
    """Return a drawn study: trials in the unit cube and their losses, which are minimised.

    Args:
        rng: Generator of all choices.
        rows: Number of trials.
        columns: Number of hyperparameters.

    Returns:
        Table with numbers as target, with mean 0 and standard deviation 1. A discrete coordinate has the centres of its
        bins, the k-th of K categories (k + 1/2) / K; an inactive coordinate is NaN.

    Example:
        >>> study = draw_trials(np.random.default_rng(0), 50, 3)
        >>> study.X.shape, study.n_classes, bool(np.nanmax(study.X) <= 1.0)
        ((50, 3), 0, True)
    """
    while True:
        space = draw_space(rng, columns)
        X, y = _search(rng, space, draw_surface(rng, space), rows)
        if y.std() > 1e-6:
            break
    if rng.random() < RANKED:
        y = _half_ranks(y)
    order = rng.permutation(rows)
    return DrawnTable(X[order].astype(np.float32), space.nominal, standardise(y)[order].astype(np.float32), 0)


def _search(rng: np.random.Generator, space: DrawnSpace, loss: Function, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the trials of a search, shape (rows, d), and their losses, shape (rows,)."""
    columns = len(space.levels)
    first = rows if rng.random() < UNIFORM else max(int(rows * rng.uniform(0.05, 0.8)), min(rows, 3))
    noise = _draw_noise(rng)
    unit = rng.random((first, columns))
    X = space.snap(unit)
    y = noise(loss(X))
    centers, shrink, step = log_integer(rng, 1, 8), rng.uniform(0.4, 1.0), rng.uniform(0.1, 0.4)
    for size in _sizes(rng, rows - first):
        best = unit[np.argsort(y, kind="stable")[:centers]]
        found = _mutations(rng, best, size, step)
        points = space.snap(found)
        unit, X, y = np.concatenate([unit, found]), np.concatenate([X, points]), np.append(y, noise(loss(points)))
        step *= shrink
    return X, y


def _sizes(rng: np.random.Generator, trials: int) -> list[int]:
    """Return the sizes of up to eight rounds."""
    cuts = np.sort(rng.integers(0, trials + 1, int(rng.integers(2, 8))))
    return [int(size) for size in np.diff([0, *cuts, trials]) if size]


def _mutations(rng: np.random.Generator, best: np.ndarray, count: int, step: float) -> np.ndarray:
    """Return points near some of the best, shape (count, d); one change of six is a new uniform coordinate."""
    centers = best[rng.integers(0, len(best), count)]
    near = np.clip(centers + step * rng.standard_normal(centers.shape), 0.0, 1.0)
    moved = np.where(rng.random(centers.shape) < 1 / 6, rng.random(centers.shape), near)
    return np.where(rng.random(centers.shape) < rng.uniform(0.2, 1.0), moved, centers)


def _draw_noise(rng: np.random.Generator) -> Function:
    """Return a function that adds noise to losses, whose standard deviation over the cube is about 1."""
    if rng.random() < EXACT:
        return lambda f: f
    scale, freedom, uneven = log_uniform(rng, 1e-3, 0.6), one_of(rng, (0, 0, 4)), rng.random() < 0.3

    def noisy(f: np.ndarray) -> np.ndarray:
        errors = rng.standard_t(freedom, len(f)) if freedom else rng.standard_normal(len(f))
        return np.asarray(f + scale * errors * (np.clip(0.6 + 0.4 * f, 0.1, 3.0) if uneven else 1.0))

    return noisy


def _half_ranks(y: np.ndarray) -> np.ndarray:
    """Return losses whose worse half has normal quantiles of its ranks, on the scale of the better half."""
    middle = np.median(y)
    spread = np.sqrt(np.mean((y[y <= middle] - middle) ** 2))
    if spread == 0:
        return y
    ranks = (np.searchsorted(np.sort(y), y, side="left") + np.searchsorted(np.sort(y), y, side="right")) / 2
    normal = NormalDist()
    quantiles = np.array([normal.inv_cdf(rank / len(y)) for rank in ranks])
    return np.where(y > middle, middle + spread * quantiles, y)
