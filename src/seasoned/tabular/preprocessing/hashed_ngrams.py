"""Counts of hashed n-grams of texts: words, pairs of words, and character n-grams. Nothing is fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["BUCKETS", "LONGEST", "count_characters", "count_words"]

BUCKETS: Final = 2**18  # number of hash buckets
_WORD: Final = r"\w+"
LONGEST: Final = 5_000  # characters read per text; the rest adds little information
_SIZES: Final = (2, 3, 4)  # lengths of character n-grams
_BLOCK: Final = 2**21  # characters that are hashed together, for bounded memory
_FACTOR, _MIX = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B)  # odd constants of multiplicative hashing


def count_words(texts: Sequence[str | None], longest: int = LONGEST, buckets: int = BUCKETS) -> Any:
    """Count words and pairs of neighbouring words, without case, as a sparse matrix of shape (n, buckets).

    Only the first `longest` characters of a text are read. The hash is scikit-learn's MurmurHash3, which is the same in
    all its versions. A missing text has no words.

    Example:
        >>> count_words(["red red wine", None]).sum(axis=1).tolist()  # red, red, wine, red red, red wine
        [5.0, 0.0]
    """
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import HashingVectorizer

    if not len(texts):  # scikit-learn rejects empty input
        return csr_array((0, buckets))
    hashing = HashingVectorizer(
        n_features=buckets, ngram_range=(1, 2), norm=None, alternate_sign=False, token_pattern=_WORD
    )
    return csr_array(hashing.transform(["" if text is None else text[:longest] for text in texts]))


def count_characters(texts: Sequence[str | None], longest: int = LONGEST, buckets: int = BUCKETS) -> Any:
    """Count n-grams of 2 to 4 characters within words, without case, as a sparse matrix of shape (n, buckets).

    An n-gram may contain the space before or after its word. In scripts without spaces a sentence is a word. All
    n-grams of a block of texts are hashed at once: h = (h a + c) mod 2^32 over the characters c, then mixed by shifts
    and a product.

    Example:
        >>> count_characters(["Tea", "tea", None]).sum(axis=1).tolist()  # of " tea ": 4 pairs, 3 triples, 2 of four
        [9.0, 9.0, 0.0]
    """
    from scipy.sparse import csr_array, vstack

    found, block, size = [csr_array((0, buckets), dtype=np.float32)], [], 0
    for text in texts:
        padded = "" if text is None else f" {' '.join(text[:longest].lower().split())} "
        block.append("" if padded.isspace() else padded)
        size += len(block[-1])
        if size > _BLOCK:
            found.append(_count_block(block, buckets))
            block, size = [], 0
    if block:
        found.append(_count_block(block, buckets))
    return csr_array(vstack(found, format="csr"))


def _count_block(texts: Sequence[str], buckets: int) -> Any:
    from scipy.sparse import coo_array, csr_array

    characters = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    row = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    rows, columns = [], []
    inner = np.zeros(len(characters), dtype=np.bool_)  # True where a space lies strictly inside the n-gram
    mixed = characters * _FACTOR
    for size in range(2, max(_SIZES) + 1):
        last = len(characters) - size + 1
        if last <= 0:
            break
        mixed = mixed[:last] * _FACTOR + characters[size - 1 :]
        if size > 2:
            inner = inner[:last] | (characters[size - 2 : size - 2 + last] == ord(" "))
        same = row[:last] == row[size - 1 :]
        kept = np.flatnonzero(same & ~inner[:last]) if size in _SIZES else np.empty(0, dtype=np.int64)
        rows.append(row[kept])
        columns.append(_buckets(mixed[kept], buckets))
    if not rows:
        return csr_array((len(texts), buckets), dtype=np.float32)
    places = np.concatenate(rows), np.concatenate(columns)
    return csr_array(coo_array((np.ones(len(places[0]), dtype=np.float32), places), (len(texts), buckets)))


def _buckets(hashed: NDArray[np.uint32], buckets: int) -> NDArray[np.int64]:
    mixed = (hashed ^ (hashed >> np.uint32(15))) * _MIX
    return ((mixed ^ (mixed >> np.uint32(13))) % np.uint32(buckets)).astype(np.int64)
