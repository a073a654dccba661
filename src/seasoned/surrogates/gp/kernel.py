"""Covariance function: Matern-5/2 with one length scale per column, plus a quadratic trend.

    k(x, x') = s M(r) + q (1 + z.z')^2 / 4,   r^2 = sum_j (x_j - x'_j)^2 / l_j^2,
    M(r) = (1 + a + a^2/3) exp(-a),           a = sqrt(5) r.

z are the numeric features less a centre, in units of a half-width. The trend is a Bayesian quadratic regression with
unit-variance coefficients. Unlike Matern alone, the trend finds the minimum of a bowl after few points. Without a bowl,
the fit makes q small. Matern: Rasmussen and Williams (2006), eq. 4.17.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Frame", "matern", "matern_in_place", "squared_distances", "trend"]

Array = "NDArray[np.float64]"
_SQRT5: Final = 5.0**0.5


@dataclass(frozen=True, slots=True)
class Frame:
    """Description of the features for the kernel.

    Attributes:
        groups: Index of the length scale of each feature, shape (p,).
        numeric: Number of numeric features. They come first, and only they enter the trend.
        center: Centre of the trend, shape (numeric,).
        half_width: Unit of the coordinates of the trend, shape (numeric,).
    """

    groups: NDArray[np.intp]
    numeric: int
    center: NDArray[np.float64]
    half_width: NDArray[np.float64]

    @property
    def lengths(self) -> int:
        """Number of length scales."""
        return int(self.groups[-1]) + 1 if len(self.groups) else 0

    def local(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coordinates z of the trend, shape (n, numeric)."""
        return (features[:, : self.numeric] - self.center) / self.half_width


def squared_distances(
    left: NDArray[np.float64], right: NDArray[np.float64], out: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Squared Euclidean distances between rows, shape (n, m); written to `out` unless it is None."""
    squared: NDArray[np.float64] = np.matmul(-2.0 * left, right.T, out=out)
    squared += np.einsum("ij,ij->i", left, left)[:, None]
    squared += np.einsum("ij,ij->i", right, right)
    np.maximum(squared, 0.0, out=squared)
    return squared


def matern(squared: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matern-5/2 M(r) and its slope (5/3)(1 + a) exp(-a) = -2 dM/d(r^2), from squared distances r^2.

    Example:
        >>> matern(np.zeros(1))
        (array([1.]), array([1.66666667]))
    """
    value = squared.copy()
    return value, matern_in_place(value, np.empty_like(value), np.empty_like(value))


def matern_in_place(
    squared: NDArray[np.float64], slope: NDArray[np.float64], work: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Replace squared distances by M(r), and fill and return `slope`. All three arrays have the same shape.

    The function avoids large temporary arrays, whose allocation costs more than the arithmetic.
    """
    np.sqrt(squared, out=slope)
    slope *= _SQRT5
    np.negative(slope, out=work)
    np.exp(work, out=work)
    slope += 1.0
    slope *= work
    squared *= 5.0 / 3.0
    squared *= work
    squared += slope
    slope *= 5.0 / 3.0
    return slope


def trend(left: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Trend (1 + z.z')^2 / 4, and the factor (1 + z.z') / 2 of its derivative by z, each of shape (n, m)."""
    inner = left @ right.T
    inner += 1.0
    quadratic = 0.25 * inner
    quadratic *= inner
    inner *= 0.5
    return quadratic, inner
