"""Scores of many tasks on one scale: the best known configuration of a task is at -1, its median one at 0.

    z = (y - median) / gap,  gap = median - best,  regret = clip(1 + z, 0, 1).

Scores worse than the median matter little to a search and have a long tail; `compress` shortens it: log(1 + z) for
z > 0. Scores are minimised everywhere in this package; NaN = not evaluated. The clipped regret is the measure of
Salinas and Erickson (2024), TabRepo, with the median in place of the worst.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Level", "compress", "expand", "levels_of", "regret", "standardise"]

_SHARE: Final = 0.1  # chosen on folds 0 and 1 of pmf (docs/benchmarks.md, Transfer), among 1, 0.1 and next to nothing
_LEAST_GAP: Final = 1e-9  # of a task's median or best score: a smaller gap counts as 0


class Level(NamedTuple):
    """Where the scores of tasks lie.

    Attributes:
        median: Score of the median configuration, shape (tasks,).
        gap: Distance from the median down to the best, positive, shape (tasks,). Where the two tie, a tenth of the
            distance from it up to the mean of the worse, so that a task on which most configurations are equally good
            has a scale. Where all scores are the same, the median gap of the other tasks, which is neutral.
    """

    median: NDArray[np.float64]
    gap: NDArray[np.float64]


def levels_of(scores: NDArray[np.floating], least: NDArray[np.float64] | None = None) -> Level:
    """Median and gap of each task.

    Args:
        scores: To be minimised, NaN where not evaluated, shape (tasks, configurations).
        least: Lower bound of each gap, shape (tasks,); 0 for none, as if left out. What a search has tried was chosen
            for being good, and so says too little of what is usual: where its own median lies nearer to the best than
            this, the median of the task is taken to lie at this distance, and its best stays at -1.

    Raises:
        InvalidInput: If a task has no score at all.

    Example:
        >>> level = levels_of(np.array([[1.0, 3.0, 2.0, np.nan]]))
        >>> level.median.tolist(), level.gap.tolist()
        ([2.0], [1.0])
        >>> tuned = levels_of(np.array([[1.0, 1.2, 1.1]]), np.array([2.0]))
        >>> tuned.median.tolist(), tuned.gap.tolist()
        ([3.0], [2.0])
    """
    scores = np.where(np.isfinite(scores), scores, np.nan)  # what is infinite has no place on a scale
    empty = np.isnan(scores).all(axis=1)
    if empty.any():
        raise InvalidInput(f"task {int(np.argmax(empty))} has no score; leave out tasks without any evaluation.")
    median = np.nanmedian(scores, axis=1).astype(float)
    best = np.nanmin(scores, axis=1)
    gap = median - best
    tiny = np.maximum(_LEAST_GAP * np.maximum(np.abs(median), np.abs(best)), np.finfo(np.float64).tiny)
    for task in np.flatnonzero(gap <= tiny):  # more than half are the best
        worse = scores[task][scores[task] > median[task] + tiny[task]]
        if len(worse):
            gap[task] = _SHARE * (worse.mean() - median[task])
    flat = gap <= tiny  # all its scores are the same, so it has no scale of its own
    if flat.any() and not flat.all():
        gap[flat] = np.median(gap[~flat])
    elif flat.all():  # then any scale will do that is above rounding error
        gap[:] = max(float(np.abs(median).max(initial=0.0)), 1.0)
    gap = np.maximum(gap, tiny)
    if least is not None:
        median = np.where(gap < least, np.nanmin(scores, axis=1) + least, median)
        gap = np.maximum(gap, least)
    return Level(median, gap)


def standardise(scores: NDArray[np.floating], level: Level) -> NDArray[np.float64]:
    """Each score as z, shape (tasks, configurations)."""
    z: NDArray[np.float64] = (scores - level.median[:, None]) / level.gap[:, None]
    return z


def regret(scores: NDArray[np.floating], level: Level) -> NDArray[np.float64]:
    """Normalised regret: 0 = the best of the task, 1 = its median or worse; NaN stays NaN.

    Example:
        >>> scores = np.array([[1.0, 3.0, 2.0, 1.5]])
        >>> regret(scores, levels_of(scores)).round(3).tolist()
        [[0.0, 1.0, 1.0, 0.667]]
    """
    return np.clip(1.0 + standardise(scores, level), 0.0, 1.0)


def compress(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map z to z where it is at most 0, to log(1 + z) above: strictly increasing, with slope 1 at 0."""
    return np.where(z > 0.0, np.log1p(np.maximum(z, 0.0)), z)


def expand(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of `compress`.

    Example:
        >>> expand(compress(np.array([-0.5, 3.0]))).round(9).tolist()
        [-0.5, 3.0]
    """
    return np.where(u > 0.0, np.expm1(np.maximum(u, 0.0)), u)
