"""Codes straight from a raw column, where that is the same as reading it first and much quicker.

Reading a table in canonical form costs pandas some milliseconds a column however few rows there are. Numbers and known
category levels need none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.tabular.columns.category import CategoryColumn
from seasoned.tabular.columns.number import NumberColumn
from seasoned.tabular.schema import read

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.schema import Column, Lost

__all__ = ["codes"]


def codes(column: Column, encoder: Any, series: pd.Series[Any], lost: list[Lost]) -> NDArray[np.float64]:
    """`encoder.codes(read(column, series, lost))`, without a detour where there is none to make; shape (n, k)."""
    import pandas as pd

    dtype = series.dtype
    if isinstance(encoder, NumberColumn) and isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        values = series.to_numpy(dtype=np.float64, copy=True)
        values[~np.isfinite(values)] = np.nan
        return encoder.clipped(values)
    if isinstance(encoder, CategoryColumn) and isinstance(dtype, pd.StringDtype):
        return _levels(column, encoder, series)
    found: NDArray[np.float64] = encoder.codes(read(column, series, lost))
    return found


def _levels(column: Column, encoder: CategoryColumn, series: pd.Series[Any]) -> NDArray[np.float64]:
    """Known words by a dict; what is neither known nor missing is read as ever: it may be " yes" for "yes"."""
    place = {word: float(code) for code, word in enumerate(encoder.words)}
    found = np.array([place.get(word, np.nan) for word in series.to_numpy(dtype=object)], dtype=np.float64)
    rest = np.flatnonzero(np.isnan(found) & series.notna().to_numpy())
    if len(rest):
        found[rest] = encoder.codes(read(column, series.iloc[rest]))[:, 0]
    return found[:, None]
