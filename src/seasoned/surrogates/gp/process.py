"""Exact Gaussian process regression: posterior with gradients, rank-one updates and leave-one-out prediction.

K is the covariance of the n points, including noise, and y are the targets (Rasmussen and Williams 2006, ch. 2 and 5):

    mean(x) = k(x)' K^-1 y,   variance(x) = k(x, x) - k(x)' K^-1 k(x),
    -2 log p(y) = y' K^-1 y + log det K + n log(2 pi).

K = s M + q (1 + z.z')^2 / 4 + diag(noise + relative * weights), see `kernel.py` and `hyperpriors.py`. With the weights,
the noise of a target can grow with its distance from the best target. A local model of the bottom of a valley then need
not fit the rim.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.surrogates.gp.hyperpriors import NOISE, RELATIVE, SIGNAL, TREND
from seasoned.surrogates.gp.kernel import matern, squared_distances, trend

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from seasoned.surrogates.gp.kernel import Frame

__all__ = [
    "GaussianProcess",
    "Moments",
    "Sample",
    "append",
    "cholesky",
    "condition",
    "covariance",
    "lapack",
    "leave_one_out",
    "noise",
    "posterior",
    "retarget",
    "solve",
]

_JITTER: Final = 1e-12  # first jitter, as a share of the mean diagonal; multiplied by 10 until factorisation succeeds
_LEAST_PIVOT: Final = 1e-14  # least squared pivot, as a share of the mean diagonal; smaller pivots are rounding error
_LEAST_LEFT: Final = 1e-10  # least share of the variance of a new point that the earlier points leave unexplained


@dataclass(frozen=True, slots=True)
class Sample:
    """Training data of a model.

    Attributes:
        features: Features, shape (n, p).
        targets: Targets with mean about 0 and scale about 1, shape (n,).
        weights: Factor of the relative noise of each point, shape (n,).
    """

    features: NDArray[np.float64]
    targets: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """Posterior of a Gaussian process.

    Attributes:
        sample: Training data.
        frame: Description of the features.
        theta: Log hyperparameters in the order of `hyperpriors.py`, shape (lengths + 4,).
        factor: Lower Cholesky factor of K, shape (n, n).
        alpha: K^-1 y, shape (n,).
    """

    sample: Sample
    frame: Frame
    theta: NDArray[np.float64]
    factor: NDArray[np.float64]
    alpha: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and standard deviation at points, with derivatives by the numeric features.

    Attributes:
        mean: Posterior mean, shape (m,).
        std: Posterior standard deviation, shape (m,).
        mean_gradient: Gradient of the mean, shape (m, numeric); None if not requested.
        std_gradient: Gradient of the standard deviation, shape (m, numeric); None if not requested.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    mean_gradient: NDArray[np.float64] | None = None
    std_gradient: NDArray[np.float64] | None = None


@lru_cache(maxsize=1)
def lapack() -> ModuleType:
    """LAPACK module, cached: an import statement in each call would cost as much as a small factorisation."""
    from scipy.linalg import lapack as routines

    return routines


def _scaled(features: NDArray[np.float64], frame: Frame, theta: NDArray[np.float64]) -> NDArray[np.float64]:
    return features * np.exp(-theta[: frame.lengths])[frame.groups]


def noise(sample: Sample, theta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Noise variance of each target, a term of the diagonal of K, shape (n,)."""
    diagonal: NDArray[np.float64] = np.exp(theta[NOISE]) + np.exp(theta[RELATIVE]) * sample.weights
    return diagonal


def cholesky(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower Cholesky factor; jitter is added to the diagonal if rounding made the matrix (nearly) indefinite."""
    routines = lapack()
    unit = float(np.trace(covariance)) / max(len(covariance), 1)
    jitter = 0.0
    for power in range(12):
        factor, info = routines.dpotrf(covariance + jitter * np.eye(len(covariance)) if jitter else covariance, lower=1)
        if info == 0 and (not len(factor) or float(factor.diagonal().min()) ** 2 > _LEAST_PIVOT * unit):
            return factor  # type: ignore[no-any-return]
        jitter = _JITTER * 10.0**power * unit
    raise FloatingPointError("the covariance has no Cholesky factor even with noise added; it holds NaN or infinity.")


def solve(factor: NDArray[np.float64], right: NDArray[np.float64], *, transposed: bool = False) -> NDArray[np.float64]:
    """Return L^-1 right, or L^-T right if `transposed`, for the lower factor L."""
    if not right.size:
        return right
    solution, _ = lapack().dtrtrs(factor, right, lower=1, trans=int(transposed))
    return solution  # type: ignore[no-any-return]


def condition(sample: Sample, frame: Frame, theta: NDArray[np.float64]) -> GaussianProcess:
    """Compute the posterior for fixed hyperparameters."""
    scaled = _scaled(sample.features, frame, theta)
    covariance = matern(squared_distances(scaled, scaled))[0]
    covariance *= np.exp(theta[SIGNAL])
    z = frame.local(sample.features)
    quadratic = trend(z, z)[0]
    quadratic *= np.exp(theta[TREND])
    covariance += quadratic
    covariance[np.diag_indices(len(covariance))] += noise(sample, theta)
    factor = cholesky(covariance)
    alpha = solve(factor, solve(factor, sample.targets), transposed=True)
    return GaussianProcess(sample, frame, theta, factor, alpha)


def append(gp: GaussianProcess, features: NDArray[np.float64], target: float, weight: float = 0.0) -> GaussianProcess:
    """Add one point to a posterior in O(n^2), as a new row of the Cholesky factor.

    Args:
        gp: Posterior so far.
        features: Features of the point, shape (p,).
        target: Target of the point.
        weight: Factor of the relative noise of the point.
    """
    sample = Sample(
        np.vstack([gp.sample.features, features]),
        np.append(gp.sample.targets, target),
        np.append(gp.sample.weights, weight),
    )
    cross = _covariance(gp, features[None])[0]
    row = solve(gp.factor, cross)
    own = float(_own(gp, features[None])[0]) + float(noise(replace(sample, weights=sample.weights[-1:]), gp.theta)[0])
    count = len(gp.alpha)
    factor = np.zeros((count + 1, count + 1), order="F")
    factor[:count, :count] = gp.factor
    factor[count, :count], factor[count, count] = _bounded(row, own)
    alpha = solve(factor, solve(factor, sample.targets), transposed=True)
    return GaussianProcess(sample, gp.frame, gp.theta, factor, alpha)


def _bounded(row: NDArray[np.float64], own: float) -> tuple[NDArray[np.float64], float]:
    """New row of the factor with a bound on the explained variance, and the new diagonal element.

    |row|^2 is the variance that the earlier points explain, and must be below `own`, the variance of the point. For
    nearly equal points, rounding can violate this bound. The row is then shortened, because otherwise the errors of
    later solutions would grow without bound.
    """
    least = _LEAST_LEFT * own
    with np.errstate(over="ignore", invalid="ignore"):
        explained = float(row @ row)
    if not explained <= own - least:
        row = row * math.sqrt((own - least) / explained) if math.isfinite(explained) else np.zeros_like(row)
        explained = float(row @ row)
    return row, math.sqrt(max(own - explained, least))


def _covariance(gp: GaussianProcess, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariances of points with the training points, shape (m, n)."""
    squared = squared_distances(_scaled(features, gp.frame, gp.theta), _scaled(gp.sample.features, gp.frame, gp.theta))
    covariance = matern(squared)[0]
    covariance *= np.exp(gp.theta[SIGNAL])
    quadratic = trend(gp.frame.local(features), gp.frame.local(gp.sample.features))[0]
    quadratic *= np.exp(gp.theta[TREND])
    covariance += quadratic
    return covariance


def _own(gp: GaussianProcess, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Prior variances of points, shape (m,)."""
    z = gp.frame.local(features)
    inner = 1.0 + np.einsum("ij,ij->i", z, z)
    variance: NDArray[np.float64] = np.exp(gp.theta[SIGNAL]) + np.exp(gp.theta[TREND]) * 0.25 * inner * inner
    return variance


def posterior(gp: GaussianProcess, features: NDArray[np.float64], *, gradient: bool = False) -> Moments:
    """Posterior mean and standard deviation of the noise-free function at points of shape (m, p).

    Example:
        >>> from seasoned.surrogates.gp.hyperpriors import global_prior
        >>> from seasoned.surrogates.gp.kernel import Frame
        >>> frame = Frame(np.array([0]), 1, np.array([0.5]), np.array([0.5]))
        >>> sample = Sample(np.array([[0.0], [1.0]]), np.array([-1.0, 1.0]), np.zeros(2))
        >>> gp = condition(sample, frame, global_prior(1, trend=True).start)
        >>> posterior(gp, np.array([[0.5]])).mean.round(6).tolist()
        [0.0]
    """
    if gradient:
        return _posterior_with_gradient(gp, features)
    cross = _covariance(gp, features)
    explained = solve(gp.factor, cross.T)
    own = _own(gp, features)
    variance = own - np.einsum("ij,ij->j", explained, explained)
    return Moments(cross @ gp.alpha, np.sqrt(np.maximum(variance, 1e-14 * own)))


def _posterior_with_gradient(gp: GaussianProcess, features: NDArray[np.float64]) -> Moments:
    frame, theta = gp.frame, gp.theta
    inverse = np.exp(-theta[: frame.lengths])[frame.groups]
    left, right = features * inverse, gp.sample.features * inverse
    cross, slope = matern(squared_distances(left, right))
    cross *= np.exp(theta[SIGNAL])
    slope *= np.exp(theta[SIGNAL])
    z, seen = frame.local(features), frame.local(gp.sample.features)
    quadratic, inner = trend(z, seen)
    quadratic *= np.exp(theta[TREND])
    inner *= np.exp(theta[TREND])
    cross += quadratic
    explained = solve(gp.factor, cross.T)
    weights = solve(gp.factor, explained, transposed=True).T  # K^-1 k, shape (m, n)
    own = _own(gp, features)
    variance = np.maximum(own - np.einsum("ij,ij->j", explained, explained), 1e-14 * own)
    std = np.sqrt(variance)

    numeric, per_unit = frame.numeric, inverse[: frame.numeric]

    def weighted(factors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gradient sum_n factors_mn dk(x_m, X_n)/dx, shape (m, numeric)."""
        pull = slope * factors
        bend: NDArray[np.float64] = pull @ right[:, :numeric] - pull.sum(axis=1)[:, None] * left[:, :numeric]
        return bend * per_unit + (inner * factors) @ seen / frame.half_width

    rise = np.exp(theta[TREND]) * (1.0 + np.einsum("ij,ij->i", z, z))[:, None] * z / frame.half_width
    std_gradient = (0.5 * rise - weighted(weights)) / std[:, None]
    return Moments(cross @ gp.alpha, std, weighted(np.broadcast_to(gp.alpha, cross.shape)), std_gradient)


def covariance(gp: GaussianProcess, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Posterior covariance of the function at points of shape (m, p), shape (m, m)."""
    scaled = _scaled(features, gp.frame, gp.theta)
    z = gp.frame.local(features)
    own = (
        np.exp(gp.theta[SIGNAL]) * matern(squared_distances(scaled, scaled))[0]
        + np.exp(gp.theta[TREND]) * trend(z, z)[0]
    )
    explained = solve(gp.factor, _covariance(gp, features).T)
    reduced: NDArray[np.float64] = own - explained.T @ explained
    return reduced


def leave_one_out(gp: GaussianProcess) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Leave-one-out mean and standard deviation of each target, each of shape (n,).

    mean_i = y_i - alpha_i / (K^-1)_ii and variance_i = 1 / (K^-1)_ii (Rasmussen and Williams 2006, eq. 5.12).
    """
    inverse, _ = lapack().dpotri(gp.factor, lower=1)
    precision = np.diag(inverse)
    return gp.sample.targets - gp.alpha / precision, np.sqrt(1.0 / precision)


def retarget(gp: GaussianProcess, targets: NDArray[np.float64]) -> GaussianProcess:
    """Posterior for other targets at the same points, in O(n^2), because the Cholesky factor stays the same."""
    alpha = solve(gp.factor, solve(gp.factor, targets), transposed=True)
    return replace(gp, sample=replace(gp.sample, targets=targets), alpha=alpha)
