"""Whether two fitted models differ on rows that both were judged by: the rows' own test, beside that over splits.

A test over five splits has four degrees of freedom. That over rows has as many as there are rows, and takes the fitted
models as given: it says that these two differ on rows like these, and not that another training would give the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import norm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Gap(NamedTuple):
    """On the rows of one split: how much larger the second one's loss is, its variance, and how many rows."""

    mean: float
    variance: float
    rows: int


def gap_of_losses(first: NDArray[np.float64], second: NDArray[np.float64]) -> Gap:
    """Of losses row by row, such as squared errors: the mean of their differences.

    Example:
        >>> gap_of_losses(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 5.0])).mean
        1.0
    """
    differences = second - first
    return Gap(float(differences.mean()), float(differences.var(ddof=1)) / len(differences), len(differences))


def gap_of_auc(truth: NDArray[np.bool_], first: NDArray[np.float64], second: NDArray[np.float64]) -> Gap:
    """Of scores for two classes: AUC of the first less AUC of the second.

    A row's placement is the share of the other class's rows that it is ordered rightly against. The variance is that of
    the differences of placements, class by class (DeLong, DeLong and Clarke-Pearson 1988, Comparing the areas under two
    or more correlated receiver operating characteristic curves, Biometrics 44).

    Example:
        >>> truth = np.array([False, False, True, True])
        >>> gap_of_auc(truth, np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.9, 0.8, 0.2, 0.1])).mean
        1.0
    """
    placements = []
    for scores in (first, second):
        ordered = np.sign(scores[truth][:, None] - scores[~truth][None]) / 2 + 0.5  # positives x negatives
        placements.append((ordered.mean(axis=1), ordered.mean(axis=0)))
    (positive, negative), (other_positive, other_negative) = placements
    parts = positive - other_positive, negative - other_negative
    variance = sum(float(part.var(ddof=1)) / len(part) for part in parts)
    return Gap(float(parts[0].mean()), variance, len(truth))


def p_of_rows(gaps: Sequence[Gap]) -> float:
    """Two-sided p-value of no difference, over splits whose rows are different ones; 1 where there is none at all.

    Example:
        >>> round(p_of_rows([Gap(0.1, 0.0025, 50), Gap(0.1, 0.0025, 50)]), 4)
        0.0047
    """
    total = sum(gap.rows for gap in gaps)
    mean = sum(gap.rows / total * gap.mean for gap in gaps)
    variance = sum((gap.rows / total) ** 2 * gap.variance for gap in gaps)
    if not mean:
        return 1.0
    return float(2 * norm.sf(abs(mean) / math.sqrt(variance))) if variance else 0.0
