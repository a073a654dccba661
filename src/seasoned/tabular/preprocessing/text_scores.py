"""Scores of texts: predictions of a linear model of all text columns of a row, from hashed words and characters.

Sentence embeddings are further inputs if their package is installed and they lower the loss on held-out rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from seasoned.tabular.preprocessing.hashed_ngrams import BUCKETS, LONGEST, count_characters, count_words
from seasoned.tabular.preprocessing.sentence_embeddings import (
    DIMENSIONS,
    embed_texts,
    has_embeddings,
    missing_embeddings,
)
from seasoned.tabular.preprocessing.sparse_logistic import LOWEST_SCORE, fit_logistic, log_probabilities, ridge_start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Texts = Sequence[Sequence[str | None]]
    Embeddings = NDArray[np.float32] | None

__all__ = ["TextScores", "choose_inputs", "count_texts", "reading_lengths", "score_loss", "words_of"]

_MAX_CHARACTERS: Final = (8_000_000, 4_000_000)  # characters of a table that are read for words and for n-grams
_LENGTHS: Final = (LONGEST, 2_000, 1_000, 500, 200, 100)  # characters read per text, the largest that is affordable
_MIN_TEXTS: Final = 2  # smallest number of rows that contain an n-gram
_MAX_NGRAMS: Final = 30_000  # largest number of n-grams of one kind and column, the most informative ones
_MAX_WEIGHTS: Final = 300_000  # largest number of weights of one kind and column; many classes have fewer n-grams
_MIN_NGRAMS: Final = 2_000  # number of n-grams of one kind and column that any number of classes may have
_PENALTIES: Final = (1.0, 0.3, 0.1, 0.03)  # candidates; the rows have squared length 1 a kind and column
_CHOICE_ROWS: Final = (1_000, 5_000)  # numbers of rows for the choice of penalty and embeddings
_CHOICE_WORK: Final = 20_000_000  # largest number of counts of these rows times classes, above the smaller number


@dataclass(frozen=True, slots=True, eq=False)
class TextScores:
    """Logistic regression of the classes on tf-idf vectors of the texts.

    Each text column has two vectors, of words with pairs of words and of character n-grams. The weight of an n-gram
    with c occurrences is log(1 + c) log((1 + n) / (1 + d)), where d of n training rows contain it; each vector is
    scaled to length 1. Embeddings are vectors of length 1, too. For two classes the score is the logit, for more
    classes the logarithm of each probability.

    Attributes:
        longest: Characters read per text, for words and for character n-grams; 0 for none.
        ngrams: Hashed n-grams, ascending: bucket + 2^18 (2 column + kind), with the kinds 0 (words) and 1, shape (m,).
        rarity: Logarithm of (1 + n) / (1 + d) of each n-gram, shape (m,).
        weights: Weight of each n-gram, then of each number of the embeddings, if they are used, in each score before
            normalisation, shape (m + d, k).
        intercept: Shape (k,).
    """

    KINDS: ClassVar[Mapping[str, tuple[str, int]]] = MappingProxyType(
        {"longest": ("int64", 1), "ngrams": ("int64", 1), "rarity": ("float32", 1), "weights": ("float32", 2)}
        | {"intercept": ("float64", 1)}
    )
    """Name -> data type and number of dimensions of the arrays of `arrays()`."""

    longest: tuple[int, int]
    ngrams: NDArray[np.int64]
    rarity: NDArray[np.float32]
    weights: NDArray[np.float32]
    intercept: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        counts: Any,
        y: NDArray[Any],
        n_classes: int,
        *,
        longest: tuple[int, int],
        penalty: float,
        weights: NDArray[np.float64] | None = None,
        embedded: Embeddings = None,
    ) -> TextScores | None:
        """Fit to training rows; None if no n-gram occurs in two rows, or all rows are of one class.

        Args:
            counts: `count_texts` of the rows.
            y: Class codes, shape (n,).
            n_classes: Number of classes.
            longest: Characters read per text, as for `counts`.
            penalty: Strength of the L2 penalty.
            weights: Row weights, shape (n,); None for equal weights.
            embedded: `embed_texts` of the rows, shape (n, d); None to leave them out.
        """
        ngrams = _informative(counts, y, n_classes)
        if not len(ngrams) or len(np.unique(y)) < 2:
            return None
        rarity = _rarity(counts, ngrams)
        X = _joined(_tfidf(counts, ngrams, rarity), embedded)
        coefficients, intercept = fit_logistic(X, y, penalty, ridge_start(X, y), weights)
        return cls(longest, ngrams, rarity, coefficients.astype(np.float32), intercept)

    @property
    def count(self) -> int:
        """Number of scores."""
        return int(self.weights.shape[1])

    @property
    def embeds(self) -> bool:
        """True if embeddings are among the inputs."""
        return len(self.weights) > len(self.ngrams)

    def scores(self, texts: Texts) -> NDArray[np.float64]:
        """Return the scores of rows, shape (n, count); `texts` has the texts of each column.

        Raises:
            MissingExtra: If it needs embeddings, and their package is not installed.
        """
        embedded = embed_texts(texts, self.longest[0]) if self.embeds else None
        return self.of_counts(count_texts(texts, self.longest), embedded)

    def of_counts(self, counts: Any, embedded: Embeddings = None) -> NDArray[np.float64]:
        """Return the scores of rows of `count_texts` and `embed_texts`, shape (n, count)."""
        if not counts.shape[0]:
            return np.zeros((0, self.count))
        sums = np.asarray(_tfidf(counts, self.ngrams, self.rarity) @ self.weights[: len(self.ngrams)])
        if embedded is not None:
            sums = sums + embedded @ self.weights[len(self.ngrams) :]
        found = sums.astype(np.float64) + self.intercept
        return log_probabilities(found) if self.count > 1 else found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """State as arrays."""
        return {name: np.asarray(getattr(self, name)) for name in self.KINDS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], columns: float) -> TextScores:
        """Restore from `arrays`, for a table with at most `columns` text columns.

        Raises:
            MissingExtra: If it needs embeddings, and their package is not installed.
            ValueError: If the arrays do not fit together.
        """
        longest, ngrams, weights = arrays["longest"], arrays["ngrams"], arrays["weights"]
        inside = len(ngrams) > 0 and ngrams[0] >= 0 and ngrams[-1] < 2 * columns * BUCKETS
        if not inside or (np.diff(ngrams) <= 0).any():
            raise ValueError("its scores of texts have n-grams of another table")
        if len(longest) != 2 or (longest < 0).any() or (longest > LONGEST).any():
            raise ValueError("its scores of texts read texts of an impossible length")
        shapes = arrays["rarity"].shape == (len(ngrams),) and arrays["intercept"].shape == weights.shape[1:]
        finite = all(np.isfinite(arrays[name]).all() for name in ("rarity", "weights", "intercept"))
        beyond = len(weights) - len(ngrams)  # weights of embeddings
        known = beyond % DIMENSIONS == 0 and 0 <= beyond <= columns * DIMENSIONS
        if not (shapes and finite and known and weights.shape[1]):
            raise ValueError("its scores of texts do not fit together")
        if beyond and not has_embeddings():
            raise missing_embeddings()
        return cls((int(longest[0]), int(longest[1])), ngrams, arrays["rarity"], weights, arrays["intercept"])


def reading_lengths(texts: Texts) -> tuple[int, int]:
    """Characters to read per text, for words and for character n-grams, so that counting takes seconds.

    Example:
        >>> reading_lengths([["a few words"] * 100]), reading_lengths([["x" * 1_000] * 9_000])
        ((5000, 5000), (500, 200))
    """
    sizes = np.array([len(text) for column in texts for text in column if text is not None])
    found = [
        next((length for length in _LENGTHS if np.minimum(sizes, length).sum() <= most), 0) for most in _MAX_CHARACTERS
    ]
    return found[0], found[1]


def count_texts(texts: Texts, longest: tuple[int, int]) -> Any:
    """Count the n-grams of all text columns, a sparse matrix of shape (n, 2 columns 2^18); see `TextScores.ngrams`."""
    from scipy.sparse import csr_array, hstack

    blocks = []
    for column in texts:
        for count, length in zip((count_words, count_characters), longest, strict=True):
            blocks.append(count(column, length) if length else csr_array((len(column), BUCKETS), dtype=np.float32))
    return csr_array(hstack(blocks, format="csr"))


def words_of(counts: Any) -> Any:
    """Return the counts of words and of pairs of words alone, in a matrix of the same shape."""
    kept = counts.copy()
    kept.data[kept.indices // BUCKETS % 2 == 1] = 0
    kept.eliminate_zeros()
    return kept


def choose_inputs(
    counts: Any,
    y: NDArray[Any],
    n_classes: int,
    seed: int,
    embed: Callable[[NDArray[np.int64]], NDArray[np.float32]] | None = None,
) -> tuple[float, bool]:
    """Choose the penalty, then whether embeddings are used, by the loss on a fifth of at most 5,000 rows.

    Many classes have fewer rows, at least 1,000.

    Args:
        counts: `count_texts` of all rows.
        y: Class codes, shape (n,).
        n_classes: Number of classes.
        seed: Seed of the selection of rows.
        embed: Function that returns the embeddings of the rows with these indices; None without embeddings.

    Returns:
        The penalty, and True for embeddings.
    """
    affordable = _CHOICE_WORK * len(y) // max(counts.nnz * n_classes, 1)
    rows = np.random.default_rng(seed).permutation(len(y))[: int(np.clip(affordable, *_CHOICE_ROWS))]
    train, valid = np.sort(rows[len(rows) // 5 :]), np.sort(rows[: len(rows) // 5])
    seen = np.unique(y[train])
    ngrams = _informative(counts[train], y[train], n_classes)
    if not len(ngrams) or len(seen) < 2 or not len(valid):
        return _PENALTIES[0], False
    rarity = _rarity(counts[train], ngrams)
    X, X_valid = (_tfidf(counts[part], ngrams, rarity) for part in (train, valid))

    def losses(X: Any, X_valid: Any, penalties: Sequence[float]) -> list[float]:
        found, start = [], ridge_start(X, y[train])
        for penalty in penalties:
            coefficients, intercept = fit_logistic(X, y[train], penalty, start)
            scores = np.asarray(X_valid @ coefficients) + intercept
            scores = log_probabilities(scores) if scores.shape[1] > 1 else scores
            found.append(score_loss(scores, y[valid], seen))
        return found

    without = losses(X, X_valid, _PENALTIES)
    penalty = _PENALTIES[int(np.argmin(without))]
    if embed is None:
        return penalty, False
    (both,) = losses(_joined(X, embed(train)), _joined(X_valid, embed(valid)), [penalty])
    return penalty, both < min(without)


def score_loss(scores: NDArray[np.float64], y: NDArray[Any], seen: NDArray[Any]) -> float:
    """Mean negative logarithm of the probability of the true class among the classes `seen`."""
    if scores.shape[1] == 1:
        signs = np.where(y == seen[-1], 1.0, -1.0)
        return float(np.logaddexp(0.0, -signs * scores[:, 0]).mean())
    known = np.isin(y, seen)
    found = np.full(len(y), -LOWEST_SCORE)
    found[known] = -scores[known, np.searchsorted(seen, y[known])]
    return float(found.mean())


def _informative(counts: Any, y: NDArray[Any], n_classes: int) -> NDArray[np.int64]:
    """N-grams of at least two rows, ascending; of many, those of the largest chi-squared statistic with the target."""
    texts = np.bincount(counts.indices, minlength=counts.shape[1])
    most = min(_MAX_NGRAMS, max(_MAX_WEIGHTS // n_classes, _MIN_NGRAMS))
    found = []
    for start in range(0, counts.shape[1], BUCKETS):
        known = start + np.flatnonzero(texts[start : start + BUCKETS] >= _MIN_TEXTS)
        if len(known) > most:
            from sklearn.feature_selection import chi2

            statistic = np.nan_to_num(chi2(counts[:, known], y)[0])
            known = np.sort(known[np.argsort(-statistic, kind="stable")[:most]])
        found.append(known)
    return np.concatenate(found).astype(np.int64)


def _tfidf(counts: Any, ngrams: NDArray[np.int64], rarity: NDArray[np.float32]) -> Any:
    """Weighted counts, with each kind and column scaled to length 1 in each row."""
    from scipy.sparse import csr_array

    found = csr_array(counts[:, ngrams], dtype=np.float32, copy=True)
    found.data = np.log1p(found.data) * rarity[found.indices]
    kinds = counts.shape[1] // BUCKETS
    cell = np.repeat(np.arange(len(found.indptr) - 1), np.diff(found.indptr)) * kinds
    cell += (ngrams // BUCKETS)[found.indices]
    lengths = np.sqrt(np.bincount(cell, found.data.astype(np.float64) ** 2, minlength=1))
    found.data /= np.maximum(lengths, 1e-12)[cell].astype(np.float32)
    return found


def _joined(vectors: Any, embedded: Embeddings) -> Any:
    """Sparse vectors with the embeddings as further columns, if there are any."""
    from scipy.sparse import csr_array, hstack

    return vectors if embedded is None else csr_array(hstack([vectors, csr_array(embedded)], format="csr"))


def _rarity(counts: Any, ngrams: NDArray[np.int64]) -> NDArray[np.float32]:
    texts = np.bincount(counts.indices, minlength=counts.shape[1])[ngrams]
    return np.asarray(np.log((1.0 + counts.shape[0]) / (1.0 + texts)), dtype=np.float32)
