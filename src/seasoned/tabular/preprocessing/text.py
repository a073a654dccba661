"""Text columns: components of character n-grams, and frequency of the whole value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.preprocessing.category import counted, frequencies, ranks
from seasoned.tabular.preprocessing.character_ngrams import MOST_COMPONENTS, Ngrams

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["TextColumn"]

MAX_COMPONENT_ROWS: Final = 10_000  # largest number of rows for the computation of components


@dataclass(frozen=True, slots=True)
class TextColumn:
    """Latent components of character n-grams, and the logarithm of the number of occurrences of the whole value.

    Values with similar spelling have similar components (`character_ngrams.py`). The components are learned from at
    most 10,000 rows, in which a common value counts as often as it occurs. Encoding computes them once per distinct
    value.

    Attributes:
        name: Name of the column.
        vectors: Fitted components; None if time was short or no n-gram exists.
        counts: Value -> occurrences at fit time, for values that occurred more than once, the most common first.
        rarest: Occurrences of the rarest value, which count for new values.
    """

    name: str
    vectors: Ngrams | None
    counts: Mapping[str, int]
    rarest: int = 1

    @classmethod
    def fit(cls, name: str, column: pd.Series[Any], *, seed: int, vectors: bool = True) -> TextColumn:
        """Learn components and counts; with `vectors=False` only the counts, which are fast at any size."""
        return cls(name, _fit_vectors(column, seed) if vectors else None, *counted(column))

    @staticmethod
    def most_columns() -> int:
        """Largest number of columns of codes of a text column."""
        return 1 + MOST_COMPONENTS

    @property
    def width(self) -> int:
        """Number of columns of codes."""
        return 1 + (0 if self.vectors is None else self.vectors.width)

    @property
    def column_levels(self) -> tuple[int, ...]:
        """Number of levels of each column of codes; 0 for a number."""
        return (0,) * self.width

    def codes(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Return the codes, shape (n, 1 + components).

        The frequency of a missing text is NaN, and its components are 0.
        """
        text = column.astype("str")
        frequency = frequencies(text, self.counts, self.rarest)[:, None]
        if self.vectors is None:
            return frequency
        words = text.dropna().drop_duplicates()
        places = text.map({word: place for place, word in enumerate(words)}).fillna(-1).to_numpy(dtype=np.int64)
        there, found = places >= 0, np.zeros((len(text), self.vectors.width))
        found[there] = self.vectors.transform(words)[places[there]]
        return np.hstack([frequency, found])

    def level_codes(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Level of each value, see `ranks`. No model receives these codes directly; feature steps use them."""
        return ranks(column.astype("str"), self.counts)

    def to_json(self) -> dict[str, Any]:
        """State of the column, without the vectors."""
        return {"kind": "text", "name": self.name, "counts": dict(self.counts), "rarest": self.rarest}


def _fit_vectors(column: pd.Series[Any], seed: int) -> Ngrams | None:
    text = column.astype("str").dropna()
    if len(text) > MAX_COMPONENT_ROWS:
        text = text.sample(MAX_COMPONENT_ROWS, random_state=seed)
    return Ngrams.fit(text, seed=seed)
