"""A table for meta-features, and a sample of its rows that depends on what is in it, not on how it is written down.

Rows and columns are put into the order of hashes of their content. A cell's hash is that of its number, or of how often
its category occurs; a column's that of the sum of its cells' hashes; a row's that of the sum of its cells' hashes, each
mixed with its column's. Then again with what is known by then: a category's hash is that of the rows which have it, a
column's of its cells and their rows (two rounds of colour refinement: Weisfeiler and Leman 1968). Sums do not ask for
an order, and so neither do the sample and what is computed from it: a permuted or relabelled table gives the same
meta-features. Rows that are the same are numbered and dealt among the others by the hash of that number, so that a
sample of a table with few different rows has each about as often as the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    Words = NDArray[np.uint64]

__all__ = ["Table", "canonical", "table_of"]

_MISSING: Final = np.uint64(0x9E3779B97F4A7C15)
_TARGET: Final = np.uint64(0xD1B54A32D192ED03)  # a column equal to the target is not the target


@dataclass(frozen=True, slots=True)
class Table:
    """Features and target as numbers.

    Attributes:
        numbers: Numeric columns, NaN where missing, shape (n, p).
        codes: Categorical columns as 0, 1, ..., -1 where missing, shape (n, q).
        target: Classes as 0, 1, ..., or numbers, shape (n,).
        classes: How many there are; 0 for regression.

    Raises:
        InvalidInput: If the lengths differ, there is no row, or no column.
    """

    numbers: NDArray[np.float64]
    codes: NDArray[np.int64]
    target: NDArray[np.float64]
    classes: int

    def __post_init__(self) -> None:
        lengths = {len(self.numbers), len(self.codes), len(self.target)}
        if len(lengths) != 1 or 0 in lengths:
            raise InvalidInput(f"numbers, codes and target have {sorted(lengths)} rows; give the same number, above 0.")
        if self.numbers.shape[1] + self.codes.shape[1] == 0:
            raise InvalidInput("the table has no columns besides its target; give at least one feature.")


def table_of(frame: pd.DataFrame, target: ArrayLike, *, regression: bool) -> Table:
    """A pandas frame as a `Table`: numbers stay, all else becomes categories; rows without a target are left out.

    Example:
        >>> import pandas as pd
        >>> table_of(pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]}), ["no", "yes"], regression=False).codes.tolist()
        [[0], [-1]]
    """
    import pandas as pd

    labels = pd.Series(target).reset_index(drop=True)
    kept = labels.notna().to_numpy()
    frame, labels = frame.loc[kept], labels[kept]
    numeric = [pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind) for kind in frame.dtypes]
    columns = [
        np.asarray(pd.factorize(column)[0], dtype=np.int64) for _, column in frame.loc[:, ~np.array(numeric)].items()
    ]
    numbers = frame.loc[:, numeric].to_numpy(dtype=np.float64, na_value=np.nan)
    codes = np.stack(columns, axis=1) if columns else np.empty((len(frame), 0), dtype=np.int64)
    if regression:
        return Table(numbers, codes, np.asarray(labels.to_numpy(), dtype=np.float64), 0)
    classes, names = pd.factorize(labels)
    return Table(numbers, codes, classes.astype(np.float64), len(names))


def canonical(table: Table, rows: int) -> Table:
    """At most `rows` rows of the table, rows, columns, categories and classes in the order of their content."""
    numbers = [_mixed(_bits(column)) for column in table.numbers.T]
    named = [_frequencies(column) for column in table.codes.T]
    goal = _frequencies(table.target) if table.classes else _mixed(_bits(table.target))
    key = _keys([*numbers, *named], goal, np.zeros(len(table.target), dtype=np.uint64))
    named = [_company(column, key) for column in table.codes.T]
    goal = _company(table.target.astype(np.int64), key) if table.classes else goal
    key = _keys([*numbers, *named], goal, key)
    order = _dealt(key, _written(table))[:rows]
    left = sorted(range(len(numbers)), key=lambda j: int(_mark(numbers[j], key)[0]))
    right = sorted(range(len(named)), key=lambda j: int(_mark(named[j], key)[0]))
    codes = np.empty((len(order), len(right)), dtype=np.int64)
    for j, column in enumerate(right):
        codes[:, j] = _relabelled(table.codes[:, column], key)[order]
    target = _relabelled(table.target.astype(np.int64), key).astype(np.float64) if table.classes else table.target
    return Table(table.numbers[order][:, left], codes, target[order], table.classes)


def _keys(cells: Sequence[Words], goal: Words, before: Words) -> Words:
    """A hash of each row: of what is in it, and in which columns, these being told apart by all of their content."""
    key = _mixed(goal ^ _TARGET)
    for cell in cells:
        key = key + _mixed(cell ^ _mark(cell, before))
    return _mixed(key)


def _mark(cells: Words, key: Words) -> Words:
    """A hash of a column, shape (1,): of its cells and the rows that they are in, in any order."""
    return _mixed(_mixed(cells ^ key).sum(keepdims=True))


def _frequencies(column: NDArray[np.generic]) -> Words:
    """Of each cell, a hash of how many cells are like it; missing ones (-1) are none like the others."""
    _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
    return _mixed(counts[inverse].astype(np.uint64)) ^ np.where(column == -1, _MISSING, np.uint64(0))


def _company(codes: NDArray[np.int64], key: Words) -> Words:
    """Of each cell, a hash of the rows that have the same category: tells apart categories that are as frequent."""
    sums = np.zeros(int(codes.max(initial=-1)) + 2, dtype=np.uint64)
    np.add.at(sums, codes, key)  # missing ones, -1, share the last
    return _mixed(sums[codes]) ^ np.where(codes == -1, _MISSING, np.uint64(0))


def _written(table: Table) -> Words:
    """A hash of each row as it is written: the same for rows that are the same, and nothing else is asked of it."""
    columns = [*map(_bits, table.numbers.T), *(column.view(np.uint64) for column in table.codes.T.copy())]
    key = _bits(table.target)
    for number, column in enumerate(columns):
        key = _mixed(key) + _mixed(column ^ np.uint64(number))
    return key


def _dealt(key: Words, written: Words) -> NDArray[np.int64]:
    """Rows in the order of their hashes, those that are the same dealt among the others rather than side by side."""
    alike = np.argsort(written, kind="stable")
    first = np.append(True, np.diff(written[alike]) != 0)
    starts = np.maximum.accumulate(np.where(first, np.arange(len(key)), 0))
    times = np.empty(len(key), dtype=np.uint64)  # how many of the same there are before
    times[alike] = np.arange(len(key)) - starts
    return np.lexsort((_mixed(written ^ times), _mixed(key + _mixed(times))))


def _bits(numbers: NDArray[np.float64]) -> Words:
    """The bits of each number; of any NaN the same, and of -0 those of 0."""
    plain = np.ascontiguousarray(numbers + 0.0)
    return np.where(np.isnan(plain), _MISSING, plain.view(np.uint64))


def _mixed(words: Words) -> Words:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators)."""
    words = words + _MISSING
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _relabelled(codes: NDArray[np.int64], key: Words) -> NDArray[np.int64]:
    """Categories as 0, 1, ... from the most frequent, ties by the rows that have them; missing stays -1."""
    levels = int(codes.max(initial=-1)) + 1
    counts, sums = np.zeros(levels, dtype=np.int64), np.zeros(levels, dtype=np.uint64)
    known = codes >= 0
    np.add.at(counts, codes[known], 1)
    np.add.at(sums, codes[known], key[known])
    new = np.empty(levels + 1, dtype=np.int64)
    new[np.lexsort((sums, -counts))] = np.arange(levels)
    new[-1] = -1
    return new[codes]
