"""Neural metric: an in-context network predicts scores of configurations on a task from past tasks and trials.

A row of the context is one evaluation, of this task or of a past task:

    coordinates | mean of the other past tasks | similarity of the task | mark of this task  ->  scaled score

All scores are on the scale of `regret.py`. The mean is that of the configuration's scores on past tasks, weighted by
similarity, without the row's own task; so few rows tell what all past tasks have shown. A query is a configuration with
similarity 1 and mark 1, as the trials have; past tasks have mark 0. Its prediction is the quantiles of the scaled
score. Nothing is fitted; a suggestion costs one reading of the context.

The similarity of past task s is its weight, divided by the largest. Without trials, the weights are the given shares,
such as those by meta-features (`task_prior.py`). Trials update them, and also find the unknown level h of this task
(`score_scale.py`), as in `task_mixture.py` without covariances of configurations:

    weight_sh  ~  share_s prior_h (t(z_h; z_s, noise) |dz_h/dy|)^temper.

t is the density of a multivariate t. The context holds all trials of this task; the past tasks share the other rows in
proportion to their weights. The rows of a task are spread evenly over its ranked scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.incontext.quantile_function import QuantileFunction
from seasoned.incontext.trials import reader_of
from seasoned.knowledge.performance_model.meta_feature_prior import DEGREES, WORST_Z
from seasoned.knowledge.performance_model.model import Prediction
from seasoned.knowledge.performance_model.regret import Level, compress, levels_of, standardise
from seasoned.knowledge.performance_model.score_scale import hypotheses
from seasoned.knowledge.performance_model.settings import MetricSettings

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from seasoned.incontext.trials import ContextReader, Reading

__all__ = ["NeuralBelief", "NeuralMetric"]

_LEAST_NOISE: Final = 0.01  # smallest variance between tasks, in squared compressed units
_LEAST_SCALE: Final = 1e-6  # smallest scale of a predicted tail, in compressed units
_GOLDEN: Final = 0.618  # step between the offsets of tasks (golden ratio), so that few rows of each differ in rank


@dataclass(frozen=True)
class NeuralMetric:
    """Neural form of the learned metric (`model.MetricFunction`), made by `NeuralMetric.of`.

    Attributes:
        network: In-context network.
        unit: Configurations in the unit cube, NaN where a coordinate is inactive, shape (n, d).
        categorical: True for coordinates without an order, shape (d,).
        z: Compressed scores of the past tasks, NaN where not evaluated, shape (tasks, n).
        level: Median and gap of each past task.
        most_rows: Largest number of rows in the context.

    Example:
        >>> class Nearest:  # the score of the nearest row, in place of a trained network
        ...     def fit_context(self, X, y, categorical, n_classes):
        ...         self.X, self.y = X, y
        ...         return self
        ...     def predict(self, X):
        ...         near = self.y[np.abs(X[:, None] - self.X).sum(axis=2).argmin(axis=1)]
        ...         return near[:, None] + np.linspace(-0.1, 0.1, 99)
        >>> unit = np.array([[0.1], [0.5], [0.9]])
        >>> past = np.array([[3.0, 2.0, 1.0], [30.0, 20.0, 10.0]])
        >>> metric = NeuralMetric.of(past, unit, np.array([False]), network=Nearest())
        >>> belief = metric.condition(np.array([], dtype=int), np.array([]))
        >>> int(belief.expected_gain(np.arange(3)).argmax())
        2
    """

    network: ContextReader
    unit: NDArray[np.float64]
    categorical: NDArray[np.bool_]
    z: NDArray[np.float64]
    level: Level
    most_rows: int = 512

    @classmethod
    def of(
        cls,
        scores: NDArray[np.floating],
        unit: NDArray[np.float64],
        categorical: NDArray[np.bool_],
        *,
        network: ContextReader | str | os.PathLike[str] | None = None,
        most_rows: int = 512,
    ) -> NeuralMetric:
        """Return the metric of a table of past tasks.

        Args:
            scores: Scores to be minimised, NaN where not evaluated, shape (tasks, n). A configuration without a score
                is predicted from its coordinates.
            unit: Configurations in the unit cube, NaN where a coordinate is inactive, shape (n, d).
            categorical: True for coordinates without an order, shape (d,).
            network: In-context network or its file; None for the shipped network of trials.
            most_rows: Largest number of rows in the context.

        Raises:
            InvalidInput: If there is no past task, a task without a score, or shapes differ.
        """
        reader = reader_of(network)
        if not len(scores) or scores.shape[1:] != unit.shape[:1] or unit.shape[1:] != categorical.shape:
            raise InvalidInput(
                f"scores have shape {scores.shape}, unit {unit.shape} and categorical {categorical.shape}; give "
                "(tasks, n), (n, d) and (d,) with at least one task."
            )
        if most_rows < 1:
            raise InvalidInput(f"most_rows is {most_rows}; give at least 1, such as 512.")
        scores = np.where(np.isfinite(scores), scores, np.nan)
        level = levels_of(scores)
        z = np.minimum(compress(standardise(scores, level)), WORST_Z)
        return cls(reader, unit, categorical, z, level, most_rows)

    def condition(
        self, rows: NDArray[np.intp], scores: NDArray[np.float64], *, weights: NDArray[np.float64] | None = None
    ) -> NeuralBelief:
        """Return the predictions for a new task after its trials, of which there may be none.

        Args:
            rows: Configurations of the trials, shape (t,).
            scores: Scores of the trials, to be minimised, shape (t,).
            weights: Task weights, such as those by meta-features, shape (tasks,); equal if None.

        Raises:
            InvalidInput: If rows and scores differ in number, or a score is not finite.
        """
        if len(rows) != len(scores) or not np.isfinite(scores).all():
            raise InvalidInput(f"there are {len(rows)} rows and scores {scores}; give one finite score per row.")
        shares = np.ones(len(self.z)) if weights is None else weights
        shares, z = self._posterior(rows, scores, shares / shares.sum()) if len(rows) else (shares, np.zeros(0))
        similarity = shares / shares.max()
        own = _spread(np.argsort(z, kind="stable"), min(len(z), self.most_rows))
        tasks, columns = self._past_rows(similarity, self.most_rows - len(own))
        means = _weighted_means(self.z, similarity)
        others = _weighted_means(self.z, similarity, tasks, columns)
        ones = np.ones((len(own), 2))
        trials = np.column_stack([self.unit[rows[own]], means[rows[own]], ones])
        past = np.column_stack([self.unit[columns], others, similarity[tasks], np.zeros(len(tasks))])
        X = np.concatenate([trials, past])
        filled = np.nan_to_num(X, nan=-1.0)
        varied = (filled != filled[0]).any(axis=0)  # a constant column says nothing, such as the marks without trials
        varied |= not varied.any()
        categorical = np.append(self.categorical, [False, False, True])[varied]
        reading = self.network.fit_context(X[:, varied], np.append(z[own], self.z[tasks, columns]), categorical, 0)
        return NeuralBelief(self, reading, means, varied, min(float(z.min(initial=0.0)), 0.0))

    def _posterior(
        self, rows: NDArray[np.intp], scores: NDArray[np.float64], shares: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights of the past tasks, shape (tasks,), and expected compressed scores of the trials, shape (t,)."""
        known = np.isfinite(self.z)
        means = np.where(known, self.z, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        noise = max(float(np.square(np.where(known, self.z - means, 0.0)).sum() / known.sum()), _LEAST_NOISE)
        past = np.where(known, self.z, means)[:, rows]  # (tasks, t)
        grid = hypotheses(scores, self.level)
        z = np.minimum(grid.z, WORST_Z)  # (t, h)
        square = np.square(past).sum(axis=1)[:, None] - 2.0 * past @ z + np.square(z).sum(axis=0)
        fit = -0.5 * (DEGREES + len(rows)) * np.log1p(np.maximum(square, 0.0) / (noise * DEGREES)) + grid.slopes
        with np.errstate(divide="ignore"):  # the log of weight 0 excludes a past task
            log = MetricSettings().temper * fit + grid.prior + np.log(shares)[:, None]
        joint = np.exp(log - log.max())
        joint /= joint.sum()
        return joint.sum(axis=1), z @ joint.sum(axis=0)

    def _past_rows(self, similarity: NDArray[np.float64], most: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Tasks and configurations of at most `most` past evaluations, each of shape (rows,)."""
        known = np.isfinite(self.z)
        quotas = _quotas(similarity, known.sum(axis=1), most)
        ranked = np.argsort(np.where(known, self.z, np.inf), axis=1, kind="stable")
        parts = [
            _spread(ranked[task, : known[task].sum()], int(quota), task * _GOLDEN % 1.0)
            for task, quota in enumerate(quotas)
        ]
        return np.repeat(np.arange(len(quotas)), quotas), np.concatenate(parts)


@dataclass(frozen=True)
class NeuralBelief:
    """Predictions for one task, in compressed units of the gap (-1 best, 0 median).

    Attributes:
        metric: Neural metric of the past tasks.
        reading: Context that the network has read.
        means: Weighted mean score of each configuration on the past tasks, NaN where there is none, shape (n,).
        varied: True for the columns of the context that the network reads, shape (d + 3,).
        best: Improvement target: the best trial, at most 0, the median.
    """

    metric: NeuralMetric
    reading: Reading
    means: NDArray[np.float64]
    varied: NDArray[np.bool_]
    best: float

    def predict(self, columns: NDArray[np.intp]) -> QuantileFunction:
        """Return the distributions of the scores of configurations of the table, shape (m,)."""
        X = np.column_stack([self.metric.unit[columns], self.means[columns], np.ones((len(columns), 2))])
        return QuantileFunction(np.asarray(self.reading.predict(X[:, self.varied]), dtype=np.float64), _LEAST_SCALE)

    def mean(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Expected scores of configurations of the table, shape (m,)."""
        return self.predict(columns).mean()

    def standardised(self, columns: NDArray[np.intp]) -> Prediction:
        """Mean and standard deviation of configurations; the tails beyond 1% and 99% do not widen the latter."""
        found = self.predict(columns)
        return Prediction(found.mean(), np.maximum(found.values.std(axis=1), _LEAST_SCALE))

    def expected_gain(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Expected improvement of configurations on the best trial, shape (m,)."""
        return np.exp(self.predict(columns).log_expected_improvement(self.best))


def _weighted_means(
    z: NDArray[np.float64],
    weights: NDArray[np.float64],
    tasks: NDArray[np.intp] | None = None,
    columns: NDArray[np.intp] | None = None,
) -> NDArray[np.float64]:
    """Weighted mean score of each configuration, shape (n,), or for cells that of the other tasks, shape (cells,)."""
    known = np.isfinite(z)
    shares, sums = weights @ known, weights @ np.where(known, z, 0.0)
    if tasks is not None:
        shares = shares[columns] - weights[tasks]
        sums = sums[columns] - weights[tasks] * z[tasks, columns]
    return np.where(shares > 1e-9, sums / np.maximum(shares, 1e-9), np.nan)


def _spread(order: NDArray[np.intp], count: int, offset: float = 0.5) -> NDArray[np.intp]:
    """`count` evenly spaced members of `order`, which has at least as many."""
    return order[((np.arange(count) + offset) * len(order) / max(count, 1)).astype(np.intp)]


def _quotas(weights: NDArray[np.float64], sizes: NDArray[np.intp], rows: int) -> NDArray[np.intp]:
    """Rows of each task in proportion to its weight, at most its size, by the Sainte-Laguë method, shape (tasks,)."""
    places = np.arange(min(rows, int(sizes.max())))
    with np.errstate(divide="ignore"):  # a task of weight 0 has no row
        order = np.where(places < sizes[:, None], (places + 0.5) / weights[:, None], np.inf)
    first = np.argsort(order, axis=None, kind="stable")[:rows]
    first = first[np.isfinite(order.ravel()[first])]
    return np.bincount(first // max(len(places), 1), minlength=len(weights))
