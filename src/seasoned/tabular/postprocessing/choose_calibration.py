"""Selection of the calibration map, by cross-fitting on out-of-fold predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.tabular.metrics.decision_rule import decide
from seasoned.tabular.metrics.row_losses import brier, logarithmic
from seasoned.tabular.postprocessing.calibration import fit_isotonic, fit_scaling

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.postprocessing.calibration import Isotonic, Scaling
    from seasoned.tabular.postprocessing.out_of_fold import OutOfFold

    Array = NDArray[np.float64]
    Map = Scaling | Isotonic
    Fit = Callable[[Array, NDArray[np.int64], Array], Map]
    RowLoss = Callable[[Array, NDArray[Any]], Array]

__all__ = ["CALIBRATED", "Calibrated", "choose_calibration"]

CALIBRATED: Final = frozenset({"neg_log_loss", "neg_brier_score", "cost"})
"""Scorers that reward calibrated probabilities; the other scorers depend on their order or on labels."""
_CLEAR: Final = 2.5  # standard errors of a clear gain: a one-sided level of 0.6 %, 2 % for all three maps together
_CELLS: Final = 50_000  # largest training set of a map, in probabilities; more change no relevant digit
_MANY: Final = 1_000  # fewest rows of each class for isotonic regression (Niculescu-Mizil and Caruana 2005)


class Calibrated(NamedTuple):
    """Selected map (None if no map helps), cross-fitted losses without and with it, and predictions."""

    calibration: Map | None
    before: float
    after: float
    predicted: Array


def choose_calibration(pooled: OutOfFold, metric: Measure, *, wanted: bool | None) -> Calibrated | None:
    """Return the map with the largest cross-fitted gain, if that gain is clear; None if calibration does not apply.

    Each part of the rows is calibrated by a map learned from the other parts. A gain is clear if it exceeds 2.5
    standard errors of the mean difference of the row losses. The mean includes one pseudo-row, an average row with a
    wrong prediction: sharper probabilities gain on every row until the first error, and few rows may contain no error.
    The real rows must gain as well, because the pseudo-row alone does not justify softer probabilities.

    Args:
        pooled: Out-of-fold probabilities.
        metric: The metric to improve.
        wanted: True selects the best map in any case, by the logarithmic loss if the metric depends on order or labels.
            False selects no map. None selects a map if the metric rewards calibration and the gain is clear.
    """
    if wanted is False or not metric.n_classes or (wanted is None and metric.scorer not in CALIBRATED):
        return None
    if len(np.unique(pooled.truth)) < metric.n_classes:
        return None
    loss, every = _row_losses(metric)
    before, missed = loss(pooled.predicted, pooled.truth), _missed(pooled.predicted, pooled, loss, every)
    found: list[tuple[float, Fit, Array]] = []
    for fit in _fits(pooled):
        predicted = _crossed(pooled, fit)
        gain = before - loss(predicted, pooled.truth)
        unseen = missed - _missed(predicted, pooled, loss, every)
        mean = (float(pooled.mass @ gain) + unseen) / (float(pooled.mass.sum()) + 1.0)
        if wanted or (mean > max(_CLEAR * pooled.error_of(gain, mean), 1e-12) and pooled.mass @ gain > 0.0):
            found.append((mean, fit, predicted))
    start = metric.loss(pooled.truth, pooled.predicted, pooled.weights)
    if not found:
        return Calibrated(None, start, start, pooled.predicted)
    _, fit, predicted = max(found, key=lambda one: one[0])
    calibration = _learned(pooled, fit, np.ones(len(pooled.truth), np.bool_))
    return Calibrated(calibration, start, metric.loss(pooled.truth, predicted, pooled.weights), predicted)


def _fits(pooled: OutOfFold) -> list[Fit]:
    fits: list[Fit] = [
        lambda p, y, w: fit_scaling(p, y, w, biased=False),
        lambda p, y, w: fit_scaling(p, y, w, biased=True),
    ]
    return [*fits, fit_isotonic] if np.bincount(pooled.truth).min() >= _MANY else fits


def _crossed(pooled: OutOfFold, fit: Fit) -> Array:
    """Return cross-fitted probabilities: the map of each row was learned without the row's part."""
    predicted = np.empty_like(pooled.predicted)
    for part in np.unique(pooled.parts):
        here = pooled.parts == part
        predicted[here] = _learned(pooled, fit, ~here).apply(pooled.predicted[here])
    return predicted


def _learned(pooled: OutOfFold, fit: Fit, kept: NDArray[np.bool_]) -> Map:
    rows = np.flatnonzero(kept)
    most = max(_CELLS // pooled.predicted.shape[1], 1_000)
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    return fit(pooled.predicted[rows], pooled.truth[rows], pooled.mass[rows])


def _missed(p: Array, pooled: OutOfFold, loss: RowLoss, every: Callable[[Array], Array]) -> float:
    """Return the mean loss if each row had another class, with all other classes equally likely."""
    others = int(p.shape[1]) - 1
    return float(np.average(every(p) - loss(p, pooled.truth), weights=pooled.mass)) / others


def _row_losses(metric: Measure) -> tuple[RowLoss, Callable[[Array], Array]]:
    """Return the loss of a row, whose mean is the metric, and the sum of a row's losses over all classes.

    A metric that is not a mean of row losses gets the logarithmic loss.
    """
    if metric.scorer == "neg_brier_score":
        return brier, _brier_of_all
    if metric.scorer == "cost":
        assert metric.costs is not None, "a cost is measured by costs"
        costs = metric.costs
        of_all = costs.sum(axis=0)
        return lambda p, y: np.asarray(costs[y, decide(p, costs)]), lambda p: np.asarray(of_all[decide(p, costs)])
    return logarithmic, _logarithmic_of_all


def _logarithmic_of_all(p: Array) -> Array:
    tiny = np.finfo(p.dtype).eps
    return np.asarray(-np.log(np.clip(p / p.sum(axis=1, keepdims=True), tiny, 1 - tiny)).sum(axis=1))


def _brier_of_all(p: Array) -> Array:
    """Return the sum of the Brier loss over all classes: k |p|^2 - 2 |p|_1 + k, halved for two classes."""
    classes = p.shape[1]
    row = classes * np.square(p).sum(axis=1) - 2.0 * p.sum(axis=1) + classes
    return np.asarray(row / (2 if classes == 2 else 1))
