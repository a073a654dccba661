"""Hyperparameters of the Gaussian process: order, priors and bounds.

All hyperparameters are logarithms, in this order: one length scale per column, the Matern variance, the trend variance,
the noise variance, and the relative noise variance. Priors are normal on the logarithm.

- Length scales: the log-normal of Hvarfner, Hellsten and Nardi (2024), Vanilla Bayesian optimization performs great in
  high dimensions, eq. 5: LogNormal(sqrt 2 + log(d)/2, sqrt 3), whose density over the scale has the same mode as a
  normal on the logarithm with mean sqrt 2 - 3 + log(d)/2.
- Noise: LogNormal(-4, 1) suits noisy measurements. A deterministic objective has no noise, so the prior is wide and
  favours smaller noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NOISE", "RELATIVE", "SIGNAL", "TREND", "Prior", "global_prior", "local_prior"]

SIGNAL: Final = -4
TREND: Final = -3
NOISE: Final = -2
RELATIVE: Final = -1

_ABSENT: Final = -60.0  # log of a variance that counts as 0


@dataclass(frozen=True, slots=True)
class Prior:
    """Normal prior of each log hyperparameter, with bounds and initial values; all of shape (lengths + 4,).

    Attributes:
        mean: Prior means.
        spread: Prior standard deviations.
        low: Lower bounds.
        high: Upper bounds; equal to the lower bound for an absent term.
        start: Initial values of the MAP fit.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    start: NDArray[np.float64]

    def penalty(self, theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Minus the log density, up to a constant, and its gradient."""
        scaled = (theta - self.mean) / self.spread
        return 0.5 * float(scaled @ scaled), scaled / self.spread


def global_prior(lengths: int, *, trend: bool) -> Prior:
    """Prior of a model of the whole cube, for standardised targets."""
    return _prior(lengths, tail=((0.0, 1.5), (-2.0, 2.0), (-9.0, 3.0), (_ABSENT, 1.0)), trend=trend, relative=False)


def local_prior(lengths: int) -> Prior:
    """Prior of a model of the neighbourhood of the best point, which favours a quadratic trend."""
    return _prior(lengths, tail=((-3.0, 3.0), (1.0, 5.0), (-18.0, 4.0), (-9.0, 3.0)), trend=True, relative=True)


def _prior(lengths: int, *, tail: tuple[tuple[float, float], ...], trend: bool, relative: bool) -> Prior:
    peak = math.sqrt(2.0) - 3.0 + 0.5 * math.log(max(lengths, 1))
    mean = np.array([peak] * lengths + [part[0] for part in tail])
    spread = np.array([math.sqrt(3.0)] * lengths + [part[1] for part in tail])
    low = np.array([math.log(0.01)] * lengths + [math.log(1e-8), math.log(1e-8), math.log(1e-10), math.log(1e-12)])
    high = np.array([math.log(1e3)] * lengths + [math.log(1e3), math.log(1e9), math.log(1.0), math.log(0.01)])
    start = mean.copy()
    start[:lengths] = math.log(0.5 * math.sqrt(max(lengths, 1)))  # long: Papenmeier, Poloczek and Nardi (2025)
    for index, used in ((TREND, trend), (RELATIVE, relative)):
        if not used:
            mean[index] = low[index] = high[index] = start[index] = _ABSENT
    return Prior(mean, spread, low, high, np.clip(start, low, high))
