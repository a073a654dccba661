"""Acquisition functions: the value of a trial, from the posterior mean and standard deviation of its objective.

All functions are for minimisation, and larger values are better. Each function also returns the derivatives by mean and
standard deviation, so that the gradient of the acquisition follows by the chain rule. With u = (best - mean) / std, and
phi and Phi the density and distribution function of the standard normal:

    EI  = std h(u),  h(u) = phi(u) + u Phi(u)           d/dmean = -Phi(u),          d/dstd = phi(u)
    log EI = log std + log h(u)                         d/dmean = -Phi/(std h),     d/dstd = phi/(std h)
    PI  = Phi(u)                                        d/dmean = -phi/std,         d/dstd = -u phi/std
    log PI                                              d/dmean = -phi/(std Phi),   d/dstd = -u phi/(std Phi)
    UCB = -(mean - kappa std)                           d/dmean = -1,               d/dstd = kappa

EI: Jones, Schonlau and Welch (1998). Log EI and its branches: Ament et al. (2023), Unexpected improvements to expected
improvement, eqs. 8-9. UCB: Srinivas et al. (2010); for minimisation it is the negative lower confidence bound.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Value",
    "expected_improvement",
    "log_expected_improvement",
    "log_probability_of_improvement",
    "probability_of_improvement",
    "thompson",
    "upper_confidence_bound",
]

_LOG_SQRT_2PI: Final = 0.5 * math.log(2.0 * math.pi)
_SQRT_HALF_PI: Final = math.sqrt(0.5 * math.pi)
_DEFINITION_FROM: Final = -1.0  # smallest u for which h(u) is computed from its definition
_LIMIT_BELOW: Final = -1e6  # smallest u for which 1 - |u| Mills(u) is computed; below, its limit 1/u^2 is exact


class Value(NamedTuple):
    """Acquisition with its derivatives; each array has the shape of the means.

    Attributes:
        value: Acquisition; larger is better.
        by_mean: Derivative with respect to the mean.
        by_std: Derivative with respect to the standard deviation.
    """

    value: NDArray[np.float64]
    by_mean: NDArray[np.float64]
    by_std: NDArray[np.float64]


def _density(u: NDArray[np.float64]) -> NDArray[np.float64]:
    density: NDArray[np.float64] = np.exp(-0.5 * u * u - _LOG_SQRT_2PI)
    return density


def expected_improvement(mean: NDArray[np.float64], std: NDArray[np.float64], best: float) -> Value:
    """Expected improvement E[max(best - f, 0)] for f ~ N(mean, std^2); std must be positive.

    Example:
        >>> expected_improvement(np.array([0.0]), np.array([1.0]), 0.0).value.round(6).tolist()
        [0.398942]
    """
    from scipy.special import ndtr

    u = (best - mean) / std
    below, density = ndtr(u), _density(u)
    return Value(std * np.maximum(density + u * below, 0.0), -below, density)


def log_expected_improvement(mean: NDArray[np.float64], std: NDArray[np.float64], best: float) -> Value:
    """Log expected improvement, log E[max(best - f, 0)]; std must be positive.

    Unlike EI, log EI does not underflow far from the best value.

    Example:
        >>> far = log_expected_improvement(np.array([40.0]), np.array([1.0]), 0.0)
        >>> far.value.round(3).tolist(), bool(far.by_std[0] > 0)  # EI itself is 0 in double precision
        ([-808.299], True)
    """
    from scipy.special import log_ndtr

    u = (best - mean) / std
    log_h = _log_h(u)
    ratio = np.exp(log_ndtr(u) - log_h)  # Phi / h
    return Value(np.log(std) + log_h, -ratio / std, np.exp(-0.5 * u * u - _LOG_SQRT_2PI - log_h) / std)


def _log_h(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(phi(u) + u Phi(u)) in three branches (Ament et al. 2023, eq. 9).

    Below -1, the two terms of h cancel, and h(u) = phi(u) (1 - |u| R(|u|)) with Mills' ratio
    R(t) = sqrt(pi/2) erfcx(t / sqrt 2). For very large t = |u|, the computation of 1 - t R(t) would lose all digits;
    its limit is 1/t^2.
    """
    from scipy.special import erfcx, ndtr

    near = np.maximum(u, _DEFINITION_FROM)
    middle = -np.clip(u, _LIMIT_BELOW, _DEFINITION_FROM)
    far = -np.minimum(u, _LIMIT_BELOW)
    log_near = np.log(_density(near) + near * ndtr(near))
    gap = _mills_gap(middle, _SQRT_HALF_PI * erfcx(middle / math.sqrt(2.0)))
    log_middle = -0.5 * middle * middle - _LOG_SQRT_2PI + np.log(gap)
    log_far = -0.5 * far * far - _LOG_SQRT_2PI - 2.0 * np.log(far)
    return np.where(u > _DEFINITION_FROM, log_near, np.where(u > _LIMIT_BELOW, log_middle, log_far))


def _mills_gap(t: NDArray[np.float64], mills: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 - t R(t); for t > 100 by the series 1/t^2 - 3/t^4 + 15/t^6, with a relative error of at most 1.1e-10."""
    square = 1.0 / (t * t)
    series = square * (1.0 - square * (3.0 - 15.0 * square))
    return np.where(t > 100.0, series, 1.0 - t * mills)


def probability_of_improvement(mean: NDArray[np.float64], std: NDArray[np.float64], best: float) -> Value:
    """Probability of improvement P(f < best) for f ~ N(mean, std^2); std must be positive.

    Example:
        >>> probability_of_improvement(np.array([0.0]), np.array([1.0]), 0.0).value.tolist()
        [0.5]
    """
    from scipy.special import ndtr

    u = (best - mean) / std
    density = _density(u) / std
    return Value(ndtr(u), -density, -u * density)


def log_probability_of_improvement(mean: NDArray[np.float64], std: NDArray[np.float64], best: float) -> Value:
    """Log probability of improvement, log P(f < best), finite for any mean; std must be positive.

    Example:
        >>> log_probability_of_improvement(np.array([40.0]), np.array([1.0]), 0.0).value.round(3).tolist()
        [-804.608]
    """
    from scipy.special import log_ndtr

    u = (best - mean) / std
    log_below = log_ndtr(u)
    ratio = np.exp(-0.5 * u * u - _LOG_SQRT_2PI - log_below) / std
    return Value(log_below, -ratio, -u * ratio)


def upper_confidence_bound(mean: NDArray[np.float64], std: NDArray[np.float64], kappa: float = 1.8) -> Value:
    """Negative lower confidence bound -(mean - kappa std).

    Example:
        >>> upper_confidence_bound(np.array([1.0]), np.array([0.5]), 2.0).value.tolist()
        [0.0]
    """
    return Value(kappa * std - mean, np.full_like(mean, -1.0), np.full_like(std, kappa))


def thompson(
    mean: NDArray[np.float64], covariance: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Thompson sampling: -f at m points, shape (m,), for one function f drawn from the posterior.

    Args:
        mean: Posterior mean of the points, shape (m,).
        covariance: Posterior covariance of the points, shape (m, m).
        rng: Random generator.

    Example:
        >>> thompson(np.array([3.0, 1.0]), np.zeros((2, 2)), np.random.default_rng(0)).tolist()
        [-3.0, -1.0]
    """
    values, vectors = np.linalg.eigh(covariance)  # Cholesky needs added noise for nearly equal points
    drawn = vectors @ (np.sqrt(np.maximum(values, 0.0)) * rng.standard_normal(len(mean)))
    return np.asarray(-(mean + drawn))
