"""Piecewise-linear quantile functions with exponential tails, and their expected improvement in closed form.

A prediction is 99 quantiles q_1 <= ... <= q_99 at the levels a_i = i / 100. Between them, the quantile function is
linear, so the distribution function F is linear between the q_i. Beyond them, both tails are exponential:

    F(x) = a_1 exp((x - q_1) / s)             for x < q_1,    s = (q_10 - q_1) / log 10
    1 - F(x) = a_1 exp(-(x - q_99) / t)       for x > q_99,   t = (q_99 - q_90) / log 10

The lower tail thus passes through the quantiles 0.01 and 0.10, the upper one through 0.90 and 0.99. For minimisation,
the expected improvement on a value b is the integral of F up to b, a sum of three parts that are never negative:

    E[max(b - f, 0)] = a_1 s exp(min(b - q_1, 0) / s)                       lower tail
                     + sum_i w_i (a_i + w_i / (200 h_i))                    between the quantiles
                     + w - a_1 t (1 - exp(-w / t))                          upper tail

    h_i = q_{i+1} - q_i,  w_i = clip(b - q_i, 0, h_i),  w = max(b - q_99, 0)

Nothing cancels, so the sum is exact to rounding. Below q_1 only the lower tail is left. Its logarithm,
log(a_1 s) + (b - q_1) / s, is finite and has a slope however far b is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["QuantileFunction"]

STEP: Final = 0.01
"""Probability below the first quantile, above the last one, and between two neighbours."""
_DECADE: Final = 9
"""Places between the quantiles 0.01 and 0.10, whose levels differ by the factor 10."""


@dataclass(frozen=True)
class QuantileFunction:
    """Predicted distributions of m points.

    Attributes:
        values: Quantiles at the levels 0.01 ... 0.99, not decreasing along a row, shape (m, 99).
        least_scale: Smallest scale of a tail, in units of the values; positive. It counts where quantiles are equal.

    Example:
        >>> uniform = QuantileFunction(np.arange(1, 100)[None] / 100)
        >>> uniform.mean().round(3).tolist()
        [0.5]
        >>> np.exp(uniform.log_expected_improvement(0.5)).round(3).tolist()  # of an exactly uniform variable: 0.125
        [0.125]
    """

    values: NDArray[np.float64]
    least_scale: float = 1e-9

    @cached_property
    def _lower_scale(self) -> NDArray[np.float64]:
        """Scale s of the lower tail, shape (m,)."""
        gap = self.values[:, _DECADE] - self.values[:, 0]
        return np.maximum(gap / math.log(10.0), self.least_scale)

    @cached_property
    def _upper_scale(self) -> NDArray[np.float64]:
        """Scale t of the upper tail, shape (m,)."""
        gap = self.values[:, -1] - self.values[:, -1 - _DECADE]
        return np.maximum(gap / math.log(10.0), self.least_scale)

    def mean(self) -> NDArray[np.float64]:
        """Return the means, shape (m,): trapezoids between the quantiles, and q_1 - s and q_99 + t for the tails."""
        low, high = self.values[:, 0], self.values[:, -1]
        inside = self.values.sum(axis=1) - 0.5 * (low + high)
        return np.asarray(STEP * (inside + low - self._lower_scale + high + self._upper_scale))

    def log_expected_improvement(self, best: float) -> NDArray[np.float64]:
        """Return log E[max(best - f, 0)], finite for any distance, shape (m,); larger is better.

        The formula stands at the top of this module.
        """
        low, high = self.values[:, 0], self.values[:, -1]
        scale = self._lower_scale
        lower = np.log(STEP * scale) + np.minimum(best - low, 0.0) / scale
        widths = np.diff(self.values, axis=1)
        below = np.clip(best - self.values[:, :-1], 0.0, widths)
        levels = STEP * np.arange(1, self.values.shape[1])
        inside = (below * (levels + 0.5 * STEP * _ratio(below, widths))).sum(axis=1)
        beyond = np.maximum(best - high, 0.0)
        upper = beyond + STEP * self._upper_scale * np.expm1(-beyond / self._upper_scale)
        with np.errstate(divide="ignore"):  # log 0 = -inf: only the lower tail is left
            return np.asarray(np.logaddexp(lower, np.log(inside + upper)))

    def log_probability_below(self, limit: float) -> NDArray[np.float64]:
        """Return log P(f <= limit), finite for any distance, shape (m,)."""
        low, high = self.values[:, 0], self.values[:, -1]
        lower = math.log(STEP) + np.minimum(limit - low, 0.0) / self._lower_scale
        widths = np.diff(self.values, axis=1)
        below = np.clip(limit - self.values[:, :-1], 0.0, widths)
        passed = np.where(widths > 0.0, _ratio(below, widths), limit >= self.values[:, :-1])
        inside = np.log(STEP + STEP * passed.sum(axis=1))
        upper = np.log1p(-STEP * np.exp(-np.maximum(limit - high, 0.0) / self._upper_scale))
        return np.where(limit < low, lower, np.where(limit > high, upper, inside))


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return part / whole, 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0.0)
