"""Diagnostics of predictions as plain numbers: confusion, ranking, calibration, residuals; without plotting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

__all__ = [
    "Calibration",
    "Confusion",
    "Curve",
    "Histogram",
    "Pairs",
    "calibration",
    "confusion",
    "middle",
    "pairs",
    "precision_recall",
    "residual_histogram",
    "roc",
]

_MOST_POINTS: Final = 400  # maximum number of points of a curve; a screen resolves no more
_MOST_DOTS: Final = 1_500  # maximum number of points of a scatter plot; limits the file size
_Z: Final = 1.959963984540054  # normal quantile of a two-sided interval of 95 %


class Confusion(NamedTuple):
    """Confusion matrix: rows by true class (first axis) and predicted class.

    Attributes:
        labels: The classes; the last is "n others" for merged classes.
        counts: Shape (k, k); with sample weights, the sums of weights.
        merged: True if the rarest classes were merged.
    """

    labels: tuple[str, ...]
    counts: NDArray[np.floating[Any]]
    merged: bool = False

    @property
    def right(self) -> tuple[int | None, ...]:
        """Column of the correct prediction for each true class; None for merged classes."""
        alone = len(self.labels) - self.merged
        return (*range(alone), None) if self.merged else tuple(range(alone))


class Curve(NamedTuple):
    """A curve in the unit square and the area under it."""

    x: Floats
    y: Floats
    area: float


class Calibration(NamedTuple):
    """Reliability diagram: observed frequency against predicted probability, by bin, without empty bins.

    Attributes:
        predicted: Mean predicted probability of each bin, shape (b,).
        observed: Observed frequency in each bin, shape (b,).
        low, high: Wilson's interval of 95 % for `observed`, shape (b,). With weights it uses the effective number of
            rows, (sum w)^2 / sum w^2 (Kish 1965, Survey sampling, section 11.7).
        counts: Number of rows in each bin, shape (b,).
    """

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    counts: NDArray[np.int64]


class Pairs(NamedTuple):
    """True and predicted numbers of the displayed rows, and the total number of rows."""

    truth: Floats
    predicted: Floats
    rows: int


class Histogram(NamedTuple):
    """Counts between edges, or sums of weights; the outer bins include all values beyond the edges."""

    edges: Floats
    counts: Floats


def confusion(
    truth: NDArray[Any],
    codes: NDArray[Any],
    labels: tuple[str, ...],
    most: int = 20,
    weights: Floats | None = None,
) -> Confusion:
    """Count rows by true and predicted class; beyond `most` classes the rarest are merged.

    Args:
        truth: Class codes, shape (n,).
        codes: Predicted class codes, shape (n,).
        labels: Names of the classes.
        most: Largest number of rows and columns of the table.
        weights: Sample weights, shape (n,); None for 1.

    Example:
        >>> confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), ("no", "yes")).counts.tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """
    k, mass = len(labels), _mass(truth, weights)
    if k <= most:
        return Confusion(labels, _pairs(truth, codes, mass, k))
    frequent = np.sort(np.argsort(-np.bincount(truth, mass, minlength=k), kind="stable")[: most - 1])
    place = np.full(k, most - 1)
    place[frequent] = np.arange(most - 1)
    merged = _pairs(place[truth], place[codes], mass, most)
    return Confusion((*(labels[index] for index in frequent), f"{k - most + 1} others"), merged, merged=True)


def _pairs(truth: NDArray[Any], codes: NDArray[Any], mass: Floats, k: int) -> Floats:
    counts: Floats = np.bincount(truth * k + codes, mass, minlength=k * k).reshape(k, k).astype(np.float64)
    return counts


def _mass(truth: NDArray[Any], weights: Floats | None) -> Floats:
    return np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64)


def roc(truth: NDArray[Any], score: Floats, weights: Floats | None = None) -> Curve:
    """ROC curve: true-positive rate against false-positive rate.

    Source: Fawcett 2006, An introduction to ROC analysis, algorithm 1.

    Args:
        truth: 1 for the positive class, otherwise 0, shape (n,); both occur.
        score: Probability of the positive class, shape (n,).
        weights: Sample weights, shape (n,), above 0; None for equal weights.
    """
    hits, alarms = _cumulated(truth, score, weights)
    x, y = np.append(0.0, alarms / alarms[-1]), np.append(0.0, hits / hits[-1])
    return _thinned(x, y, float(np.trapezoid(y, x)))


def precision_recall(truth: NDArray[Any], score: Floats, weights: Floats | None = None) -> Curve:
    """Precision against recall; the area is the average precision, sum of (R_k - R_k-1) P_k.

    Args:
        truth: 1 for the positive class, otherwise 0, shape (n,); a 1 occurs.
        score: Probability of the positive class, shape (n,).
        weights: Sample weights, shape (n,), above 0; None for equal weights.
    """
    hits, alarms = _cumulated(truth, score, weights)
    recall, precision = hits / hits[-1], hits / (hits + alarms)
    area = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    return _thinned(np.append(0.0, recall), np.append(precision[0], precision), area)


def _cumulated(truth: NDArray[Any], score: Floats, weights: Floats | None) -> tuple[Floats, Floats]:
    """Return true and false positives at each distinct threshold, from the highest score down."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)  # tied scores are counted together
    mass = _mass(truth, weights)[order]
    positive = truth[order] == 1
    return np.cumsum(mass * positive)[last], np.cumsum(mass * ~positive)[last]


def _thinned(x: Floats, y: Floats, area: float) -> Curve:
    """Reduce a curve to the resolution of a screen: half of the points evenly along x, half along its length."""
    if len(x) <= _MOST_POINTS:
        return Curve(x, y, area)
    way = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    half = _MOST_POINTS // 2
    even = np.searchsorted(x, np.linspace(x[0], x[-1], half))
    along = np.searchsorted(way, np.linspace(0.0, way[-1], half))
    kept = np.unique(np.minimum(np.concatenate([[0], even, along, [len(x) - 1]]), len(x) - 1))
    return Curve(x[kept], y[kept], area)


def calibration(
    truth: NDArray[Any], predicted: Floats, bins: int = 10, weights: Floats | None = None, positive: int = 1
) -> Calibration:
    """Reliability in bins of equal width: of the positive class of two, or of the most probable of more classes.

    Args:
        truth: Class codes, shape (n,).
        predicted: Probabilities, shape (n, classes).
        bins: Number of bins between 0 and 1.
        weights: Sample weights, shape (n,), above 0; None for equal weights.
        positive: Code of the positive one of two classes.
    """
    if predicted.shape[1] == 2:
        confidence, came_true = predicted[:, positive], truth == positive
    else:
        confidence, came_true = predicted.max(axis=1), truth == np.argmax(predicted, axis=1)
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    filled = counts > 0
    mass = _mass(truth, weights)
    total = np.bincount(place, mass, minlength=bins)[filled]
    mean = np.bincount(place, mass * confidence, minlength=bins)[filled] / total
    share = np.bincount(place, mass * came_true, minlength=bins)[filled] / total
    low, high = _wilson(share, total**2 / np.bincount(place, mass**2, minlength=bins)[filled])
    return Calibration(mean, share, low, high, counts[filled].astype(np.int64))


def _wilson(share: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Wilson's score interval (Wilson 1927), which stays in [0, 1] even for few rows."""
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def pairs(truth: NDArray[Any], predicted: Floats) -> Pairs:
    """Return true and predicted numbers, shape (n,); of many rows a subset evenly spread along the sorted truth."""
    order = np.argsort(truth, kind="stable")
    kept = order[np.unique(np.linspace(0, len(order) - 1, _MOST_DOTS).round().astype(np.int64))]
    return Pairs(truth[kept].astype(np.float64), predicted[kept].astype(np.float64), len(truth))


def residual_histogram(
    truth: NDArray[Any], predicted: Floats, bins: int = 30, weights: Floats | None = None
) -> Histogram:
    """Histogram of the errors (predicted - true), between their percentiles 0.5 and 99.5.

    `weights` as in `confusion`.
    """
    residuals = np.asarray(predicted, dtype=np.float64) - truth
    reach = float(np.max(np.abs(np.percentile(residuals, [0.5, 99.5])))) or 1.0  # symmetric around 0
    edges = np.linspace(-reach, reach, bins + 1)
    counts, _ = np.histogram(np.clip(residuals, -reach, reach), edges, weights=_mass(truth, weights))
    return Histogram(edges, counts)


def middle(values: Floats, weights: Floats | None = None) -> float:
    """Return the median; with weights, the smallest value with at least half of the total weight at or below it.

    Example:
        >>> middle(np.array([1.0, 2.0, 4.0, 8.0])), middle(np.array([1.0, 2.0, 4.0]), np.array([1.0, 1.0, 5.0]))
        (3.0, 4.0)
    """
    if weights is None:
        return float(np.median(values))
    order = np.argsort(values, kind="stable")
    mass = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(mass, mass[-1] / 2)])
