"""Text columns: components of their n-grams, and how common each value is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.preprocessing.character_ngrams import MOST_COMPONENTS, Ngrams
from seasoned.tabular.preprocessing.high_cardinality import counted, frequencies, ranks

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["TextColumn"]

_MOST_LEARNED: Final = 10_000  # rows that components are learned from


@dataclass(frozen=True, slots=True)
class TextColumn:
    """Latent components of the character n-grams, and the logarithm of how often the whole value occurred.

    The components (`ngrams.py`) give similar vectors to values that look alike. They are learned from 10,000 of the
    rows at most, in which a common value counts as often as it occurs, and computed once for each different value.

    Attributes:
        name: The column's name.
        vectors: What makes the components; None where there was no time for it, or nothing to learn from.
        counts: Value -> occurrences at fit time, for values that occurred more than once, the most common first.
    """

    name: str
    vectors: Ngrams | None
    counts: Mapping[str, int]

    @classmethod
    def fit(cls, name: str, column: pd.Series[Any], *, seed: int, vectors: bool = True) -> TextColumn:
        """Learn the vocabulary; with `vectors=False` only the counts, which is cheap at any size."""
        return cls(name, _fit_vectors(column, seed) if vectors else None, counted(column))

    @staticmethod
    def most_columns() -> int:
        """The most columns of codes that one can have."""
        return 1 + MOST_COMPONENTS

    @property
    def width(self) -> int:
        """Number of columns of codes."""
        return 1 + (0 if self.vectors is None else self.vectors.width)

    @property
    def column_levels(self) -> tuple[int, ...]:
        """Levels of each column of codes; 0 for what is a quantity."""
        return (0,) * self.width

    def codes(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Shape (n, 1 + components); the count is NaN where the text is missing, the components are 0."""
        text = column.astype("str")
        frequency = frequencies(text, self.counts)[:, None]
        if self.vectors is None:
            return frequency
        words = text.dropna().drop_duplicates()
        places = text.map({word: place for place, word in enumerate(words)}).fillna(-1).to_numpy(dtype=np.int64)
        there, found = places >= 0, np.zeros((len(text), self.vectors.width))
        found[there] = self.vectors.transform(words)[places[there]]
        return np.hstack([frequency, found])

    def level_codes(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Which level each value is, as `ranks` has it. No model gets these codes; features are made from them."""
        return ranks(column.astype("str"), self.counts)

    def to_json(self) -> dict[str, Any]:
        """Plain data that rebuilds the column, the vectors excepted."""
        return {"kind": "text", "name": self.name, "counts": dict(self.counts)}


def _fit_vectors(column: pd.Series[Any], seed: int) -> Ngrams | None:
    text = column.astype("str").dropna()
    if len(text) > _MOST_LEARNED:
        text = text.sample(_MOST_LEARNED, random_state=seed)
    return Ngrams.fit(text, seed=seed)
