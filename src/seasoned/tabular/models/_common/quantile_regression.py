"""Linear quantile regression for many rows: smoothed pinball loss, minimised by L-BFGS.

The linear programme of scikit-learn's `QuantileRegressor` takes minutes on some ten thousand rows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.models._common.target_scaling import Units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["fit_line", "quantile_of", "rows_to_know"]

# smoothing widths h of the pinball loss in spreads of the target, from coarse to fine
_CORNERS: Final = (0.3, 0.05, 0.01)
_ITERATIONS: Final = 200


def fit_line(
    X: Array, y: Array, quantile: float, penalty: float | Array, weight: Array | None = None
) -> tuple[Array, float]:
    """Return the weights, shape (p,), and the intercept of the line with a share `quantile` of the rows below it.

    The fit minimises sum_i w_i rho(r_i / s) + penalty |b|^2 / 2, with residuals r = y - X b - a and the target's spread
    s. The smoothed loss rho(r) = q r + h log(1 + exp(-r / h)) converges to the pinball loss (Koenker and Bassett 1978)
    as h falls to 0. Finally the intercept is set to the exact quantile of y - X b.

    The spread s comes from the quartiles (`Units`). With a standard deviation, one huge number would make the smoothing
    width as large as the range of all other numbers, and the fit one of least squares.

    Args:
        X: Columns of similar scale, shape (n, p).
        y: Shape (n,).
        quantile: Between 0 and 1.
        penalty: Strength of the L2 penalty, one number for all columns or shape (p,).
        weight: Row weights, 1 on average.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    mass = np.ones(len(y)) if weight is None else weight
    scale = Units.of(y).spread
    start = quantile_of(y, mass, quantile)
    aim = (y - start) / scale
    theta = np.zeros(X.shape[1] + 1)
    for corner in _CORNERS:

        def loss(theta: Array, corner: float = corner) -> tuple[float, Array]:
            left = aim - X @ theta[:-1] - theta[-1]
            value = quantile * left + corner * np.logaddexp(0.0, -left / corner)
            slope = mass * (quantile - expit(-left / corner))
            gradient = np.append(-(X.T @ slope) + penalty * theta[:-1], -slope.sum())
            total = mass @ value + 0.5 * float((penalty * theta[:-1]) @ theta[:-1])
            return float(total) / len(y), gradient / len(y)

        found: Any = minimize(loss, theta, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS})
        theta = found.x
    slopes = scale * theta[:-1]
    return slopes, quantile_of(y - X @ slopes, mass, quantile)


def rows_to_know(quantile: float) -> int:
    """Smallest number of rows of a leaf that estimates this quantile: two on its rarer side, on average."""
    return math.ceil(2.0 / min(quantile, 1.0 - quantile))


def quantile_of(values: Array, mass: Array, quantile: float) -> float:
    """Weighted quantile: the smallest value at or below which a share `quantile` of the mass lies."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(mass[order])
    place = int(np.searchsorted(reached, quantile * reached[-1] * (1 - 1e-12)))
    return float(values[order][min(place, len(values) - 1)])
