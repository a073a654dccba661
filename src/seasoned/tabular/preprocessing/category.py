"""Category columns: level codes, with the frequency of each level if a column has many levels.

The code of a missing or unseen level is NaN.
"""

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

__all__ = ["CategoryColumn", "ManyLevelsColumn", "counted", "frequencies", "ranks"]

_MOST_COUNTED: Final = 10_000  # largest number of levels with a stored frequency; rarer levels count as one occurrence
_LOOKUP_ROWS: Final = 1_000  # number of rows below which values are looked up one by one
_PARTS: Final = re.compile(r"[0-9]{1,18}|[^0-9]+")  # numbers within a level, and the text between them


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """Ordinal codes 0 to k - 1 of the levels in alphabetical order."""

    name: str
    words: tuple[str, ...]

    @classmethod
    def fit(cls, name: str, column: pd.Series[Any]) -> CategoryColumn:
        """Collect the levels.

        A level of more than 100,000 characters counts as missing, unless all levels are that long.
        """
        words = sorted(map(str, column.dropna().unique()))
        return cls(name, tuple([word for word in words if len(word) <= LONGEST_LEVEL] or words))

    @property
    def column_levels(self) -> tuple[int, ...]:
        """Number of levels of each column of codes; 0 for a number."""
        return (len(self.words),)

    def codes(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Return the codes, shape (n, 1); NaN for missing and unseen levels."""
        import pandas as pd

        found = pd.Index(self.words, dtype="str").get_indexer(pd.Index(column.astype("str")))
        return np.where(found < 0, np.nan, found.astype(np.float64))[:, None]

    def to_json(self) -> dict[str, Any]:
        """State of the column."""
        return {"kind": "category", "name": self.name, "words": list(self.words)}


@dataclass(frozen=True, slots=True)
class ManyLevelsColumn:
    """Log frequency of a level, and its code: its index in natural sort order.

    A level is a value that occurred more than once and is one of the 2,000 most common. Boosters with native
    categorical splits receive the code as categorical. Other trees use it as a number, in which codes with a common
    prefix are close. Linear models and networks get one column for each of the most common levels
    (`one_hot_scaling.py`).

    Attributes:
        name: Name of the column.
        counts: Value -> occurrences at fit time, for values that occurred more than once, the most common first.
        rarest: Occurrences of the rarest value, which count for new values.
    """

    name: str
    counts: Mapping[str, int]
    rarest: int = 1
    _places: Mapping[str, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        levels = sorted(islice(self.counts, MOST_LEVELS), key=_naturally)
        object.__setattr__(self, "_places", {word: float(place) for place, word in enumerate(levels)})

    @classmethod
    def fit(cls, name: str, column: pd.Series[Any]) -> ManyLevelsColumn:
        """Count the levels."""
        return cls(name, *counted(column))

    @property
    def words(self) -> tuple[str, ...]:
        """Known levels."""
        return tuple(self.counts)

    @property
    def column_levels(self) -> tuple[int, ...]:
        """Number of levels of each column of codes; 0 for a number."""
        return 0, len(self._places)

    def codes(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Return frequency and code, shape (n, 2); NaN for missing values. The code of a rare or new level is NaN."""
        text = column.astype("str")
        return np.column_stack([frequencies(text, self.counts, self.rarest), _looked_up(text, self._places, np.nan)])

    def to_json(self) -> dict[str, Any]:
        """State of the column."""
        return {"kind": "levels", "name": self.name, "counts": dict(self.counts), "rarest": self.rarest}


def counted(column: pd.Series[Any]) -> tuple[dict[str, int], int]:
    """Count values that occur more than once, the most common first; values over 100,000 characters are dropped.

    Returns:
        Value -> occurrences, and the occurrences of the rarest value, 1 without values.
    """
    counts = column.value_counts()
    common = counts.head(_MOST_COUNTED).items()
    known = {str(word): int(count) for word, count in common if count > 1 and len(str(word)) <= LONGEST_LEVEL}
    return known, int(counts.min()) if len(counts) else 1


def frequencies(text: pd.Series[Any], counts: Mapping[str, int], rarest: int) -> NDArray[np.float64]:
    """Logarithm of the number of occurrences of each value, shape (n,); NaN for missing values.

    A new value counts as often as the rarest known one. With one occurrence it would lie outside of all training rows
    if each group of rows has a value of its own, and new rows belong to new groups.
    """
    return np.where(text.isna(), np.nan, np.log(_looked_up(text, counts, float(rarest))))


def ranks(text: pd.Series[Any], counts: Mapping[str, int]) -> NDArray[np.float64]:
    """Level of each value, 0 for the most common level, shape (n,); NaN for missing or rare values.

    A level is a value that occurred more than once and is one of the 2,000 most common.
    """
    place = {word: float(code) for code, word in enumerate(islice(counts, MOST_LEVELS))}
    return _looked_up(text, place, np.nan)


def _looked_up(text: pd.Series[Any], known: Mapping[str, float], otherwise: float) -> NDArray[np.float64]:
    """Look up the number of each value, shape (n,).

    Few values are looked up one by one, because pandas would first index all of `known`.
    """
    if len(text) < _LOOKUP_ROWS:
        found: NDArray[np.float64] = np.array([known.get(word, otherwise) for word in text.tolist()], dtype=np.float64)
        return found
    return np.asarray(text.map(known).fillna(otherwise), dtype=np.float64)


def _naturally(word: str) -> list[tuple[bool, int, str]]:
    """Key for natural sorting: r9 precedes r10, and codes with a common prefix are adjacent."""
    parts = ((part, part.isascii() and part.isdecimal()) for part in _PARTS.findall(word))
    return [(False, int(part), "") if digits else (True, 0, part) for part, digits in parts]
