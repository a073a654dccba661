"""Categories with many levels: which level it is, and how common it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.schema.column import LONGEST_LEVEL, MOST_LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["ManyLevelsColumn", "counted", "frequencies", "ranks"]

_MOST_COUNTED: Final = 10_000  # levels whose frequency is kept; rarer ones count as seen once
_FEW: Final = 1_000  # values; fewer are looked up one by one
_PARTS: Final = re.compile(r"[0-9]{1,18}|[^0-9]+")


def counted(column: pd.Series[Any]) -> dict[str, int]:
    """Value -> occurrences, of values that occur more than once, the most common first; none of 100,000 characters."""
    counts = column.value_counts().head(_MOST_COUNTED)
    return {str(word): int(count) for word, count in counts.items() if count > 1 and len(str(word)) <= LONGEST_LEVEL}


def frequencies(text: pd.Series[Any], counts: Mapping[str, int]) -> NDArray[np.float64]:
    """The logarithm of how often each value occurred, shape (n,); NaN where it is missing."""
    return np.where(text.isna(), np.nan, np.log(_looked_up(text, counts, 1.0)))


def _looked_up(text: pd.Series[Any], known: Mapping[str, float], otherwise: float) -> NDArray[np.float64]:
    """The known number of each value, shape (n,); few are looked up singly, as pandas would first index all `known`."""
    if len(text) < _FEW:
        found: NDArray[np.float64] = np.array([known.get(word, otherwise) for word in text.tolist()], dtype=np.float64)
        return found
    return np.asarray(text.map(known).fillna(otherwise), dtype=np.float64)


def ranks(text: pd.Series[Any], counts: Mapping[str, int]) -> NDArray[np.float64]:
    """Which level each value is, 0 for the most common one, shape (n,); NaN where it is missing or rare.

    A level is a value that occurred more than once and is one of the 2,000 most common.
    """
    place = {word: float(code) for code, word in enumerate(islice(counts, MOST_LEVELS))}
    return _looked_up(text, place, np.nan)


def _naturally(word: str) -> list[tuple[bool, int, str]]:
    """A key for sorting as people do: r9 comes before r10, and codes that begin alike stand together."""
    parts = ((part, part.isascii() and part.isdecimal()) for part in _PARTS.findall(word))
    return [(False, int(part), "") if digits else (True, 0, part) for part, digits in parts]


@dataclass(frozen=True, slots=True)
class ManyLevelsColumn:
    """The logarithm of a level's frequency, and its code: its place when levels are sorted as people sort.

    A level is a value that occurred more than once and is one of the 2,000 most common. Boosters that split categories
    natively are told which of the two columns the code is; to other trees it is a quantity, in which codes that begin
    alike are near each other; linear models and networks get a column for each of the most common levels (`dense.py`).

    Attributes:
        name: The column's name.
        counts: Value -> occurrences at fit time, for values that occurred more than once, the most common first.
    """

    name: str
    counts: Mapping[str, int]
    _places: Mapping[str, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        levels = sorted(islice(self.counts, MOST_LEVELS), key=_naturally)
        object.__setattr__(self, "_places", {word: float(place) for place, word in enumerate(levels)})

    @classmethod
    def fit(cls, name: str, column: pd.Series[Any]) -> ManyLevelsColumn:
        """Count the levels."""
        return cls(name, counted(column))

    @property
    def words(self) -> tuple[str, ...]:
        """The levels that are known."""
        return tuple(self.counts)

    @property
    def column_levels(self) -> tuple[int, ...]:
        """Levels of each column of codes; 0 for what is a quantity."""
        return 0, len(self._places)

    def codes(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Shape (n, 2); NaN where missing, and the level where it is rare or unseen."""
        text = column.astype("str")
        return np.column_stack([frequencies(text, self.counts), _looked_up(text, self._places, np.nan)])

    def to_json(self) -> dict[str, Any]:
        """Plain data that rebuilds the column."""
        return {"kind": "levels", "name": self.name, "counts": dict(self.counts)}
