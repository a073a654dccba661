"""Fast path from a raw column to codes, with the same result as the path through the canonical form.

pandas needs some milliseconds per column for the canonical form, however few rows the table has. Numbers, known
category levels and answers such as "yes" need no canonical form.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.preprocessing.category import CategoryColumn
from seasoned.tabular.preprocessing.number import NumberColumn
from seasoned.tabular.schema.column import UnreadableCells
from seasoned.tabular.schema.object_columns import MISSING_WORDS
from seasoned.tabular.schema.schema import read
from seasoned.tabular.schema.text_parsing import ANSWERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.schema.column import Column

__all__ = ["codes"]

_CELLS: Final = 20  # smallest number of present cells for a report that all cells are unknown levels
# largest number of levels for that report; in columns with more levels, such as names, all may be unknown
_MAX_REPORTED_LEVELS: Final = 100
_NOTHING: Final = MappingProxyType(dict.fromkeys(MISSING_WORDS, np.nan))


def codes(column: Column, encoder: Any, series: pd.Series[Any], lost: list[UnreadableCells]) -> NDArray[np.float64]:
    """Return `encoder.codes(read(column, series, lost))`, by a fast path where one exists; shape (n, k)."""
    import pandas as pd

    dtype = series.dtype
    if isinstance(encoder, NumberColumn) and isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        values = series.to_numpy(dtype=np.float64, copy=True)
        values[~np.isfinite(values)] = np.nan
        return encoder.clipped(values)
    arrow = isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow"
    if isinstance(encoder, CategoryColumn):
        levels = _levels(column, encoder, series) if arrow else encoder.codes(read(column, series, lost))
        _note_new(column, encoder, series, levels, lost)
        return levels
    if arrow and column.kind == "boolean" and isinstance(encoder, NumberColumn):
        answers = {word: answer for word in series.unique() if (answer := _answer(word)) is not None}
        values, unknown = _looked_up(series, _NOTHING | answers)
        if not len(unknown):
            return values[:, None]
    found: NDArray[np.float64] = encoder.codes(read(column, series, lost))
    return found


def _note_new(
    column: Column,
    encoder: CategoryColumn,
    series: pd.Series[Any],
    levels: NDArray[np.float64],
    lost: list[UnreadableCells],
) -> None:
    """Report a column with few levels whose cells are all unknown, such as "1234" for "01234".

    Some unknown levels are normal and are not reported.
    """
    if len(series) < _CELLS or len(encoder.words) > _MAX_REPORTED_LEVELS or not np.isnan(levels).all():
        return
    words = read(column, series).dropna()
    if len(words) >= _CELLS:
        lost.append(UnreadableCells(column, len(words), len(words), str(words.iloc[0]), encoder.words[0]))


def _levels(column: Column, encoder: CategoryColumn, series: pd.Series[Any]) -> NDArray[np.float64]:
    """Codes of known words; a word that is neither known nor missing is parsed, because " yes" may mean "yes"."""
    found, rest = _looked_up(series, _NOTHING | {word: float(code) for code, word in enumerate(encoder.words)})
    if len(rest):
        found[rest] = encoder.codes(read(column, series.iloc[rest]))[:, 0]
    return found[:, None]


def _answer(word: Any) -> float | None:
    """Value of a word for yes or no; None for other words."""
    return ANSWERS.get(word.lower()) if isinstance(word, str) else None


def _looked_up(series: pd.Series[Any], known: Mapping[str, float]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Values of known words, NaN for other cells, shape (n,); and the indices of unknown words."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = pa.array(series.array)
    places = np.asarray(pc.fill_null(pc.index_in(cells, pa.array(list(known), cells.type)), len(known)))
    values = np.array([*known.values(), np.nan])[places]
    other = np.flatnonzero(places == len(known))
    return values, other[series.iloc[other].notna().to_numpy()] if len(other) else other
