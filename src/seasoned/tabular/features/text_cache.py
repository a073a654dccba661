"""Inputs of the text steps: statistics of each text, and the counts of its hashed words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["BUCKETS", "STATISTICS", "TextRows"]

STATISTICS: Final = (
    "characters", "words", "lines", "word length", "longest word", "distinct words", "digits", "capitals",
    "punctuation", "spaces", "other scripts",
)  # fmt: skip
BUCKETS: Final = 2**14  # number of hash buckets for words and pairs of words
_LONGEST: Final = 5_000  # characters read per text; the rest adds little information
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, eq=False)
class TextRows:
    """One text column.

    Attributes:
        statistics: Statistics of each text in the order of `STATISTICS`, shape (n, 11); NaN for a missing text. Counts
            and word lengths are log(1 + x). Capitals are a share of the letters, distinct words a share of the words.
            Digits, punctuation, spaces and characters beyond ASCII are shares of all characters.
        words: Counts of hashed words and of pairs of neighbouring words, a sparse matrix of shape (n, 2^14).
    """

    statistics: NDArray[np.float64]
    words: Any

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> TextRows:
        """Compute statistics and hashed words of the first 5,000 characters of each text.

        The computation fits nothing, so that all folds share the result.

        Example:
            >>> found = TextRows.of(["Two words", None])
            >>> np.expm1(found.statistics[0, :2]).round().tolist(), found.words.shape
            ([9.0, 2.0], (2, 16384))
        """
        read = [None if text is None else text[:_LONGEST] for text in texts]
        return cls(np.array([_statistics(text) for text in read]).reshape(-1, len(STATISTICS)), _hashed(read))

    def take(self, rows: NDArray[np.int64]) -> TextRows:
        """Return a subset of the rows."""
        return TextRows(self.statistics[rows], self.words[rows])


def _statistics(text: str | None) -> list[float]:
    if text is None:
        return [np.nan] * len(STATISTICS)
    characters, words = len(text), _WORD.findall(text)
    letters = digits = capitals = spaces = signs = other = 0
    for character in text:
        if character.isalpha():
            letters += 1
            capitals += character.isupper()
        elif character.isdigit():
            digits += 1
        elif character.isspace():
            spaces += 1
        else:
            signs += 1
        other += character > "\x7f"
    lengths = [len(word) for word in words]
    mean = sum(lengths) / max(len(words), 1)
    counts = np.array([characters, len(words), text.count("\n"), mean, max(lengths, default=0)])
    distinct = len({word.lower() for word in words}) / max(len(words), 1)
    shares = [digits, signs, spaces, other]
    of_all = [count / max(characters, 1) for count in shares]
    return [*np.log1p(counts), distinct, of_all[0], capitals / max(letters, 1), *of_all[1:]]


def _hashed(texts: Sequence[str | None]) -> Any:
    """Hash words and pairs of words by MurmurHash3 of scikit-learn, which is the same in all its versions."""
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import HashingVectorizer

    if not len(texts):  # scikit-learn rejects empty input
        return csr_array((0, BUCKETS))
    hashing = HashingVectorizer(
        n_features=BUCKETS, ngram_range=(1, 2), norm=None, alternate_sign=False, token_pattern=_WORD.pattern
    )
    return csr_array(hashing.transform(["" if text is None else text for text in texts]))
