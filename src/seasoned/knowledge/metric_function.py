"""The learned metric: (task, configuration) -> expected score, its spread, seconds and risk of failure.

It is trained on recorded tasks and nothing else. A new task enters by its meta-features, if there are any, and by the
trials already seen on it. The founding idea ("learning transferable model metrics") is realised as a Gaussian model of
all configurations at once: their low-rank covariance over the past tasks (`factors.py`), the unknown level and scale of
the new task integrated out over a grid (`scaling.py`), and the past tasks themselves as samples of what may come. A
sample is brought in line with the trials by Matheron's rule (Wilson et al. 2021, Pathwise conditioning of Gaussian
processes, eq. 8):

    f | y  =  f_s + k(., X) (K + noise)^-1 (y - f_s(X)),

f_s being the scores of past task s. Without trials the samples are the past tasks, and the configuration of the highest
expected gain is the first of the greedy portfolio; with trials they bend towards what was seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.factors import Factors, fit_factors
from seasoned.knowledge.regret import Level, compress, levels_of, standardise
from seasoned.knowledge.scaling import Scaled, scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Belief", "MetricFunction", "Prediction", "fit_metric"]

_MOST_RANK: Final = 30
_TASKS_PER_FACTOR: Final = 4
_WORST_Z: Final = 3.0
_DOUBT: Final = 1.0  # share of the past tasks as they were in what is expected, before the first trial
_HALVED: Final = 4.0  # trials by which it is halved


class Prediction(NamedTuple):
    """What is expected of each configuration, on the scale of the task.

    Attributes:
        mean: Expected score, shape (n,).
        std: Its standard deviation, shape (n,).
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MetricFunction:
    """What the past tasks teach.

    Attributes:
        factors: Which configurations do well together, in compressed units of the gap.
        known: Which scores were seen, shape (tasks, n).
        level: Median and gap of each past task.
    """

    factors: Factors
    known: NDArray[np.bool_]
    level: Level

    @property
    def losses(self) -> NDArray[np.float64]:
        """Regrets of the past tasks, NaN where not evaluated, shape (tasks, n): what portfolios are made from."""
        return np.where(self.known, np.clip(1.0 + self.factors.completed, 0.0, 1.0), np.nan)

    def promising(self, each: int = 8) -> NDArray[np.intp]:
        """Configurations that were among the best so many of some past task, in ascending order.

        To look for the largest expected gain among them alone is faster, and less misled by the luck of thousands.
        """
        ranked = np.argsort(np.where(self.known, self.factors.completed, np.inf), axis=1, kind="stable")
        return np.unique(ranked[:, :each])

    def condition(
        self, rows: NDArray[np.intp], scores: NDArray[np.float64], *, weights: NDArray[np.float64] | None = None
    ) -> Belief:
        """What is believed of a new task after some trials on it.

        Args:
            rows: Which configurations were tried, shape (trials,).
            scores: Their scores, to be minimised, shape (trials,).
            weights: How much each past task counts (`portfolio.conditioned`); equal if left out.

        Raises:
            InvalidInput: If rows and scores differ in number or a score is not finite.
        """
        if len(rows) != len(scores) or not np.isfinite(scores).all():
            raise InvalidInput(f"there are {len(rows)} rows and scores {scores}; give one finite score per row.")
        tasks = len(self.known)
        shares = np.full(tasks, 1.0 / tasks) if weights is None else weights / weights.sum()
        scaled = scale(scores, rows, self.factors, self.level) if len(rows) else None
        return Belief(self, rows, scaled, shares)


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of one task.

    Attributes:
        metric: What the past teaches.
        rows: Configurations tried.
        scaled: What the trials say about the task's level; None without trials.
        shares: How much each past task counts, shape (tasks,), summing to 1.
    """

    metric: MetricFunction
    rows: NDArray[np.intp]
    scaled: Scaled | None
    shares: NDArray[np.float64]

    def _drawn(self) -> NDArray[np.intp]:
        """A hypothesis per past task: an even spread over the posterior, the pairs in a fixed shuffled order."""
        assert self.scaled is not None
        tasks = len(self.shares)
        steps = (np.random.default_rng(tasks).permutation(tasks) + 0.5) / tasks
        drawn: NDArray[np.intp] = np.searchsorted(np.cumsum(self.scaled.weights), steps * (1.0 - 1e-12))
        return np.minimum(drawn, len(self.scaled.weights) - 1)

    def expected_gain(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """By how much each of some configurations is expected to lower the regret of the best trial, shape (m,).

        A share of it, halved by every few trials, comes from the past tasks as they were: what the portfolio goes by.
        """
        metric, factors = self.metric, self.metric.factors
        past, known = factors.completed[:, columns], metric.known[:, columns]
        if self.scaled is None:
            return self._gain(past, np.zeros(len(past)), known)
        tried = np.where(metric.known[:, self.rows], factors.completed[:, self.rows], 0.0)
        doubt = _DOUBT * math.exp2(-len(self.rows) / _HALVED)
        as_they_were = self._gain(past, np.minimum(tried.min(axis=1), 0.0), known)
        z = np.minimum(self.scaled.z[:, self._drawn()], _WORST_Z)
        v = factors.loadings[:, self.rows]
        covariance = v.T @ v + np.diag(factors.noise[self.rows])
        pull = v @ np.linalg.solve(covariance, z - factors.completed[:, self.rows].T)
        bent = self._gain(past + pull.T @ factors.loadings[:, columns], np.minimum(z.min(axis=0), 0.0), known)
        return doubt * as_they_were + (1.0 - doubt) * bent

    def _gain(
        self, samples: NDArray[np.float64], best: NDArray[np.float64], known: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Mean over the past tasks, each with its best trial so far; what was not evaluated gains nothing."""
        gains = np.maximum(np.maximum(best, -1.0)[:, None] - np.maximum(samples, -1.0), 0.0)
        gains *= known
        expected: NDArray[np.float64] = self.shares @ gains
        return expected

    def standardised(self, columns: NDArray[np.intp]) -> Prediction:
        """Mean and spread in compressed units of the gap (-1 = the best, 0 = the median), noise included."""
        factors = self.metric.factors
        loadings = factors.loadings[:, columns]
        variance = np.einsum("ij,ij->j", loadings, loadings) + factors.noise[columns]
        if self.scaled is not None:
            v, inverse, pulls = self._pulls(self.scaled)
            explained = loadings.T @ v
            variance -= np.einsum("ij,jk,ik->i", explained, inverse, explained, optimize=True)
            apart = (pulls - (pulls @ self.scaled.weights)[:, None]) * np.sqrt(self.scaled.weights)
            variance += np.square(loadings.T @ apart).sum(axis=1)
        return Prediction(self.mean(columns), np.sqrt(np.maximum(variance, 1e-12)))

    def mean(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """The mean of `standardised` alone, which costs far less."""
        factors = self.metric.factors
        if self.scaled is None:
            prior: NDArray[np.float64] = self.shares @ factors.completed[:, columns]
            return prior
        pull = self._pulls(self.scaled)[2] @ self.scaled.weights
        middle: NDArray[np.float64] = factors.mean[columns] + pull @ factors.loadings[:, columns]
        return middle

    def _pulls(self, scaled: Scaled) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The trials' loadings and inverse covariance, and the expected w under each hypothesis, (rank, h)."""
        factors = self.metric.factors
        v = factors.loadings[:, self.rows]
        inverse: NDArray[np.float64] = np.asarray(
            np.linalg.inv(v.T @ v + np.diag(factors.noise[self.rows])), np.float64
        )
        return v, inverse, v @ inverse @ (scaled.z - factors.mean[self.rows][:, None])


def fit_metric(scores: NDArray[np.floating], *, rank: int | None = None) -> MetricFunction:
    """Learn from a table of past tasks.

    Args:
        scores: To be minimised, NaN where not evaluated, shape (tasks, n); each configuration was seen at least once.
        rank: Number of factors; a quarter of the tasks, at most 30, if left out.

    Raises:
        InvalidInput: If there are fewer than 3 tasks, or a configuration was never seen.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> past = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 12))
        >>> metric = fit_metric(past)
        >>> belief = metric.condition(np.array([3, 7]), past[0, [3, 7]])
        >>> belief.expected_gain(np.arange(12)).shape
        (12,)
    """
    if len(scores) < 3:
        raise InvalidInput(f"there are {len(scores)} past tasks; give at least 3, or search without experience.")
    unseen = ~np.isfinite(scores).any(axis=0)
    if unseen.any():
        raise InvalidInput(f"configuration {int(np.argmax(unseen))} was never evaluated; leave such columns out.")
    level = levels_of(scores)
    table = np.minimum(compress(standardise(scores, level)), _WORST_Z)
    if rank is None:
        rank = max(1, min(_MOST_RANK, len(scores) // _TASKS_PER_FACTOR))
    return MetricFunction(fit_factors(table, rank), np.isfinite(scores), level)
