"""Topics of texts: latent semantic analysis of their words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.features.base import plain_numbers
from seasoned.tabular.features.text_cache import BUCKETS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Given, Rows

__all__ = ["TextWords", "WordColumns", "WordComponents"]

_ROWS: Final = 10_000  # largest number of texts of a decomposition
_WORDS: Final = 1_000  # largest number of words of a decomposition, the most common ones
_MIN_TEXTS: Final = 3  # smallest number of texts that contain a word
_COMPONENTS: Final = 20  # largest number of components of a text column
_DIGITS: Final = 4  # decimal digits of a loading, for a small file


@dataclass(frozen=True, slots=True, eq=False)
class WordComponents:
    """Components of one text column.

    Attributes:
        text: Index of the text column.
        buckets: Hashed words, ascending, shape (m,).
        rarity: Inverse document frequencies of the words, shape (m,).
        loadings: Loading of each word in each component, shape (m, k).
    """

    text: int
    buckets: NDArray[np.int64]
    rarity: NDArray[np.float64]
    loadings: NDArray[np.float64]

    def columns(self, given: Given) -> NDArray[np.float64]:
        """Return the components of any rows, shape (n, k); 0 for a text without a known word."""
        words = given.texts[self.text].words[:, self.buckets]
        return np.asarray(_weighted(words, self.rarity) @ self.loadings)

    def to_json(self) -> dict[str, Any]:
        """State of the components."""
        return {
            "text": self.text,
            "buckets": self.buckets.tolist(),
            "rarity": self.rarity.tolist(),
            "loadings": self.loadings.ravel().tolist(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class WordColumns:
    """Components of all text columns."""

    parts: tuple[WordComponents, ...]

    @property
    def count(self) -> int:
        """Number of output columns."""
        return sum(part.loadings.shape[1] for part in self.parts)

    def transform(self, given: Given) -> NDArray[np.float64]:
        """Return the columns, shape (n, count)."""
        return np.hstack([np.zeros((len(given.codes), 0)), *(part.columns(given) for part in self.parts)])

    def to_json(self) -> dict[str, Any]:
        """State for `TextWords.from_json`."""
        return {"parts": [part.to_json() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class TextWords:
    """Truncated singular value decomposition of the words and pairs of words of texts.

    A text with the counts c of hashed words has the vector x = log(1 + c) * log((1 + n) / (1 + df)), scaled to length
    1. Here df of n texts contain the word. The output is x V, with V the first right singular vectors of up to 10,000
    training texts. Components of *characters*, which represent spelling, are part of the column plan; the components of
    words represent topics. The step does not use the target.

    Source: Deerwester and others 1990, Indexing by latent semantic analysis; hashing: Weinberger and others 2009.
    """

    name: str = "text_words"

    def fit(self, rows: Rows, most: int) -> tuple[WordColumns, NDArray[np.float64]]:
        """Compute at most `most` components, divided equally among the text columns."""
        texts = rows.given.texts
        each = min(most // max(len(texts), 1), _COMPONENTS)
        looked = np.sort(rows.sample(_ROWS))
        parts = [_components(place, found.words[looked], each, rows.seed) for place, found in enumerate(texts)]
        columns = WordColumns(tuple(part for part in parts if part is not None))
        return columns, columns.transform(rows.given)

    def from_json(self, state: dict[str, Any], width: int) -> WordColumns:
        """Restore columns from `WordColumns.to_json`, for `width` text columns.

        Raises:
            ValueError: If the state is invalid.
        """
        return WordColumns(tuple(_from_json(part, width) for part in state["parts"]))


def _components(place: int, words: Any, count: int, seed: int) -> WordComponents | None:
    """Components of one text column; None if the texts share too few words."""
    from sklearn.utils.extmath import randomized_svd

    texts = np.bincount(words.indices, minlength=BUCKETS)
    buckets = np.sort(np.argsort(-texts, kind="stable")[:_WORDS])
    buckets = buckets[(texts[buckets] >= _MIN_TEXTS) & (texts[buckets] < words.shape[0])]
    count = min(count, len(buckets) - 1)
    if count < 1:
        return None
    rarity = np.log((1.0 + words.shape[0]) / (1.0 + texts[buckets]))
    found = randomized_svd(_weighted(words[:, buckets], rarity), count, random_state=seed)[2].T
    loadings = np.round(found, _DIGITS)
    kept = np.abs(loadings).max(axis=0) > 0
    return WordComponents(place, buckets, rarity, loadings[:, kept]) if kept.any() else None


def _weighted(words: Any, rarity: NDArray[np.float64]) -> Any:
    """Weighted term frequencies, log(1 + c) times rarity, scaled to length 1 in each row."""
    from sklearn.preprocessing import normalize

    if not words.shape[0]:  # scikit-learn rejects an empty matrix
        return words
    damped = words.copy()
    damped.data = np.log1p(damped.data)
    return normalize(damped.multiply(rarity).tocsr())


def _from_json(part: dict[str, Any], width: int) -> WordComponents:
    text, buckets, rarity = part["text"], plain_numbers(part["buckets"], low=0), plain_numbers(part["rarity"], low=0)
    loadings = plain_numbers(part["loadings"], low=-1, high=1)
    inside = type(text) is int and 0 <= text < width and 0 < len(buckets) <= _WORDS and buckets[-1] < BUCKETS
    ascending = (np.diff(buckets) > 0).all() and (buckets == np.floor(buckets)).all()
    if not inside or not ascending or len(rarity) != len(buckets):
        raise ValueError("a feature of words names texts or words that are not there")
    if not len(loadings) or len(loadings) % len(buckets):
        raise ValueError("a feature of words has components that do not fit its words")
    return WordComponents(text, buckets.astype(np.int64), rarity, loadings.reshape(len(buckets), -1))
