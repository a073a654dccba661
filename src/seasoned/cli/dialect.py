"""How a text file is written, as its beginning shows: its encoding, its separator, its decimal sign."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pandas as pd

__all__ = [
    "DECIMAL",
    "HEAD",
    "as_usual",
    "decimal_of",
    "encoding_of",
    "head_of",
    "replaced",
    "separator_of",
    "with_points",
]

DECIMAL: Final = "decimal"  # in `attrs` of a table
HEAD: Final = 1 << 18  # bytes that are looked at
_OTHERS: Final = (";", "|", "\t")
_POINT: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_COMMA: Final = r"(?=[+-]?,?\d)[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)?(?:,\d+)?(?:[eE][+-]?\d+)?"  # also "1.234,5"
_EITHER: Final = r"[+-]?[1-9]\d{0,2}(?:(?:\.\d{3})+|(?:,\d{3})+)"  # "1,234": a thousand, or a little more than one
_THOUSANDS: Final = r"[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})+|\d{1,3})"
_FEW: Final = 100  # cells that are looked at first; most columns are settled by them


def head_of(path: Path) -> bytes:
    """The first bytes of a file, decompressed; empty if that fails, as reading the file will say why."""
    try:
        with _opened(path) as file:
            return bytes(file.read(HEAD))
    except (OSError, EOFError, ValueError, LookupError, RuntimeError, lzma.LZMAError, zipfile.BadZipFile, zlib.error):
        return b""


def _opened(path: Path) -> Any:
    """The file as bytes, to read and close."""
    ending = path.suffix.lower()
    if ending == ".zst":
        import pyarrow as pa

        return pa.input_stream(str(path), compression="zstd")
    if ending == ".zip":
        with zipfile.ZipFile(path) as archive:  # what is opened in it keeps the file open
            return archive.open(archive.namelist()[0])
    if ending == ".gz":
        return gzip.open(path)
    if ending == ".bz2":
        return bz2.open(path)
    return lzma.open(path) if ending == ".xz" else path.open("rb")


def encoding_of(head: bytes) -> str | None:
    """UTF-16 where the file begins with its byte order mark, as no UTF-8 text does; None for the usual one."""
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else None


def separator_of(head: bytes, encoding: str | None, usual: str) -> str:
    r"""The usual separator, unless it gives one column and just one other gives several, as many in all lines.

    Example:
        >>> separator_of(b"a;b\n1,5;2\n", None, ","), separator_of(b"question; why\nhow\n", None, ",")
        (';', ',')
    """
    if len(_rows(head, encoding, usual)[0]) != 1:
        return usual
    split = {mark: rows for mark in _OTHERS if len((rows := _rows(head, encoding, mark))[0]) > 1}
    if len(split) != 1:
        return usual
    mark, rows = split.popitem()
    return mark if all(len(row) == len(rows[0]) for row in rows) else usual


def decimal_of(head: bytes, encoding: str | None) -> str:
    r"""The decimal sign between semicolons: the comma, unless there are numbers with points and none with commas.

    Example:
        >>> decimal_of(b"a;b\n1,5;2\n", None), decimal_of(b"a;b\n1.5;1,234\n", None)
        (',', '.')
    """
    cells = {cell.strip() for row in _rows(head, encoding, ";")[1:] for cell in row}
    telling = [cell for cell in cells if not re.fullmatch(_EITHER, cell)]
    points = any("." in cell and re.fullmatch(_POINT, cell) for cell in telling)
    commas = any("," in cell and re.fullmatch(_COMMA, cell) for cell in telling)
    return "." if points and not commas else ","


def _rows(head: bytes, encoding: str | None, separator: str) -> list[list[str]]:
    """The complete rows, at least one, though it may be empty; blank lines are left out."""
    text = head.decode(encoding or "utf-8", "replace").removeprefix("\ufeff")
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row]
    except csv.Error:  # a cell of more than 131072 characters
        rows = []
    return (rows[:-1] if len(head) == HEAD else rows) or [[]]


def with_points(frame: pd.DataFrame, text: Iterable[str] = (), *, commas: bool = False) -> pd.DataFrame:
    """A table that was read with decimal commas, its text columns of numbers, "1.5" or "1.234,5", as numbers.

    If the comma is the decimal sign somewhere, points that are always followed by three digits are thousands
    separators: "950" and "1.200" are 950 and 1200. `attrs` then records it, for other files of the same columns.

    Args:
        frame: The table.
        text: Columns that stay as they are.
        commas: Whether the comma is known to be the decimal sign, whatever the table shows.
    """
    import pandas as pd

    left = set(text)
    worded = [name for name in map(str, frame.columns) if name not in left]  # text files have text as names
    words = {name: frame[name].str.strip() for name in worded if isinstance(frame[name].dtype, pd.StringDtype)}
    present = {name: column.dropna() for name, column in words.items()}
    parted = {name for name, some in present.items() if _all(some, _COMMA) and some.str.contains(",").any()}
    fractions = (frame[name].dtype.kind == "f" and (frame[name] % 1 > 0).any() for name in frame.columns)
    commas = commas or bool(parted) or any(fractions)
    found: dict[str, pd.Series[Any]] = {}
    for name, column in words.items():
        if name in parted or (commas and len(present[name]) and _all(present[name], _THOUSANDS)):
            bare = column.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
            found[name] = bare.astype("float64")
        elif _all(present[name], _POINT) and present[name].str.contains(".", regex=False).any():
            found[name] = column.astype("float64")
    known = replaced(frame, found)
    if commas:
        known.attrs[DECIMAL] = ","
    return known


def as_usual(frame: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The frame with text columns converted to numbers where all their cells are numbers of the usual form, "1.5"."""
    import pandas as pd

    found = {name: pd.to_numeric(frame[name], errors="coerce") for name in names if name in frame.columns}
    whole = {name: values for name, values in found.items() if values.notna().equals(frame[name].notna())}
    return replaced(frame, whole)


def replaced(frame: pd.DataFrame, columns: Mapping[str, pd.Series[Any]]) -> pd.DataFrame:
    """The frame with some columns replaced by name, also by names that `assign` does not take."""
    found = frame.copy(deep=False) if columns else frame
    for name, values in columns.items():
        found[name] = values
    return found


def _all(present: pd.Series[Any], pattern: str) -> bool:
    return all(bool((part.str.fullmatch(pattern) & (part != "")).all()) for part in (present.head(_FEW), present))
