"""A table for meta-features, and a sample of its rows that depends on their content and not on their order.

Rows are sorted by a hash of their content. A number is hashed by its bits, and a category by its frequency. A column is
hashed by its cells and their rows, in any order. A row is hashed by its cells, each mixed with its column's hash. So a
permuted or relabelled table has the same sample, except among rows with equal hashes: rows that differ only in
categories of the same frequency. Such rows are ordered by their codes as written and spread over the sample. So the
sample has each kind of row about as often as the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    Words = NDArray[np.uint64]

__all__ = ["Table", "canonical", "table_of"]

_MISSING: Final = np.uint64(0x9E3779B97F4A7C15)
_TARGET: Final = np.uint64(0xD1B54A32D192ED03)  # distinguishes the target from a feature with equal values


@dataclass(frozen=True, slots=True)
class Table:
    """Table with features and target as numbers.

    Attributes:
        numbers: Numeric columns, NaN where missing, shape (n, p).
        codes: Categorical columns as 0, 1, ..., -1 where missing, shape (n, q).
        target: Classes as 0, 1, ..., or numbers, shape (n,).
        classes: Number of classes; 0 for regression.

    Raises:
        InvalidInput: If the lengths differ, or the table has no row or no column.
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
    """Convert a pandas frame to a `Table`. Non-numeric columns become categories; rows without a target are dropped.

    Args:
        frame: Features, one row per sample.
        target: Labels or numbers, shape (rows,).
        regression: True for a numeric target; False for classes.

    Raises:
        InvalidInput: If frame and target differ in length, or no row or no column is left.

    Example:
        >>> import pandas as pd
        >>> table_of(pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]}), ["no", "yes"], regression=False).codes.tolist()
        [[0], [-1]]
    """
    import pandas as pd

    labels = pd.Series(target).reset_index(drop=True)
    if len(labels) != len(frame):
        raise InvalidInput(f"the frame has {len(frame)} rows and the target {len(labels)}; give the same number.")
    kept = labels.notna().to_numpy()
    frame, labels = frame.loc[kept], labels[kept]
    kinds = [pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind) for kind in frame.dtypes]
    numeric = np.array(kinds, dtype=np.bool_)
    columns = [np.asarray(pd.factorize(column)[0], dtype=np.int64) for _, column in frame.loc[:, ~numeric].items()]
    numbers = frame.loc[:, numeric].to_numpy(dtype=np.float64, na_value=np.nan)
    codes = np.stack(columns, axis=1) if columns else np.empty((len(frame), 0), dtype=np.int64)
    if regression:
        return Table(numbers, codes, np.asarray(labels.to_numpy(), dtype=np.float64), 0)
    classes, names = pd.factorize(labels)
    return Table(numbers, codes, classes.astype(np.float64), len(names))


def canonical(table: Table, rows: int) -> Table:
    """Canonical sample of at most `rows` rows: rows, columns, categories and classes are ordered by their content."""
    key, marks = _hashes(table)
    order = np.argsort(_mixed(key + _mixed(_rank_among_equals(key, _written(table)))), kind="stable")[:rows]
    width = table.numbers.shape[1]
    left, right = np.argsort(marks[:width], kind="stable"), np.argsort(marks[width:], kind="stable")
    codes = np.empty((len(order), len(right)), dtype=np.int64)
    for j, column in enumerate(right):
        codes[:, j] = _relabelled(table.codes[:, column], key)[order]
    target = _relabelled(table.target.astype(np.int64), key).astype(np.float64) if table.classes else table.target
    return Table(table.numbers[order][:, left], codes, target[order], table.classes)


def _hashes(table: Table) -> tuple[Words, Words]:
    """Hashes of the rows, shape (n,), and of the feature columns, numbers first, shape (p + q,)."""
    cells = [*(_mixed(_bits(column)) for column in table.numbers.T), *map(_frequencies, table.codes.T)]
    goal = _frequencies(table.target.astype(np.int64)) if table.classes else _mixed(_bits(table.target))
    content = _mixed(goal ^ _TARGET)
    for cell in cells:
        content = content + _mixed(cell)
    marks = np.array(
        [_mixed(_mixed(cell ^ content).sum(keepdims=True, dtype=np.uint64))[0] for cell in cells], dtype=np.uint64
    )
    key = content
    for cell, mark in zip(cells, marks[:, None], strict=True):
        key = key + _mixed(cell ^ mark)
    return key, marks


def _frequencies(codes: NDArray[np.int64]) -> Words:
    """Hash of each cell of a categorical column: hash of the number of rows with the same category, shape (n,)."""
    counts = np.bincount(codes + 1)  # the first count is of missing cells
    found = _mixed(counts.astype(np.uint64))
    found[0] ^= _MISSING
    return found[codes + 1]


def _rank_among_equals(key: Words, written: Words) -> Words:
    """Number of rows with the same key that precede each row in the order of `written`, shape (n,)."""
    groups = np.unique(key, return_inverse=True)[1]
    sizes = np.bincount(groups)
    found = np.empty(len(key), dtype=np.uint64)
    found[np.lexsort((written, groups))] = np.arange(len(key)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return found


def _written(table: Table) -> Words:
    """Hash of each row as written, shape (n,); equal rows have equal hashes."""
    columns = [*map(_bits, table.numbers.T), *(column.view(np.uint64) for column in table.codes.T.copy())]
    key = _bits(table.target) ^ _TARGET
    for number, column in enumerate(columns):
        key = _mixed(key) + _mixed(column ^ np.uint64(number))
    return key


def _bits(numbers: NDArray[np.float64]) -> Words:
    """Bits of each number, shape (n,); all NaN have the same bits, and so have 0 and -0."""
    plain = np.ascontiguousarray(numbers + 0.0)
    return np.where(np.isnan(plain), _MISSING, plain.view(np.uint64))


def _mixed(words: Words) -> Words:
    """Finaliser of SplitMix64 (Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators)."""
    words = words + _MISSING
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _relabelled(codes: NDArray[np.int64], key: Words) -> NDArray[np.int64]:
    """Relabel categories as 0, 1, ... by falling frequency, ties by the hashes of their rows; missing stays -1."""
    levels = int(codes.max(initial=-1)) + 1
    counts, sums = np.zeros(levels, dtype=np.int64), np.zeros(levels, dtype=np.uint64)
    known = codes >= 0
    np.add.at(counts, codes[known], 1)
    np.add.at(sums, codes[known], key[known])
    new = np.empty(levels + 1, dtype=np.int64)
    new[np.lexsort((sums, -counts))] = np.arange(levels)
    new[-1] = -1
    return new[codes]
