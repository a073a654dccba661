"""Evaluations of past tasks, and the warm start that transfer methods build from them.

A warm start has points of the unit cube and predicted values from models of past tasks. The values are relative: they
are quantiles, which predict the order of points and not the scores of the new task. Every sampler tries the three best
points first. A Gaussian process also uses the values as its prior mean, scaled by the agreement with the trials
(`surrogates/gp/prior_mean.py`).

The cost of irrelevant past tasks is bounded: three trials, three poor members of a population, or a misleading prior
mean during the first trials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.space import Space
from seasoned.surrogates.acquisition.maximize import sobol
from seasoned.trials import WarmStart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MOST", "Evaluations", "cube_of", "quantiles", "some", "start_of", "thinned", "unit_of"]

MOST: Final = 100
"""Largest number of evaluations of a past task in the model of the task."""
_POINTS: Final = 200  # largest number of points of a warm start
_TRIED_FIRST: Final = 3  # number of the best points that a sampler tries first


class Evaluations(NamedTuple):
    """Evaluations of one task.

    Attributes:
        points: Points of the unit cube, shape (n, d).
        scores: Finite scores, to be minimised, shape (n,).
    """

    points: NDArray[np.float64]
    scores: NDArray[np.float64]


def quantiles(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normal quantiles of the ranks, shape (n,); equal scores have equal quantiles.

    Example:
        >>> quantiles(np.array([3.0, 1.0, 2.0])).round(3).tolist()
        [0.967, -0.967, 0.0]
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return np.asarray(ndtri((rankdata(scores) - 0.5) / len(scores)), dtype=np.float64)


def some(tasks: Sequence[Evaluations], *more: Evaluations) -> None:
    """Check that there is a past task, and that all scores of `tasks` and `more` are finite; raise InvalidInput."""
    if isinstance(tasks, Space):
        raise InvalidInput("the tasks are a Space; the space comes first, as in quantile_start(space, tasks).")
    if not tasks:
        raise InvalidInput("there is no past task; search without experience.")
    for task in (*tasks, *more):
        if not np.isfinite(task.scores).all():
            raise InvalidInput(f"a task has the scores {task.scores}; leave out evaluations without a finite score.")


def thinned(task: Evaluations, most: int = MOST) -> Evaluations:
    """Thin out to at most `most` evaluations, evenly spaced in rank, including the best."""
    order = np.argsort(task.scores, kind="stable")
    kept = order[np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).astype(np.intp))]
    return Evaluations(task.points[kept], task.scores[kept])


def cube_of(space: Space, tasks: Sequence[Evaluations]) -> NDArray[np.float64]:
    """Encoded points of the space: the best point of each past task, and a Sobol sequence; shape (m, d)."""
    best = np.stack([task.points[np.argmin(task.scores)] for task in tasks])
    points = np.concatenate([best, sobol(_POINTS, best.shape[1])])
    return np.unique([space.encode(space.decode(point)).unit for point in points], axis=0)


def unit_of(points: NDArray[np.float64]) -> float:
    """Root mean squared distance of two points, the unit of the length scales in `cold_search.fit_pool`.

    Example:
        >>> round(unit_of(np.array([[0.0], [1.0]])) ** 2, 6)
        0.5
    """
    return float(np.sqrt(2.0 * points.var(axis=0).sum())) or 1.0


def start_of(space: Space, points: NDArray[np.float64], values: NDArray[np.float64]) -> WarmStart:
    """Build a relative warm start: up to 200 points, evenly spaced in the rank of their values, the 3 best tried first.

    Args:
        space: Space of the new study.
        points: Points as the space encodes them, shape (m, d).
        values: Predicted values at the points, to be minimised, shape (m,).
    """
    order = np.argsort(values, kind="stable")
    kept = order[np.unique(np.linspace(0, len(order) - 1, min(_POINTS, len(order))).astype(np.intp))]
    return WarmStart(
        configurations=tuple(space.decode(points[row]) for row in order[:_TRIED_FIRST]),
        points=tuple(map(tuple, points[kept])),
        values=tuple(values[kept]),
        relative=True,
    )
