"""The result of all transfer: what models of past tasks expect on points of the cube, as a `WarmStart`.

Its values are relative: quantiles, which say where a past task's scores were low and not what this one's will be. So
every sampler tries the three best points first and learns from their scores, and a Gaussian process uses the values as
its prior mean as far as the trials agree (`surrogates/prior_mean.py`). That bounds what an irrelevant past costs: three
trials for a sampler that learns nothing, three poor members of a population, and a misleading prior mean for a while.
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
"""Evaluations of a past task that a model of it holds."""
_POINTS: Final = 200  # of a warm start
_TRIED: Final = 3  # of them, to be tried first


class Evaluations(NamedTuple):
    """Trials of one task.

    Attributes:
        points: In the unit cube, shape (n, d).
        scores: To be minimised, finite, shape (n,).
    """

    points: NDArray[np.float64]
    scores: NDArray[np.float64]


def quantiles(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normal quantiles of the ranks; equal scores share theirs.

    Example:
        >>> quantiles(np.array([3.0, 1.0, 2.0])).round(3).tolist()
        [0.967, -0.967, 0.0]
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return np.asarray(ndtri((rankdata(scores) - 0.5) / len(scores)), dtype=np.float64)


def some(tasks: Sequence[Evaluations], *more: Evaluations | None) -> None:
    """Raises InvalidInput if there is no past task, or one of these or of more has a score that is not finite."""
    if isinstance(tasks, Space):
        raise InvalidInput("the tasks are a Space; the space comes first, as in quantile_start(space, tasks).")
    if not tasks:
        raise InvalidInput("there is no past task; search without experience.")
    for task in (*tasks, *more):
        if task is not None and not np.isfinite(task.scores).all():
            raise InvalidInput(f"a task has the scores {task.scores}; leave out evaluations without a finite score.")


def thinned(task: Evaluations, most: int = MOST) -> Evaluations:
    """At most `most` evaluations, evenly spread over the ranks, including the best."""
    order = np.argsort(task.scores, kind="stable")
    kept = order[np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).astype(np.intp))]
    return Evaluations(task.points[kept], task.scores[kept])


def cube_of(space: Space, tasks: Sequence[Evaluations]) -> NDArray[np.float64]:
    """Points that the space can decode: the best of each past task, and an even spread; shape (m, d)."""
    best = np.stack([task.points[np.argmin(task.scores)] for task in tasks])
    points = np.concatenate([best, sobol(_POINTS, best.shape[1])])
    return np.unique([space.encode(space.decode(point)).unit for point in points], axis=0)


def unit_of(points: NDArray[np.float64]) -> float:
    """The root of the mean squared distance of two points: the unit of the lengths of `cold.fit_pool`.

    Example:
        >>> round(unit_of(np.array([[0.0], [1.0]])) ** 2, 6)
        0.5
    """
    return float(np.sqrt(2.0 * points.var(axis=0).sum())) or 1.0


def start_of(space: Space, points: NDArray[np.float64], values: NDArray[np.float64]) -> WarmStart:
    """A relative warm start: up to 200 points, evenly spread over the ranks of their values; the 3 best come first.

    Args:
        space: Of the new study.
        points: As the space encodes them, shape (m, d).
        values: What is expected there, to be minimised, shape (m,).
    """
    order = np.argsort(values, kind="stable")
    kept = order[np.unique(np.linspace(0, len(order) - 1, min(_POINTS, len(order))).astype(np.intp))]
    return WarmStart(
        configurations=tuple(space.decode(points[row]) for row in order[:_TRIED]),
        points=tuple(map(tuple, points[kept])),
        values=tuple(values[kept]),
        relative=True,
    )
