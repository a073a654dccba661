"""Meta-training of the learned acquisition by an evolution strategy: whole searches on problems with known values.

A problem is a pool of points, their covariance under a Gaussian process, and their values: drawn from the process
itself (`prior_samples`), or the scores of a past task under the process that describes it best (`stored_samples`). A
search tries two points at random, then always that of largest acquisition, and its loss is the regret of the best so
far, in units of the prior's standard deviation, averaged over the second half of its trials. The weights minimise the
mean over batches of the loss relative to log-EI's (`train_acquisition`, by CMA-ES as a study); every candidate sees the
same problems, so that luck cancels, and the few best are compared on others, with log-EI among them. All searches of a
batch run in lockstep: conditioning on one more trial is a rank-one update of means and variances.
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

_DESIGN: Final = 2
_NOISE: Final = 1e-6
_LENGTHS: Final = (0.1, 1.0)  # of the kernel, log-uniform, times the square root of the dimension
_DIMENSIONS: Final = 4
_HIDDEN: Final = 3
_LEAST: Final = 1e-9  # least regret to divide by: on some small batches log-EI has none
_WEIGHT: Final = 3.0  # largest size of a weight
_FINALISTS: Final = 8  # candidates that are compared on other problems

LOG_EI: Final = Correction.of_vector(np.zeros(6))
"""The correction that changes nothing."""


class Problems(NamedTuple):
    """A batch of search problems.

    Attributes:
        covariance: Of the points of each pool, 1 on the diagonal but for noise, shape (problems, n, n).
        values: To be minimised, shape (problems, n).
        first: Points tried at random, shape (problems, 2).
    """

    covariance: NDArray[np.float64]
    values: NDArray[np.float64]
    first: NDArray[np.intp]


def prior_samples(count: int, *, points: int = 128, seed: int = 0) -> Problems:
    """Draws f ~ GP(0, Matern-5/2) in one to four dimensions, the length scale known to the search.

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
    """Past tasks as problems: some of a task's configurations, their scores, and the process that fits these best.

    Args:
        tasks: Drawn from with equal chances; each needs as many configurations as a pool has points.
        count: Problems.
        points: Of a pool.
        seed: Of the draws.

    Raises:
        InvalidInput: If no task has so many configurations.

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
    """Two points of each pool."""
    return np.argsort(rng.random((count, points)), axis=1)[:, :_DESIGN]


@dataclass(slots=True)
class _Searches:
    """All searches of a batch: what is known on every pool."""

    problems: Problems
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


def searched(problems: Problems, correction: Correction, trials: int) -> NDArray[np.float64]:
    """Regret of the best so far after each trial, shape (problems, trials).

    Args:
        problems: What is searched.
        correction: The acquisition's.
        trials: Of each search, at most as many as a pool has points.

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
    """The correction with which searches end best, found by CMA-ES that starts from log-EI.

    Args:
        lessons: Batches of problems, and the trials of a search on each; all count the same.
        exam: Others, on which the best candidates are compared.
        rounds: Number of candidates that are judged on the lessons.
        seed: Of the strategy, and of the weights it starts from.

    Returns:
        The best candidate on the exam; log-EI where none is better there.

    Raises:
        InvalidInput: If there are no lessons, or no exam.

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
    usual = np.maximum([_loss(batch, LOG_EI) for batch in lessons], _LEAST)

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
    return finalists[int(np.argmin((marks / np.maximum(marks[0], _LEAST)).mean(axis=1)))]


def _loss(batch: tuple[Problems, int], correction: Correction) -> float:
    """The mean regret over the second half of the trials."""
    problems, trials = batch
    return float(searched(problems, correction, trials)[:, trials // 2 :].mean())
