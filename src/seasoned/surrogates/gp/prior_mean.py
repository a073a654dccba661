"""A prior mean that comes from elsewhere: used as far as the results agree with it, and not at all if they do not.

    y(x) = b (m(x) - mean of m over the results) + g(x),   g ~ GP(0, k),

m being what was expected of x before any result, on a scale of its own. With K the covariance of the results under the
model without m, and b ~ N(0, 1) a priori (Rasmussen and Williams 2006, section 2.7),

    b = m' K^-1 y / (m' K^-1 m + 1),

or 0 if that is negative: an expectation that is the wrong way round is not used. The hyperparameters of g are fitted
anew to the residuals, and the two models are compared by how likely each result is, predicted from all others. The one
with m is taken only if it is ahead by more than its one parameter costs, otherwise the plain one; so an expectation
that means nothing here costs no more than the trials that it suggested itself.
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

__all__ = ["Lean", "leaned"]

_AHEAD: Final = 1.0  # nats by which the model with m must be more likely
_FEWEST: Final = 4  # least number of results for this comparison


@dataclass(frozen=True, slots=True)
class Lean:
    """How far a model leans on what was expected.

    Attributes:
        expected: Gives m as its posterior mean.
        slope: b, above 0.
        center: The mean of m over the results.
    """

    expected: GaussianProcess
    slope: float
    center: float

    def at(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The prior mean at features of shape (m, p), shape (m,)."""
        mean: NDArray[np.float64] = self.slope * (posterior(self.expected, features).mean - self.center)
        return mean

    def added(self, moments: Moments, features: NDArray[np.float64]) -> Moments:
        """The moments of y from those of g, with their gradient if they have one."""
        if moments.mean_gradient is None:
            return replace(moments, mean=moments.mean + self.at(features))
        found = posterior(self.expected, features, gradient=True)
        assert found.mean_gradient is not None, "it was asked for"
        return replace(
            moments,
            mean=moments.mean + self.slope * (found.mean - self.center),
            mean_gradient=moments.mean_gradient + self.slope * found.mean_gradient,
        )


def leaned(
    plain: GaussianProcess, expected: GaussianProcess, refitted: Callable[[Sample], GaussianProcess]
) -> tuple[GaussianProcess, Lean | None]:
    """The model of the residuals and how it leans on m, or the plain model and None.

    Args:
        plain: The model without m.
        expected: Gives m.
        refitted: The model of other targets at the same points, its hyperparameters fitted to them.
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
    lean = Lean(expected, slope, float(means.mean()))
    rest = refitted(replace(sample, targets=sample.targets - slope * away))
    if _evidence(rest) <= _evidence(plain) + _AHEAD:
        return plain, None
    return rest, lean


def _evidence(gp: GaussianProcess) -> float:
    """The log-density of all targets, each predicted from the others."""
    mean, std = leave_one_out(gp)
    error = (gp.sample.targets - mean) / std
    return float(np.sum(-0.5 * error * error - np.log(std)))
