"""Vectorised losses: one metric for many sets of predictions at once."""

from __future__ import annotations

import logging
import math
import warnings
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.metrics.decision_rule import decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seasoned.tabular.metrics.metric import Measure

    Weight = NDArray[np.float64] | None

__all__ = ["TUNABLE", "best_cut", "counts_of", "losses_of", "pinball", "ranks"]

logger = logging.getLogger("seasoned.tabular")


def losses_of(
    stack: NDArray[np.floating],
    y: NDArray[np.generic],
    metric: Measure,
    over: Callable[[], bool] | None = None,
    weight: Weight = None,
) -> NDArray[np.float64]:
    """Return the metric's loss of each set of predictions, equal to `metric.loss` up to rounding.

    Args:
        stack: Probabilities, shape (m, n, classes), or numbers, shape (m, n).
        y: Class codes or numbers, shape (n,).
        metric: The metric.
        over: Function that returns True once the time is over, called before each slow loss. A loss that is skipped or
            undefined counts as infinity.
        weight: Row weights, shape (n,), greater than 0; None for equal weights.

    Returns:
        Losses, shape (m,).
    """
    weight = weight if metric.weighs else None
    found = _fast(stack, y, metric, weight)
    if found is None:
        found = np.full(len(stack), np.nan)
    for index in np.flatnonzero(~np.isfinite(found)):
        found[index] = math.inf if over is not None and over() else _slow(stack[index], y, metric, weight)
    return found


def _slow(predicted: NDArray[np.floating], y: NDArray[np.generic], metric: Measure, weight: Weight) -> float:
    from sklearn.exceptions import UndefinedMetricWarning

    try:
        with warnings.catch_warnings():  # rows of one class, for which a metric is undefined
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            loss = metric.loss(y, np.asarray(predicted), weight)
    except ValueError as error:
        logger.debug("a set of predictions is left out of the ensemble: %s", error)
        return math.inf
    return loss if math.isfinite(loss) else math.inf


def _fast(stack: NDArray[np.floating], y: NDArray[Any], metric: Measure, w: Weight) -> NDArray[np.float64] | None:
    """Return the losses by a vectorised formula; None if the metric has no formula, or the rows lack a class."""
    if not metric.n_classes:
        return _fast_of_numbers(np.asarray(stack, dtype=np.float64), y.astype(np.float64), metric, w)
    if metric.costs is not None:
        return _mean(metric.costs[y.astype(np.int64), decide(stack, metric.costs)], w)
    codes, stack = metric.oriented(y.astype(np.int64), stack)
    if metric.scorer in PROPER_METRICS:
        return PROPER_METRICS[metric.scorer](stack, codes, w)
    if len(np.unique(codes)) < metric.n_classes:
        return None
    if metric.scorer in RANK_METRICS:
        return -RANK_METRICS[metric.scorer](stack, codes, w)
    if metric.scorer in COUNT_METRICS:
        if metric.at_best_cut:
            mass = np.ones(len(codes)) if w is None else w
            cuts = [best_cut(scores, codes == 1, mass, COUNT_METRICS[metric.scorer]) for scores in stack[:, :, 1]]
            return -np.array([score for _, score in cuts])
        with np.errstate(divide="ignore", invalid="ignore"):
            return -COUNT_METRICS[metric.scorer](_confusion(stack, codes, w))
    return None


def _fast_of_numbers(
    p: NDArray[np.float64], y: NDArray[np.float64], metric: Measure, w: Weight
) -> NDArray[np.float64] | None:
    if metric.quantile is not None:
        return _mean(pinball(p, y, metric.quantile), w)
    numbers = NUMBER_METRICS.get(metric.scorer)
    return None if numbers is None else numbers(p, y, w)


def _mean(values: NDArray[np.floating], w: Weight) -> NDArray[np.float64]:
    """Weighted mean over the last axis."""
    return np.asarray(values.mean(axis=-1) if w is None else values @ (w / w.sum()), dtype=np.float64)


# ---- numbers: predictions p, shape (m, n)


def _squared(p: NDArray[np.float64], y: NDArray[np.float64], w: Weight) -> NDArray[np.float64]:
    return _mean((p - y) ** 2, w)


def _r2(p: NDArray[np.float64], y: NDArray[np.float64], w: Weight) -> NDArray[np.float64]:
    spread = float(_mean((y - _mean(y, w)) ** 2, w))
    return _squared(p, y, w) / spread - 1 if spread > 0 else np.full(len(p), np.nan)


def _relative(p: NDArray[np.float64], y: NDArray[np.float64], w: Weight) -> NDArray[np.float64]:
    return _mean(np.abs(p - y) / np.maximum(np.abs(y), np.finfo(np.float64).eps), w)


def _squared_log(p: NDArray[np.float64], y: NDArray[np.float64], w: Weight) -> NDArray[np.float64]:
    if not y.min() > -1:
        return np.full(len(p), np.nan)
    return _squared(np.log1p(np.maximum(p, min(0.0, float(y.min())))), np.log1p(y), w)


def _median(p: NDArray[np.float64], y: NDArray[np.float64], w: Weight) -> NDArray[np.float64]:
    """Median absolute error without row weights; scikit-learn computes the weighted median."""
    return np.median(np.abs(p - y), axis=1) if w is None else np.full(len(p), np.nan)


def pinball(p: NDArray[np.float64], y: NDArray[np.float64], quantile: float) -> NDArray[np.float64]:
    """Return the quantile loss: q (y - p) for a prediction that is too low, (1 - q) (p - y) for one that is too high.

    The q-quantile minimises the expected loss (Koenker and Bassett 1978, Regression quantiles, equation 2.1).
    """
    gap = y - p
    return np.maximum(quantile * gap, (quantile - 1.0) * gap)


NUMBER_METRICS: Final[dict[str, Callable[..., NDArray[np.float64]]]] = {
    "neg_mean_squared_error": _squared,
    "neg_root_mean_squared_error": lambda p, y, w: np.sqrt(_squared(p, y, w)),
    "neg_mean_absolute_error": lambda p, y, w: _mean(np.abs(p - y), w),
    "neg_median_absolute_error": _median,
    "neg_max_error": lambda p, y, _: np.abs(p - y).max(axis=1),
    "neg_mean_absolute_percentage_error": _relative,
    "neg_mean_squared_log_error": _squared_log,
    "neg_root_mean_squared_log_error": lambda p, y, w: np.sqrt(_squared_log(p, y, w)),
    "r2": _r2,
}

# ---- probabilities: p, shape (m, n, classes); defined on any rows


def _log_losses(p: NDArray[np.floating], y: NDArray[np.int64], w: Weight) -> NDArray[np.float64]:
    """Mean negative logarithm of the true class's probability; rows are normalised and clipped at machine precision."""
    given = p[:, np.arange(len(y)), y] / p.sum(axis=2)
    tiny = np.finfo(p.dtype).eps
    return -_mean(np.log(np.clip(given, tiny, 1 - tiny)), w)


def _brier(p: NDArray[np.floating], y: NDArray[np.int64], w: Weight) -> NDArray[np.float64]:
    """Mean squared distance from the one-hot truth; for two classes, of the positive class alone."""
    if p.shape[2] == 2:
        return _mean((p[:, :, 1] - y) ** 2, w)
    return _mean(np.sum((p - np.eye(p.shape[2])[y]) ** 2, axis=2), w)


PROPER_METRICS: Final = {"neg_log_loss": _log_losses, "neg_brier_score": _brier}

# ---- ranks: the rows contain every class


def _areas(scores: NDArray[np.floating], positive: NDArray[np.bool_], w: Weight) -> NDArray[np.float64]:
    """Area under the ROC curve: share of correctly ordered pairs (positive, negative), ties count half; shape (m,)."""
    mass = np.ones(len(positive)) if w is None else w
    areas = np.empty(len(scores))
    for index, score in enumerate(scores):
        _, place = np.unique(score, return_inverse=True)
        above, below = np.bincount(place, mass * positive), np.bincount(place, mass * ~positive)
        areas[index] = above @ (np.cumsum(below) - below / 2) / (above.sum() * below.sum())
    return areas


def _precisions(scores: NDArray[np.floating], positive: NDArray[np.bool_], w: Weight) -> NDArray[np.float64]:
    """Average precision: the sum over thresholds of precision times the step of recall; shape (m,)."""
    mass = np.ones(len(positive)) if w is None else w
    found = np.empty(len(scores))
    for index, score in enumerate(scores):
        order = np.argsort(-score, kind="stable")
        last = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])  # last row of each tie
        hits = np.cumsum((mass * positive)[order])[last]
        found[index] = np.sum(np.diff(hits, prepend=0) * hits / np.cumsum(mass[order])[last]) / hits[-1]
    return found


def _each(
    of: Callable[..., NDArray[np.float64]],
    p: NDArray[np.floating],
    y: NDArray[np.int64],
    w: Weight,
    *,
    weighted: bool = False,
) -> NDArray[np.float64]:
    """Score of the positive class of two; for more classes, the mean of the one-vs-rest scores."""
    if p.shape[2] == 2:
        return of(p[:, :, 1], y == 1, w)
    per_class = np.stack([of(p[:, :, code], y == code, w) for code in range(p.shape[2])])
    return np.asarray(np.average(per_class, axis=0, weights=np.bincount(y, w) if weighted else None))


def _one_vs_one(p: NDArray[np.floating], y: NDArray[np.int64], w: Weight) -> NDArray[np.float64]:
    """Mean over pairs of classes of both areas within the pair, without row weights (Hand and Till 2001)."""
    if p.shape[2] == 2:
        return _areas(p[:, :, 1], y == 1, w)
    pairs = []
    for a, b in combinations(range(p.shape[2]), 2):
        rows = (y == a) | (y == b)
        within, first = p[:, rows], y[rows] == a
        pairs.append((_areas(within[:, :, a], first, None) + _areas(within[:, :, b], ~first, None)) / 2)
    return np.asarray(np.mean(pairs, axis=0))


RANK_METRICS: Final[dict[str, Callable[..., NDArray[np.float64]]]] = {
    "roc_auc": lambda p, y, w: _each(_areas, p, y, w),
    "roc_auc_ovr": lambda p, y, w: _each(_areas, p, y, w),
    "roc_auc_ovr_weighted": lambda p, y, w: _each(_areas, p, y, w, weighted=True),
    "roc_auc_ovo": _one_vs_one,
    "average_precision": lambda p, y, w: _each(_precisions, p, y, w),
}


def ranks(metric: Measure) -> bool:
    """Return True if the metric depends only on the order of the rows' probabilities."""
    return metric.scorer in RANK_METRICS or metric.scorer == "roc_auc_ovo_weighted"  # has no vectorised formula


# ---- counts: the confusion matrices c, shape (m, true, predicted)


def _confusion(p: NDArray[np.floating], y: NDArray[np.int64], w: Weight) -> NDArray[np.float64]:
    m, _, k = p.shape
    cells = np.arange(m)[:, None] * k * k + y * k + p.argmax(axis=2)
    mass = None if w is None else np.tile(w, m)
    return np.bincount(cells.ravel(), mass, minlength=m * k * k).reshape(m, k, k).astype(np.float64)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ratio; 0 for an empty whole, as in scikit-learn."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), 0.0)


def _accuracy(c: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.trace(c, axis1=1, axis2=2) / c.sum(axis=(1, 2)))


def _recalls(c: NDArray[np.float64]) -> NDArray[np.float64]:
    return _ratio(np.diagonal(c, axis1=1, axis2=2), c.sum(axis=2))


def _class_precisions(c: NDArray[np.float64]) -> NDArray[np.float64]:
    return _ratio(np.diagonal(c, axis1=1, axis2=2), c.sum(axis=1))


def _f1s(c: NDArray[np.float64]) -> NDArray[np.float64]:
    return _ratio(2 * np.diagonal(c, axis1=1, axis2=2), c.sum(axis=1) + c.sum(axis=2))


def _jaccards(c: NDArray[np.float64]) -> NDArray[np.float64]:
    hits = np.diagonal(c, axis1=1, axis2=2)
    return _ratio(hits, c.sum(axis=1) + c.sum(axis=2) - hits)


def _matthews(c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matthews correlation (Gorodkin 2004, equation 2); 0 if all predictions are the same."""
    true, predicted, n = c.sum(axis=2), c.sum(axis=1), c.sum(axis=(1, 2))
    both = np.trace(c, axis1=1, axis2=2) * n - (true * predicted).sum(axis=1)
    spread = np.sqrt((n**2 - (predicted**2).sum(axis=1)) * (n**2 - (true**2).sum(axis=1)))
    return _ratio(both, spread)


def _kappa(c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cohen's kappa (1960): agreement beyond chance, as a share of the largest possible one."""
    n = c.sum(axis=(1, 2))
    chance = (c.sum(axis=2) * c.sum(axis=1)).sum(axis=1) / n**2
    return np.asarray((_accuracy(c) - chance) / (1 - chance))


def _averages(name: str, of: Callable[..., NDArray[np.float64]]) -> dict[str, Callable[..., NDArray[np.float64]]]:
    return {
        name: lambda c: of(c)[:, 1],
        f"{name}_macro": lambda c: of(c).mean(axis=1),  # the rows contain every class
        f"{name}_micro": _accuracy,  # with one label a row, micro averages are the accuracy
        f"{name}_weighted": lambda c: (of(c) * c.sum(axis=2)).sum(axis=1) / c.sum(axis=(1, 2)),
    }


COUNT_METRICS: Final[dict[str, Callable[..., NDArray[np.float64]]]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": lambda c: _recalls(c).mean(axis=1),
    "matthews_corrcoef": _matthews,
    "kappa": _kappa,
    **_averages("f1", _f1s),
    **_averages("precision", _class_precisions),
    **_averages("recall", _recalls),
    **_averages("jaccard", _jaccards),
    "jaccard_micro": lambda c: _accuracy(c) / (2 - _accuracy(c)),  # an error is a false positive and a false negative
}

TUNABLE: Final = frozenset(
    {
        *("f1", "f1_macro", "f1_weighted", "jaccard", "jaccard_macro", "jaccard_weighted"),
        *("balanced_accuracy", "matthews_corrcoef", "kappa"),
    }
    & COUNT_METRICS.keys()
)
"""Scorers of labels that gain from a threshold other than one half.

Accuracy is best at one half. Precision alone is best with very few positive predictions, and recall alone with only
positive ones, so that neither is tuned.
"""


def counts_of(scorer: str) -> Callable[[NDArray[np.float64]], NDArray[np.float64]] | None:
    """Return the score as a function of confusion matrices, (m, true, predicted) -> (m,); None for other scorers.

    Each matrix must contain rows of every true class.
    """
    return COUNT_METRICS.get(scorer)


def best_cut(
    scores: NDArray[np.floating],
    positive: NDArray[np.bool_],
    mass: NDArray[np.float64],
    score: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> tuple[float, float]:
    """Return the best threshold on the probability of the positive class, and its score.

    A tie goes to the threshold nearest to 0.5.

    Args:
        scores: Probabilities of the positive class, shape (n,).
        positive: Mask of the rows of the positive class, shape (n,); both classes occur.
        mass: Row weights, shape (n,).
        score: Function from confusion matrices to scores, with the positive class at 1 (`counts_of`).
    """
    order = np.argsort(-scores, kind="stable")
    ranked = np.asarray(scores, dtype=np.float64)[order]
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])  # last row of each tie
    hits = np.cumsum((mass * positive)[order])[last]
    alarms = np.cumsum((mass * ~positive)[order])[last]
    negatives, positives = alarms[-1], hits[-1]
    if ranked[-1] == 0.0:  # no threshold predicts these rows positive: the threshold 0 equals the one before it
        alarms[-1], hits[-1] = (alarms[-2], hits[-2]) if len(last) > 1 else (0.0, 0.0)
    alarms, hits = np.r_[0.0, alarms], np.r_[0.0, hits]  # first, a threshold with no positive prediction
    confusion = np.array([[negatives - alarms, alarms], [positives - hits, hits]]).transpose(2, 0, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.nan_to_num(score(confusion), nan=-np.inf)
    cuts = (np.r_[1.0, ranked[last]] + np.r_[ranked[np.r_[0, last[:-1] + 1]], 0.0]) / 2
    places = np.flatnonzero(found >= found.max() - 1e-12)
    place = places[np.argmin(np.abs(cuts[places] - 0.5))]
    return float(cuts[place]), float(found[place])
