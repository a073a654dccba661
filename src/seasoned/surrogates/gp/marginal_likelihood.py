"""MAP fit of a Gaussian process: posterior density of the hyperparameters, its gradient, and its maximum."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.surrogates.gp.hyperpriors import NOISE, RELATIVE, SIGNAL, TREND
from seasoned.surrogates.gp.kernel import matern_in_place, squared_distances, trend
from seasoned.surrogates.gp.process import cholesky, lapack, noise, solve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from seasoned.surrogates.gp.hyperpriors import Prior
    from seasoned.surrogates.gp.kernel import Frame
    from seasoned.surrogates.gp.process import Sample

__all__ = ["Evidence", "fit"]

_SETTLED: Final = 1e-6  # relative change of the log density at which a fit has converged
_LOG_2PI: Final = math.log(2.0 * math.pi)


class Evidence:
    """Minus the log posterior density of the hyperparameters, up to a constant, with its gradient.

    d(-log p)/dt = -tr((alpha alpha' - K^-1) dK/dt) / 2 (Rasmussen and Williams 2006, eq. 5.9), minus the derivative of
    the log prior.

    A fit evaluates the density some tens of times. Therefore everything independent of the hyperparameters is computed
    once. The matrices are allocated once, because their allocation costs more than the arithmetic.

    Args:
        sample: Training data.
        frame: Description of the features.
        prior: Prior of the hyperparameters.
    """

    def __init__(self, sample: Sample, frame: Frame, prior: Prior) -> None:
        self.sample, self.frame, self.prior = sample, frame, prior
        count = len(sample.targets)
        z = frame.local(sample.features)
        self._trend = trend(z, z)[0]
        self._value, self._slope, self._quadratic, self._excess, self._work = np.empty((5, count, count))
        self._factor = np.empty((count, count), order="F")
        self._diagonal = np.diag_indices(count)

    def __call__(self, theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Value, and gradient by `theta`, in the order of `hyperpriors.py`, shape (lengths + 4,)."""
        sample, frame, diagonal, value = self.sample, self.frame, self._diagonal, self._value
        scaled = sample.features * np.exp(-theta[: frame.lengths])[frame.groups]
        squared_distances(scaled, scaled, out=value)
        slope = matern_in_place(value, self._slope, self._work)
        value *= np.exp(theta[SIGNAL])
        slope *= np.exp(theta[SIGNAL])
        quadratic = np.multiply(self._trend, np.exp(theta[TREND]), out=self._quadratic)
        factor = self._factored(theta)
        alpha = solve(factor, solve(factor, sample.targets), transposed=True)
        fitted = 0.5 * sample.targets @ alpha + np.log(factor[diagonal]).sum() + 0.5 * len(alpha) * _LOG_2PI
        excess = self._filled_excess(factor, alpha)

        gradient = np.zeros_like(theta)
        pull = np.multiply(excess, slope, out=self._work)
        moved = pull.sum(axis=1) @ (scaled * scaled) - np.einsum("ij,ij->j", scaled, pull @ scaled)
        np.add.at(gradient, frame.groups, 2.0 * moved)
        gradient[SIGNAL] = np.vdot(excess, value)
        gradient[TREND] = np.vdot(excess, quadratic)
        gradient[NOISE] = np.exp(theta[NOISE]) * excess[diagonal].sum()
        gradient[RELATIVE] = np.exp(theta[RELATIVE]) * (excess[diagonal] @ sample.weights)
        penalty, force = self.prior.penalty(theta)
        return float(fitted) + penalty, -0.5 * gradient + force

    def _factored(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lower Cholesky factor of K, shape (n, n)."""
        covariance = np.add(self._value, self._quadratic, out=self._factor)
        covariance[self._diagonal] += noise(self.sample, theta)
        return cholesky(covariance)

    def _filled_excess(self, factor: NDArray[np.float64], alpha: NDArray[np.float64]) -> NDArray[np.float64]:
        """Matrix alpha alpha' - K^-1, shape (n, n); `factor` is overwritten."""
        inverse, _ = lapack().dpotri(factor, lower=1, overwrite_c=1)
        whole = np.add(inverse, inverse.T, out=self._work)  # `inverse` is 0 above the diagonal
        whole[self._diagonal] *= 0.5
        excess = np.multiply(alpha[:, None], alpha, out=self._excess)
        excess -= whole
        return excess


def fit(
    sample: Sample, frame: Frame, prior: Prior, starts: Iterable[NDArray[np.float64]] = (), *, steps: int = 40
) -> NDArray[np.float64]:
    """Fit the hyperparameters by MAP with L-BFGS-B, shape (lengths + 4,).

    Args:
        sample: Training data.
        frame: Description of the features.
        prior: Prior of the hyperparameters.
        starts: Initial values; the initial values of the prior if empty.
        steps: Largest number of iterations per start.
    """
    from scipy.optimize import minimize

    bounds = list(zip(prior.low, prior.high, strict=True))
    best, found = math.inf, prior.start
    evidence = Evidence(sample, frame, prior)
    for start in [*starts] or [prior.start]:
        ended = minimize(
            evidence,
            np.clip(start, prior.low, prior.high),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": steps, "ftol": _SETTLED},
        )
        if ended.fun < best:
            best, found = float(ended.fun), np.asarray(ended.x)
    return found
