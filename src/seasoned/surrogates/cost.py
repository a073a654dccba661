"""What a trial will cost: a linear model of the logarithm of its seconds, and the search's gain per second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Cost", "fit_cost"]

_SLOPE: Final = 1.5  # prior deviation of log seconds between the ends of a coordinate
_NOISE: Final = 0.3  # deviation of log seconds at one point
_LEAST: Final = 1e-3  # seconds; shorter times are not told apart


@dataclass(frozen=True, slots=True)
class Cost:
    """A part of a score: minus the logarithm of the predicted seconds.

    Added to log EI it is the logarithm of the expected improvement per second (Snoek, Larochelle and Adams 2012,
    Practical Bayesian optimization of machine learning algorithms, §3.2). More rounds, deeper trees or wider layers
    multiply the time, so log seconds are nearly linear in the coordinates of such spaces.

    Attributes:
        level: Mean of log seconds.
        center: Mean features, shape (p,).
        slopes: Slopes of log seconds in each feature, shape (p,).
    """

    level: float
    center: NDArray[np.float64]
    slopes: NDArray[np.float64]

    def log_seconds(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predictions at features of shape (m, p), shape (m,)."""
        return np.asarray(self.level + (features - self.center) @ self.slopes)

    def value(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Minus the log seconds, shape (m,)."""
        return -self.log_seconds(features)

    def gradient(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The same, and its derivatives by the features, shape (m, p), of which `Total` takes the numeric ones."""
        return self.value(features), np.tile(-self.slopes, (len(features), 1))


def fit_cost(features: NDArray[np.float64], seconds: NDArray[np.float64]) -> Cost | None:
    """Bayesian ridge regression of log seconds on features; None where no seconds are known.

    With few trials the slopes stay near 0, their prior mean, so that at first all points are thought to cost the same.

    Args:
        features: Of finished trials, shape (n, p).
        seconds: What they took, NaN where that is not known, shape (n,).

    Example:
        >>> cost = fit_cost(np.linspace(0, 1, 20)[:, None], np.exp(np.linspace(0, 2, 20)))
        >>> cost.log_seconds(np.array([[0.0], [1.0]])).round(1).tolist()
        [0.0, 2.0]
    """
    known = np.isfinite(seconds)
    if not known.any():
        return None
    logs = np.log(np.maximum(seconds[known], _LEAST))
    center, level = features[known].mean(axis=0), float(logs.mean())
    X = features[known] - center
    precision = X.T @ X / _NOISE**2 + np.eye(X.shape[1]) / _SLOPE**2
    slopes = np.linalg.solve(precision, X.T @ (logs - level) / _NOISE**2)
    return Cost(level, center, slopes)
