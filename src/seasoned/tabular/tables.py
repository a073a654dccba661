"""Any table that people have, as one pandas frame with plain, unique, textual column names."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COMPRESSED", "SEPARATORS", "has_names", "read_csv", "read_table", "to_frame", "to_series"]

SEPARATORS = {".csv": ",", ".tsv": "\t"}
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")


def to_frame(table: Any) -> pd.DataFrame:
    """A table of any usual kind as a pandas frame; the caller's own object is never changed.

    Args:
        table: pandas or polars frame, pyarrow table, 2-D numpy array or scipy sparse matrix (columns become `x0`, `x1`,
            ...), list of dicts (a row each) or dict of lists (a column each).

    Raises:
        InvalidInput: If it is none of these, or two columns have the same name.

    Example:
        >>> to_frame([{"a": 1, "b": "x"}, {"a": 2, "b": None}]).shape
        (2, 2)
    """
    import numpy as np
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        frame = table.copy(deep=False)
    elif hasattr(table, "toarray"):  # scipy sparse, one of whose kinds is a dict; models here are dense
        frame = _from_array(table.toarray())
    elif isinstance(table, dict) or _holds_dicts(table):
        frame = pd.DataFrame(table)
    elif isinstance(table, np.ndarray | list | tuple):
        frame = _from_array(np.asarray(table))
    else:
        frame = _from_native(table)
    frame.columns = pd.Index(_textual(frame.columns), dtype=object)
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise InvalidInput(f"The column name {twice[0]!r} appears more than once; rename so that names are unique.")
    return frame.reset_index(drop=True)


def has_names(table: Any) -> bool:
    """Whether the columns of a table have names, so that their order does not matter.

    Example:
        >>> has_names({"a": [1]}), has_names([[1]])
        (True, False)
    """
    import numpy as np

    if isinstance(table, np.ndarray):
        return table.dtype.names is not None
    if isinstance(table, list | tuple):
        return _holds_dicts(table)
    return not hasattr(table, "toarray") and (isinstance(table, dict) or not _is_plain_array(table))


def _holds_dicts(table: Any) -> bool:
    return isinstance(table, list) and bool(table) and isinstance(table[0], dict)


def _is_plain_array(table: Any) -> bool:
    """Whether numpy can read it and nothing else can: tensors and the like; frames have columns."""
    return hasattr(table, "__array__") and not hasattr(table, "columns")


def _from_array(array: Any) -> pd.DataFrame:
    import pandas as pd

    if array.dtype.names:
        return pd.DataFrame(array)
    if array.ndim != 2:
        raise InvalidInput(
            f"Expected 2D array, got an array with {array.ndim} dimension(s); a table has rows and columns. Reshape "
            "your data with array.reshape(-1, 1) for one column or array.reshape(1, -1) for one row."
        )
    if array.dtype.kind == "c":
        raise InvalidInput("Complex data not supported; pass the real and imaginary parts as two columns.")
    return pd.DataFrame(array, columns=[f"x{index}" for index in range(array.shape[1])])


def _from_native(table: Any) -> pd.DataFrame:
    import narwhals as nw
    import numpy as np

    if _is_plain_array(table):
        return _from_array(np.asarray(table))
    try:
        native = nw.from_native(table)
    except TypeError:
        raise InvalidInput(
            f"a {type(table).__name__} is not a table; pass a pandas or polars frame, a pyarrow table, a 2-D array or "
            "a list of dicts."
        ) from None
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    frame: pd.DataFrame = native.to_pandas()
    return frame


def _textual(names: Any) -> list[str]:
    return [".".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in names]


def to_series(target: Any) -> pd.Series[Any]:
    """A target of any usual kind as a pandas series.

    Raises:
        InvalidInput: If it has more than one column.
    """
    import numpy as np
    import pandas as pd

    if isinstance(target, pd.DataFrame | pd.Series):
        values = target
    elif isinstance(target, pd.Index | pd.api.extensions.ExtensionArray):
        values = pd.Series(target)
    elif isinstance(target, np.ndarray | list | tuple):
        array = np.asarray(target, dtype=object) if _mixed(target) else np.asarray(target)
        values = pd.DataFrame(array) if array.ndim == 2 else pd.Series(array)
    elif isinstance(native := _native_series(target), np.ndarray):
        return to_series(native)
    else:
        values = native
    if isinstance(values, pd.DataFrame):
        if values.shape[1] != 1:
            raise InvalidInput(f"y has {values.shape[1]} columns; one target is supported, so pass one column.")
        values = values.iloc[:, 0]
    return values.reset_index(drop=True)


def _mixed(target: Any) -> bool:
    """Whether numpy would turn missing values or numbers among strings into strings."""
    return isinstance(target, list | tuple) and len({isinstance(value, str) for value in target}) > 1


def _native_series(target: Any) -> Any:
    """A pandas series from another library's, or an array from anything else that numpy can read."""
    import narwhals as nw
    import numpy as np

    try:
        return nw.from_native(target, series_only=True).to_pandas()
    except TypeError:
        if _is_plain_array(target):
            return np.asarray(target)
        raise InvalidInput(
            f"y is a {type(target).__name__}; expected array-like (array or non-string sequence) with one value a row."
        ) from None


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV, TSV or Parquet file; CSV and TSV may be compressed (.gz, .bz2, .xz, .zst, .zip).

    Raises:
        InvalidInput: If the file is missing, of another kind, or cannot be read as what its name says.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"there is no file {str(path)!r}; check the path.")
    inner = Path(path.stem).suffix if path.suffix in COMPRESSED else path.suffix
    if inner not in {*SEPARATORS, ".parquet"}:
        raise InvalidInput(f"{path.name!r} is not a table known here; pass a .csv, .tsv or .parquet file.")
    if inner == ".parquet":
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise InvalidInput(f"{path.name!r} cannot be read as PARQUET: {_reason(error)}") from error
    if path.suffix == ".zst":  # pandas would ask for one more package
        import pyarrow as pa

        with pa.input_stream(str(path), compression="zstd") as stream:
            return read_csv(stream, path.name, SEPARATORS[inner])
    return read_csv(path, path.name, SEPARATORS[inner])


def read_csv(source: Any, name: str, separator: str = ",") -> pd.DataFrame:
    """Read text with separators from a path or an open file; `name` is what errors call it.

    Raises:
        InvalidInput: If it cannot be read.
    """
    import pandas as pd

    try:
        return pd.read_csv(source, sep=separator, low_memory=False)
    except UnicodeDecodeError:
        raise InvalidInput(f"{name!r} is not UTF-8 text; convert it, or save it as Parquet.") from None
    except (OSError, EOFError, ValueError, lzma.LZMAError, zipfile.BadZipFile, zlib.error) as error:
        kind = "TSV" if separator == "\t" else "CSV"
        raise InvalidInput(f"{name!r} cannot be read as {kind}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
