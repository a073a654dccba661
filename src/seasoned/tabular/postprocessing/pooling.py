"""Learned pooling: the members' predictions are combined with weights learned from out-of-fold predictions.

Probabilities have the logarithmic pool q = softmax(sum_m a_m log p_m + b), with a parameter for each member and class.
With one member it is temperature scaling with a bias for each class. A mean of probabilities is underconfident where
members agree for different reasons; a product is not. Source: Genest and Zidek (1986), Combining probability
distributions, section 3. Numbers have the mean: a linear pool of them gained nothing (docs/notes/deletions.md).

The pool is regularised towards the weights of ensemble selection, so that few rows change little. It replaces the mean
of the members unless it is clearly worse on rows that it was not learned from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.tabular.metrics.row_losses import row_losses
from seasoned.tabular.postprocessing.calibration import FLOOR, softened, softmax

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Weight = Array | None
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.postprocessing.out_of_fold import OutOfFold

__all__ = ["Blended", "OpinionPool", "choose_blend", "fit_logarithmic_pool"]

_LOGARITHMIC: Final = frozenset({"neg_log_loss", "neg_brier_score"})
_TOLERATED_ERRORS: Final = 1.0  # standard errors by which the pool may be worse than the average
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
        metric: The metric to improve; a pool applies to logarithmic loss and Brier score.
    """
    if pooled.each is None or pooled.shares is None or len(pooled.shares) < 2 or len(pooled.truth) < _FEWEST:
        return None
    if metric.scorer not in _LOGARITHMIC or len(np.unique(pooled.truth)) < metric.n_classes:
        return None
    if _most(pooled.each) < _A_NUMBER * (len(pooled.shares) + metric.n_classes):
        return None
    predicted = np.empty_like(pooled.predicted)
    for part in np.unique(pooled.parts):
        here = pooled.parts == part
        predicted[here] = _learned(pooled, ~here).apply(np.moveaxis(pooled.each[here], 1, 0))
    loss = row_losses(metric)
    gain = loss(pooled.predicted, pooled.truth) - loss(predicted, pooled.truth)
    mean = float(np.average(gain, weights=pooled.mass))
    if not mean > -_TOLERATED_ERRORS * pooled.error_of(gain, mean):  # false for NaN
        return None
    before, after = (metric.loss(pooled.truth, one, pooled.weights) for one in (pooled.predicted, predicted))
    return Blended(_learned(pooled, np.ones(len(gain), dtype=np.bool_)), before, after, predicted)


def _learned(pooled: OutOfFold, kept: NDArray[np.bool_]) -> OpinionPool:
    assert pooled.each is not None, "asked for before"
    assert pooled.shares is not None, "they come together"
    rows, most = np.flatnonzero(kept), _most(pooled.each)
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    weights = None if pooled.weights is None else pooled.weights[rows]
    return fit_logarithmic_pool(pooled.each[rows], pooled.truth[rows], weights, pooled.shares)


def _most(each: NDArray[np.floating]) -> int:
    """Return the largest number of training rows of a pool."""
    return _CELLS // int(np.prod(each.shape[1:]))


_PRIOR: Final = 10.0  # weight of the prior for the weights of the average, in rows
_MAX_COEFFICIENT: Final = 20.0  # largest absolute weight or bias of a logarithmic pool
_STEPS: Final = 100  # largest number of optimiser steps; a third of them is usual


@dataclass(frozen=True, slots=True)
class OpinionPool:
    """Logarithmic pool of the members' probabilities.

    Attributes:
        slopes: a, one per member, in the order of the members.
        biases: b, one per class.
    """

    slopes: tuple[float, ...]
    biases: tuple[float, ...]

    @property
    def name(self) -> str:
        """Readable name."""
        return "a logarithmic pool of the models"

    def apply(self, each: Iterable[NDArray[np.floating[Any]]]) -> Array:
        """Return pooled probabilities, shape (n, classes); `each` yields member by member."""
        total = np.array(self.biases)
        for slope, found in zip(self.slopes, each, strict=True):
            total = total + slope * np.log(np.maximum(np.asarray(found, dtype=np.float64), FLOOR))
        return softmax(total)

    def to_json(self) -> dict[str, Any]:
        """Return the pool as plain data."""
        return {"slopes": list(self.slopes), "biases": list(self.biases)}

    @classmethod
    def from_json(cls, found: Any, members: int, classes: int) -> OpinionPool:
        """Return the pool that `to_json` wrote.

        Raises:
            ValueError: If the pool is invalid, or does not fit the number of members and of classes.
        """
        slopes, biases = (tuple(map(float, found[name])) for name in ("slopes", "biases"))
        sane = all(abs(value) <= _MAX_COEFFICIENT for value in (*slopes, *biases))  # false for NaN
        if len(slopes) != members or len(biases) != classes or classes < 2 or not sane:
            raise ValueError("its pool of the models is that of another model")
        return cls(slopes, biases)


def fit_logarithmic_pool(
    each: NDArray[np.floating[Any]], y: NDArray[np.int64], w: Weight, start: NDArray[np.float64]
) -> OpinionPool:
    """Return the pool with the smallest logarithmic loss on `softened` labels; the loss is convex.

    A prior with the weight of ten rows draws the slopes to `start` and the biases to 0.

    Args:
        each: Probabilities, shape (n, members, classes).
        y: Class codes, shape (n,).
        w: Row weights, shape (n,); None for equal weights.
        start: The members' weights in the average, shape (members,).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = rng.integers(2, size=4000)
        >>> logits = (2 * y - 1)[:, None] + rng.normal(size=(4000, 2))  # two members that err independently
        >>> one = 1 / (1 + np.exp(-2 * logits))  # each is calibrated
        >>> pool = fit_logarithmic_pool(np.stack([1 - one, one], axis=2), y, None, np.array([0.5, 0.5]))
        >>> min(pool.slopes) > 0.9  # independent evidence adds up
        True
    """
    from scipy.optimize import minimize

    n, members, k = each.shape
    logs = np.log(np.maximum(np.asarray(each, dtype=np.float64), FLOOR)).transpose(1, 0, 2).reshape(members, n * k)
    aims = softened(y, k)
    mass = np.ones((n, 1)) if w is None else (w / w.mean())[:, None]

    def loss(theta: Array) -> tuple[float, Array]:
        shift = np.r_[theta[:members] - start, theta[members:]]
        q = softmax((theta[:members] @ logs).reshape(n, k) + theta[members:])
        value = -float((mass * aims * np.log(np.maximum(q, np.finfo(float).tiny))).sum())
        wrong = mass * (q - aims)
        gradient = np.r_[logs @ wrong.ravel(), wrong.sum(axis=0)]
        return (value + 0.5 * _PRIOR * float(shift @ shift)) / n, (gradient + _PRIOR * shift) / n

    bounds = [(-_MAX_COEFFICIENT, _MAX_COEFFICIENT)] * (members + k)
    at = np.r_[start, np.zeros(k)]
    found = minimize(loss, at, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS}).x
    return OpinionPool(tuple(map(float, found[:members])), tuple(map(float, found[members:])))
