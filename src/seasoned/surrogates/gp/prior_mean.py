"""Prior mean from an external model, scaled by its agreement with the results, and dropped if it does not help.

    y(x) = b (m(x) - mean of m over the results) + g(x),   g ~ GP(0, k)

m is the external prediction before any result, on its own scale. K is the covariance of the results in the model
without m, and b ~ N(0, 1) a priori. The estimate (Rasmussen and Williams 2006, section 2.7) is

    b = m' K^-1 y / (m' K^-1 m + 1).

A negative b becomes 0, so that a reversed prediction is not used. The hyperparameters of g are refitted to the
residuals. The model with m is used only if its leave-one-out likelihood exceeds the likelihood of the plain model by
more than the cost of one parameter. So a wrong prediction costs only the trials that it suggested.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.surrogates.gp.process import leave_one_out, posterior, solve

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seasoned.surrogates.gp.process import GaussianProcess, Moments, Sample

__all__ = ["ScaledPrior", "fit_scaled_prior"]

_MIN_LIKELIHOOD_GAIN: Final = 1.0  # least gain of log-likelihood by the model with m, in nats
_FEWEST: Final = 4  # least number of results for this comparison


@dataclass(frozen=True, slots=True)
class ScaledPrior:
    """Scaled prior mean b (m(x) - center).

    Attributes:
        expected: Model whose posterior mean is m.
        slope: b, positive.
        center: Mean of m over the results.
    """

    expected: GaussianProcess
    slope: float
    center: float

    def at(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Prior mean at features of shape (m, p), shape (m,)."""
        mean: NDArray[np.float64] = self.slope * (posterior(self.expected, features).mean - self.center)
        return mean

    def added(self, moments: Moments, features: NDArray[np.float64]) -> Moments:
        """Add the prior mean to the moments of g, and to the gradient unless it is None."""
        if moments.mean_gradient is None:
            return replace(moments, mean=moments.mean + self.at(features))
        found = posterior(self.expected, features, gradient=True)
        assert found.mean_gradient is not None, "it was asked for"
        return replace(
            moments,
            mean=moments.mean + self.slope * (found.mean - self.center),
            mean_gradient=moments.mean_gradient + self.slope * found.mean_gradient,
        )


def fit_scaled_prior(
    plain: GaussianProcess, expected: GaussianProcess, refitted: Callable[[Sample], GaussianProcess]
) -> tuple[GaussianProcess, ScaledPrior | None]:
    """Return the model of the residuals and the prior mean, or the plain model and None.

    Args:
        plain: Model without m.
        expected: Model whose posterior mean is m.
        refitted: Function that fits a model with new hyperparameters to other targets at the same points.
    """
    sample = plain.sample
    if len(sample.targets) < _FEWEST:
        return plain, None
    means = posterior(expected, sample.features).mean
    away = means - means.mean()
    half = solve(plain.factor, away)
    slope = float(half @ solve(plain.factor, sample.targets)) / (float(half @ half) + 1.0)
    if slope <= 0.0:
        return plain, None
    lean = ScaledPrior(expected, slope, float(means.mean()))
    rest = refitted(replace(sample, targets=sample.targets - slope * away))
    if _evidence(rest) <= _evidence(plain) + _MIN_LIKELIHOOD_GAIN:
        return plain, None
    return rest, lean


def _evidence(gp: GaussianProcess) -> float:
    """Leave-one-out log density of all targets, up to a constant."""
    mean, std = leave_one_out(gp)
    error = (gp.sample.targets - mean) / std
    return float(np.sum(-0.5 * error * error - np.log(std)))
