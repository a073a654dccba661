"""Calibration: a map from the ensemble's probabilities to ones that come true as often as they say.

Three maps, from rigid to flexible: temperature scaling (Guo, Pleiss, Sun and Weinberger 2017, On calibration of modern
neural networks, section 4.2), scaling with a bias for each class (Platt 1999 for two classes; Alexandari, Kundaje and
Shrikumar 2020, equation 4, for more), and isotonic regression (Zadrozny and Elkan 2002, one class against the rest).
All are plain data: numbers in a bundle's manifest, applied in numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Weight = Array | None
    Kind = Literal["temperature", "scaling", "isotonic"]

__all__ = ["FLOOR", "Isotonic", "Scaling", "fit_isotonic", "fit_scaling", "from_json", "softened", "softmax"]

FLOOR: Final = 1e-7
"""A probability below is taken for it, as the logarithm needs; single precision knows no smaller."""
_SLOPES: Final = (0.05, 20.0)  # bounds of the slope: above 0, so that the order of a class's probabilities stays
_BIASES: Final = 20.0  # in natural logarithms: calibration cannot mend a class that is e^20 times too rare
_PRIOR: Final = 1.0  # pseudo-rows that pull towards no change
_MOST_KNOTS: Final = 100_000  # of an isotonic map in a file


@dataclass(frozen=True, slots=True)
class Scaling:
    """q = softmax(slope * log p + bias); with two classes that is Platt's logit(q) = slope * logit(p) + bias.

    Attributes:
        slope: Below 1 it makes probabilities more moderate; 1 / temperature.
        biases: One per class, shape (classes,); all 0 in temperature scaling.
    """

    slope: float
    biases: tuple[float, ...]

    @property
    def name(self) -> str:
        """A readable name."""
        if not any(self.biases):
            return "temperature scaling"
        return "Platt scaling" if len(self.biases) == 2 else "temperature scaling with a bias for each class"

    def apply(self, p: Array) -> Array:
        """Calibrated probabilities, shape (n, classes)."""
        return softmax(self.slope * np.log(np.maximum(p, FLOOR)) + np.array(self.biases))

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"kind": "scaling", "slope": self.slope, "biases": list(self.biases)}


@dataclass(frozen=True, slots=True)
class Isotonic:
    """q_k proportional to f_k(p_k), each f_k rising and linear between its knots.

    Attributes:
        knots: For each class (of two, only the second) the places where f is given, and its values there.
    """

    knots: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]

    @property
    def name(self) -> str:
        """A readable name."""
        return "isotonic regression"

    def apply(self, p: Array) -> Array:
        """Calibrated probabilities, shape (n, classes)."""
        if len(self.knots) == 1:
            second = np.interp(p[:, 1], *self.knots[0])
            return np.column_stack([1.0 - second, second])
        found = np.column_stack([np.interp(p[:, code], *knots) for code, knots in enumerate(self.knots)])
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"kind": "isotonic", "knots": [[list(part) for part in knots] for knots in self.knots]}


def from_json(found: Any, classes: int) -> Scaling | Isotonic:
    """The map that `to_json` wrote.

    Raises:
        ValueError: If it does not fit this number of classes.
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
    """The scaling with the smallest logarithmic loss on `softened` rows; the loss is convex, so there is one.

    Args:
        p: Probabilities, shape (n, classes).
        y: Class codes, shape (n,).
        w: How much each row counts; all the same if None.
        biased: Whether classes get a bias each. A unit normal prior on the biases and on the slope's distance from 1
            makes it unique, and keeps few rows from saying much.
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
    """Isotonic regression of each class against the rest, by pooling adjacent violators.

    A level of mass m and share v becomes (m v + r) / (m + 1), where r is the class's share of all rows: a level of
    few rows, all of one class, must not promise certainty, which the logarithmic loss punishes without limit.

    Args:
        p: Probabilities, shape (n, classes).
        y: Class codes, shape (n,).
        w: How much each row counts; all the same if None.
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
    level = np.maximum.accumulate(level)  # the pull towards the middle is stronger on small levels
    ends = np.column_stack([xs[first], xs[last]]).ravel()
    values = np.repeat(level, 2)
    kept = np.r_[True, np.diff(ends) > 0]  # a level of one value has one knot
    return tuple(ends[kept].tolist()), tuple(values[kept].tolist())


def softened(y: NDArray[np.int64], classes: int) -> Array:
    """Smoothed labels, to aim at in place of certainty, shape (n, classes).

    A share of 1 / (n + 2) of each row counts for the other classes, as if one row more had turned out wrong (Laplace's
    rule; Platt 1999, section 2.2, is similar): rows that are all predicted right would otherwise ask for certainty,
    which a model that has met no error yet must not promise.

    Args:
        y: Class codes, shape (n,).
        classes: How many there are.

    Example:
        >>> softened(np.array([0, 1]), 2).tolist()
        [[0.75, 0.25], [0.25, 0.75]]
    """
    hits = np.eye(classes)[y]
    return np.asarray(hits + (1.0 - classes * hits) / ((len(y) + 2) * (classes - 1)))


def softmax(z: Array) -> Array:
    """exp(z_k) / sum_j exp(z_j) of each row, shape (n, classes)."""
    shares = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
