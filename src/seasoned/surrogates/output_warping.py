"""Output warping: monotone maps that bring targets closer to the assumptions of a Gaussian process.

The map is selected by leave-one-out likelihood on the better half of the targets. The Jacobian of each map converts the
likelihood to the scale of the values. Only the better half counts, because the search needs only the better half, and
the half-rank map has no Jacobian on the worse half.

- `standard`: mean 0, standard deviation 1.
- `power`: Yeo and Johnson (2000), with the exponent by maximum likelihood, as in HEBO (Cowen-Rivers et al. 2022).
- `rank`: half-rank and logarithm, the default of Vizier (Song et al. 2024, arXiv 2408.11527). Among the worse half,
  only the order counts.
- `log`: like `rank`, with a stronger logarithm, for objectives that span orders of magnitude.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["WARPS", "finite", "signed", "warped", "with_failures"]

_HUGE: Final = 1e100  # values beyond this size are rescaled or clipped against overflow


def finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale values to [0, 1] without overflow, shape (n,); all 0 if the values are equal.

    Example:
        >>> finite(np.array([-1e308, 0.0, 1e308])).tolist()
        [0.0, 0.5, 1.0]
    """
    if not len(values):
        return values
    largest = float(np.abs(values).max())
    scaled = values / largest if largest > _HUGE else values
    low, high = float(scaled.min()), float(scaled.max())
    return (scaled - low) / (high - low) if high > low else np.zeros_like(values)


def _standardised(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    spread = float(values.std())
    if spread <= 1e-12 * max(float(np.abs(values).max(initial=0.0)), 1e-300):
        return np.zeros_like(values), 1.0
    return (values - values.mean()) / spread, spread


def _standard(unit: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    targets, spread = _standardised(unit)
    return targets, np.full_like(unit, -math.log(spread))


def _power(unit: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from scipy.optimize import minimize_scalar

    z, first = _standardised(unit)
    logs = np.sign(z) * np.log1p(np.abs(z))  # (exponent - 1) * logs is the log derivative of the map

    def minus_likelihood(exponent: float) -> float:
        mapped = _yeo_johnson(z, exponent)
        return 0.5 * len(z) * math.log(float(mapped.var()) + 1e-300) - (exponent - 1.0) * float(logs.sum())

    found = minimize_scalar(minus_likelihood, bounds=(-2.0, 4.0), method="bounded", options={"xatol": 1e-3})
    exponent = float(found.x)
    targets, second = _standardised(_yeo_johnson(z, exponent))
    return targets, (exponent - 1.0) * logs - math.log(first) - math.log(second)


def _yeo_johnson(z: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Yeo-Johnson map, shape (n,): ((1 + z)^e - 1) / e for z >= 0, and -((1 - z)^(2 - e) - 1) / (2 - e) for z < 0.

    If a divisor is 0, the term is a logarithm.
    """

    def power(base: NDArray[np.float64], order: float) -> NDArray[np.float64]:
        return np.log(base) if abs(order) < 1e-9 else (base**order - 1.0) / order

    return np.where(z >= 0, power(1.0 + np.abs(z), exponent), -power(1.0 + np.abs(z), 2.0 - exponent))


def _half_rank(unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace the worse half by normal quantiles of its ranks, on the scale of the better half, shape (n,)."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    middle = float(np.median(unit))
    worse = unit > middle
    if not worse.any():
        return unit
    spread = math.sqrt(float(np.mean((unit[~worse] - middle) ** 2)))
    if spread == 0.0:
        spread = float(unit[worse].min()) - middle
    ranks = rankdata(unit, method="average")
    quantiles = ndtri((ranks - 0.5) / len(unit))
    mapped = unit.copy()
    mapped[worse] = middle + spread * np.maximum(quantiles[worse], 0.0)
    return mapped


def _logarithm(strength: float) -> Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    def warp(unit: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        ranked = _half_rank(unit)
        low, high = float(ranked.min()), float(ranked.max())
        if high <= low:
            return _standard(unit)
        place = (ranked - low) / (high - low)
        targets, spread = _standardised(np.log1p(strength * place))
        slope = np.log(strength / (high - low)) - np.log1p(strength * place)
        return targets, slope - math.log(spread)

    return warp


WARPS: Final[dict[str, Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]]] = {
    "standard": _standard,
    "power": _power,
    "rank": _logarithm(0.5),
    "log": _logarithm(50.0),
}
"""Name -> map from values in [0, 1], shape (n,), to standardised targets and log derivatives, each of shape (n,)."""


def warped(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Warp values to targets with mean 0 and standard deviation 1, shape (n,).

    Example:
        >>> warped(np.array([1.0, 2.0, 3.0]), "standard").round(3).tolist()
        [-1.225, 0.0, 1.225]
    """
    return WARPS[name](finite(values))[0] if len(values) else values


def signed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Warp values c of a constraint to a scale of about 1, with 0 unchanged: asinh(c / median |c|), shape (n,).

    Example:
        >>> signed(np.array([-1e9, 0.0, 1.0])).round(3).tolist()
        [-21.416, 0.0, 0.881]
    """
    if not len(values):
        return values
    scale = float(np.median(np.abs(values)))
    return np.asarray(np.arcsinh(np.clip(values / (scale if scale > 0 else 1.0), -_HUGE, _HUGE)))


def with_failures(targets: NDArray[np.float64], failed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Targets of all trials, shape (n,): a failed trial has the worst target plus half the range plus 0.1.

    Without a target for failed trials, the search would return to the same neighbourhood. The rule follows Vizier for
    infeasible trials. The unit of the margin is a standard deviation.

    Args:
        targets: Targets of the successful trials, in order.
        failed: True for failed trials, shape (n,).
    """
    filled = np.zeros(len(failed))
    filled[~failed] = targets
    if len(targets):
        worst = float(targets.max())
        filled[failed] = worst + 0.5 * (worst - float(targets.min())) + 0.1
    return filled
