"""Linear, logistic and softmax regression at many penalties at once, in the eigenbasis of the columns.

With X'X = V S V' all problems that share an L2 penalty are nearly diagonal in V: least squares exactly, and the
logistic ones up to the rows' curvature, which makes L-BFGS quick there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.models.linear.spline_basis import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Single = NDArray[np.float32]

__all__ = ["Rotated", "classes_path", "numbers_path"]

_FAINT: Final = 1e-3  # of the largest power: single precision has lost too many digits of a lower one
_NULL: Final = 1e-7  # of the largest power: a direction of a lower one is only rounding of others
_FLAT: Final = 1e-6  # share of the loss; a step that gains less is the last


@dataclass(slots=True)
class Rotated:
    """Columns as Z = (A - centre) diag(scale) V, with Z' W Z diagonal for the rows' weights W.

    Rotating all rows costs as much as finding V, so it is done on demand: least squares can do without.

    Attributes:
        power: Diagonal of Z' W Z, shape (p,).
        vectors: V, shape (p, p).
        turn: diag(scale) V, which takes weights of Z to weights of A, shape (p, p).
        centre: Shape (p,).
        weight: How much each row counts, shape (n,).
    """

    power: Array
    vectors: Array
    turn: Array
    centre: Array
    weight: Single
    _rows: Single = field(repr=False)  # Z or, until somebody asks for it, Z V'
    _is_turned: bool = False

    @classmethod
    def of(cls, A: Single, scale: Array, weight: NDArray[Any] | None) -> Self:
        """From columns, what each is multiplied by (a factor f means a penalty of 1 / f^2), and the rows' weights."""
        mass = np.ones(len(A), dtype=np.float32) if weight is None else weight.astype(np.float32)
        centre = (mass @ A) / mass.sum()
        Z = A - centre
        Z *= scale.astype(np.float32)
        gram = np.zeros((A.shape[1], A.shape[1]))
        for part in blocks(len(A)):
            gram += (Z[part] * mass[part, None]).T @ Z[part]
        power, vectors = np.linalg.eigh(gram)
        faint = power < _FAINT * power.max(initial=0.0)  # some are 0: the levels of a category sum to one
        power[faint] = 0.0
        for part in blocks(len(A)) if faint.any() else ():
            power[faint] += mass[part] @ (Z[part] @ vectors[:, faint]) ** 2
        return cls(np.maximum(power, 0.0), vectors, scale[:, None] * vectors, centre.astype(np.float64), mass, Z)

    @property
    def turned(self) -> Single:
        """Z, shape (n, p); rotated on first access."""
        if not self._is_turned:
            turn = self.vectors.astype(np.float32)
            for part in blocks(len(self._rows)):
                self._rows[part] = self._rows[part] @ turn
            self._is_turned = True
        return self._rows

    def pulled(self, signal: Single) -> Array:
        """Z' times a value for each row, shape (p,); summed in double precision, as small penalties divide it."""
        found = np.zeros(len(self.power))
        for part in blocks(len(signal)):
            found += signal[part].astype(np.float64) @ self._rows[part]
        return found if self._is_turned else self.vectors.T @ found

    def weights(self, rotated: Array, level: Array) -> Array:
        """Weights of A and, last, intercepts, shape (p + 1, outputs)."""
        found = self.turn @ rotated
        return np.vstack([found, level - self.centre @ found])


def numbers_path(data: Rotated, y: Array, penalties: Sequence[float]) -> Iterator[Array]:
    """Weights (p + 1, 1) of ridge regression at each penalty."""
    level = float(np.average(y, weights=data.weight))
    pull = data.pulled(data.weight * (y - level).astype(np.float32))
    pull[data.power <= _NULL * data.power.max(initial=0.0)] = 0.0  # which a small penalty would blow up
    for penalty in penalties:
        yield data.weights((pull / (data.power + penalty))[:, None], np.array([level]))


def classes_path(data: Rotated, Y: Array, penalties: Sequence[float], steps: int = 100) -> Iterator[Array]:
    """Weights (p + 1, outputs) of logistic regression (one output) or softmax regression, each started from the last.

    Args:
        data: The columns.
        Y: Targets, shape (n, outputs): of two classes the second's.
        penalties: From the largest down.
        steps: Of L-BFGS for each penalty, at most.
    """
    from scipy.optimize import minimize

    mass, Z = data.weight[:, None], data.turned
    shares = np.clip((mass * Y).sum(axis=0) / mass.sum(), 1e-6, 1.0 - 1e-6)
    curvature = shares * (1.0 - shares)
    level = np.log(shares) - (np.log1p(-shares) if len(shares) == 1 else 0.0)
    rotated = np.zeros((Z.shape[1], len(shares)))
    targets = Y.astype(np.float32)
    for penalty in penalties:
        size = np.sqrt(data.power[:, None] * curvature + penalty)  # in u = size * w the curvature is about 1
        size = np.vstack([size, np.sqrt(curvature * mass.sum())])

        def loss(point: Array, size: Array = size, penalty: float = penalty) -> tuple[float, Array]:
            found = point.reshape(size.shape) / size
            logits = Z @ found[:-1].astype(np.float32) + found[-1].astype(np.float32)
            value, back = _cross_entropy(logits, targets, data.weight)
            gradient = np.empty_like(size)
            gradient[:-1] = Z.T @ back + penalty * found[:-1]
            gradient[-1] = back.sum(axis=0)
            return value + 0.5 * penalty * float((found[:-1] ** 2).sum()), (gradient / size).ravel()

        start = (np.vstack([rotated, level]) * size).ravel()
        options: Any = {"maxiter": steps, "ftol": _FLAT, "maxcor": 20}
        moved = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x.reshape(size.shape) / size
        rotated, level = moved[:-1], moved[-1]
        yield data.weights(rotated, level)


def _cross_entropy(logits: Single, Y: Single, weight: Single) -> tuple[float, Single]:
    """The weighted sum over rows, in nats, and its slope in the logits, shape (n, outputs)."""
    if logits.shape[1] == 1:
        shares = (0.5 + 0.5 * np.tanh(0.5 * logits)).astype(np.float32, copy=False)
        each = np.logaddexp(0.0, logits[:, 0]) - Y[:, 0] * logits[:, 0]
    else:
        logits = logits - logits.max(axis=1, keepdims=True)
        shares = np.exp(logits)
        total = shares.sum(axis=1, keepdims=True)
        shares /= total
        each = np.log(total[:, 0]) - np.einsum("ij,ij->i", Y, logits)
    shares -= Y
    shares *= weight[:, None]
    return float(each.astype(np.float64) @ weight), shares
