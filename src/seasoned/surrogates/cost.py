"""Cost model: a linear model of the log seconds of a trial, for expected improvement per second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Cost", "fit_cost"]

_SLOPE: Final = 1.5  # prior standard deviation of a slope: difference of log seconds between the ends of a coordinate
_NOISE: Final = 0.3  # standard deviation of log seconds at one point
_MIN_SECONDS: Final = 1e-3  # least time in seconds; shorter times count as this time


@dataclass(frozen=True, slots=True)
class Cost:
    """Term of an acquisition sum: minus the log of the predicted seconds.

    Log EI plus this term is the log of the expected improvement per second (Snoek, Larochelle and Adams 2012, Practical
    Bayesian optimization of machine learning algorithms, §3.2). More rounds, deeper trees or wider layers multiply the
    time, so log seconds are nearly linear in the coordinates.

    Attributes:
        level: Mean of log seconds.
        center: Mean of the features, shape (p,).
        slopes: Slope of log seconds in each feature, shape (p,).
    """

    level: float
    center: NDArray[np.float64]
    slopes: NDArray[np.float64]

    def log_seconds(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predicted log seconds at features of shape (m, p), shape (m,)."""
        return np.asarray(self.level + (features - self.center) @ self.slopes)

    def value(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Minus the predicted log seconds, shape (m,)."""
        return -self.log_seconds(features)

    def gradient(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`value`, and its derivatives by all p features, shape (m, p); `AcquisitionSum` uses the numeric features."""
        return self.value(features), np.tile(-self.slopes, (len(features), 1))


def fit_cost(features: NDArray[np.float64], seconds: NDArray[np.float64]) -> Cost | None:
    """Fit a Bayesian ridge regression of log seconds on features; None if no seconds are known.

    With few trials, the slopes stay near their prior mean 0, so that all points have similar predicted costs.

    Args:
        features: Features of finished trials, shape (n, p).
        seconds: Seconds of these trials, NaN where unknown, shape (n,).

    Example:
        >>> cost = fit_cost(np.linspace(0, 1, 20)[:, None], np.exp(np.linspace(0, 2, 20)))
        >>> cost.log_seconds(np.array([[0.0], [1.0]])).round(1).tolist()
        [0.0, 2.0]
    """
    known = np.isfinite(seconds)
    if not known.any():
        return None
    logs = np.log(np.maximum(seconds[known], _MIN_SECONDS))
    center, level = features[known].mean(axis=0), float(logs.mean())
    X = features[known] - center
    precision = X.T @ X / _NOISE**2 + np.eye(X.shape[1]) / _SLOPE**2
    slopes = np.linalg.solve(precision, X.T @ (logs - level) / _NOISE**2)
    return Cost(level, center, slopes)
