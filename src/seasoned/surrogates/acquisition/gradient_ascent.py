"""Projected quasi-Newton ascent in a box, from several starts at once, with one batch of gradients per iteration.

Each start has its own inverse Hessian H (BFGS; Nocedal and Wright 2006, eq. 6.17) and its own step length. Coordinates
at an active bound are fixed (projection, Bertsekas 1982). Acquisition functions are cheap in batches and expensive one
by one. Therefore a step without improvement is shortened while the other starts continue; no start waits for the line
search of another start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["ascend"]

_ARMIJO: Final = 1e-4  # least gain of an accepted step, as a share of the gain that the slope predicts
_CUT: Final = 0.3  # factor that shortens a rejected step
_CURVED: Final = 1e-10  # least cosine between step and change of slope for an update of H
_STILL: Final = 1e-5  # gain, relative to the height, at which a start has converged
_STEP_TOLERANCE: Final = 1e-7  # largest coordinate of a step at which a start has converged


def ascend(
    heights: Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]],
    start: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    iterations: int,
) -> NDArray[np.float64]:
    """Maximise a function from several starts; return points at least as high as the starts, shape (s, d).

    Args:
        heights: Function from points of shape (s, d) to heights, shape (s,), and slopes, shape (s, d). It is called at
            most `iterations` + 1 times. The unit of the coordinates should be the distance over which heights change.
        start: Starts inside the bounds, shape (s, d).
        low: Lower bounds, shape (s, d); equal to the upper bound for a fixed coordinate.
        high: Upper bounds, shape (s, d).
        iterations: Number of iterations, including rejected steps.

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
    fresh = np.ones(len(x), dtype=np.bool_)  # True until the first curvature
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
        still = (gain <= _STILL * np.abs(height)) | (share * np.abs(step).max(axis=1, initial=0.0) < _STEP_TOLERANCE)
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
    """Ascent direction by H, or the unit slope before the first curvature; 0 for coordinates at an active bound."""
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
    """Update H in place by the curvature along accepted steps; H stays unchanged if the function is not concave."""
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
