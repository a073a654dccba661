"""Category columns: one code per level; missing and unseen levels are NaN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.tabular.schema.column import LONGEST_LEVEL

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["CategoryColumn"]


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
