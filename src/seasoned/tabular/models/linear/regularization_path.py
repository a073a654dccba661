"""Linear, logistic and softmax regression along a path of penalties, in the eigenbasis of the columns.

With X'X = V S V', all problems with a common L2 penalty are nearly diagonal in V. Least squares is exactly diagonal.
Logistic problems are diagonal up to the curvature of the rows, so that L-BFGS converges fast in V.
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

_FAINT: Final = 1e-3  # share of the largest power below which single precision has lost too many digits
_NULL: Final = 1e-7  # share of the largest power below which a direction is rounding error
_FLAT: Final = 1e-6  # smallest gain of a step, as a share of the loss


@dataclass(slots=True)
class Rotated:
    """Columns rotated to Z = (A - centre) diag(scale) V, with Z' W Z diagonal for the row weights W.

    The rotation of all rows costs as much as the computation of V. It is done on demand, because least squares does not
    need it.

    Attributes:
        power: Diagonal of Z' W Z, shape (p,).
        vectors: V, shape (p, p).
        turn: diag(scale) V, which maps weights of Z to weights of A, shape (p, p).
        centre: Shape (p,).
        weight: Row weights, shape (n,).
    """

    power: Array
    vectors: Array
    turn: Array
    centre: Array
    weight: Single
    _rows: Single = field(repr=False)  # Z V' before the first access to `turned`, Z afterwards; shape (n, p)
    _is_turned: bool = False

    @classmethod
    def of(cls, A: Single, scale: Array, weight: NDArray[Any] | None) -> Self:
        """Build from the columns, the scale of each column, and row weights; a scale f means a penalty of 1 / f^2."""
        mass = np.ones(len(A), dtype=np.float32) if weight is None else weight.astype(np.float32)
        centre = (mass @ A) / mass.sum()
        Z = A - centre
        Z *= scale.astype(np.float32)
        gram = np.zeros((A.shape[1], A.shape[1]))
        for part in blocks(len(A)):
            gram += (Z[part] * mass[part, None]).T @ Z[part]
        power, vectors = np.linalg.eigh(gram)
        # power of some directions is 0: the level columns of a category sum to one
        faint = power < _FAINT * power.max(initial=0.0)
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
        """Return Z' times a value per row, shape (p,).

        The sum is in double precision, because small penalties divide it.
        """
        found = np.zeros(len(self.power))
        for part in blocks(len(signal)):
            found += signal[part].astype(np.float64) @ self._rows[part]
        return found if self._is_turned else self.vectors.T @ found

    def weights(self, rotated: Array, level: Array) -> Array:
        """Weights of A and, last, intercepts, shape (p + 1, outputs)."""
        found = self.turn @ rotated
        return np.vstack([found, level - self.centre @ found])


def numbers_path(data: Rotated, y: Array, penalties: Sequence[float]) -> Iterator[Array]:
    """Yield the weights (p + 1, 1) of ridge regression at each penalty."""
    level = float(np.average(y, weights=data.weight))
    pull = data.pulled(data.weight * (y - level).astype(np.float32))
    pull[data.power <= _NULL * data.power.max(initial=0.0)] = 0.0  # a small penalty would amplify rounding error
    for penalty in penalties:
        yield data.weights((pull / (data.power + penalty))[:, None], np.array([level]))


def classes_path(data: Rotated, Y: Array, penalties: Sequence[float], steps: int = 100) -> Iterator[Array]:
    """Yield the weights (p + 1, outputs) of logistic (one output) or softmax regression, with warm starts.

    Args:
        data: The columns.
        Y: Targets, shape (n, outputs); for two classes the indicator of the second class.
        penalties: From the largest down.
        steps: Largest number of L-BFGS iterations per penalty.
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
    """Weighted sum over rows, in nats, and its derivative in the logits, shape (n, outputs)."""
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
