"""The corrected resampled t-test, for a few splits of one table."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from scipy.stats import t

if TYPE_CHECKING:
    from collections.abc import Sequence


def corrected_t(differences: Sequence[float], ratio: float) -> float:
    """Two-sided p-value of no difference between two methods on one table.

    Training sets overlap, so that differences of splits are not independent, and their variance over splits is too
    small. With J differences of mean m and variance s^2

        t = m / sqrt((1 / J + n_test / n_train) s^2),    J - 1 degrees of freedom

    (Nadeau and Bengio 2003, Inference for the generalization error, Machine Learning 52, §3). 1 where all differences
    are 0, or there are fewer than two.

    Args:
        differences: Of the two methods, one a split.
        ratio: n_test / n_train, rows to judge by over rows to learn from; 1 / 4 for five folds.
    """
    if len(differences) < 2 or not any(differences):
        return 1.0
    mean, variance = statistics.fmean(differences), statistics.variance(differences)
    if variance == 0:
        return 0.0
    return float(2 * t.sf(abs(mean) / math.sqrt((1 / len(differences) + ratio) * variance), len(differences) - 1))
