"""Latent components of character n-grams: texts with similar spelling have similar vectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["MOST_COMPONENTS", "Ngrams"]

_SIZES: Final = (3, 4)  # characters of an n-gram, within words including the spaces around them
_END: Final = -1  # padding of n-grams shorter than the longest
MOST_COMPONENTS: Final = 20
# largest number of n-grams, the most common ones; English has about as many, scripts without spaces millions
_MOST_NGRAMS: Final = 2**17
_MANY_TEXTS: Final = 500  # number of texts from which on n-grams of a single text are dropped
_MOST_CHARACTERS: Final = 5_000  # characters read per text


@dataclass(frozen=True, slots=True, eq=False)
class Ngrams:
    """tf-idf of n-grams of 3 and 4 characters, projected on the leading right singular vectors of the training texts.

    The vector of a text is t V, where t is its tf-idf row (L2 norm 1) and V contains the leading singular vectors:
    latent semantic analysis (Deerwester et al., 1990) of characters. scikit-learn computes both; the fitted state is
    plain arrays.

    Attributes:
        ngrams: N-grams in the order of the columns of t.
        rarity: Inverse document frequencies of the n-grams, shape (n,).
        components: V transposed, shape (k, n); k is 20, or fewer for few texts or n-grams.

    Example:
        >>> import pandas as pd
        >>> vectors = Ngrams.fit(pd.Series(["red wine", "white wine", "green tea"]), seed=0)
        >>> vectors.transform(pd.Series(["red wines"])).shape
        (1, 3)
    """

    KINDS: ClassVar[Mapping[str, tuple[str, int]]] = MappingProxyType(
        {"ngrams": ("int32", 2), "rarity": ("float64", 1), "components": ("float32", 2)}
    )
    """Name -> data type and number of dimensions of the arrays of `arrays()`."""

    ngrams: tuple[str, ...]
    rarity: NDArray[np.float64]
    components: NDArray[np.float32]
    _counting: Any = field(init=False, repr=False)
    _loadings: NDArray[np.float32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.rarity.shape != (len(self.ngrams),) or self.components.shape[1:] != (len(self.ngrams),):
            raise ValueError("its n-grams and their components are not the same")
        counting = _tfidf({ngram: place for place, ngram in enumerate(self.ngrams)})
        counting.idf_ = self.rarity
        object.__setattr__(self, "_counting", counting)
        # scipy would otherwise copy the array in each call
        object.__setattr__(self, "_loadings", np.ascontiguousarray(self.components.T))

    @classmethod
    def fit(cls, texts: pd.Series[Any], *, seed: int) -> Ngrams | None:
        """Learn from texts without missing values; None if they contain no n-gram.

        Args:
            texts: One text per training row.
            seed: Random seed of the randomised singular value decomposition.
        """
        from sklearn.decomposition import TruncatedSVD

        counting = _tfidf(least=2 if len(texts) >= _MANY_TEXTS else 1)
        try:
            matrix = counting.fit_transform(texts.str.slice(0, _MOST_CHARACTERS))
        except ValueError:  # "empty vocabulary": no texts, only spaces, or no n-gram in two texts
            return None
        with np.errstate(invalid="ignore"):  # explained share of a variance of 0, for equal texts
            found = TruncatedSVD(min(MOST_COMPONENTS, *matrix.shape), random_state=seed).fit(matrix)
        names = tuple(counting.get_feature_names_out().tolist())
        return cls(names, np.asarray(counting.idf_, dtype=np.float64), found.components_.astype(np.float32))

    @property
    def width(self) -> int:
        """Number of components."""
        return int(self.components.shape[0])

    def transform(self, texts: pd.Series[Any]) -> NDArray[np.float64]:
        """Return the vectors of texts, shape (n, width); zeros for a text without a known n-gram."""
        if not len(texts):  # scikit-learn rejects empty input
            return np.zeros((0, self.width))
        told = self._counting.transform(texts.str.slice(0, _MOST_CHARACTERS))
        return np.asarray(told @ self._loadings, dtype=np.float64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """State as arrays; an n-gram is a row of code points."""
        codes = np.full((len(self.ngrams), max(_SIZES)), _END, dtype=np.int32)
        for row, ngram in enumerate(self.ngrams):
            codes[row, : len(ngram)] = [ord(character) for character in ngram]
        return {"ngrams": codes, "rarity": self.rarity, "components": self.components}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Ngrams:
        """Restore from `arrays`.

        Raises:
            ValueError: If sizes are inconsistent, or an n-gram is empty or occurs twice.
        """
        ngrams = tuple("".join(chr(code) for code in row if code != _END) for row in arrays["ngrams"].tolist())
        if len(set(ngrams)) < len(ngrams) or not all(ngrams):
            raise ValueError("its n-grams are empty or not all different")
        return cls(ngrams, arrays["rarity"], arrays["components"])


def _tfidf(places: Mapping[str, int] | None = None, least: int = 1) -> Any:
    """Vectoriser of n-grams: a fixed vocabulary, or the most common n-grams that occur in at least `least` texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    kept = {"vocabulary": places} if places is not None else {"min_df": least, "max_features": _MOST_NGRAMS}
    return TfidfVectorizer(analyzer="char_wb", ngram_range=_SIZES, dtype=np.float32, **kept)
