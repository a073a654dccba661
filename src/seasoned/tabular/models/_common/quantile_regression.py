"""Linear quantile regression that is quick on many rows: the pinball loss, smoothed at its corner, by L-BFGS.

scikit-learn's `QuantileRegressor` solves a linear programme, which takes minutes on some ten thousand rows.
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

_CORNERS: Final = (0.3, 0.05, 0.01)  # widths of the corner in spreads of the target, one after the other
_ITERATIONS: Final = 200


def fit_line(
    X: Array, y: Array, quantile: float, penalty: float | Array, weight: Array | None = None
) -> tuple[Array, float]:
    """Weights, shape (p,), and intercept of the line below which a share `quantile` of the rows lies.

    Minimises sum_i w_i rho(r_i / s) + penalty |b|^2 / 2 over the residuals r = y - X b - a, where s is the target's
    spread (`Units`: between its quartiles, for in standard deviations one huge number would make the corner as wide as
    all others lie apart, and the line that of least squares) and rho(r) = q r + h log(1 + exp(-r / h)), which is the
    pinball loss (Koenker and Bassett 1978) as h falls to 0. In the end the intercept is moved to the exact quantile of
    y - X b.

    Args:
        X: Columns of similar size, shape (n, p).
        y: Shape (n,).
        quantile: Between 0 and 1.
        penalty: Strength of the L2 penalty, one for all columns or shape (p,).
        weight: How much each row counts, 1 on average.
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
    """Rows that a leaf needs to estimate this quantile: two on its rarer side, on average."""
    return math.ceil(2.0 / min(quantile, 1.0 - quantile))


def quantile_of(values: Array, mass: Array, quantile: float) -> float:
    """The smallest value at or below which a share `quantile` of the mass lies."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(mass[order])
    place = int(np.searchsorted(reached, quantile * reached[-1] * (1 - 1e-12)))
    return float(values[order][min(place, len(values) - 1)])
