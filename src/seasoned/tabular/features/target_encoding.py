"""Target encoding: out-of-fold target means of each level and of each pair of levels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.features.base import few_valued, levels_of, plain_numbers
from seasoned.tabular.features.group_statistics import places_of
from seasoned.tabular.features.relevance import beyond_chance, relevance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Given, Levels, Rows

__all__ = ["Encoding", "EncodingColumns", "LevelMeans"]

_FOLDS: Final = 5  # number of inner folds of the training rows
_PRIOR: Final = 10.0  # weight of the overall mean in a level's mean, in rows
MAX_SETS: Final = 60  # largest number of candidate columns, and of candidate pairs
_AIMS: Final = 10  # largest number of encoded classes, the most common ones
_ROWS: Final = 5_000  # rows on which encodings are selected
MAX_DENSE_COMBINATIONS: Final = (
    4  # possible level combinations per row above which the combinations are found by sorting
)


@dataclass(frozen=True, slots=True, eq=False)
class LevelMeans:
    """Means of one target over the levels of one column, or over the level pairs of two columns.

    Attributes:
        columns: Indices of one or two columns of codes.
        values: Levels of each column, ascending.
        keys: Level combinations of the training rows, ascending. The key of one column is the index of the level. The
            key of two columns is i * (m + 1) + j for the level indices i and j, where the second column has m levels.
            The index of a missing or unknown level is the number of levels.
        means: Mean of each key, then the mean of all rows, shape (keys + 1,).
    """

    columns: tuple[int, ...]
    values: tuple[NDArray[np.float64], ...]
    keys: NDArray[np.float64]
    means: NDArray[np.float64]

    def column(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the means of any rows, shape (n,)."""
        return self.means[places_of(keys_of(codes, self.columns, self.values), self.keys)]

    def to_json(self) -> dict[str, Any]:
        """State of the means."""
        return {
            "columns": list(self.columns),
            "values": [values.tolist() for values in self.values],
            "keys": self.keys.tolist(),
            "means": self.means.tolist(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class EncodingColumns:
    """Columns of target means, one per `LevelMeans`."""

    encodings: tuple[LevelMeans, ...]

    @property
    def count(self) -> int:
        """Number of output columns."""
        return len(self.encodings)

    def transform(self, given: Given) -> NDArray[np.float64]:
        """Return the columns, shape (n, count)."""
        codes = given.codes
        return np.column_stack([np.zeros((len(codes), 0)), *(one.column(codes) for one in self.encodings)])

    def to_json(self) -> dict[str, Any]:
        """State for `Encoding.from_json`."""
        return {"encodings": [one.to_json() for one in self.encodings]}


@dataclass(frozen=True, slots=True)
class Encoding:
    """Target encoding of levels and of pairs of levels, out of fold for the training rows.

    The mean of a level is (sum of y + 10 mean) / (rows + 10). A training row gets means of the other four inner folds,
    so that its target never enters its features. Other rows get means of all training rows.

    Candidates are columns with more than two levels, and pairs of columns. A candidate is encoded if its means explain
    more of the target than the codes of each column alone (as for XOR).

    Source: Micci-Barreca 2001, A preprocessing scheme for high-cardinality categorical attributes, equation 3.
    """

    name: str = "encoding"

    def fit(self, rows: Rows, most: int) -> tuple[EncodingColumns, NDArray[np.float64]]:
        """Select at most `most` combinations of columns and classes."""
        looked = rows.sample(_ROWS)
        levels = {column: levels_of(rows.codes[:, column]) for column in few_valued(rows)}
        aims = rows.common_aims(min(_AIMS, most))
        sets = self.candidate_sets(levels)
        levels = {column: levels[column] for column in sorted({column for columns in sets for column in columns})}
        told_alone = relevance(rows.codes[looked][:, list(levels)], rows.aims[looked])
        alone = dict(zip(levels, told_alone.tolist(), strict=True))
        dealt = rows.dealt(_FOLDS)
        folds = [looked[dealt[looked] == fold] for fold in np.unique(dealt[looked])]
        found: list[tuple[float, tuple[int, ...], NDArray[np.float64]]] = []
        for columns in sets:
            made = self.out_of_fold(rows, aims, columns, levels, dealt)
            known = max(alone[column] for column in columns)
            gain = _told(made, rows.aims, folds) - known
            enough = beyond_chance(len(looked) // len(folds), len(sets) * aims.shape[1]) / np.sqrt(len(folds))
            if np.isfinite(enough) and gain > enough * (1.0 - known):
                found.append((gain, columns, made))
                found.sort(key=lambda one: -one[0])
                del found[max(1, most // aims.shape[1]) :]  # bound memory: each entry has a value per row
        encodings = [_means(rows, aim, columns, levels) for _, columns, _ in found for aim in aims.T]
        made = np.hstack([np.zeros((len(rows.codes), 0)), *(made for *_, made in found)])
        return EncodingColumns(tuple(encodings)), made

    def candidate_sets(self, levels: Mapping[int, Levels]) -> list[tuple[int, ...]]:
        """Candidates: single columns, then the pairs with the fewest level combinations."""
        sizes = {column: len(values) for column, (values, _) in levels.items()}
        alone = [(column,) for column, size in sizes.items() if size > 2]
        # the pairs with the fewest combinations lie in this set
        least = set(sorted(sizes, key=sizes.__getitem__)[: MAX_SETS + 2])
        few = [column for column in sizes if column in least]
        pairs = sorted(combinations(few, 2), key=lambda pair: sizes[pair[0]] * sizes[pair[1]])
        return [*alone[:MAX_SETS], *pairs[:MAX_SETS]]

    def out_of_fold(
        self,
        rows: Rows,
        aims: NDArray[np.float64],
        columns: tuple[int, ...],
        levels: Mapping[int, Levels],
        dealt: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Means of each training row without its own fold, shape (n, targets)."""
        keys, place = level_combinations([levels[column] for column in columns])
        weight = np.ones(len(rows.codes)) if rows.weight is None else rows.weight
        cells, shape = place * _FOLDS + dealt, (len(keys), _FOLDS)
        mass = np.bincount(cells, weight, minlength=len(keys) * _FOLDS).reshape(shape)
        others = mass.sum(axis=1, keepdims=True) - mass
        found = np.empty((len(rows.codes), aims.shape[1]))
        for column, aim in enumerate(aims.T):
            sums = np.bincount(cells, weight * aim, minlength=len(keys) * _FOLDS).reshape(shape)
            elsewhere = sums.sum(axis=1, keepdims=True) - sums
            overall = elsewhere.sum(axis=0) / np.maximum(others.sum(axis=0), 1e-300)
            means = (elsewhere + _PRIOR * overall) / (others + _PRIOR)
            found[:, column] = means[place, dealt]
        return found

    def from_json(self, state: dict[str, Any], width: int) -> EncodingColumns:
        """Restore columns from `EncodingColumns.to_json`.

        Raises:
            ValueError: If the state is invalid.
        """
        return EncodingColumns(tuple(_from_json(one, width) for one in state["encodings"]))


def keys_of(
    codes: NDArray[np.float64], columns: tuple[int, ...], values: tuple[NDArray[np.float64], ...]
) -> NDArray[np.float64]:
    """Return the key of each row's level combination, shape (n,); see `LevelMeans`."""
    found = np.zeros(len(codes))
    for column, known in zip(columns, values, strict=True):
        found = found * (len(known) + 1) + places_of(codes[:, column], known)
    return found


def level_combinations(levels: Sequence[Levels]) -> Levels:
    """Keys of the training rows' level combinations, as in `keys_of`, and each row's index into the keys."""
    found, size = np.zeros(len(levels[0][1]), dtype=np.int64), 1
    for values, places in levels:
        size *= len(values) + 1
        found = found * (len(values) + 1) + np.where(places < 0, len(values), places)
    if size > MAX_DENSE_COMBINATIONS * len(found):
        keys, place = np.unique(found, return_inverse=True)
        return keys.astype(np.float64), place
    there = np.bincount(found, minlength=size) > 0
    return np.flatnonzero(there).astype(np.float64), (np.cumsum(there) - 1)[found]


def _told(made: NDArray[np.float64], aims: NDArray[np.float64], folds: list[NDArray[np.int64]]) -> float:
    """Mean relevance within the folds, for the best target column.

    A relevance across folds would be too high. Where the targets of a fold are large by chance, the means of the other
    rows are small, and even noise would seem relevant.
    """
    found = [relevance(made[held], aims[held]) for held in folds]
    return float(np.mean(found, axis=0).max())


def _means(rows: Rows, aim: NDArray[np.float64], columns: tuple[int, ...], levels: Mapping[int, Levels]) -> LevelMeans:
    values = tuple(levels[column][0] for column in columns)
    weight = np.ones(len(aim)) if rows.weight is None else rows.weight
    keys, place = level_combinations([levels[column] for column in columns])
    overall = float(np.average(aim, weights=weight))
    means = (np.bincount(place, weight * aim) + _PRIOR * overall) / (np.bincount(place, weight) + _PRIOR)
    return LevelMeans(columns, values, keys, np.append(means, overall))


def _from_json(one: dict[str, Any], width: int) -> LevelMeans:
    columns = tuple(one["columns"])
    values = tuple(plain_numbers(known) for known in one["values"])
    keys, means = plain_numbers(one["keys"], low=0.0), plain_numbers(one["means"])
    inside = len(columns) in {1, 2} and all(type(place) is int and 0 <= place < width for place in columns)
    ascending = all(len(part) > 0 and bool((np.diff(part) > 0).all()) for part in (*values, keys))
    if not inside or len(values) != len(columns) or not ascending or len(means) != len(keys) + 1:
        raise ValueError("a feature of target means names columns or levels that are not there")
    return LevelMeans(columns, values, keys, means)
