"""Calibration: a map from the ensemble's probabilities to probabilities that match the observed frequencies.

There are three maps, from rigid to flexible:

- temperature scaling (Guo, Pleiss, Sun and Weinberger 2017, On calibration of modern neural networks, section 4.2);
- scaling with a bias for each class (Platt 1999 for two classes; Alexandari, Kundaje and Shrikumar 2020, equation 4,
  for more);
- isotonic regression, one class against the rest (Zadrozny and Elkan 2002).

A user asks for calibration, because a learned pool of the members is calibrated already (`pooling.py`). All maps are
plain data: numbers in a bundle's manifest, applied in numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np

from seasoned.tabular.metrics.row_losses import row_losses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Weight = Array | None
    Kind = Literal["temperature", "scaling", "isotonic"]
    from collections.abc import Callable

    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.postprocessing.out_of_fold import OutOfFold

    Map: TypeAlias = "Scaling | Isotonic"
    Fit = Callable[[Array, NDArray[np.int64], Array], Map]

__all__ = [
    "FLOOR",
    "Calibrated",
    "Isotonic",
    "Scaling",
    "choose_calibration",
    "fit_isotonic",
    "fit_scaling",
    "from_json",
    "softened",
    "softmax",
]

_CELLS: Final = 50_000  # largest training set of a map, in probabilities; more change no relevant digit
_MIN_ISOTONIC_ROWS: Final = (
    1_000  # fewest rows of each class for isotonic regression (Niculescu-Mizil and Caruana 2005)
)


class Calibrated(NamedTuple):
    """Selected map, cross-fitted losses without and with it, and cross-fitted predictions."""

    calibration: Map
    before: float
    after: float
    predicted: Array


def choose_calibration(pooled: OutOfFold, metric: Measure) -> Calibrated | None:
    """Return the map with the smallest cross-fitted loss; None without a class or for numbers.

    Each part of the rows is calibrated by a map learned from the other parts. Maps are compared by the Brier score if
    that is the metric, and otherwise by the logarithmic loss.

    Args:
        pooled: Out-of-fold probabilities.
        metric: The metric of the fit.
    """
    if not metric.n_classes or len(np.unique(pooled.truth)) < metric.n_classes:
        return None
    loss = row_losses(metric)
    found = [(fit, _crossed(pooled, fit)) for fit in _fits(pooled)]
    fit, predicted = min(found, key=lambda one: float(pooled.mass @ loss(one[1], pooled.truth)))
    before, after = (metric.loss(pooled.truth, p, pooled.weights) for p in (pooled.predicted, predicted))
    return Calibrated(_learned(pooled, fit, np.ones(len(pooled.truth), np.bool_)), before, after, predicted)


def _fits(pooled: OutOfFold) -> list[Fit]:
    fits: list[Fit] = [
        lambda p, y, w: fit_scaling(p, y, w, biased=False),
        lambda p, y, w: fit_scaling(p, y, w, biased=True),
    ]
    return [*fits, fit_isotonic] if np.bincount(pooled.truth).min() >= _MIN_ISOTONIC_ROWS else fits


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


FLOOR: Final = 1e-7
"""Lower bound of probabilities before a logarithm, about the resolution of single precision."""
_SLOPES: Final = (0.05, 20.0)  # bounds of the slope; a positive slope keeps the order of a class's probabilities
_BIASES: Final = 20.0  # largest absolute bias, in natural logarithms; a factor of e^20 is beyond calibration
_PRIOR: Final = 1.0  # weight of the prior for the identity map, in rows
_MOST_KNOTS: Final = 100_000  # largest number of knots of an isotonic map in a file


@dataclass(frozen=True, slots=True)
class Scaling:
    """Scaling q = softmax(slope * log p + bias); for two classes, Platt's logit(q) = slope * logit(p) + bias.

    Attributes:
        slope: 1 / temperature; a slope less than 1 makes probabilities more moderate.
        biases: One bias per class, shape (classes,); all 0 in temperature scaling.
    """

    slope: float
    biases: tuple[float, ...]

    @property
    def name(self) -> str:
        """Readable name."""
        if not any(self.biases):
            return "temperature scaling"
        return "Platt scaling" if len(self.biases) == 2 else "temperature scaling with a bias for each class"

    def apply(self, p: Array) -> Array:
        """Return calibrated probabilities, shape (n, classes)."""
        return softmax(self.slope * np.log(np.maximum(p, FLOOR)) + np.array(self.biases))

    def to_json(self) -> dict[str, Any]:
        """Return the map as plain data."""
        return {"kind": "scaling", "slope": self.slope, "biases": list(self.biases)}


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Isotonic map q_k proportional to f_k(p_k), where each f_k is non-decreasing and linear between its knots.

    Attributes:
        knots: Positions and values of the knots of f_k for each class; of two classes, only for the second.
    """

    knots: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]

    @property
    def name(self) -> str:
        """Readable name."""
        return "isotonic regression"

    def apply(self, p: Array) -> Array:
        """Return calibrated probabilities, shape (n, classes)."""
        if len(self.knots) == 1:
            second = np.interp(p[:, 1], *self.knots[0])
            return np.column_stack([1.0 - second, second])
        found = np.column_stack([np.interp(p[:, code], *knots) for code, knots in enumerate(self.knots)])
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def to_json(self) -> dict[str, Any]:
        """Return the map as plain data."""
        return {"kind": "isotonic", "knots": [[list(part) for part in knots] for knots in self.knots]}


def from_json(found: Any, classes: int) -> Scaling | Isotonic:
    """Return the map that `to_json` wrote.

    Raises:
        ValueError: If the map is invalid or does not fit the number of classes.
    """
    if found["kind"] == "scaling":
        slope, biases = float(found["slope"]), tuple(map(float, found["biases"]))
        small = all(abs(bias) <= _BIASES for bias in biases)  # false for NaN
        if len(biases) != classes or not small or not _SLOPES[0] <= slope <= _SLOPES[1]:
            raise ValueError("its calibration is that of another model")
        return Scaling(slope, biases)
    if found["kind"] != "isotonic" or len(found["knots"]) != (1 if classes == 2 else classes):
        raise ValueError("its calibration is of an unknown kind")
    knots = tuple((tuple(map(float, xs)), tuple(map(float, ys))) for xs, ys in found["knots"])
    if not all(_sound(xs, ys) for xs, ys in knots):
        raise ValueError("its calibration is no rising curve of probabilities")
    return Isotonic(knots)


def _sound(xs: tuple[float, ...], ys: tuple[float, ...]) -> bool:
    rising = all(a < b for a, b in pairwise(xs)) and all(a <= b for a, b in pairwise(ys))
    return 0 < len(xs) == len(ys) <= _MOST_KNOTS and rising and all(0 < y < 1 for y in ys) and abs(xs[0]) <= 2


def fit_scaling(p: Array, y: NDArray[np.int64], w: Weight = None, *, biased: bool) -> Scaling:
    """Return the scaling with the smallest logarithmic loss on `softened` labels; the loss is convex.

    A standard normal prior on the biases and on slope - 1 makes the minimum unique and limits the effect of few rows.

    Args:
        p: Probabilities, shape (n, classes).
        y: Class codes, shape (n,).
        w: Row weights, shape (n,); None for equal weights.
        biased: True for a bias of each class, False for biases of 0.
    """
    from scipy.optimize import minimize

    n, k = p.shape
    logs, aims = np.log(np.maximum(p, FLOOR)), softened(y, k)
    mass = np.ones(n) if w is None else w / w.mean()

    def loss(theta: Array) -> tuple[float, Array]:
        q = softmax(theta[0] * logs + theta[1:])
        error = mass[:, None] * (q - aims)
        gradient = np.concatenate([[np.sum(error * logs)], error.sum(axis=0)])
        shift = theta - start
        missed = np.sum(aims * np.log(np.maximum(q, np.finfo(float).tiny)), axis=1)
        value = -float(mass @ missed) + 0.5 * _PRIOR * float(shift @ shift)
        return value / n, (gradient + _PRIOR * shift) / n

    start = np.r_[1.0, np.zeros(k)]
    bounds = [_SLOPES, *([(-_BIASES, _BIASES) if biased else (0.0, 0.0)] * k)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Scaling(float(found[0]), tuple(map(float, found[1:])))


def fit_isotonic(p: Array, y: NDArray[np.int64], w: Weight = None) -> Isotonic:
    """Return the isotonic regression of each class against the rest, by the pool-adjacent-violators algorithm.

    A level of mass m and share v becomes (m v + r) / (m + 1), where r is the class's share of all rows. Otherwise a
    level of few rows, all of one class, would predict certainty, which the logarithmic loss punishes without limit.

    Args:
        p: Probabilities, shape (n, classes).
        y: Class codes, shape (n,).
        w: Row weights, shape (n,); None for equal weights.
    """
    mass = np.ones(len(y)) if w is None else w / w.mean()
    codes = (1,) if p.shape[1] == 2 else range(p.shape[1])
    return Isotonic(tuple(_curve(p[:, code], y == code, mass) for code in codes))


def _curve(score: Array, hit: NDArray[np.bool_], mass: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    from scipy.optimize import isotonic_regression

    xs, place = np.unique(score, return_inverse=True)
    total = np.bincount(place, mass)
    pooled = isotonic_regression(np.bincount(place, mass * hit) / total, weights=total)
    first, last = pooled.blocks[:-1], pooled.blocks[1:] - 1
    share = (float(mass @ hit) + 1.0) / (float(mass.sum()) + 2.0)
    level = (pooled.weights * pooled.x[first] + share) / (pooled.weights + 1.0)
    level = np.maximum.accumulate(level)  # the shrinkage may break the order of the levels
    ends = np.column_stack([xs[first], xs[last]]).ravel()
    values = np.repeat(level, 2)
    kept = np.r_[True, np.diff(ends) > 0]  # a level with one score has one knot
    return tuple(ends[kept].tolist()), tuple(values[kept].tolist())


def softened(y: NDArray[np.int64], classes: int) -> Array:
    """Return smoothed one-hot labels, shape (n, classes).

    A share of 1 / (n + 2) of each row counts for the other classes, as if one more row had been predicted wrong
    (Laplace's rule; Platt 1999, section 2.2, is similar). Without it, calibration on rows that are all predicted right
    would lead to certainty.

    Args:
        y: Class codes, shape (n,).
        classes: Number of classes.

    Example:
        >>> softened(np.array([0, 1]), 2).tolist()
        [[0.75, 0.25], [0.25, 0.75]]
    """
    hits = np.eye(classes)[y]
    return np.asarray(hits + (1.0 - classes * hits) / ((len(y) + 2) * (classes - 1)))


def softmax(z: Array) -> Array:
    """Return exp(z_k) / sum_j exp(z_j) of each row, shape (n, classes)."""
    shares = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
