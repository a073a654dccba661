"""Regret: scores of many tasks on a common scale, -1 for the best known configuration and 0 for the median.

    z = (y - median) / gap,  gap = median - best,  regret = clip(1 + z, 0, 1).

Scores worse than the median matter little to a search and have a long tail. `compress` shortens the tail: log(1 + z)
for z > 0. In this package, scores are always minimised, and NaN means not evaluated. The clipped regret is the measure
of Salinas and Erickson (2024), TabRepo, with the median instead of the worst score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Level", "compress", "expand", "levels_of", "regret", "standardise"]

_TIE_SHARE: Final = 0.1  # gap where best and median tie, as a share of the distance to the mean of the worse scores
_LEAST_GAP: Final = 1e-9  # smallest gap, as a share of the median or best score; a smaller gap counts as 0


class Level(NamedTuple):
    """Level of tasks: location and scale of their scores.

    Attributes:
        median: Median score, shape (tasks,).
        gap: Distance from the median to the best score, positive, shape (tasks,). If median and best are equal, the gap
            is a tenth of the distance from the median to the mean of the worse scores. So a task on which most
            configurations are equally good has a scale. If all scores are equal, the gap is the median gap of the other
            tasks.
    """

    median: NDArray[np.float64]
    gap: NDArray[np.float64]


def levels_of(scores: NDArray[np.floating], least: NDArray[np.float64] | None = None) -> Level:
    """Compute median and gap of each task.

    Args:
        scores: Scores to be minimised, NaN where not evaluated, shape (tasks, n).
        least: Lower bound of each gap, 0 for no bound, shape (tasks,); None for no bounds. A search selects good
            configurations, so that their median is too good. If the gap is smaller than the bound, the median is set
            to the best score plus the bound; the best score stays at -1.

    Raises:
        InvalidInput: If a task has no score.

    Example:
        >>> level = levels_of(np.array([[1.0, 3.0, 2.0, np.nan]]))
        >>> level.median.tolist(), level.gap.tolist()
        ([2.0], [1.0])
        >>> tuned = levels_of(np.array([[1.0, 1.2, 1.1]]), np.array([2.0]))
        >>> tuned.median.tolist(), tuned.gap.tolist()
        ([3.0], [2.0])
    """
    scores = np.where(np.isfinite(scores), scores, np.nan)  # infinite scores count as not evaluated
    empty = np.isnan(scores).all(axis=1)
    if empty.any():
        raise InvalidInput(f"task {int(np.argmax(empty))} has no score; leave out tasks without any evaluation.")
    median = np.nanmedian(scores, axis=1).astype(float)
    best = np.nanmin(scores, axis=1)
    gap = median - best
    tiny = np.maximum(_LEAST_GAP * np.maximum(np.abs(median), np.abs(best)), np.finfo(np.float64).tiny)
    for task in np.flatnonzero(gap <= tiny):  # more than half of the scores are the best score
        worse = scores[task][scores[task] > median[task] + tiny[task]]
        if len(worse):
            gap[task] = _TIE_SHARE * (worse.mean() - median[task])
    flat = gap <= tiny  # all scores are equal, so the task has no scale
    if flat.any() and not flat.all():
        gap[flat] = np.median(gap[~flat])
    elif flat.all():  # any scale above rounding error will do
        gap[:] = max(float(np.abs(median).max(initial=0.0)), 1.0)
    gap = np.maximum(gap, tiny)
    if least is not None:
        median = np.where(gap < least, np.nanmin(scores, axis=1) + least, median)
        gap = np.maximum(gap, least)
    return Level(median, gap)


def standardise(scores: NDArray[np.floating], level: Level) -> NDArray[np.float64]:
    """Standardise scores to z, shape (tasks, n)."""
    z: NDArray[np.float64] = (scores - level.median[:, None]) / level.gap[:, None]
    return z


def regret(scores: NDArray[np.floating], level: Level) -> NDArray[np.float64]:
    """Normalised regret, shape (tasks, n): 0 for the best score, 1 for the median or worse; NaN stays NaN.

    Example:
        >>> scores = np.array([[1.0, 3.0, 2.0, 1.5]])
        >>> regret(scores, levels_of(scores)).round(3).tolist()
        [[0.0, 1.0, 1.0, 0.667]]
    """
    return np.clip(1.0 + standardise(scores, level), 0.0, 1.0)


def compress(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map z > 0 to log(1 + z), and leave z <= 0 unchanged. The map is strictly increasing, with slope 1 at 0."""
    return np.where(z > 0.0, np.log1p(np.maximum(z, 0.0)), z)


def expand(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of `compress`.

    Example:
        >>> expand(compress(np.array([-0.5, 3.0]))).round(9).tolist()
        [-0.5, 3.0]
    """
    return np.where(u > 0.0, np.expm1(np.maximum(u, 0.0)), u)
