"""Meta-training of the learned acquisition function by an evolution strategy, on whole searches with known values.

A problem is a pool of points, the covariance of the points under a Gaussian process, and their values. The values are
samples of the process (`prior_samples`), or the scores of a past task with the process that fits best
(`stored_samples`).

A search tries two random points, and then the point with the largest acquisition in each trial. The loss of a search is
the regret of the best point so far, averaged over the second half of the trials. Its unit is the prior standard
deviation. All searches of a batch run in lockstep, with a rank-one update of means and variances for each trial.

`train_acquisition` minimises the loss relative to the loss of log-EI, averaged over batches, by CMA-ES. All candidates
search the same problems, which cancels random effects. The best candidates and log-EI are compared on further problems.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.transfer.cold_search import fit_pool, pool_of
from seasoned.samplers.evolution.cmaes import CMAES
from seasoned.space import Float, Space
from seasoned.study import Study
from seasoned.surrogates.acquisition.learned import Correction, LearnedAcquisition, Progress
from seasoned.surrogates.gp.kernel import matern, squared_distances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.knowledge.experience.evaluations import Evaluations

__all__ = ["LOG_EI", "Problems", "prior_samples", "searched", "stored_samples", "train_acquisition"]

_DESIGN: Final = 2  # random trials at the start of a search
_NOISE: Final = 1e-6  # noise variance, and least variance of a pivot
_LENGTHS: Final = (0.1, 1.0)  # range of length scales (log-uniform), times the square root of the dimension
_DIMENSIONS: Final = 4  # largest dimension of a sampled problem
_HIDDEN: Final = 3  # hidden units of the correction
_MIN_REGRET: Final = 1e-9  # least regret of log-EI as a divisor; on small batches, the regret of log-EI may be 0
_WEIGHT: Final = 3.0  # largest absolute change of a weight
_FINALISTS: Final = 8  # candidates that are compared on further problems

LOG_EI: Final = Correction.of_vector(np.zeros(6))
"""Correction of 0: the acquisition function is log-EI."""


class Problems(NamedTuple):
    """Batch of search problems, each on a pool of n points.

    Attributes:
        covariance: Prior covariance of the points, with diagonal 1 plus noise, shape (problems, n, n).
        values: Values of the points, to be minimised, shape (problems, n).
        first: Indices of the two random first trials, shape (problems, 2).
    """

    covariance: NDArray[np.float64]
    values: NDArray[np.float64]
    first: NDArray[np.intp]


def prior_samples(count: int, *, points: int = 128, seed: int = 0) -> Problems:
    """Sample problems f ~ GP(0, Matern-5/2) in one to four dimensions; the search uses the true length scale.

    Args:
        count: Number of problems.
        points: Number of points of a pool.
        seed: Random seed.

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
    return Problems(covariance, values, _first(rng, count, points))


def stored_samples(tasks: Sequence[Evaluations], count: int, *, points: int = 32, seed: int = 0) -> Problems:
    """Draw problems from past tasks: random configurations, their scores, and the Gaussian process that fits best.

    Args:
        tasks: Past tasks; tasks with fewer configurations than `points` are skipped, all others are equally likely.
        count: Number of problems.
        points: Number of points of a pool.
        seed: Random seed.

    Raises:
        InvalidInput: If no task has `points` configurations.

    Example:
        >>> from seasoned.knowledge.experience.evaluations import Evaluations
        >>> points = np.linspace(0, 1, 12)[:, None]
        >>> stored_samples([Evaluations(points, np.abs(points[:, 0] - 0.4))], 3, points=10).values.shape
        (3, 10)
    """
    able = [task for task in tasks if len(task.scores) >= points]
    if not able:
        raise InvalidInput(f"no task has {points} configurations; give a smaller pool.")
    rng = np.random.default_rng(seed)
    covariance, values = np.empty((count, points, points)), np.empty((count, points))
    for place in range(count):
        task = able[int(rng.integers(len(able)))]
        some = rng.permutation(len(task.scores))[:points]
        fitted = fit_pool(pool_of(task.points[some]).points, task.scores[some])
        whole = fitted.factor @ fitted.factor.T
        covariance[place] = whole / whole[0, 0]
        values[place] = fitted.targets / np.sqrt(fitted.scale * whole[0, 0])
    return Problems(covariance, values, _first(rng, count, points))


def _first(rng: np.random.Generator, count: int, points: int) -> NDArray[np.intp]:
    """Draw two distinct points of each pool, shape (count, 2)."""
    return np.argsort(rng.random((count, points)), axis=1)[:, :_DESIGN]


@dataclass(slots=True)
class _Searches:
    """State of all searches of a batch: posterior of each pool and best value so far."""

    problems: Problems
    mean: NDArray[np.float64]  # (problems, n)
    variance: NDArray[np.float64]  # (problems, n)
    columns: list[NDArray[np.float64]]  # columns of the Cholesky factor, one (problems, n) array for each trial
    best: NDArray[np.float64]  # (problems,)

    def tell(self, chosen: NDArray[np.intp]) -> None:
        """Condition each search on its new trial; `chosen` has shape (problems,)."""
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


def searched(problems: Problems, correction: Correction, trials: int) -> NDArray[np.float64]:
    """Regret of the best point so far after each trial, shape (problems, trials).

    Args:
        problems: Batch of problems.
        correction: Correction of the acquisition function.
        trials: Number of trials of each search, from 2 to the number of points.

    Raises:
        InvalidInput: If `trials` is out of range.

    Example:
        >>> curves = searched(prior_samples(4, points=30), LOG_EI, 10)
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
            worth = LearnedAcquisition(correction, Progress(number, trials))(state.mean, std, state.best[:, None]).value
            chosen = np.argmax(np.where(tried, -np.inf, worth), axis=1)
        tried[rows, chosen] = True
        state.tell(chosen)
        curves[:, number] = state.best - lowest
    return curves


def train_acquisition(
    lessons: Sequence[tuple[Problems, int]], exam: Sequence[tuple[Problems, int]], *, rounds: int = 60, seed: int = 0
) -> Correction:
    """Train a correction of log-EI that minimises the regret of whole searches, by CMA-ES.

    Args:
        lessons: Training batches, each with the number of trials of a search; all batches have equal weight.
        exam: Validation batches, on which the best candidates are compared.
        rounds: Number of candidates that are evaluated on `lessons`.
        seed: Random seed of CMA-ES and of the initial weights.

    Returns:
        The candidate with the lowest loss on `exam`; log-EI if no candidate is better.

    Raises:
        InvalidInput: If `lessons` or `exam` is empty.

    Example:
        >>> lessons, exam = ([(prior_samples(4, points=16, seed=seed), 6)] for seed in (0, 1))
        >>> correction = train_acquisition(lessons, exam, rounds=4)
        >>> np.isfinite(correction.vector()).all()
        np.True_
    """
    if not lessons or not exam:
        raise InvalidInput(f"there are {len(lessons)} batches of lessons and {len(exam)} of exams; give one at least.")
    names = [f"w{place}" for place in range(6 * _HIDDEN)]
    rng = np.random.default_rng(seed)
    base = np.concatenate([rng.normal(size=5 * _HIDDEN), np.zeros(_HIDDEN)])
    usual = np.maximum([_loss(batch, LOG_EI) for batch in lessons], _MIN_REGRET)

    def correction_of(config: Any) -> Correction:
        return Correction.of_vector(base + np.array([config[name] for name in names]))

    def loss(config: dict[str, float]) -> float:
        found = correction_of(config)
        return float(np.mean(np.array([_loss(batch, found) for batch in lessons]) / usual))

    ranges: dict[str, Any] = {name: Float(-_WEIGHT, _WEIGHT, default=0.0) for name in names}
    study = Study(Space(**ranges), sampler=CMAES(), seed=seed)
    study.optimize(loss, trials=rounds, progress=False)
    ranked = sorted(study.trials, key=lambda trial: np.inf if trial.value is None else trial.value)
    finalists = [LOG_EI, *(correction_of(trial.config) for trial in ranked[:_FINALISTS])]
    marks = np.array([[_loss(batch, one) for batch in exam] for one in finalists])
    return finalists[int(np.argmin((marks / np.maximum(marks[0], _MIN_REGRET)).mean(axis=1)))]


def _loss(batch: tuple[Problems, int], correction: Correction) -> float:
    """Mean regret over the second half of the trials."""
    problems, trials = batch
    return float(searched(problems, correction, trials)[:, trials // 2 :].mean())
