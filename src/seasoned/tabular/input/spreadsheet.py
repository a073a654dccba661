"""Spreadsheets: Excel and OpenDocument files."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from seasoned._util.equivalents import did_you_mean
from seasoned.errors import InvalidInput
from seasoned.tabular.input.header_row import title_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

__all__ = ["SPREADSHEETS", "read_spreadsheet"]

logger = logging.getLogger("seasoned.tabular")

SPREADSHEETS: Final = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
TITLES: Final = "titles"
"""Key of a frame's `attrs`: the text of the lines above the header, which are left out."""
_HEAD: Final = 200  # rows in which the header is looked for


def read_spreadsheet(path: Path, sheet: str | None = None) -> pd.DataFrame:
    """Read one sheet. Rows above the header, and empty rows and columns without a name, are left out.

    Args:
        path: The file.
        sheet: Name of the sheet; None for the first that is not empty.

    Raises:
        InvalidInput: If the file cannot be read, or has no such sheet.
    """
    import pandas as pd
    from python_calamine import CalamineError

    try:
        with pd.ExcelFile(path, engine="calamine") as book:
            name, cells = _cells(book, path.name, sheet)
            first = cells.dropna(axis="columns", how="all").head(_HEAD)
            titles = title_rows([list(map(_text, row)) for row in first.to_numpy()])
            frame = pd.read_excel(book, name, header=titles)
    except InvalidInput:
        raise
    except (CalamineError, OSError, ValueError) as error:
        raise InvalidInput(f"{path.name!r} cannot be read as a spreadsheet: {error}") from error
    nameless = [str(column).startswith("Unnamed: ") and frame[column].isna().all() for column in frame.columns]
    frame = frame.loc[:, [not empty for empty in nameless]].dropna(how="all").reset_index(drop=True)
    if titles:
        frame.attrs[TITLES] = " / ".join(_words(cells.head(titles)))
    return frame


def _cells(book: pd.ExcelFile, file: str, sheet: str | None) -> tuple[str, pd.DataFrame]:
    """Name of a sheet and its cells without a header.

    Raises:
        InvalidInput: If no sheet has this name, or all are empty.
    """
    import pandas as pd

    names = [str(name) for name in book.sheet_names]
    if sheet is not None and sheet not in names:
        near = did_you_mean(sheet, names) or "."
        raise InvalidInput(f"{file!r} has no sheet {sheet!r}{near} Its sheets are {', '.join(names)}.")
    for name in names if sheet is None else [sheet]:
        cells = pd.read_excel(book, name, header=None, dtype=object)
        if cells.notna().to_numpy().any():
            if sheet is None and len(names) > 1:
                logger.warning("%s has %d sheets, and %r is read; --sheet names another one", file, len(names), name)
            return name, cells
    raise InvalidInput(f"{file!r} has no cell that is filled{'' if sheet is None else f' in the sheet {sheet!r}'}.")


def _text(cell: Any) -> str:
    import pandas as pd

    return "" if pd.isna(cell) else str(cell)


def _words(rows: pd.DataFrame) -> Iterator[str]:
    return (text for row in rows.to_numpy() for cell in row if (text := _text(cell).strip()))
