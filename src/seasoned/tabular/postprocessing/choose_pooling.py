"""Whether a learned pool replaces the members' average: learned on some out-of-fold rows, judged on others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.tabular.metrics.row_losses import row_losses
from seasoned.tabular.postprocessing.pooling import Blend, fit_linear_pool, fit_logarithmic_pool

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.postprocessing.out_of_fold import Pooled

    Array = NDArray[np.float64]

__all__ = ["Blended", "choose_blend"]

_LOGARITHMIC: Final = frozenset({"neg_log_loss", "neg_brier_score"})
_LINEAR: Final = frozenset({"neg_root_mean_squared_error", "neg_mean_squared_error", "r2"})
_SLACK: Final = 1.0  # standard errors by which the pool may look worse
_CELLS: Final = 400_000  # predicted numbers that a pool is learned from; more change no digit that counts
_FEWEST: Final = 50  # rows below which nothing is learned
_A_NUMBER: Final = 5  # rows per learned parameter; with hundreds of classes a pool would take long, and none is learned


class Blended(NamedTuple):
    """What was chosen: the pool, the loss of the average, and the cross-fitted loss and predictions of the pool."""

    blend: Blend
    before: float
    after: float
    predicted: Array


def choose_blend(pooled: Pooled, metric: Measure) -> Blended | None:
    """The pool, where the metric is a mean that it can be learned by and it does not look worse than the average.

    Each part of the rows is predicted by a pool learned on the other parts. The average has been chosen on all of these
    rows, the pool on others, so that a tie speaks for the pool: it is taken unless its loss is higher by a standard
    error of the mean difference of the rows' losses. On 20 development tables (a minute, fold 2) that lowered the loss
    on held-out rows on 14, by 59 % at best, and raised it on 3, by 1 % at worst (docs/decisions/0007-practice.md).

    Args:
        pooled: Out-of-fold predictions, those of each member among them.
        metric: What to improve.
    """
    if pooled.each is None or pooled.shares is None or len(pooled.shares) < 2 or len(pooled.truth) < _FEWEST:
        return None
    if metric.scorer not in (_LOGARITHMIC if metric.n_classes else _LINEAR):
        return None
    if metric.n_classes and len(np.unique(pooled.truth)) < metric.n_classes:
        return None
    if _most(pooled.each) < _A_NUMBER * (len(pooled.shares) + metric.n_classes):
        return None
    predicted = np.empty_like(pooled.predicted)
    for part in np.unique(pooled.parts):
        here = pooled.parts == part
        predicted[here] = _learned(pooled, ~here).apply(np.moveaxis(pooled.each[here], 1, 0))
    loss = _squared if not metric.n_classes else row_losses(metric)
    gain = loss(pooled.predicted, pooled.truth) - loss(predicted, pooled.truth)
    mean = float(np.average(gain, weights=pooled.mass))
    if not mean > -_SLACK * pooled.error_of(gain, mean):  # NaN, too
        return None
    before, after = (metric.loss(pooled.truth, one, pooled.weights) for one in (pooled.predicted, predicted))
    return Blended(_learned(pooled, np.ones(len(gain), dtype=np.bool_)), before, after, predicted)


def _learned(pooled: Pooled, kept: NDArray[np.bool_]) -> Blend:
    assert pooled.each is not None, "asked for before"
    assert pooled.shares is not None, "they come together"
    rows, most = np.flatnonzero(kept), _most(pooled.each)
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    fit: Any = fit_logarithmic_pool if pooled.each.ndim == 3 else fit_linear_pool
    weights = None if pooled.weights is None else pooled.weights[rows]
    found: Blend = fit(pooled.each[rows], pooled.truth[rows], weights, pooled.shares)
    return found


def _most(each: NDArray[np.floating]) -> int:
    """How many rows a pool of these is learned from at most."""
    return _CELLS // int(np.prod(each.shape[1:]))


def _squared(predicted: Array, truth: NDArray[Any]) -> Array:
    return np.asarray(np.square(predicted - truth))
