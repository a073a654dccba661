"""Columns of a text file that are numbers with decimal commas, or with points where commas were expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

__all__ = ["DECIMAL", "ENCODING", "as_numbers", "replaced", "with_points"]

DECIMAL: Final = "decimal"  # in `attrs` of a table
ENCODING: Final = "encoding"
_COMMA: Final = r"[+-]?(?=[\d,])(?:\d{1,3}(?:\.\d{3})+|\d+)?(?:,\d+)?(?:[eE][+-]?\d+)?"  # also "1.234,5"
_THOUSANDS: Final = r"[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})+|\d{1,3})"
_FEW: Final = 100  # cells that are looked at first; most columns are settled by them


def with_points(frame: pd.DataFrame, text: Iterable[str] = (), *, commas: bool = False) -> pd.DataFrame:
    """A table that was read with decimal commas, its text columns of numbers, "1.5" or "1.234,5", as numbers.

    If the comma is the decimal sign somewhere, points that are always followed by three digits are thousands
    separators: "950" and "1.200" are 950 and 1200. `attrs` then records it, for other files of the same columns.

    Args:
        frame: The table.
        text: Columns that stay as they are.
        commas: Whether the comma is known to be the decimal sign, whatever the columns show.
    """
    import pandas as pd

    left = set(text)
    worded = [name for name in map(str, frame.columns) if name not in left]  # text files have text as names
    words = {name: frame[name].str.strip() for name in worded if isinstance(frame[name].dtype, pd.StringDtype)}
    parted = {name for name, cells in words.items() if _all(cells, _COMMA) and cells.str.contains(",").any()}
    commas = commas or bool(parted)
    bare = {
        name: cells.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
        for name, cells in words.items()
        if name in parted or (commas and _all(cells, _THOUSANDS))
    }
    known = as_numbers(replaced(frame, bare), words)
    if commas:
        known.attrs[DECIMAL] = ","
    return known


def as_numbers(frame: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The frame with text columns converted to numbers where all their cells are numbers of the usual form, "1.5"."""
    import pandas as pd

    found = {name: pd.to_numeric(frame[name], errors="coerce") for name in names if name in frame.columns}
    whole = {name: cells for name, cells in found.items() if cells.notna().equals(frame[name].notna())}
    return replaced(frame, whole)


def replaced(frame: pd.DataFrame, columns: Mapping[str, pd.Series[Any]]) -> pd.DataFrame:
    """The frame with some columns replaced by name, also by names that `assign` does not take."""
    found = frame.copy(deep=False) if columns else frame
    for name, values in columns.items():
        found[name] = values
    return found


def _all(cells: pd.Series[Any], pattern: str) -> bool:
    present = cells.dropna()
    parts = (present.head(_FEW), present)
    return len(present) > 0 and all(bool((part.str.fullmatch(pattern) & (part != "")).all()) for part in parts)
