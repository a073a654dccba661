"""Cold search: Bayesian optimisation without experience over a finite pool of configurations.

    y ~ N(0, s (M(d / l) + n I)),   M the Matern-5/2 kernel, d distances in units of the typical distance in the pool

Targets y are warped: among the worse half of the scores, only the order counts (`surrogates/output_warping.py`). l and
n are selected on a grid by marginal likelihood, with a prior that favours long length scales. s is integrated out with
its conjugate prior. For a pool and some tens of trials, a grid is as good as gradients, and cheap.

Source: Rasmussen and Williams (2006), ch. 2 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.performance_model.model import Prediction
from seasoned.surrogates.acquisition.functions import expected_improvement
from seasoned.surrogates.gp.kernel import matern, squared_distances
from seasoned.surrogates.output_warping import warped

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CandidateSet", "Fitted", "fit_pool", "pool_of"]

_LENGTHS: Final = (0.15, 0.3, 0.6, 1.2, 2.4)  # grid of l
_NOISES: Final = (1e-3, 1e-2, 1e-1)  # grid of n
_LOG_LENGTH_PRIOR: Final = (np.log(0.8), 0.8)  # prior mean and standard deviation of log l
_BELIEF: Final = 2.0  # pseudo-count of trials in the prior of s, whose mean is 1


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """Configurations as points, shape (n, d), scaled to a mean squared distance of 1."""

    points: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fitted:
    """Posterior over the points of a pool.

    Attributes:
        points: Points of the trials, shape (t, d).
        targets: Warped scores of the trials, shape (t,).
        length: Length scale l, in units of the typical distance.
        scale: Signal variance s.
        factor: Lower Cholesky factor of M + n I, shape (t, t).
        alpha: (M + n I)^-1 y, shape (t,).
    """

    points: NDArray[np.float64]
    targets: NDArray[np.float64]
    length: float
    scale: float
    factor: NDArray[np.float64]
    alpha: NDArray[np.float64]

    def predict(self, points: NDArray[np.float64]) -> Prediction:
        """Mean and standard deviation at points of shape (n, d), in units of the targets, without noise."""
        return self.predict_at(squared_distances(points, self.points))

    def predict_at(self, squared: NDArray[np.floating]) -> Prediction:
        """Prediction from squared distances to the trials, shape (n, t), in the precision of `squared`."""
        across = matern((squared / self.length**2).astype(squared.dtype))[0]
        inner = across @ np.linalg.inv(self.factor).T.astype(squared.dtype)
        variance = self.scale * np.maximum(1.0 - np.einsum("ij,ij->i", inner, inner), 1e-9)
        return Prediction(across @ self.alpha, np.sqrt(variance))

    def expected_gain(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected improvement over the best trial at points of shape (n, d), in units of the targets, shape (n,)."""
        return self.gain_of(self.predict(points))

    def gain_of(self, found: Prediction) -> NDArray[np.float64]:
        """Expected improvement over the best trial, from a prediction, shape (n,)."""
        return expected_improvement(found.mean, found.std, float(self.targets.min())).value

    def left_out(self) -> Prediction:
        """Leave-one-out prediction of each trial; Rasmussen and Williams (2006), eqs. 5.10-5.12."""
        inverse = np.linalg.inv(self.factor)
        precision = np.einsum("ij,ij->j", inverse, inverse)
        return Prediction(self.targets - self.alpha / precision, np.sqrt(self.scale / precision))


def pool_of(features: NDArray[np.float64]) -> CandidateSet:
    """Scale features to a pool: each column to [0, 1], without constant columns, then all by one common factor.

    Args:
        features: Features of the configurations, shape (n, p).

    Raises:
        InvalidInput: If a feature is not finite.

    Example:
        >>> pool_of(np.array([[0.0, 5.0], [10.0, 5.0]])).points.round(3).tolist()
        [[0.0], [1.414]]
    """
    if not np.isfinite(features).all():
        column = int(np.flatnonzero(~np.isfinite(features).all(axis=0))[0])
        raise InvalidInput(
            f"feature {column} is not finite for some configuration; give unused ones a number, such as 0."
        )
    low, span = features.min(axis=0), np.ptp(features, axis=0)
    unit = (features - low)[:, span > 0] / span[span > 0]
    typical = np.sqrt(2.0 * float(unit.var(axis=0).sum())) if unit.size else 1.0
    return CandidateSet(unit / typical)


def fit_pool(points: NDArray[np.float64], scores: NDArray[np.float64]) -> Fitted:
    """Fit the posterior after trials.

    Args:
        points: Points of the trials, shape (t, d), with t at least 1.
        scores: Finite scores of the trials, to be minimised, shape (t,).

    Example:
        >>> fitted = fit_pool(np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 1.0, 2.0]))
        >>> fitted.predict(np.array([[0.1], [1.9]])).mean.argmin()
        np.int64(0)
    """
    targets, count = warped(scores, "rank"), len(scores)
    squared = squared_distances(points, points)
    best, found = -np.inf, None
    own = np.eye(count)
    for length in _LENGTHS:
        kernel = matern(squared / length**2)[0]
        prior = -0.5 * ((np.log(length) - _LOG_LENGTH_PRIOR[0]) / _LOG_LENGTH_PRIOR[1]) ** 2
        for noise in _NOISES:
            factor = np.asarray(np.linalg.cholesky(kernel + noise * own), dtype=np.float64)
            half = np.linalg.solve(factor, targets)
            scale = (float(half @ half) + _BELIEF) / (count + _BELIEF)
            score = prior - np.log(np.diag(factor)).sum() - 0.5 * (count + _BELIEF) * np.log(scale)
            if score > best:
                alpha = np.linalg.solve(factor.T, half)
                best, found = score, Fitted(points, targets, length, scale, factor, np.asarray(alpha))
    assert found is not None, "the targets are finite"
    return found
