"""Header of a table whose first lines may be titles."""

from __future__ import annotations

import re
import statistics
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["title_rows"]

_NUMBER: Final = re.compile(r"[+-]?\d*[.,]?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?")


def title_rows(rows: Sequence[Sequence[str]]) -> int:
    """Number of rows above the header: titles, dates of export, empty rows.

    The header is the first row that is at most one cell shorter than the median row; one, because the column of row
    names may have no name. Its names must be words that all differ. Otherwise the first row is the header.

    Args:
        rows: First rows of the file, as text; empty cells are "".

    Example:
        >>> title_rows([["Sales 2024"], [], ["shop", "day", "units"], ["Rome", "Mon", "3"], ["Oslo", "Tue", "5"]])
        2
        >>> title_rows([["shop", "day"], ["Rome", "Mon"]]), title_rows([["note"], ["rain, snow"]])
        (0, 0)
    """
    lengths = [max((place for place, cell in enumerate(row, 1) if cell.strip()), default=0) for row in rows]
    filled = [length for length in lengths if length]
    if len(filled) < 3 or (median := statistics.median(filled)) < 2:
        return 0  # a title, a header and a row are three; a median of 1 is a table of one column
    header = next(place for place, length in enumerate(lengths) if length >= max(2, median - 1))
    names = [name for cell in rows[header] if (name := cell.strip())]
    if len(set(names)) < len(names) or any(map(_NUMBER.fullmatch, names)) or header + 1 == len(rows):
        return 0
    return header
