"""Greedy ensemble selection: member weights from out-of-fold predictions.

Caruana, Niculescu-Mizil, Crew and Ksikes (2004), Ensemble selection from libraries of models, ICML: start from the best
models. Then repeatedly add, with replacement, the model that most improves the average. The weights are the counts of
the models. They are shrunk towards equal weights of the best few as far as the rows do not separate the two
(`shrink_weights`).

Against the winner's curse on few rows, the selection starts from the best average of the k best models, over k. It also
adds few models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.metrics.vectorized import losses_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.metrics.metric import Measure

    Losses = Callable[[NDArray[Any]], NDArray[np.float64]]
    Paces = tuple[NDArray[np.float64], float]
    from collections.abc import Callable

__all__ = ["BEST", "select", "shrink_weights"]

BEST: Final = 5
"""Number of the best models in the average with equal weights."""

SHRINKAGE_SHARES: Final = np.array([0.0, 0.25, 0.5])  # steps towards equal weights, as shares of the way
_ERRORS: Final = 2.0  # largest allowed rise of the loss, in standard errors
_SAMPLES: Final = 20  # bootstrap samples of the rows
_KNOWN: Final = 5  # smallest number of bootstrap samples with a defined loss


def shrink_weights(
    weights: NDArray[np.float64],
    equal: NDArray[np.float64],
    stack: NDArray[np.float64],
    measure: Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]],
    bound: float,
    seed: int,
    *,
    groups: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Shrunk weights: (1 - s) weights + s equal, with the largest s of 0, 1/4, 1/2 that the rows allow.

    Weights selected by their loss on few rows overfit these rows: a gain below its standard error does not transfer.

    The rows allow s if the loss stays within the bound and rises by at most two standard errors of its rise. The
    standard error comes from a bootstrap over rows, or over groups. If both weights give the same predictions, they
    stay unchanged.

    Args:
        weights: The selected weights, of sum 1, shape (m,).
        equal: The weights to shrink to, of sum 1, shape (m,).
        stack: Predictions, shape (m, n) or (m, n, classes).
        measure: Losses of predictions on some rows: a stack of shape (k, n, ...) and row numbers to shape (k,).
        bound: Largest allowed loss.
        seed: Seed of the bootstrap.
        groups: Group number of each row, shape (n,). Groups are drawn whole; None for independent rows.
    """
    mixed = np.stack([(1.0 - share) * weights + share * equal for share in SHRINKAGE_SHARES])
    predicted = np.tensordot(mixed, stack, axes=1)
    if np.allclose(predicted[0], predicted[-1], rtol=1e-9, atol=0.0):
        return weights
    rows = np.arange(stack.shape[1])
    losses = measure(predicted, rows)
    rng = np.random.default_rng(seed)
    found = np.array([measure(predicted, resampled(rows, groups, rng)) for _ in range(_SAMPLES)])
    found = found[np.isfinite(found).all(axis=1)]
    rises = found - found[:, :1]
    if len(rises) < _KNOWN or not np.isfinite(losses).all():
        return weights
    allowed = (losses - losses[0] <= _ERRORS * rises.std(axis=0)) & (losses <= bound)
    allowed[0] = True
    return np.asarray(mixed[np.flatnonzero(allowed).max()])


def resampled(rows: NDArray[np.int64], groups: NDArray[np.int64] | None, rng: np.random.Generator) -> NDArray[np.int64]:
    """Bootstrap sample of the rows, or of whole groups."""
    if groups is None:
        return np.sort(rng.choice(rows, len(rows)))
    known, place = np.unique(groups, return_inverse=True)
    times = np.bincount(rng.integers(len(known), size=len(known)), minlength=len(known))
    return np.repeat(rows, times[place])


_ROUNDS: Final = 20  # largest number of models in the average, with repetition; the best prefix counts
_START: Final = 8  # largest k of the averages of the k best models that the selection starts from
_LEAST_CANDIDATES: Final = 2  # smallest number of candidate models, however many numbers they predict
_CANDIDATES: Final = 40  # largest number of candidate models: the best single ones; worse ones hardly ever enter
_ROWS: Final = 10_000  # largest number of rows that losses are computed on; more rows change no choice
_MIN_CLASS_ROWS: Final = 1_000  # smallest number of sampled rows of a class, if the class has so many
_CELLS: Final = 40_000_000  # largest number of predicted values in memory; very many classes reduce rows, then models
_BY_CHANCE: Final = 20  # expected rows of a class below which a random sample may miss the class
_FEWEST: Final = 2_000  # smallest number of rows, whatever memory they take
_ROUNDING: Final = 1e-12  # relative difference of two losses that counts as rounding error
CANDIDATES_AT_ONCE: Final = 4_000_000  # largest number of values in the averages that are scored together


def select(
    predictions: Sequence[NDArray[np.floating]],
    y: NDArray[np.generic],
    metric: Measure,
    *,
    most: int,
    seed: int,
    over: Callable[[], bool] = lambda: False,
    row_weights: NDArray[np.float64] | None = None,
    paces: Paces | None = None,
    groups: NDArray[np.int64] | None = None,
) -> dict[int, float]:
    """Select ensemble members: weights that sum to 1, for the selected models only.

    Ties go to the earlier model. If no average beats the best single model, that model is returned alone. The ensemble
    is therefore never worse on these rows than the best single model.

    Args:
        predictions: Out-of-fold predictions of each model, shape (n, classes), or (n,) for regression. They may be
            memory-mapped (`numpy.memmap`): only the sampled rows are read.
        y: Class codes or numbers, shape (n,).
        metric: The metric to improve.
        most: Largest number of different models.
        seed: Seed of the row sample and of the bootstrap.
        over: Returns True once the time is over. Losses of a slow user metric that are known by then decide.
        row_weights: Weight of each row, shape (n,); None for equal weights.
        paces: Latency per row of each model, shape (models,), none above the limit; and the limit of their sum. None
            for no limit.
        groups: Group number of each row, shape (n,); None for independent rows.

    Returns:
        Position in `predictions` -> weight.
    """
    width = max(metric.n_classes, 1)
    most_rows = min(_ROWS, max(_CELLS // (_CANDIDATES * width), _FEWEST))
    rows, mass = selection_rows(y, seed, row_weights, classes=metric.n_classes > 0 and metric.weighs, most=most_rows)
    candidates = min(_CANDIDATES, max(_CELLS // (len(rows) * width), _LEAST_CANDIDATES))

    def measure(stack: NDArray[Any], part: NDArray[np.int64]) -> NDArray[np.float64]:
        weights = None if mass is None else mass[part]
        return losses_of(stack[:, part], y[rows[part]], metric, over, weights)

    def losses(stack: NDArray[Any]) -> NDArray[np.float64]:
        return losses_of(stack, y[rows], metric, over, mass)

    alone = np.array([losses(np.asarray(p[rows], dtype=np.float64)[None])[0] for p in predictions])  # as the averages
    order = np.argsort(alone, kind="stable")[:candidates]
    stack = np.stack([np.asarray(predictions[index][rows], dtype=np.float64) for index in order])  # (m, n[, classes])
    allowed = _Allowed(most, *((np.zeros(len(order)), math.inf) if paces is None else (paces[0][order], paces[1])))
    chosen = _grow(stack, losses, allowed, over)
    weights = np.bincount(chosen, minlength=len(order)) / len(chosen)
    best = allowed.best(chosen)
    if len(best) > 1:
        equal = np.bincount(best, minlength=len(order)) / len(best)
        together = None if groups is None else groups[rows]
        weights = shrink_weights(weights, equal, stack, measure, float(alone[order[0]]), seed, groups=together)
    return {int(order[place]): float(weight) for place, weight in enumerate(weights) if weight}


def selection_rows(
    y: NDArray[np.generic], seed: int, weights: NDArray[np.float64] | None, *, classes: bool, most: int = _ROWS
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    """Row sample for the selection, and its row weights (None for equal weights).

    Many rows are sampled at random. Classes with few sampled rows are oversampled, and their rows get smaller weights.
    `classes` is True if the metric is of classes and accepts row weights.
    """
    count, rng = len(y), np.random.default_rng(seed)
    if count <= most:
        return np.arange(count), weights
    if classes:
        codes = np.asarray(y, dtype=np.int64)
        sizes = np.bincount(codes)
        even, least = sizes * most // count, max(min(_MIN_CLASS_ROWS, most // len(sizes)), 1)
        drawn = np.minimum(sizes, np.maximum(even, least))
        if (drawn > even + 1).any() or even.min() < _BY_CHANCE:
            parts = [rng.choice(np.flatnonzero(codes == code), size, replace=False) for code, size in enumerate(drawn)]
            rows = np.sort(np.concatenate(parts))
            mass = (sizes / np.maximum(drawn, 1))[codes[rows]]
            return rows, mass / mass.mean() if weights is None else mass * weights[rows]
    rows = np.sort(rng.choice(count, most, replace=False))
    return rows, None if weights is None else weights[rows]


@dataclass(frozen=True, slots=True)
class _Allowed:
    """Limits of the selection: number of different models, and the sum of their latencies."""

    most: int
    paces: NDArray[np.float64]
    limit: float

    def beside(self, chosen: Sequence[int]) -> NDArray[np.int64]:
        """Positions that may be added: models already selected, and others within both limits."""
        known = np.unique(chosen)
        if len(known) >= self.most:
            return known
        free = self.paces <= self.limit - self.paces[known].sum() + 1e-12
        free[known] = True
        return np.flatnonzero(free)

    def best(self, chosen: Sequence[int]) -> list[int]:
        """Positions of the best models, at most five, that fit into the limits together with the selected ones."""
        taken = list(chosen)
        found: list[int] = []
        for place in range(len(self.paces)):
            if len(found) < BEST and place in self.beside(taken):
                taken.append(place)
                found.append(place)
        return found

    def prefix(self, longest: int) -> int:
        """Number of the first models that fit into the limits together."""
        fit = np.flatnonzero(np.cumsum(self.paces[: min(longest, self.most)]) <= self.limit + 1e-12)
        return max(1, int(fit[-1]) + 1 if len(fit) else 1)


def _grow(stack: NDArray[np.float64], losses_of_stack: Losses, rules: _Allowed, over: Callable[[], bool]) -> list[int]:
    """Positions in the order of their selection, cut at the prefix with the smallest loss."""
    best, length = _start(stack, losses_of_stack, rules)
    chosen = list(range(length))
    total = stack[:length].sum(axis=0)
    for size in range(length + 1, _ROUNDS + 1):
        if over():
            break
        allowed = rules.beside(chosen)
        losses = np.concatenate([losses_of_stack((total + stack[part]) / size) for part in _parts(allowed, stack)])
        place = int(allowed[np.argmin(losses)])
        chosen.append(place)
        total += stack[place]
        if _is_less(losses.min(), best):
            best, length = losses.min(), size
    return chosen[:length]


def _is_less(loss: float, other: float) -> bool:
    """True if a loss is smaller by more than rounding error, whatever its magnitude."""
    return loss < other - _ROUNDING * abs(other) if math.isfinite(other) else loss < other


def _parts(positions: NDArray[np.int64], stack: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Split positions into parts whose averages are few enough to be scored together."""
    each = max(CANDIDATES_AT_ONCE // stack[0].size, 1)
    return [positions[start : start + each] for start in range(0, len(positions), each)]


def _start(stack: NDArray[np.float64], losses_of_stack: Losses, rules: _Allowed) -> tuple[float, int]:
    """Loss and size of the best average of the k best models, over k. Ties go to the smaller k."""
    sizes = np.arange(1, rules.prefix(min(len(stack), _START)) + 1)
    total, losses = np.zeros(stack.shape[1:]), np.empty(len(sizes))
    for place, size in enumerate(sizes):
        total += stack[place]
        losses[place] = losses_of_stack((total / size)[None])[0]
    place = 0
    for other in range(1, len(sizes)):
        if _is_less(losses[other], losses[place]):
            place = other
    return float(losses[place]), place + 1
