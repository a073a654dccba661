"""What texts are about: latent components of their words."""

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

_ROWS: Final = 10_000  # that components are learned from
_WORDS: Final = 1_000  # the most common ones, which they are made of
_LEAST: Final = 3  # texts that a word must occur in
_COMPONENTS: Final = 20  # of a text column
_DIGITS: Final = 4  # of a loading, so that its file stays small


@dataclass(frozen=True, slots=True, eq=False)
class WordComponents:
    """Components of one text column.

    Attributes:
        text: Its place among the text columns.
        buckets: The hashed words, ascending, shape (m,).
        rarity: Their weights, shape (m,).
        loadings: Of each word in each component, shape (m, k).
    """

    text: int
    buckets: NDArray[np.int64]
    rarity: NDArray[np.float64]
    loadings: NDArray[np.float64]

    def columns(self, given: Given) -> NDArray[np.float64]:
        """The components of any rows, shape (n, k); 0 for a text without a known word."""
        words = given.texts[self.text].words[:, self.buckets]
        return np.asarray(_weighted(words, self.rarity) @ self.loadings)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "text": self.text,
            "buckets": self.buckets.tolist(),
            "rarity": self.rarity.tolist(),
            "loadings": self.loadings.ravel().tolist(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class WordColumns:
    """The components of each text column."""

    parts: tuple[WordComponents, ...]

    @property
    def count(self) -> int:
        """Number of columns that it gives."""
        return sum(part.loadings.shape[1] for part in self.parts)

    def transform(self, given: Given) -> NDArray[np.float64]:
        """Shape (n, count)."""
        return np.hstack([np.zeros((len(given.codes), 0)), *(part.columns(given) for part in self.parts)])

    def to_json(self) -> dict[str, Any]:
        """Plain data that `TextWords.from_json` reads."""
        return {"parts": [part.to_json() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class TextWords:
    """Truncated singular value decomposition of the words and pairs of words of texts.

    With c the counts of hashed words of a text, its vector is x = log(1 + c) * log((1 + n) / (1 + df)), scaled to
    length 1, where df of n texts hold the word; what is given is x V, V the first right singular vectors of all
    training texts. The column plan has components of *characters* already, which see spelling; these see topics. The
    target is not used.

    Source: Deerwester and others 1990, Indexing by latent semantic analysis; hashing: Weinberger and others 2009.
    """

    name: str = "text_words"

    def fit(self, rows: Rows, most: int) -> tuple[WordColumns, NDArray[np.float64]]:
        """At most so many components, shared by the text columns."""
        texts = rows.given.texts
        each = min(most // max(len(texts), 1), _COMPONENTS)
        looked = np.sort(rows.sample(_ROWS))
        parts = [_components(place, found.words[looked], each, rows.seed) for place, found in enumerate(texts)]
        columns = WordColumns(tuple(part for part in parts if part is not None))
        return columns, columns.transform(rows.given)

    def from_json(self, state: dict[str, Any], width: int) -> WordColumns:
        """What `WordColumns.to_json` described, for `width` text columns.

        Raises:
            ValueError: If it is something else.
        """
        return WordColumns(tuple(_from_json(part, width) for part in state["parts"]))


def _components(place: int, words: Any, count: int, seed: int) -> WordComponents | None:
    """The components of one text column; None where texts share too few words."""
    from sklearn.utils.extmath import randomized_svd

    texts = np.bincount(words.indices, minlength=BUCKETS)
    buckets = np.sort(np.argsort(-texts, kind="stable")[:_WORDS])
    buckets = buckets[(texts[buckets] >= _LEAST) & (texts[buckets] < words.shape[0])]
    count = min(count, len(buckets) - 1)
    if count < 1:
        return None
    rarity = np.log((1.0 + words.shape[0]) / (1.0 + texts[buckets]))
    found = randomized_svd(_weighted(words[:, buckets], rarity), count, random_state=seed)[2].T
    loadings = np.round(found, _DIGITS)
    kept = np.abs(loadings).max(axis=0) > 0
    return WordComponents(place, buckets, rarity, loadings[:, kept]) if kept.any() else None


def _weighted(words: Any, rarity: NDArray[np.float64]) -> Any:
    """Term frequencies, damped and weighted, of length 1 in each row."""
    from sklearn.preprocessing import normalize

    if not words.shape[0]:  # scikit-learn refuses to scale zero rows
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
