"""Selection between a learned pool and the members' average, by cross-fitting on out-of-fold predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.tabular.metrics.row_losses import row_losses
from seasoned.tabular.postprocessing.pooling import OpinionPool, fit_linear_pool, fit_logarithmic_pool

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.postprocessing.out_of_fold import OutOfFold

    Array = NDArray[np.float64]

__all__ = ["Blended", "choose_blend"]

_LOGARITHMIC: Final = frozenset({"neg_log_loss", "neg_brier_score"})
_LINEAR: Final = frozenset({"neg_root_mean_squared_error", "neg_mean_squared_error", "r2"})
_SLACK: Final = 1.0  # standard errors by which the pool may be worse than the average
_CELLS: Final = 400_000  # largest training set of a pool, in predicted numbers; more change no relevant digit
_FEWEST: Final = 50  # fewest rows for a pool
_A_NUMBER: Final = 5  # fewest training rows per parameter of a pool; a pool of hundreds of classes would take long


class Blended(NamedTuple):
    """Selected pool, loss of the average, cross-fitted loss of the pool, and cross-fitted predictions of the pool."""

    blend: OpinionPool
    before: float
    after: float
    predicted: Array


def choose_blend(pooled: OutOfFold, metric: Measure) -> Blended | None:
    """Return the learned pool, unless it is clearly worse than the average or does not apply to the metric: None.

    Each part of the rows is predicted by a pool learned from the other parts. The pool is selected unless its loss is
    higher by a standard error of the mean difference of the row losses. A tie favours the pool, because the weights of
    the average were selected on the same rows (docs/decisions/0007-practice.md).

    Args:
        pooled: Out-of-fold predictions, including the predictions of each member.
        metric: The metric to improve; a pool applies to logarithmic loss, Brier score, squared errors and r2.
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
    if not mean > -_SLACK * pooled.error_of(gain, mean):  # false for NaN
        return None
    before, after = (metric.loss(pooled.truth, one, pooled.weights) for one in (pooled.predicted, predicted))
    return Blended(_learned(pooled, np.ones(len(gain), dtype=np.bool_)), before, after, predicted)


def _learned(pooled: OutOfFold, kept: NDArray[np.bool_]) -> OpinionPool:
    assert pooled.each is not None, "asked for before"
    assert pooled.shares is not None, "they come together"
    rows, most = np.flatnonzero(kept), _most(pooled.each)
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    fit: Any = fit_logarithmic_pool if pooled.each.ndim == 3 else fit_linear_pool
    weights = None if pooled.weights is None else pooled.weights[rows]
    found: OpinionPool = fit(pooled.each[rows], pooled.truth[rows], weights, pooled.shares)
    return found


def _most(each: NDArray[np.floating]) -> int:
    """Return the largest number of training rows of a pool."""
    return _CELLS // int(np.prod(each.shape[1:]))


def _squared(predicted: Array, truth: NDArray[Any]) -> Array:
    return np.asarray(np.square(predicted - truth))
