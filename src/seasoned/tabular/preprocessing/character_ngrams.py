"""Latent components of character n-grams: vectors in which texts that are spelt alike are near each other."""

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

_SIZES: Final = (3, 4)  # characters, within words and with the spaces around them
_END: Final = -1  # fills the places of shorter n-grams
MOST_COMPONENTS: Final = 20
_MOST_NGRAMS: Final = 2**17  # the most common ones; English has about so many, scripts without spaces millions
_MANY_TEXTS: Final = 500  # from which on n-grams that only one text has are left out
_MOST_CHARACTERS: Final = 5_000  # that are read of a text, its first


@dataclass(frozen=True, slots=True, eq=False)
class Ngrams:
    """tf-idf of n-grams of 3 and 4 characters, times the right singular vectors of the texts that it was learned from.

    A text's vector is t V, where t is its row of tf-idf (L2 norm 1) and V holds the leading singular vectors: latent
    semantic analysis (Deerwester et al., 1990), of characters. scikit-learn finds both; what is kept are plain arrays.

    Attributes:
        ngrams: In the order of the columns of t.
        rarity: Their inverse document frequencies, shape (n,).
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
    """Name -> data type and dimensions of `arrays()`."""

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
        object.__setattr__(self, "_loadings", np.ascontiguousarray(self.components.T))  # scipy would copy it each time

    @classmethod
    def fit(cls, texts: pd.Series[Any], *, seed: int) -> Ngrams | None:
        """Learn from texts without gaps; None where no n-gram is in them.

        Args:
            texts: One for each row that is learned from.
            seed: Of the randomised singular value decomposition.
        """
        from sklearn.decomposition import TruncatedSVD

        counting = _tfidf(least=2 if len(texts) >= _MANY_TEXTS else 1)
        try:
            matrix = counting.fit_transform(texts.str.slice(0, _MOST_CHARACTERS))
        except ValueError:  # "empty vocabulary": no texts, nothing but spaces, or no n-gram twice
            return None
        with np.errstate(invalid="ignore"):  # the explained share of a variance of 0, where all texts are the same
            found = TruncatedSVD(min(MOST_COMPONENTS, *matrix.shape), random_state=seed).fit(matrix)
        names = tuple(counting.get_feature_names_out().tolist())
        return cls(names, np.asarray(counting.idf_, dtype=np.float64), found.components_.astype(np.float32))

    @property
    def width(self) -> int:
        """Number of components."""
        return int(self.components.shape[0])

    def transform(self, texts: pd.Series[Any]) -> NDArray[np.float64]:
        """The texts' vectors, shape (n, width); zeros for a text of which no n-gram is known."""
        if not len(texts):  # scikit-learn refuses to count in zero texts
            return np.zeros((0, self.width))
        told = self._counting.transform(texts.str.slice(0, _MOST_CHARACTERS))
        return np.asarray(told @ self._loadings, dtype=np.float64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it as arrays; an n-gram is a row of code points."""
        codes = np.full((len(self.ngrams), max(_SIZES)), _END, dtype=np.int32)
        for row, ngram in enumerate(self.ngrams):
            codes[row, : len(ngram)] = [ord(character) for character in ngram]
        return {"ngrams": codes, "rarity": self.rarity, "components": self.components}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Ngrams:
        """What `arrays` gave.

        Raises:
            ValueError: If their sizes differ, or an n-gram is empty or comes twice.
        """
        ngrams = tuple("".join(chr(code) for code in row if code != _END) for row in arrays["ngrams"].tolist())
        if len(set(ngrams)) < len(ngrams) or not all(ngrams):
            raise ValueError("its n-grams are empty or not all different")
        return cls(ngrams, arrays["rarity"], arrays["components"])


def _tfidf(places: Mapping[str, int] | None = None, least: int = 1) -> Any:
    """A vectoriser of n-grams: those with given places, or the most common ones that at least `least` texts have."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    kept = {"vocabulary": places} if places is not None else {"min_df": least, "max_features": _MOST_NGRAMS}
    return TfidfVectorizer(analyzer="char_wb", ngram_range=_SIZES, dtype=np.float32, **kept)
