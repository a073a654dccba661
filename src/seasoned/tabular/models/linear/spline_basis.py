"""Columns of an additive model: inputs, hinges at their quantiles, and products of two of these columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Basis", "best_pairs", "blocks", "strongest"]

BLOCK_ROWS: Final = 8_192  # rows per block of computation
_CANDIDATES: Final = 80  # largest number of inputs and hinges whose products are scored


@dataclass(frozen=True, slots=True)
class Basis:
    """Basis: selected inputs, then max(0, x_j - t) for each hinge (j, t), then products of two of these columns.

    A piecewise linear spline is a line plus a change of slope at each knot. A penalty on the weights of hinges
    therefore penalises changes of slope (Eilers and Marx 1996; Friedman 1991 for products of hinges).

    Attributes:
        width: Number of inputs p.
        inputs: Indices of the selected inputs, ascending, shape (k,).
        column: Index into `inputs` of each hinge's input, shape (h,).
        knot: Knot of each hinge, shape (h,).
        pairs: Two factors of each product, as indices into the first k + h columns, shape (m, 2).
    """

    width: int
    inputs: NDArray[np.int64]
    column: NDArray[np.int64]
    knot: Array
    pairs: NDArray[np.int64]

    @classmethod
    def of(cls, X: Array, inputs: NDArray[np.int64], knots: int, most: int) -> Self:
        """Place hinges at quantiles of each input with three or more values.

        Args:
            X: Inputs, shape (n, p).
            inputs: Indices of the selected inputs, shape (k,).
            knots: Hinges per input; fewer for an input with few values.
            most: Largest number of columns; with more inputs there are fewer knots.
        """
        chosen = X[:, inputs].T
        values = [np.unique(column) for column in chosen]
        quantities = sum(len(found) > 2 for found in values)
        each = min(knots, max(0, most - len(inputs)) // max(1, quantities))
        found: list[tuple[int, float]] = []
        for place, (column, distinct) in enumerate(zip(chosen, values, strict=True)):
            if len(distinct) > 2 and each:
                inner = np.quantile(column, np.arange(1, each + 1) / (each + 1))
                if len(distinct) <= each + 2:
                    inner = distinct[1:-1]
                inside = np.unique(inner[(inner > distinct[0]) & (inner < distinct[-1])])
                found += [(place, float(knot)) for knot in inside]
        owner = np.array([place for place, _ in found], dtype=np.int64)
        none = np.zeros((0, 2), dtype=np.int64)
        return cls(X.shape[1], inputs, owner, np.array([knot for _, knot in found]), none)

    @property
    def first(self) -> int:
        """Number of columns before the products."""
        return len(self.inputs) + len(self.column)

    @property
    def size(self) -> int:
        """Number of columns."""
        return self.first + len(self.pairs)

    def with_pairs(self, pairs: NDArray[np.int64]) -> Basis:
        """Return a copy with these products."""
        return replace(self, pairs=pairs)

    def expand(self, X: NDArray[Any], dtype: type = np.float32) -> NDArray[Any]:
        """Compute the columns: shape (n, p) to (n, size)."""
        inputs = len(self.inputs)
        whole: NDArray[Any] = np.empty((len(X), self.size), dtype=dtype)
        for part in blocks(len(X)):
            some, found = X[part], whole[part]
            found[:, :inputs] = some[:, self.inputs]
            hinges = found[:, inputs : self.first]
            np.maximum(some[:, self.inputs[self.column]] - self.knot, 0.0, out=hinges, casting="same_kind")
            np.multiply(found[:, self.pairs[:, 0]], found[:, self.pairs[:, 1]], out=found[:, self.first :])
        return whole


def blocks(rows: int) -> list[slice]:
    """Slices of consecutive rows, small enough that intermediate results need little memory."""
    return [slice(start, start + BLOCK_ROWS) for start in range(0, rows, BLOCK_ROWS)]


def strongest(X: Array, Y: Array, mass: Array, most: int) -> NDArray[np.int64]:
    """Return sorted indices of the `most` inputs with the largest univariate scores; all indices for fewer inputs.

    Args:
        X: Inputs, shape (n, p).
        Y: Targets, shape (n, outputs).
        mass: Row weights, shape (n,).
        most: Largest number of selected inputs.
    """
    if X.shape[1] <= most:
        return np.arange(X.shape[1])
    away = (Y - np.average(Y, axis=0, weights=mass)) * mass[:, None]
    centred = X - mass @ X / mass.sum()
    score = ((centred.T @ away) ** 2).sum(axis=1) / np.maximum((centred**2).T @ mass, 1e-12)
    return np.sort(np.argsort(-score, kind="stable")[:most])


def best_pairs(basis: Basis, A: NDArray[np.float32], left: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the products that best explain the residuals of an additive model, shape (count or fewer, 2).

    The score of a product ab is sum_k (sum_i r_ik a_i b_i)^2 / sum_i (a_i b_i)^2, the decrease of squared error by this
    product alone. For a logistic model it is the score test. Candidates are the inputs and one hinge per input. If the
    candidates are too many, those with the largest correlation with r^2 are used.

    Args:
        basis: Basis of the additive model.
        A: Columns of the basis, shape (n, p + h).
        left: Residuals of each output, shape (n, outputs).
        count: Largest number of products.
    """
    places = _candidates(basis, A, left)
    C = A[:, places]
    square = C * C
    norm = square.T @ square
    score = np.zeros_like(norm)
    for part in left.T:
        score += ((C * part[:, None]).T @ C) ** 2
    score = np.where(norm > 1e-6 * len(A), score / np.maximum(norm, 1e-9), 0.0)
    owner = np.concatenate([np.arange(len(basis.inputs)), basis.column])[places]
    first, second = np.triu_indices(len(places), 1)
    score = np.where(owner[first] == owner[second], 0.0, score[first, second])
    order = np.argsort(-score, kind="stable")[:count]
    order = order[score[order] > 0]
    return np.column_stack([places[first[order]], places[second[order]]]).astype(np.int64)


def _candidates(basis: Basis, A: NDArray[np.float32], left: NDArray[np.float32]) -> NDArray[np.int64]:
    """Indices of the inputs, and of the middle hinge of each input."""
    inputs, middle = len(basis.inputs), []
    for column in np.unique(basis.column):
        hinges = np.flatnonzero(basis.column == column)
        middle.append(inputs + hinges[len(hinges) // 2])
    places = np.concatenate([np.arange(inputs), np.array(middle, dtype=np.int64)])
    if len(places) <= _CANDIDATES:
        return places
    C = A[:, places]
    spread = C.std(axis=0)
    curved = np.abs((C - C.mean(axis=0)).T @ (left * left)).sum(axis=1) / np.maximum(spread, 1e-6)
    return np.sort(places[np.argsort(-curved, kind="stable")[:_CANDIDATES]])
