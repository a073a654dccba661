"""Logarithmic scale of a target: multiplicative growth becomes additive.

A mean of logarithms is not the logarithm of a mean. Predictions on the log scale are therefore transformed back and
multiplied by one correction factor. Duan (1983, Smearing estimate: a nonparametric retransformation method, Journal of
the American Statistical Association 78) uses the mean of the exponentiated residuals. This module computes the factor
from held-out rows instead, by least squares or a weighted median, because boosters overfit their training rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.metrics.metric import Measure

    Array = NDArray[np.float64]

Judged = Literal["squares", "absolute", "logarithms"]

__all__ = ["Exponential", "Logarithm", "bare", "logarithm_for"]

_SKEWED: Final = 0.75  # smallest skewness of a target with a log scale
# largest skewness on the log scale, as a share of the skewness before; above it the scales are nearly the same
_MAX_SKEWNESS_SHARE: Final = 0.9
_JUDGED: Final[Mapping[str, Judged]] = MappingProxyType(
    {
        **dict.fromkeys(("neg_root_mean_squared_error", "neg_mean_squared_error", "r2"), "squares"),
        **dict.fromkeys(("neg_mean_absolute_error", "neg_median_absolute_error"), "absolute"),
        "neg_mean_absolute_percentage_error": "absolute",
        **dict.fromkeys(("neg_root_mean_squared_log_error", "neg_mean_squared_log_error"), "logarithms"),
    }
)


@dataclass(frozen=True, slots=True)
class Logarithm:
    """Scale z = log(y + offset).

    Attributes:
        offset: Constant added before the logarithm, so that the logarithm exists.
        judged: Errors that the metric measures: squares, absolute values, or squares of logarithms.

    Example:
        >>> scale = Logarithm(1.0, "squares")
        >>> scale.forward(np.array([0.0, np.e - 1.0])).tolist()
        [0.0, 1.0]
    """

    offset: float
    judged: Judged

    @classmethod
    def of(cls, metric: Measure, offset: float) -> Logarithm | None:
        """Return the scale for a metric; None if the metric has no log scale."""
        judged = _JUDGED.get(metric.scorer)
        return None if judged is None else cls(offset, judged)

    @property
    def always(self) -> bool:
        """True if every model is fitted on this scale, because the metric measures logarithms."""
        return self.judged == "logarithms"

    def forward(self, y: Array) -> Array:
        """Transform numbers to the log scale.

        Raises:
            ValueError: If a number has no logarithm.
        """
        if not y.min() + self.offset > 0:
            raise ValueError(f"the target {y.min():.6g} has no logarithm, and the model was found on numbers that have")
        return np.asarray(np.log(y + self.offset))

    def factor(self, y: Array, predicted: Array, mass: Array | None = None) -> float:
        """Correction factor of (prediction + offset), for predictions with a factor of 1; 1 without rows.

        Args:
            y: Target of held-out rows.
            predicted: Predictions for these rows.
            mass: Row weights; None for equal weights.

        Example:
            >>> scale = Logarithm(0.0, "squares")
            >>> scale.factor(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
            2.0
        """
        truth, guess = y + self.offset, predicted + self.offset
        weight = np.ones(len(y)) if mass is None else mass
        if self.always or not len(y) or not np.isfinite(guess).all() or not (weight * guess).sum() > 0:
            return 1.0
        if self.judged == "squares":
            return float((weight * truth * guess).sum() / (weight * guess**2).sum())
        return _weighted_median(truth / guess, weight * guess)

    def crossed(self, parts: Sequence[tuple[Array, Array, Array | None]]) -> list[Array]:
        """Cross-fitted predictions: each fold is multiplied by the factor of the other folds.

        A single fold is split into two halves, and each half is multiplied by the factor of the other half. No row
        influences its own prediction. A factor computed on the same rows would underestimate the error. In a fold of
        later rows, it would also leak the growth since the earlier rows.

        Args:
            parts: Target, predictions with a factor of 1, and row weights of each fold.
        """
        if len(parts) == 1:
            y, predicted, mass = parts[0]
            halves = [np.arange(start, len(y), 2) for start in (0, 1)]
            found = np.empty(len(y))
            cut = [(y[rows], predicted[rows], None if mass is None else mass[rows]) for rows in halves]
            for rows, one in zip(halves, self.crossed(cut), strict=True):
                found[rows] = one
            return [found]
        return [
            self.factor_of([*parts[:place], *parts[place + 1 :]]) * (predicted + self.offset) - self.offset
            for place, (_, predicted, _) in enumerate(parts)
        ]

    def factor_of(self, parts: Sequence[tuple[Array, Array, Array | None]]) -> float:
        """Correction factor of several folds together."""
        y, predicted, mass = zip(*parts, strict=True)
        masses = None if mass[0] is None else np.concatenate(mass)
        return self.factor(np.concatenate(y), np.concatenate(predicted), masses)


def _weighted_median(values: Array, mass: Array) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(mass[order])
    return float(values[order[np.searchsorted(reached, reached[-1] / 2)]])


@dataclass(frozen=True, slots=True, eq=False)
class Exponential:
    """Model fitted on logarithms that predicts on the original scale, within the range of its training target.

    Attributes:
        estimator: Estimator fitted on the log scale.
        offset: Offset of the scale.
        factor: Correction factor for the mean of logarithms.
        low: Smallest training target, on the log scale.
        high: Largest training target, on the log scale.
    """

    estimator: Any
    offset: float
    factor: float
    low: float
    high: float

    def predict(self, X: Array) -> Array:
        """Predict numbers, shape (n,)."""
        logs = np.asarray(self.estimator.predict(X), dtype=np.float64).ravel() + np.log(self.factor)
        return np.asarray(np.exp(np.clip(logs, self.low, self.high)) - self.offset)

    def to_json(self) -> list[float]:
        """State for `from_json`, without the estimator."""
        return [self.offset, self.factor, self.low, self.high]

    @classmethod
    def from_json(cls, estimator: Any, stored: Any) -> Exponential:
        """Restore a model from `to_json` and its estimator.

        Raises:
            ValueError: If the state is invalid.
        """
        offset, factor, low, high = map(float, stored)
        if not (np.isfinite([offset, factor, low, high]).all() and factor > 0 and low <= high <= np.log(1e300)):
            raise ValueError("the scale of a model's target is impossible")
        return cls(estimator, offset, factor, low, high)


def bare(fit: Any) -> Any:
    """Return the estimator of a family, without the log scale.

    Example:
        >>> bare("a model"), bare(Exponential("a model", 0.0, 1.0, 0.0, 1.0))
        ('a model', 'a model')
    """
    return fit.estimator if isinstance(fit, Exponential) else fit


def logarithm_for(metric: Measure, y: Array) -> Logarithm | None:
    """Return the log scale that models may use for a target; None if the scale does not suit the target.

    A metric of logarithms always uses the log scale. Other metrics allow the scale for a target that is non-negative
    and skewed to the right, and less skewed on the log scale.

    Args:
        metric: Metric of the fit.
        y: Target of a regression.
    """
    scale = Logarithm.of(metric, 0.0 if y.min() > 0 else 1.0)
    if scale is None or not y.min() > -1:
        return None
    if scale.always:
        return replace(scale, offset=1.0)
    if y.min() < 0:
        return None
    skewed = _skewness(y)
    return scale if skewed > _SKEWED and abs(_skewness(scale.forward(y))) < _MAX_SKEWNESS_SHARE * skewed else None


def _skewness(y: Array) -> float:
    """Third standardised moment; 0 for equal numbers."""
    spread = y.std()
    return float((((y - y.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0
