"""Inference of the kind of a column from its cells."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from seasoned.tabular.schema.column import MAX_CATEGORY_LEVELS, MOST_LEVELS, UNREAD, Column, Kind, UnreadableCells
from seasoned.tabular.schema.dates import date_style, either_order, mostly_dates, read_dates, several_formats
from seasoned.tabular.schema.text_parsing import (
    PLAIN,
    boolean_style,
    has_value,
    mostly_numbers,
    number_style,
    present_in,
    read_numbers,
    several_units,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EMPTY", "SAME", "infer_column"]

logger = logging.getLogger("seasoned.tabular")

EMPTY: Final = "All of its cells are empty."
SAME: Final = "It has the same value in every row."
_AGAIN: Final = 3  # fewest rows of a recurring value
_USUAL: Final = 5  # most frequent values that are not counted, because "none" or "see above" may fill a column of text
_MIN_RECURRING_SHARE: Final = 2 / 3  # smallest share of rows with recurring values in a category of many levels
_SPELLINGS: Final = 8  # largest number of spellings of yes and no in a column, such as "Yes", "YES" and "yes"
_FIRST: Final = 100  # cells in which an example of the reading is searched
_EITHER: Final = (
    "the dates of %r, such as %r, can be read with the month or the day first, and are read with the month first; if "
    "the day comes first, write them in another way, such as 2026-12-31."
)
_SEVERAL: Final = (
    "the column %r looks like dates in several formats, such as %r and %r, and is read as text; write them in one."
)


def infer_column(name: str, plain: pd.Series[Any], *, categorical: bool) -> Column:
    """Infer the kind of a column. A column that is declared as categories is not read as numbers or dates.

    Args:
        name: Name of the column.
        plain: Cells in canonical form (`canonical.py`), shape (n,).
        categorical: True if the dtype declares categories.
    """
    levels = _levels(plain)
    if levels == 0:
        return Column(name, "constant", reason=EMPTY)
    if levels == 1 and not plain.isna().any():
        return Column(name, "constant", reason=SAME)
    if plain.dtype.kind == "f":
        return Column(name, "boolean" if plain.isin((0.0, 1.0, math.nan)).all() else "numeric")
    if plain.dtype.kind == "M":
        return Column(name, "date")
    if levels <= _SPELLINGS and (words := boolean_style(plain)) is not None:
        return Column(name, "boolean", words)
    written = None if categorical else _written(name, plain)
    kind: Kind = "category" if levels <= MAX_CATEGORY_LEVELS or _comes_again(plain) else "text"
    return written or Column(name, kind, example=None if categorical else several_units(plain))


def _comes_again(words: pd.Series[Any]) -> bool:
    """Return True if text is a category of many levels.

    The `MOST_LEVELS` most frequent values must cover two thirds of the rows. Of the rows without the `_USUAL` most
    frequent values, two thirds must have a recurring value.
    """
    counts = words.value_counts().to_numpy()
    others = counts[_USUAL:]
    known = counts[:MOST_LEVELS].sum() >= _MIN_RECURRING_SHARE * counts.sum()
    return bool(known and others[others >= _AGAIN].sum() >= _MIN_RECURRING_SHARE * others.sum())


def _written(name: str, plain: pd.Series[Any]) -> Column | None:
    """Column of numbers or dates in text, if all cells are readable, or all but a few; else None."""
    if (style := number_style(plain)) is not None:
        return _written_numbers(name, plain, style)
    if (style := date_style(plain)) is not None:
        if either_order(plain, style):
            logger.warning(_EITHER, name, present_in(plain).iloc[0])
        return Column(name, "date", style, example=_example(plain, style))
    if (mostly := mostly_numbers(plain)) is not None:
        style, left = mostly
        return _with_slips(_written_numbers(name, plain, style), plain, left)
    if (mostly := mostly_dates(plain)) is not None:
        return _with_slips(Column(name, "date", mostly[0], example=_example(plain, mostly[0])), plain, mostly[1])
    if several := several_formats(plain):
        logger.warning(_SEVERAL, name, *several)
    return None


def _levels(plain: pd.Series[Any]) -> int:
    """Number of different values without missing ones. For numbers, 2 means 2 or more, which saves time."""
    if plain.dtype.kind != "f":
        return plain.nunique(dropna=True)
    low, high = plain.min(), plain.max()
    return 0 if math.isnan(low) else 1 if low == high else 2


def _written_numbers(name: str, plain: pd.Series[Any], style: str) -> Column:
    kind: Kind = "boolean" if read_numbers(plain, style).dropna().isin((0.0, 1.0)).all() else "numeric"
    return Column(name, kind, style, example=_example(plain, style))


def _example(plain: pd.Series[Any], style: str) -> str | None:
    """First cell that shows how the column is read; for plain numbers and dates, a word for a missing value."""
    import pandas as pd

    first = plain.dropna().head(_FIRST)
    if style == PLAIN or style.startswith(("%Y-%m-%d", "ISO")):
        words = first.drop(present_in(first).index)
    elif style.startswith("%"):
        words = first[read_dates(first, style).notna()]
    else:
        values = read_numbers(first, style)
        words = first[values.notna() & (values != pd.to_numeric(first, errors="coerce"))]
    return str(words.iloc[0]) if len(words) else None


def _with_slips(column: Column, plain: pd.Series[Any], left: pd.Series[Any]) -> Column:
    """Column with its words that are no numbers or dates; a warning reports them."""
    words = left[has_value(left)]
    if not len(words):
        return column
    lost = UnreadableCells(column, len(words), int(has_value(plain).sum()), str(words.iloc[0]))
    logger.warning(
        "a few cells count as missing: %s, and all others can; correct them, or declare the column as categories "
        "(astype('category')) to keep them as levels.",
        lost.sentence,
    )
    return replace(column, unread=tuple(words.value_counts().index[:UNREAD]))
