"""A table for meta-features, and a sample of its rows that depends on what is in it, not on how it is written down.

Rows and columns are put into the order of hashes of their content, found by colour refinement (Weisfeiler and Leman
1968). A row's first hash is that of the number of equal rows; then, round by round, a category's hash is that of the
sum of the hashes of the rows which have it, a column's that of its cells' and their rows', and a row's that of its
cells', each mixed with its column's. Sums do not depend on order, and so neither do the sample and what is computed
from it: a permuted or relabelled table gives the same meta-features. Equal rows are numbered and spread among the
others by the hash of that number, so that a sample of a table with few different rows has each about as often as
the table.
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
_ROUNDS: Final = 2
_MOST_TIES: Final = 20  # that are broken; beyond these, the order in which the table is written decides
_CELLS: Final = 5_000_000  # looked at for that: so fewer ties are broken in a larger table


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
    """At most `rows` rows of the table, rows, columns, categories and classes in the order of their content."""
    written = _written(table)
    groups = np.unique(written, return_inverse=True)[1]
    times = _times(groups)
    key, marks = _coloured(table, _mixed(np.bincount(groups)[groups].astype(np.uint64)))
    order = np.lexsort((_mixed(written ^ times), _mixed(key + _mixed(times))))[:rows]
    width = table.numbers.shape[1]
    left, right = np.argsort(marks[:width], kind="stable"), np.argsort(marks[width:], kind="stable")
    codes = np.empty((len(order), len(right)), dtype=np.int64)
    for j, column in enumerate(right):
        codes[:, j] = _relabelled(table.codes[:, column], key)[order]
    target = _relabelled(table.target.astype(np.int64), key).astype(np.float64) if table.classes else table.target
    return Table(table.numbers[order][:, left], codes, target[order], table.classes)


def _coloured(table: Table, key: Words) -> tuple[Words, Words]:
    """A hash of each row and of each column, from initial hashes of the rows.

    Categories, classes and columns that no round distinguishes are marked one by one, each mark followed by more
    rounds: where exchanging them would change nothing else, it does not matter which of them is marked first.
    """
    named = [*table.codes.T, *([table.target.astype(np.int64)] if table.classes else [])]
    numbers = [_mixed(_bits(column)) for column in table.numbers.T]
    goal = _mixed(_bits(table.target))
    salts = np.zeros(len(numbers) + table.codes.shape[1], dtype=np.uint64)
    tints = [np.zeros(int(column.max(initial=-1)) + 2, dtype=np.uint64) for column in named]
    for number in range(1, 2 + min(_MOST_TIES, _CELLS // max(table.numbers.size + table.codes.size, 1))):
        for _ in range(_ROUNDS):
            levels = [_company(column, key, tint) for column, tint in zip(named, tints, strict=True)]
            cells = [*numbers, *(level[column] for level, column in zip(levels, named, strict=True))]
            goal = cells.pop() if table.classes else goal
            marks = np.concatenate([np.zeros(0, dtype=np.uint64), *(_mark(cell, key) for cell in cells)])
            marks = _mixed(marks + salts)
            key = key + _mixed(goal ^ _TARGET)
            for cell, mark in zip(cells, marks[:, None], strict=True):
                key = key + _mixed(cell ^ mark)
            key = _mixed(key)
        if not _told_apart(named, levels, tints, (marks, salts, len(numbers)), number):
            break
    return key, marks


def _told_apart(
    named: Sequence[NDArray[np.int64]],
    levels: Sequence[Words],
    tints: Sequence[Words],
    columns: tuple[Words, Words, int],
    number: int,
) -> bool:
    """Mark one of two tied categories, or else of two tied columns of a sort, with a number; whether there were any."""
    for column, level, tint in zip(named, levels, tints, strict=True):
        there = np.unique(column[column >= 0])
        if len(tied := _tied(level[there])):
            tint[there[tied[0]]] = number
            return True
    marks, salts, width = columns
    for start, some in ((0, marks[:width]), (width, marks[width:])):
        if len(tied := _tied(some)):
            salts[start + tied[0]] = number
            return True
    return False


def _tied(words: Words) -> NDArray[np.intp]:
    """Indices of the words that occur more than once, except the first of each."""
    order = np.argsort(words, kind="stable")
    same: NDArray[np.bool_] = words[order][1:] == words[order][:-1]
    return order[1:][same]


def _mark(cells: Words, key: Words) -> Words:
    """A hash of a column, shape (1,): of its cells and the rows that they are in, in any order."""
    return _mixed(_mixed(cells ^ key).sum(keepdims=True))


def _company(codes: NDArray[np.int64], key: Words, tint: Words) -> Words:
    """A hash of each category, of the rows that have it; the last one is of what is missing (-1)."""
    sums = tint.copy()
    np.add.at(sums, codes, _mixed(key))
    found = _mixed(sums)
    found[-1] ^= _MISSING
    return found


def _written(table: Table) -> Words:
    """A hash of each row as it is written: the same for equal rows, and nothing more is required of it."""
    columns = [*map(_bits, table.numbers.T), *(column.view(np.uint64) for column in table.codes.T.copy())]
    key = _bits(table.target) ^ _TARGET
    for number, column in enumerate(columns):
        key = _mixed(key) + _mixed(column ^ np.uint64(number))
    return key


def _times(groups: NDArray[np.intp]) -> Words:
    """For each row, how many of its group come before it."""
    sizes = np.bincount(groups)
    order = np.argsort(groups, kind="stable")
    found = np.empty(len(groups), dtype=np.uint64)
    found[order] = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return found


def _bits(numbers: NDArray[np.float64]) -> Words:
    """The bits of each number; the same for every NaN, and for 0 and -0."""
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
