"""Learned metric: predicts the score of a configuration on a task, with its spread, from past tasks.

The model is trained on recorded tasks only. It is a joint Gaussian model of all configurations ("learning transferable
model metrics"). It has three parts:

- a low-rank covariance of the configurations across past tasks (`low_rank.py`);
- past tasks as hypotheses about the new task, each updated by the trials (`task_mixture.py`);
- hypotheses about the unknown level and scale of the new task (`score_scale.py`).

A new task is described by its trials, and optionally by task weights from meta-features. The value of a configuration
is the expected improvement under the mixture, combined with the gain A(j) over the past tasks as recorded:

    gain(j)  ~  (1 - d) B(j) / max B + d A(j) / max A,    B(j) = sum_s weight_s E[max(best_s - z_sj, 0)].

A(j) is the criterion of the greedy portfolio. The weight d is halved every few trials. The reason is that a model of
hundreds of configurations from a few hundred tasks is overconfident at first. Without trials, the best configuration is
the first member of the portfolio.
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

    from seasoned.knowledge.performance_model.meta_feature_prior import MetaFeaturePrior

__all__ = ["Belief", "MetricFunction", "Prediction", "fit_metric"]

_MIN_GAIN: Final = 1e-12  # smallest gain that counts
_CLOSELY: Final = 120  # configurations with the best means, and with the best recorded gains, whose gain is computed


class Prediction(NamedTuple):
    """Predictive distribution of each configuration, in the units of the model.

    Attributes:
        mean: Expected value, shape (n,).
        std: Standard deviation, shape (n,).
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MetricFunction:
    """Learned metric of n configurations, fitted to past tasks (`fit_metric`).

    Attributes:
        factors: Low-rank model of the scores, in compressed units of the gap.
        known: True where a score is known; False for stopped trials, shape (tasks, n).
        level: Median and gap of each past task.
        settings: Settings of the metric.
        reached: Compressed scores of the past tasks, at least -1, and 0 where unknown, shape (n, tasks).
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
        """Regrets of the past tasks, NaN where not evaluated, shape (tasks, n): the input of `greedy`."""
        return np.where(self.known, np.clip(1.0 + self.factors.completed, 0.0, 1.0), np.nan)

    def promising(self, each: int = 8) -> NDArray[np.intp]:
        """Indices of configurations among the best `each` of some past task, in ascending order.

        Maximising the expected gain over these configurations only is faster, and less prone to chance maxima among
        thousands of configurations.
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
        foretold: MetaFeaturePrior | None = None,
        kinds: Kinds | None = None,
    ) -> Belief:
        """Return the posterior of a new task after its trials.

        Args:
            rows: Configurations of the trials, shape (t,).
            scores: Scores of the trials, to be minimised, shape (t,).
            weights: Task weights (`portfolio.conditioned`), shape (tasks,); equal if None.
            outside: Kind -> lowest score among trials of configurations that the past tasks lack. The improvement
                target accounts for these scores. Without `rows`, they are ignored.
            foretold: Meta-feature prior of the task (`TaskPrior.foretold`); None without meta-features.
            kinds: Kinds of the configurations (`improvement_targets.py`); one kind if None.

        Raises:
            InvalidInput: If rows and scores differ in number, or a score is not finite.
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
    """Posterior of one task.

    Attributes:
        metric: Learned metric of the past tasks.
        rows: Configurations of the trials, shape (t,).
        mixture: Posterior mixture of the past tasks; None without trials.
        shares: Prior task weights, shape (tasks,), summing to 1.
        foretold: Meta-feature prior, used only without trials; `mixture` contains its posterior.
        kinds: Kinds of the configurations.
    """

    metric: MetricFunction
    rows: NDArray[np.intp]
    mixture: Mixture | None
    shares: NDArray[np.float64]
    foretold: MetaFeaturePrior | None = None
    kinds: Kinds = field(default_factory=Kinds)

    def expected_gain(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Expected improvement of configurations on the target of their kind, shape (m,).

        With only one kind, the target is the best trial, and the gain is the expected decrease of the regret. Among
        many configurations, only the most promising are evaluated under the mixture. The others have only the recorded
        part of the gain.
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
        largest = max(float(was.max()), float(bent.max()))  # common scale: the sum is 0 only if both are 0
        expected = doubt * was * (largest / max(float(was.max()), _MIN_GAIN))
        expected[some] += (1.0 - doubt) * bent * (largest / max(float(bent.max()), _MIN_GAIN))
        return np.asarray(expected, dtype=np.float64)

    def _as_they_were(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Mean recorded gain over the past tasks, shape (m,); a configuration that was not evaluated has no gain."""
        reached = self.metric.reached
        gains = -reached[columns]
        if self.mixture is not None:
            goals = self.kinds.goals(reached[self.rows].T, self.rows, self.mixture.outside)
            gains += goals[:, self.kinds.at(columns)].T
        np.maximum(gains, 0.0, out=gains)
        expected: NDArray[np.float64] = gains @ self.shares
        return expected

    def standardised(self, columns: NDArray[np.intp]) -> Prediction:
        """Mean and standard deviation in compressed units of the gap (-1 best, 0 median), including noise."""
        variance = self._prior_variance(columns) if self.mixture is None else self.mixture.variance(columns)
        return Prediction(self.mean(columns), np.sqrt(np.maximum(variance, 1e-12)))

    def mean(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Mean of `standardised`, shape (m,), without the costly standard deviation."""
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
    """Fit a learned metric to a table of past tasks.

    Args:
        scores: Scores to be minimised, NaN where not evaluated, shape (tasks, n). Each configuration has a complete
            evaluation.
        settings: Settings of the metric; the defaults if None.
        stopped: True where an evaluation was stopped early, so that its score is a lower bound, shape (tasks, n). Such
            a score affects the median of the task and the low-rank model, and never counts as a gain.
        gaps: Lower bounds of the gap from best to median (`regret.levels_of`), shape (tasks,); None for no bounds.

    Raises:
        InvalidInput: If there are fewer than 3 tasks, or a configuration has no complete evaluation.

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
