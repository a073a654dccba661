"""Conversion of text columns to numbers in a text file that was read with decimal commas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

__all__ = ["DECIMAL", "ENCODING", "as_numbers", "replaced", "with_points"]

DECIMAL: Final = "decimal"  # key in `DataFrame.attrs`: decimal sign of the file
ENCODING: Final = "encoding"  # key in `DataFrame.attrs`: encoding that the user set
_COMMA: Final = r"[+-]?(?=[\d,])(?:\d{1,3}(?:\.\d{3})+|\d+)?(?:,\d+)?(?:[eE][+-]?\d+)?"  # also 950 and 1.234,5
_THOUSANDS: Final = r"[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})+|\d{1,3})"
_FIRST_CELLS: Final = 100  # cells that are tested before the whole column; they decide most columns


def with_points(frame: pd.DataFrame, text: Iterable[str] = (), *, commas: bool = False) -> pd.DataFrame:
    """Convert the text columns of numbers, "1.5" or "1.234,5", of a table that was read with decimal commas.

    If the comma is the decimal sign in any column, points that always precede three digits are thousands separators:
    "950" and "1.200" are 950 and 1200. `attrs` then stores the decimal sign, for later files of the same columns.

    Args:
        frame: The table.
        text: Columns that stay as they are.
        commas: True if the comma is the decimal sign, whatever the columns contain.
    """
    import pandas as pd

    left = set(text)
    worded = [name for name in map(str, frame.columns) if name not in left]  # column names of text files are text
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
    """Convert those of the named columns whose cells are all numbers of the usual form, "1.5"."""
    import pandas as pd

    found = {name: pd.to_numeric(frame[name], errors="coerce") for name in names if name in frame.columns}
    whole = {name: cells for name, cells in found.items() if cells.notna().equals(frame[name].notna())}
    return replaced(frame, whole)


def replaced(frame: pd.DataFrame, columns: Mapping[str, pd.Series[Any]]) -> pd.DataFrame:
    """Replace columns by name, also by names that `DataFrame.assign` refuses."""
    found = frame.copy(deep=False) if columns else frame
    for name, values in columns.items():
        found[name] = values
    return found


def _all(cells: pd.Series[Any], pattern: str) -> bool:
    present = cells.dropna()
    parts = (present.head(_FIRST_CELLS), present)
    return len(present) > 0 and all(bool((part.str.fullmatch(pattern) & (part != "")).all()) for part in parts)
