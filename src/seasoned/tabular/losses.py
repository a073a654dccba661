"""Losses of many sets of predictions at once, where that is faster than one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.metrics import Metric

__all__ = ["losses_of"]


def losses_of(stack: NDArray[np.floating], y: NDArray[np.generic], metric: Metric) -> NDArray[np.float64]:
    """The metric's loss of each set of predictions, as `metric.loss` gives it (to rounding).

    Args:
        stack: Probabilities, shape (m, n, classes), or numbers, shape (m, n).
        y: Class codes or numbers, shape (n,).
        metric: Whose loss.

    Returns:
        Losses, shape (m,).
    """
    if metric.scorer == "neg_log_loss":
        return _log_losses(stack, y.astype(np.int64))
    if metric.scorer == "neg_root_mean_squared_error":
        return np.asarray(np.sqrt(np.mean((stack - np.asarray(y, dtype=np.float64)) ** 2, axis=1)), dtype=np.float64)
    if metric.scorer == "roc_auc" and metric.n_classes == 2 and 0 < np.count_nonzero(y) < len(y):
        return -_areas(stack[:, :, 1], y.astype(np.int64) == 1)
    return np.array([metric.loss(y, np.asarray(predicted)) for predicted in stack])


def _log_losses(stack: NDArray[np.floating], y: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean negative logarithm of the probability given to the true class, rows normalised, clipped at rounding."""
    given = stack[:, np.arange(len(y)), y] / stack.sum(axis=2)
    tiny = np.finfo(stack.dtype).eps
    return np.asarray(-np.log(np.clip(given, tiny, 1 - tiny)).mean(axis=1), dtype=np.float64)


def _areas(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Area under the ROC curve by Mann and Whitney's rank sum, ties shared; shape (m,)."""
    count = int(positive.sum())
    areas = np.empty(len(scores))
    for index, score in enumerate(scores):
        _, place, times = np.unique(score, return_inverse=True, return_counts=True)
        ranks = (np.cumsum(times) - (times - 1) / 2)[place]
        areas[index] = (ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(score) - count))
    return areas
