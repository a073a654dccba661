"""The measure of the comparison: the clipped regret between a task's best and its median score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["regrets"]


def regrets(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """clip(1 + (score - median) / (median - best), 0, 1), minimised; NaN stays NaN; shape (tasks, configurations).

    How small a difference is none is told by the best and the median: one score that says "failed" in large numbers
    shifts no other. Where the median is as good as the best, there is nothing between them to measure by: all counts 1,
    for every method alike. (`seasoned.knowledge.performance_model.regret` has another scale there, which this does not
    follow.)

    >>> regrets(np.array([[1.0, 3.0, 2.0, 1.5], [1.0, 1.0, 1.0, 2.0]])).round(3).tolist()
    [[0.0, 1.0, 1.0, 0.667], [1.0, 1.0, 1.0, 1.0]]
    """
    median = np.nanmedian(scores, axis=1, keepdims=True)
    best = np.nanmin(scores, axis=1, keepdims=True)
    gap = median - best
    least = np.maximum(1e-9 * np.maximum(np.abs(median), np.abs(best)), np.finfo(np.float64).tiny)
    return np.clip(1.0 + (scores - median) / np.maximum(gap, least), 0.0, 1.0)
