"""Reading of table files: delimited text, Parquet, Feather, JSON and spreadsheets."""

from __future__ import annotations

import glob
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput
from seasoned.tabular.input.delimited_text import UNREADABLE, cause, opened, read_csv
from seasoned.tabular.input.spreadsheet import SPREADSHEETS, read_spreadsheet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COMPRESSED", "KINDS", "SEPARATORS", "files_of", "kind_of", "read_table"]

SEPARATORS: Final = {".csv": ",", ".tsv": "\t"}
COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst", ".zip")
KINDS: Final = "CSV, TSV, JSON, Parquet, Feather or Excel"
_LINES: Final = (".jsonl", ".ndjson")
_COLUMNAR: Final = (".parquet", ".feather")
_WIDE: Final = 500  # columns above which a frame is copied to blocks of one type


def kind_of(path: Path) -> str:
    """Suffix of the table format, without a suffix of compression.

    Example:
        >>> kind_of(Path("rows.csv.gz"))
        '.csv'
    """
    last = path.suffix.lower()
    return Path(path.stem).suffix.lower() if last in COMPRESSED else last


def files_of(path: Path) -> list[Path]:
    """Files of a path: the file itself, or all files that fit a pattern such as `sales-*.csv`, in order of names.

    Raises:
        InvalidInput: If the path is a folder, or no file fits.
    """
    if path.is_dir():
        raise InvalidInput(f"{str(path)!r} is a folder; for all its files of a kind pass '{path}/*.csv', in quotes.")
    if path.is_file():
        return [path]
    found = sorted(Path(name) for name in glob.glob(str(path), recursive=True) if Path(name).is_file())  # noqa: PTH207 - the pattern may be absolute
    if not found:
        what = "no file fits the pattern" if glob.has_magic(str(path)) else "there is no file"
        raise InvalidInput(f"{what} {str(path)!r}; check the path.")
    return found


def read_table(
    path: str | Path, separator: str | None = None, sheet: str | None = None, **options: Any
) -> pd.DataFrame:
    """Read the table of one file. Text files, also JSON, may be compressed (.gz, .bz2, .xz, .zst, .zip).

    Args:
        path: A .csv, .tsv, .jsonl, .ndjson, .json, .parquet, .feather, .xlsx, .xlsm, .xlsb, .xls or .ods file.
        separator: Column separator of a text file; None for the one of the file name.
        sheet: Sheet of a spreadsheet; None for the first that is not empty.
        options: For delimited text, further options of `pandas.read_csv`.

    Raises:
        InvalidInput: If the file is missing, of another kind, or not in the format of its suffix.
    """
    path = Path(path)
    [path] = files_of(path) if not glob.has_magic(str(path)) or path.exists() else [path]
    kind = kind_of(path)
    if kind in SEPARATORS:
        return _joined(read_csv(path, path.name, separator or SEPARATORS[kind], **options))
    if kind in SPREADSHEETS:
        return read_spreadsheet(path, sheet)
    if kind not in {*_LINES, *_COLUMNAR, ".json"}:
        raise InvalidInput(
            f"{path.name!r} is not a table known here; pass a {KINDS} file, with the suffix of its kind."
        )
    try:
        return _columnar(path) if kind in _COLUMNAR else _json(path, lines=kind in _LINES)
    except (*UNREADABLE, AttributeError, TypeError) as error:
        raise InvalidInput(f"{path.name!r} cannot be read as {kind[1:].upper()}: {cause(error)}") from error


def _columnar(path: Path) -> pd.DataFrame:
    import pandas as pd

    return _with_index(pd.read_parquet(path) if path.suffix.lower() == ".parquet" else pd.read_feather(path))


def _json(path: Path, *, lines: bool) -> pd.DataFrame:
    """Frame of JSON: an object a line, or one array of objects. Values keep the types that JSON gives them.

    Raises:
        ValueError: If the file contains anything else.
    """
    import pandas as pd

    with opened(path) as file, io.TextIOWrapper(file, "utf-8-sig") as text:
        rows = [json.loads(line) for line in text if line.strip()] if lines else json.load(text)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError('rows are objects, such as {"age": 41}; ' + ("one a line" if lines else "all in one array"))
    return pd.DataFrame(rows)


def _joined(frame: pd.DataFrame) -> pd.DataFrame:
    """Copy the frame of a wide table, so that columns of one type share an array.

    Pandas reads each column into an array of its own, and a later selection of rows would loop over all arrays.
    """
    return frame.copy() if frame.shape[1] > _WIDE else frame


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Frame with the named levels of its index as first columns, as other readers of Parquet show them."""
    names = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(names) if names else frame
