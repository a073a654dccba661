"""Meta-training of the learned acquisition: whole searches on samples of Gaussian processes, and an evolution strategy.

A problem is a draw f ~ GP(0, Matern-5/2) on a pool of points in the unit cube, its length known to the search. A search
tries two points at random, then the one of the largest acquisition, and its loss is the regret of the best so far, in
units of the prior's standard deviation, averaged over the second half of its trials. The weights minimise the mean loss
over problems (`train_acquisition`, by CMA-ES as a study); every candidate sees the same problems, so that luck cancels.
All searches of a batch run abreast: conditioning on one more trial is a rank-one update of means and variances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.samplers.cmaes import CMAES
from seasoned.space import Float, Space
from seasoned.study import Study
from seasoned.surrogates.kernel import matern, squared_distances
from seasoned.surrogates.learned_acquisition import Correction, Progress, learned_acquisition

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PriorSamples", "prior_samples", "searched", "train_acquisition"]

_DESIGN: Final = 2
_NOISE: Final = 1e-6
_LENGTHS: Final = (0.1, 1.0)  # of the kernel, log-uniform, times the square root of the dimension
_DIMENSIONS: Final = 4
_HIDDEN: Final = 3
_WEIGHT: Final = 3.0  # largest


class PriorSamples(NamedTuple):
    """Problems.

    Attributes:
        covariance: Of the points of each pool, shape (problems, n, n).
        values: To be minimised, shape (problems, n).
        first: Points tried at random, shape (problems, 2).
    """

    covariance: NDArray[np.float64]
    values: NDArray[np.float64]
    first: NDArray[np.intp]


def prior_samples(count: int, *, points: int = 128, seed: int = 0) -> PriorSamples:
    """Draws of problems in one to four dimensions.

    Example:
        >>> prior_samples(3, points=10).values.shape
        (3, 10)
    """
    rng = np.random.default_rng(seed)
    covariance, values = np.empty((count, points, points)), np.empty((count, points))
    for place in range(count):
        dimension = int(rng.integers(1, _DIMENSIONS + 1))
        pool = rng.random((points, dimension))
        length = np.exp(rng.uniform(*np.log(_LENGTHS))) * np.sqrt(dimension)
        covariance[place] = matern(squared_distances(pool, pool) / length**2)[0] + _NOISE * np.eye(points)
        values[place] = np.linalg.cholesky(covariance[place]) @ rng.standard_normal(points)
    first = np.argsort(rng.random((count, points)), axis=1)[:, :_DESIGN]
    return PriorSamples(covariance, values, first)


@dataclass(slots=True)
class _Searches:
    """All searches of a batch: what is known on every pool."""

    problems: PriorSamples
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    columns: list[NDArray[np.float64]]
    best: NDArray[np.float64]

    def tell(self, chosen: NDArray[np.intp]) -> None:
        """Condition each search on its own new trial."""
        rows = np.arange(len(chosen))
        column = self.problems.covariance[rows, :, chosen]
        for old in self.columns:
            column = column - old * old[rows, chosen][:, None]
        column /= np.sqrt(np.maximum(column[rows, chosen], _NOISE))[:, None]
        value = self.problems.values[rows, chosen]
        error = (value - self.mean[rows, chosen]) / np.maximum(column[rows, chosen], 1e-9)
        self.mean += column * error[:, None]
        self.variance -= column * column
        self.columns.append(column)
        self.best = np.minimum(self.best, value)


def searched(problems: PriorSamples, correction: Correction, trials: int) -> NDArray[np.float64]:
    """Regret of the best so far after each trial, shape (problems, trials).

    Args:
        problems: What is searched.
        correction: The acquisition's; all 0 for log-EI.
        trials: Of each search, at most as many as a pool has points.

    Example:
        >>> curves = searched(prior_samples(4, points=30), Correction.of_vector(np.zeros(6)), 10)
        >>> curves.shape, bool((np.diff(curves, axis=1) <= 0).all())
        ((4, 10), True)
    """
    count, points = problems.values.shape
    if not _DESIGN <= trials <= points:
        raise InvalidInput(f"trials is {trials}; give {_DESIGN} to {points}, the points of a pool.")
    start = np.zeros((count, points))
    state = _Searches(problems, start, np.ones((count, points)), [], np.full(count, np.inf))
    tried = np.zeros((count, points), dtype=bool)
    lowest, rows, curves = problems.values.min(axis=1), np.arange(count), np.empty((count, trials))
    for number in range(trials):
        if number < _DESIGN:
            chosen = problems.first[:, number]
        else:
            std = np.sqrt(np.maximum(state.variance, 1e-12))
            progress = Progress(number, trials)
            worth = learned_acquisition(correction, state.mean, std, state.best[:, None], 1.0, progress)
            chosen = np.argmax(np.where(tried, -np.inf, worth), axis=1)
        tried[rows, chosen] = True
        state.tell(chosen)
        curves[:, number] = state.best - lowest
    return curves


def train_acquisition(
    *, rounds: int = 60, problems: int = 64, points: int = 128, trials: int = 20, seed: int = 0
) -> Correction:
    """The correction with which searches on samples of the prior end best, by CMA-ES from log-EI.

    Args:
        rounds: Candidates that are judged.
        problems: On which each is judged; the same ones for all.
        points: Of a pool.
        trials: Of a search.
        seed: Of problems and strategy.

    Returns:
        The best candidate on the training problems; log-EI itself is the first.
    """
    drawn = prior_samples(problems, points=points, seed=seed)
    names = [f"w{place}" for place in range(6 * _HIDDEN)]
    rng = np.random.default_rng(seed)
    base = np.concatenate([rng.normal(size=5 * _HIDDEN), np.zeros(_HIDDEN)])

    def loss(config: dict[str, float]) -> float:
        weights = base + np.array([config[name] for name in names])
        curves = searched(drawn, Correction.of_vector(weights), trials)
        return float(curves[:, trials // 2 :].mean())

    ranges: dict[str, Any] = {name: Float(-_WEIGHT, _WEIGHT, default=0.0) for name in names}
    study = Study(Space(**ranges), sampler=CMAES(), seed=seed)
    study.optimize(loss, trials=rounds, progress=False)
    best = study.best
    return Correction.of_vector(base + np.array([best.config[name] for name in names]))
