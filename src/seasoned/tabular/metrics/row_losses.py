"""Losses of single rows, whose mean is the metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seasoned.tabular.metrics.metric import Measure

    Array = NDArray[np.float64]

__all__ = ["brier", "logarithmic", "row_losses"]


def row_losses(metric: Measure) -> Callable[[Array, NDArray[Any]], Array]:
    """Return the row loss of a metric: the Brier loss for the Brier score, otherwise the logarithmic loss."""
    return brier if metric.scorer == "neg_brier_score" else logarithmic


def logarithmic(p: Array, y: NDArray[Any]) -> Array:
    """Return -log p_y, shape (n,), for probabilities of shape (n, classes), which need not sum to 1."""
    tiny = np.finfo(p.dtype).eps
    return np.asarray(-np.log(np.clip(p[np.arange(len(y)), y] / p.sum(axis=1), tiny, 1 - tiny)))


def brier(p: Array, y: NDArray[Any]) -> Array:
    """Return |p - e_y|^2 = |p|^2 - 2 p_y + 1, shape (n,), halved for two classes."""
    row = np.square(p).sum(axis=1) - 2.0 * p[np.arange(len(y)), y] + 1.0
    return np.asarray(row / (2 if p.shape[1] == 2 else 1))
