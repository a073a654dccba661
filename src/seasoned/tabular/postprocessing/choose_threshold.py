"""Selection of the decision rule for a metric of labels, by cross-fitting on out-of-fold predictions.

The most probable label is not the best prediction for F1 or balanced accuracy: with few positives, a lower threshold
finds more positives. The selection changes the decision rule only, not the probabilities.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.tabular.metrics.decision_rule import Decision
from seasoned.tabular.metrics.vectorized import TUNABLE, best_cut, counts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.postprocessing.out_of_fold import OutOfFold

    Array = NDArray[np.float64]
    Score = Callable[[Array], Array]

__all__ = ["Decided", "choose_decision", "searched"]

_POWERS: Final = np.linspace(0.1, 1.0, 10)  # exponents a of the class weights (1 / share of the class)^a
_RESAMPLES: Final = 200  # resamples for the standard error of the gain
MAX_MATRIX_CELLS: Final = (
    20_000_000  # entries of confusion matrices at a time, 160 MB; 1,000 classes give a million each
)
_PROBABILITIES: Final = 4_000_000  # largest number of probabilities for the selection of class weights
_CLEAR: Final = 1.0  # standard errors of a clear gain; one suffices, because a useless threshold costs little


def searched(metric: Measure) -> Measure:
    """Return the metric for the comparison of models: at each model's best threshold, if a threshold is selected later.

    At a threshold of one half, a good model of rare positives can score as badly as a constant prediction.
    """
    return replace(metric, at_best_cut=metric.n_classes == 2 and metric.scorer in TUNABLE)


class Decided(NamedTuple):
    """Selected decision rule (None: the most probable label), and the cross-fitted losses without and with it."""

    decision: Decision | None
    before: float
    after: float


def choose_decision(pooled: OutOfFold, metric: Measure, seed: int) -> Decided | None:
    """Return the decision rule, if its cross-fitted gain is clear; None for metrics that no rule improves.

    The labels of each part of the rows follow a rule selected on the other parts; the metric is computed over all rows
    together. A gain is clear if it exceeds one standard error. The standard error comes from 200 resamples, each with
    as many rows as the effective sample size (`OutOfFold.worth`).

    Args:
        pooled: Out-of-fold predictions.
        metric: The metric to improve.
        seed: Seed of the resamples.
    """
    score = counts_of(metric.scorer)
    if metric.scorer not in TUNABLE or score is None or len(np.unique(pooled.truth)) < metric.n_classes:
        return None
    y, p, mass = pooled.truth, pooled.predicted, pooled.mass
    plain = np.argmax(p, axis=1)
    crossed = np.empty_like(plain)
    for part in np.unique(pooled.parts):
        here = pooled.parts == part
        found = _best(p[~here], y[~here], mass[~here], metric, score, seed)
        crossed[here] = plain[here] if found is None else found.codes(p[here])
    before, after = (-_scores(y, codes, mass, metric, score) for codes in (plain, crossed))
    error = standard_error(pooled, (plain, crossed), metric, score, seed)
    clear = before - after > max(_CLEAR * error, 1e-12)
    decision = _best(p, y, mass, metric, score, seed) if clear else None
    return Decided(decision, before, after)


def _best(p: Array, y: NDArray[np.int64], mass: Array, metric: Measure, score: Score, seed: int) -> Decision | None:
    """Return the best threshold, or the best of ten class weightings; None for the most probable label.

    Very many probabilities are sampled before class weightings are compared.
    """
    if len(np.unique(y)) < metric.n_classes:
        return None
    if metric.n_classes == 2:
        threshold, _ = best_cut(p[:, metric.positive], y == metric.positive, mass, score)
        return Decision.at(threshold, metric.positive)
    shares = np.bincount(y, mass) / mass.sum()
    weights = [shares**-power for power in _POWERS]
    some = np.sort(np.random.default_rng(seed).permutation(len(y))[: max(_PROBABILITIES // metric.n_classes, 1)])
    if len(some) < len(y) and len(np.unique(y[some])) == metric.n_classes:
        y, p, mass = y[some], p[some], mass[some]
    reached = [_scores(y, np.argmax(p * weight, axis=1), mass, metric, score) for weight in weights]
    plain = _scores(y, np.argmax(p, axis=1), mass, metric, score)
    place = int(np.argmax(reached))
    return Decision.weighing(weights[place]) if reached[place] > plain else None


def _scores(y: NDArray[Any], codes: NDArray[np.int64], mass: Array, metric: Measure, score: Score) -> float:
    k = metric.n_classes
    confusion = np.bincount(y * k + codes, mass, k * k).astype(np.float64).reshape(1, k, k)
    return float(score(_oriented(confusion, metric))[0])


def _oriented(confusion: Array, metric: Measure) -> Array:
    """Return confusion matrices with the positive class at 1, as the formulas expect it."""
    return confusion[:, ::-1, ::-1] if metric.n_classes == 2 and metric.positive == 0 else confusion


def standard_error(
    pooled: OutOfFold,
    both: Sequence[NDArray[np.int64]],
    metric: Measure,
    score: Score,
    seed: int,
) -> float:
    """Return the standard error of the gain by resampling rows, as counts of (truth, label before, label after).

    A resample has the effective sample size, because rows of unequal weight or of one group contain less information.
    """
    k = metric.n_classes
    cells, place = np.unique((pooled.truth * k + both[0]) * k + both[1], return_inverse=True)
    shares = np.bincount(place, pooled.mass)
    rows = max(1, round(pooled.worth))
    drawn = np.random.default_rng(seed).multinomial(rows, shares / shares.sum(), _RESAMPLES).astype(np.float64)
    truth, labels = cells // (k * k), (cells // k % k, cells % k)
    size, gains = max(1, MAX_MATRIX_CELLS // k**2), []
    for first in range(0, _RESAMPLES, size):
        some = drawn[first : first + size]
        before, after = (_resampled(truth * k + codes, some, metric, score) for codes in labels)
        gains.append(after - before)
    return float(np.nanstd(np.concatenate(gains)))


def _resampled(cells: NDArray[np.int64], drawn: Array, metric: Measure, score: Score) -> Array:
    """Return the metric of each resample, shape (m,), from the numbers of rows `drawn` in the confusion `cells`."""
    k = metric.n_classes
    confusion = np.zeros((len(drawn), k * k))
    np.add.at(confusion.T, cells, drawn.T)
    with np.errstate(divide="ignore", invalid="ignore"):
        return score(_oriented(confusion.reshape(-1, k, k), metric))
