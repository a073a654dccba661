"""Projected quasi-Newton ascent from several starts at once in a box, with one batch of gradients per step.

Each start has its own inverse Hessian H (BFGS; Nocedal and Wright 2006, eq. 6.17) and its own step length; coordinates
held back by a bound are left out (projection, Bertsekas 1982). Acquisition functions are cheap in batches and expensive
one by one, so a step that does not climb is cut while the others go on: no start waits for another's line search.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["ascend"]

_ARMIJO: Final = 1e-4  # least share of the gain that the slope predicts for a step to count as climbing
_CUT: Final = 0.3  # factor on a step that did not climb
_CURVED: Final = 1e-10  # cosine between step and change of slope above which the curvature is used
_STILL: Final = 1e-5  # gain, relative to the height, below which a start has converged
_SHORT: Final = 1e-7  # largest coordinate of a step below which a start has converged


def ascend(
    heights: Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]],
    start: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    iterations: int,
) -> NDArray[np.float64]:
    """A point at least as high as each start, shape (s, d).

    Args:
        heights: Height and slope of points of shape (s, d), shapes (s,) and (s, d); called `iterations` + 1 times at
            most. The unit of the coordinates should be about the distance over which the height changes.
        start: Starts inside the bounds, shape (s, d).
        low: Lower bounds, shape (s, d); equal to the upper where a coordinate is fixed.
        high: Upper bounds, shape (s, d).
        iterations: Steps, those that fail included.

    Example:
        >>> def hill(x):
        ...     return -((x - 3) ** 2)[:, 0], -2 * (x - 3)
        >>> ascend(hill, np.zeros((2, 1)), np.full((2, 1), -9.0), np.array([[9.0], [1.0]]), 20).round(6)
        array([[3.],
               [1.]])
    """
    x = start.copy()
    height, slope = heights(x)
    inverse = np.zeros((*x.shape, x.shape[1]))
    fresh = np.ones(len(x), dtype=np.bool_)  # no curvature is known yet
    step = _direction(x, slope, inverse, low, high, fresh)
    share = np.ones(len(x))
    for _ in range(iterations):
        trial = np.clip(x + share[:, None] * step, low, high)
        moved = trial - x
        above, there = heights(trial)
        promised = np.einsum("sd,sd->s", slope, moved)
        climbed = (above >= height + _ARMIJO * promised) & (promised > 0.0)
        gain = np.where(climbed, above - height, np.inf)
        _curve(inverse, fresh, moved, slope - there, climbed)
        x = np.where(climbed[:, None], trial, x)
        slope = np.where(climbed[:, None], there, slope)
        height = np.where(climbed, above, height)
        share = np.where(climbed, 1.0, _CUT * share)
        step = np.where(climbed[:, None], _direction(x, slope, inverse, low, high, fresh), step)
        still = (gain <= _STILL * np.abs(height)) | (share * np.abs(step).max(axis=1, initial=0.0) < _SHORT)
        if still.all():
            break
    return x


def _direction(
    x: NDArray[np.float64],
    slope: NDArray[np.float64],
    inverse: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    fresh: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Uphill by H, or along the slope by one unit where H is not known; 0 for coordinates held back by a bound."""
    pull = np.where(((x <= low) & (slope < 0.0)) | ((x >= high) & (slope > 0.0)), 0.0, slope)
    newton = np.where(pull == 0.0, 0.0, (inverse @ pull[:, :, None])[:, :, 0])
    first = pull / np.maximum(np.sqrt(np.einsum("sd,sd->s", pull, pull)), 1e-300)[:, None]
    return np.where(fresh[:, None], first, newton)


def _curve(
    inverse: NDArray[np.float64],
    fresh: NDArray[np.bool_],
    moved: NDArray[np.float64],
    flattened: NDArray[np.float64],
    climbed: NDArray[np.bool_],
) -> None:
    """Update H in place by the curvature along a step; it stays as it is where the function is not concave."""
    along = np.einsum("sd,sd->s", moved, flattened)
    size = np.einsum("sd,sd->s", flattened, flattened)
    length = np.einsum("sd,sd->s", moved, moved)
    rows = np.flatnonzero(climbed & (along > _CURVED * np.sqrt(size * length)) & (along > 0.0))
    if not len(rows):
        return
    s, y, sy = moved[rows], flattened[rows], along[rows, None, None]
    known = inverse[rows]
    new = fresh[rows]
    known[new] = np.eye(s.shape[1]) * (along[rows] / size[rows])[new, None, None]
    hy = (known @ y[:, :, None])[:, :, 0]
    bend = 1.0 + np.einsum("sd,sd->s", y, hy)[:, None, None] / sy
    cross = hy[:, :, None] * s[:, None, :]
    inverse[rows] = known + (bend * (s[:, :, None] * s[:, None, :]) - cross - cross.transpose(0, 2, 1)) / sy
    fresh[rows] = False
