"""The learned metric: (task, configuration) -> expected score, its spread, seconds and risk of failure.

It is trained on recorded tasks and nothing else. A new task enters by its meta-features, if there are any, and by the
trials already seen on it. The founding idea ("learning transferable model metrics") is realised as a Gaussian model of
all configurations at once: their low-rank covariance over the past tasks (`factors.py`), and the past tasks themselves
as hypotheses about the new one, each updated by the trials (`mixture.py`), the level and scale of the new task being
unknown (`scaling.py`). The value of a configuration is the expected improvement under this mixture,

    gain(j)  ~  (1 - d) B(j) / max B + d A(j) / max A,    B(j) = sum_s weight_s E[max(best_s - z_sj, 0)],

where A(j) is the gain over the past tasks as recorded, the criterion of the greedy portfolio, and d is halved every few
trials. A model of hundreds of configurations from a few hundred tasks is overconfident at first; the portfolio is not.
Without trials the best configuration is the first of the portfolio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.performance_model.improvement_targets import Kinds
from seasoned.knowledge.performance_model.low_rank import Factors, fit_factors
from seasoned.knowledge.performance_model.meta_feature_prior import WORST_Z
from seasoned.knowledge.performance_model.regret import Level, compress, levels_of, standardise
from seasoned.knowledge.performance_model.settings import MetricSettings
from seasoned.knowledge.performance_model.task_mixture import Mixture, condition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from seasoned.knowledge.performance_model.meta_feature_prior import Foretold

__all__ = ["Belief", "MetricFunction", "Prediction", "fit_metric"]

_LEAST: Final = 1e-12  # a gain below it counts as none
_CLOSELY: Final = 120  # of many configurations, so many with the best means and so many with the best recorded gains


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
        known: Which scores were seen, shape (tasks, n); not those of what was stopped before its end.
        level: Median and gap of each past task.
        settings: How past tasks are used.
        reached: Compressed scores of the past tasks, at least -1, and 0 where not seen, shape (n, tasks).
    """

    factors: Factors
    known: NDArray[np.bool_]
    level: Level
    settings: MetricSettings = field(default_factory=MetricSettings)
    reached: NDArray[np.float64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        seen = np.where(self.known, np.maximum(self.factors.completed, -1.0), 0.0)
        object.__setattr__(self, "reached", np.ascontiguousarray(seen.T))

    @property
    def losses(self) -> NDArray[np.float64]:
        """Regrets of the past tasks, NaN where not evaluated, shape (tasks, n): what portfolios are made from."""
        return np.where(self.known, np.clip(1.0 + self.factors.completed, 0.0, 1.0), np.nan)

    def promising(self, each: int = 8) -> NDArray[np.intp]:
        """Configurations that were among the best `each` of some past task, in ascending order.

        Maximising the expected gain over them alone is faster, and less misled by chance among thousands.
        """
        ranked = np.argsort(np.where(self.known, self.factors.completed, np.inf), axis=1, kind="stable")
        first = ranked[:, :each]
        return np.unique(first[np.take_along_axis(self.known, first, axis=1)])

    def condition(
        self,
        rows: NDArray[np.intp],
        scores: NDArray[np.float64],
        *,
        weights: NDArray[np.float64] | None = None,
        outside: Mapping[int, float] | None = None,
        foretold: Foretold | None = None,
        kinds: Kinds | None = None,
    ) -> Belief:
        """What is believed of a new task after some trials on it.

        Args:
            rows: Which configurations were tried, shape (trials,).
            scores: Their scores, to be minimised, shape (trials,).
            weights: How much each past task counts (`portfolio.conditioned`); equal if left out.
            outside: Kind -> the least score of trials of configurations that the past tasks do not know: what is
                gained must be gained beyond it, too; of no account before there is a row.
            foretold: What meta-features tell of the task (`TaskPrior.foretold`); None for nothing.
            kinds: The kind of each configuration, where other kinds than the best one's are worth something, too
                (`goals.py`); all of one kind if left out.

        Raises:
            InvalidInput: If rows and scores differ in number or a score is not finite.
        """
        if len(rows) != len(scores) or not np.isfinite(scores).all():
            raise InvalidInput(f"there are {len(rows)} rows and scores {scores}; give one finite score per row.")
        tasks = len(self.known)
        shares = np.full(tasks, 1.0 / tasks) if weights is None else weights / weights.sum()
        kinds = kinds or Kinds()
        if not len(rows):
            return Belief(self, rows, None, shares, foretold, kinds)
        known = self.factors, self.level, shares, self.settings
        found = condition(scores, rows, *known, outside=outside, foretold=foretold, kinds=kinds)
        return Belief(self, rows, found, shares, kinds=kinds)


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of one task.

    Attributes:
        metric: What the past teaches.
        rows: Configurations tried.
        mixture: What the trials say; None without trials.
        shares: How much each past task counts before the trials, shape (tasks,), summing to 1.
        foretold: What meta-features tell, where there are no trials.
        kinds: The kind of each configuration.
    """

    metric: MetricFunction
    rows: NDArray[np.intp]
    mixture: Mixture | None
    shares: NDArray[np.float64]
    foretold: Foretold | None = None
    kinds: Kinds = field(default_factory=Kinds)

    def expected_gain(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Expected improvement of each of some configurations on the goal of its kind, shape (m,).

        If there is one kind only, the goal is the best trial, and the gain is the expected decrease of the regret.

        Of many configurations only the likeliest are evaluated under the mixture; the others have their share of the
        gain over the past tasks as recorded.
        """
        was = self._as_they_were(columns)
        if self.mixture is None:
            return was
        doubt = self.metric.settings.doubt * math.exp2(-len(self.rows) / self.metric.settings.halved)
        some = np.arange(len(columns))
        if len(columns) > 2 * _CLOSELY:
            likely = np.argpartition(self.mixture.mean(columns), _CLOSELY)[:_CLOSELY]
            some = np.union1d(likely, np.argpartition(-was, _CLOSELY)[:_CLOSELY])
        bent = self.mixture.expected_gain(columns[some], self.metric.settings.luck)
        largest = max(float(was.max()), float(bent.max()))  # so that gains vanish only where both do
        expected = doubt * was * (largest / max(float(was.max()), _LEAST))
        expected[some] += (1.0 - doubt) * bent * (largest / max(float(bent.max()), _LEAST))
        return np.asarray(expected, dtype=np.float64)

    def _as_they_were(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Mean gain over the past tasks, each with its best trial so far; what was not evaluated gains nothing."""
        reached = self.metric.reached
        gains = -reached[columns]
        if self.mixture is not None:
            goals = self.kinds.goals(reached[self.rows].T, self.rows, self.mixture.outside)
            gains += goals[:, self.kinds.at(columns)].T
        np.maximum(gains, 0.0, out=gains)
        expected: NDArray[np.float64] = gains @ self.shares
        return expected

    def standardised(self, columns: NDArray[np.intp]) -> Prediction:
        """Mean and spread in compressed units of the gap (-1 = the best, 0 = the median), noise included."""
        variance = self._prior_variance(columns) if self.mixture is None else self.mixture.variance(columns)
        return Prediction(self.mean(columns), np.sqrt(np.maximum(variance, 1e-12)))

    def mean(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """The mean of `standardised` alone, which costs far less."""
        if self.mixture is not None:
            return self.mixture.mean(columns)
        of_past = self._mean_of_past(columns)
        if self.foretold is None:
            return of_past
        share = self.foretold.share
        return (1.0 - share) * of_past + share * self.foretold.mean(self.metric.factors, columns)

    def _mean_of_past(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self.shares @ self.metric.factors.completed[:, columns]
        return found

    def _prior_variance(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        factors = self.metric.factors
        loadings = factors.loadings[:, columns]
        variance: NDArray[np.float64] = np.einsum("ij,ij->j", loadings, loadings) + factors.noise[columns]
        if self.foretold is None:
            return variance
        share, told = self.foretold.share, self.foretold.variance(factors, columns)
        gap = self.foretold.mean(factors, columns) - self._mean_of_past(columns)
        return (1.0 - share) * variance + share * told + share * (1.0 - share) * np.square(gap)


def fit_metric(
    scores: NDArray[np.floating],
    settings: MetricSettings | None = None,
    *,
    stopped: NDArray[np.bool_] | None = None,
    gaps: NDArray[np.float64] | None = None,
) -> MetricFunction:
    """Learn from a table of past tasks.

    Args:
        scores: To be minimised, NaN where not evaluated, shape (tasks, n); each configuration was seen at least once.
        settings: How past tasks are used; the defaults if left out.
        stopped: Where an evaluation was stopped for being too poor, so that the score is a lower bound: it says where
            the task's median lies and what the configuration is not, and never counts as a gain.
        gaps: Lower bounds of each task's distance from best to median (`regret.levels_of`); none if left out.

    Raises:
        InvalidInput: If there are fewer than 3 tasks, or no evaluation of a configuration came to its end.

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
    scores = np.where(np.isfinite(scores), scores, np.nan)
    known = np.isfinite(scores) if stopped is None else np.isfinite(scores) & ~stopped
    unseen = ~known.any(axis=0)
    if unseen.any():
        raise InvalidInput(f"configuration {int(np.argmax(unseen))} was never evaluated; leave such columns out.")
    level = levels_of(scores, gaps)
    table = np.minimum(compress(standardise(scores, level)), WORST_Z)
    settings = settings or MetricSettings()
    rank = settings.factors_of(len(scores))
    return MetricFunction(fit_factors(table, rank, bounds=stopped), known, level, settings)
