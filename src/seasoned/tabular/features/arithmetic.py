"""Sums, differences, products and ratios of pairs of numeric columns."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.features.base import LARGEST
from seasoned.tabular.features.relevance import beyond_chance, relevance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Given, Rows

    Pair = tuple[int, int, str]

__all__ = ["Arithmetic", "PairColumns"]

_OPERATIONS: Final = ("sum", "difference", "product", "ratio", "inverse")
# largest number of candidate pairs; half of them from the most relevant columns, the rest at random
_PAIRS: Final = 400
_ROWS: Final = 2_000  # rows on which pairs are scored


@dataclass(frozen=True, slots=True)
class PairColumns:
    """Columns a + b, a - b, a b, a / b or b / a.

    Attributes:
        pairs: Indices a < b of two columns of codes, and the operation.
    """

    pairs: tuple[Pair, ...]

    @property
    def count(self) -> int:
        """Number of output columns."""
        return len(self.pairs)

    def transform(self, given: Given) -> NDArray[np.float64]:
        """Return the columns, shape (n, count); NaN where an operand is missing or the divisor is 0."""
        codes = given.codes
        found = np.empty((len(codes), len(self.pairs)))
        for place, (a, b, operation) in enumerate(self.pairs):
            found[:, place] = _combined(codes[:, a], codes[:, b], operation)
        return found

    def to_json(self) -> dict[str, Any]:
        """State for `Arithmetic.from_json`."""
        return {"pairs": [list(pair) for pair in self.pairs]}


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Pairs of columns, each with its best operation, that explain more of the target than either column alone.

    Gain of a pair = relevance(a op b) - max(relevance(a), relevance(b)), on up to 2,000 rows. The gain is divided by
    the share of variance that the better column leaves unexplained. A pair is selected only if this ratio exceeds the
    noise level (`beyond_chance`). A table without useful pairs therefore gets no columns.
    """

    name: str = "arithmetic"

    def fit(self, rows: Rows, most: int) -> tuple[PairColumns, NDArray[np.float64]]:
        """Select at most `most` pairs."""
        looked = rows.sample(_ROWS)
        codes, aims = rows.codes[looked], rows.aims[looked]
        alone = relevance(codes, aims)
        pairs = _candidates(rows, alone)
        gains = np.array([_gains(codes, aims, alone, pairs, operation) for operation in _OPERATIONS])
        chosen: list[Pair] = []
        if len(pairs):
            best = gains.argmax(axis=0)
            gain = gains.max(axis=0)
            order = np.argsort(-gain, kind="stable")[:most]
            enough = beyond_chance(len(looked), gains.size) * (1.0 - alone[pairs].max(axis=1))
            chosen = [(int(pairs[k, 0]), int(pairs[k, 1]), _OPERATIONS[best[k]]) for k in order if gain[k] > enough[k]]
        columns = PairColumns(tuple(chosen))
        return columns, columns.transform(rows.given)

    def from_json(self, state: dict[str, Any], width: int) -> PairColumns:
        """Restore columns from `PairColumns.to_json`.

        Raises:
            ValueError: If the state is invalid.
        """
        pairs = [(a, b, operation) for a, b, operation in state["pairs"]]
        known = all(type(a) is int and type(b) is int and 0 <= a < b < width for a, b, _ in pairs)
        if not known or any(operation not in _OPERATIONS for *_, operation in pairs):
            raise ValueError("an arithmetic feature names columns or an operation that are not there")
        return PairColumns(tuple(pairs))


def _combined(a: NDArray[np.float64], b: NDArray[np.float64], operation: str) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if operation == "sum":
            found = a + b
        elif operation == "difference":
            found = a - b
        elif operation == "product":
            found = a * b
        else:
            found = a / b if operation == "ratio" else b / a
    clipped: NDArray[np.float64] = np.clip(np.where(np.isfinite(found), found, np.nan), -LARGEST, LARGEST)
    return clipped


def _candidates(rows: Rows, alone: NDArray[np.float64]) -> NDArray[np.int64]:
    """Candidate pairs of numeric columns that vary, shape (m, 2), a < b."""
    quantities = rows.quantities
    low, high = np.fmin.reduce(rows.codes[:, quantities]), np.fmax.reduce(rows.codes[:, quantities])
    varying = quantities[high > low]  # False for NaN, the bound of a column without values
    count = len(varying)
    if count * (count - 1) // 2 <= _PAIRS:
        return np.array(list(combinations(varying, 2)), dtype=np.int64).reshape(-1, 2)
    strong = np.sort(varying[np.argsort(-alone[varying], kind="stable")[: _root(_PAIRS)]])
    drawn = np.random.default_rng(rows.seed).choice(varying, size=(_PAIRS, 2))
    drawn = np.sort(drawn[drawn[:, 0] != drawn[:, 1]], axis=1)
    pairs = np.vstack([np.array(list(combinations(strong, 2)), dtype=np.int64), drawn])
    _, first = np.unique(pairs, axis=0, return_index=True)
    kept: NDArray[np.int64] = pairs[np.sort(first)][:_PAIRS]
    return kept


def _root(pairs: int) -> int:
    """Number of columns that form about half as many pairs."""
    return int(np.sqrt(pairs))


def _gains(
    codes: NDArray[np.float64],
    aims: NDArray[np.float64],
    alone: NDArray[np.float64],
    pairs: NDArray[np.int64],
    operation: str,
) -> NDArray[np.float64]:
    """Relevance of each combined column minus the larger relevance of its two columns, shape (m,)."""
    if not len(pairs):
        return np.zeros(0)
    made = _combined(codes[:, pairs[:, 0]], codes[:, pairs[:, 1]], operation)
    gains: NDArray[np.float64] = relevance(made, aims) - alone[pairs].max(axis=1)
    return gains
