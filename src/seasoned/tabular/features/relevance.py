"""Univariate relevance of a column to a target, for relations of any form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["beyond_chance", "relevance"]

_BINS: Final = 16
_MIN_BIN_ROWS: Final = 10  # smallest number of rows per bin


def relevance(columns: NDArray[np.float64], aims: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corrected correlation ratio of each column, shape (m,): share of target variance between equal-size bins.

    With b bins and n rows, the correlation ratio is eta^2 = sum_bins n_b (mean_b - mean)^2 / sum (y - mean)^2. Its mean
    for noise is c = (b - 1) / (n - 1). The function returns (eta^2 - c) / (1 - c), which is about 0 for noise. For
    several targets (the classes), numerators and denominators are summed. The ratio detects relations that are not
    monotone, such as XOR in a product, unlike a rank correlation. Missing values fall into the last bins.

    The rows must be in random order, because equal values are binned in that order.

    Args:
        columns: Shape (n, m).
        aims: Targets, shape (n, k).

    Source: Pearson 1905, On the general theory of skew correlation; the correction is Kelley's epsilon^2 (1935).

    Example:
        >>> x = np.random.default_rng(0).normal(size=(500, 2))
        >>> (relevance(x, x[:, [0]] ** 2) > 0.5).tolist()
        [True, False]
    """
    rows, count = columns.shape
    bins = bins_of(rows)
    if bins < 2 or not count:
        return np.zeros(count)
    centred = aims - aims.mean(axis=0)
    total = float(np.sum(centred**2))
    if total <= 0:
        return np.zeros(count)
    starts = np.linspace(0, rows, bins + 1).astype(np.int64)[:-1]
    sizes = np.diff(np.append(starts, rows))[:, None]
    between = np.zeros(count)
    order = np.argsort(columns, axis=0, kind="stable")
    for aim in centred.T:
        sums = np.add.reduceat(aim[order], starts, axis=0)  # (bins, m)
        between += np.sum(sums**2 / sizes, axis=0)
    chance = (bins - 1) / (rows - 1)
    found: NDArray[np.float64] = (between / total - chance) / (1 - chance)
    return found


def bins_of(rows: int) -> int:
    """Number of bins for `rows` rows."""
    return min(_BINS, rows // _MIN_BIN_ROWS)


def beyond_chance(rows: int, tried: int) -> float:
    """Noise level: relevance that the best of `tried` noise columns exceeds with a probability of about 1%."""
    bins = bins_of(rows)
    if bins < 2:
        return math.inf
    deviation = math.sqrt(2.0 * (bins - 1)) / rows
    return deviation * (math.sqrt(2.0 * math.log(max(tried, 2))) + 2.0)
