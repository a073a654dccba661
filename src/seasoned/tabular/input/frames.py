"""Conversion of tables and targets of any library to pandas, with unique text as column names; reading of files."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput
from seasoned.tabular.input.arrays import as_array, dense, from_array, from_dicts
from seasoned.tabular.input.delimited_text import cause, read_csv

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COMPRESSED", "SEPARATORS", "has_names", "kind_of", "read_table", "to_frame", "to_series"]

SEPARATORS = {".csv": ",", ".tsv": "\t"}
_WIDE = 500  # columns above which a frame is copied to blocks of one type
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")


def to_frame(table: Any) -> pd.DataFrame:
    """Convert a table to a pandas frame; the caller's object stays unchanged.

    Args:
        table: pandas or polars frame, pyarrow table, 2-D numpy array or scipy sparse matrix (columns become `x0`, `x1`,
            ...), list of dicts (a row each) or dict of lists (a column each).

    Raises:
        InvalidInput: If the type is none of these, rows or columns differ in length, or two columns have the same name.

    Example:
        >>> to_frame([{"a": 1, "b": "x"}, {"a": 2, "b": None}]).shape
        (2, 2)
    """
    import numpy as np
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        frame = table.copy(deep=False)
    elif hasattr(table, "toarray"):  # scipy sparse; tested first, because one of its formats is a dict
        frame = from_array(dense(table))
    elif isinstance(table, dict) or _holds_dicts(table):
        frame = from_dicts(table)
    elif isinstance(table, np.ndarray | list | tuple):
        frame = from_array(as_array(table))
    else:
        frame = _from_native(table)
    frame.columns = pd.Index(_textual(frame.columns), dtype=object)
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise InvalidInput(f"The column name {twice[0]!r} appears more than once; rename so that names are unique.")
    return _in_native_bytes(frame).reset_index(drop=True)


def has_names(table: Any) -> bool:
    """Return True if the columns of a table have names, so that their order is irrelevant.

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
    """Return True for tensors and other arrays that only numpy can read. Frames have columns."""
    return hasattr(table, "__array__") and not hasattr(table, "columns")


def _from_native(table: Any) -> pd.DataFrame:
    import pyarrow as pa

    if _is_plain_array(table):
        return from_array(as_array(table))
    try:
        frame: pd.DataFrame = _to_pandas(table)
    except TypeError:
        if not hasattr(table, "__arrow_c_stream__") and not hasattr(table, "__arrow_c_array__"):
            raise InvalidInput(_no_table(table)) from None
        frame = _to_pandas(pa.table(table))
    return frame


def _to_pandas(table: Any, *, allow_series: bool | None = None) -> Any:
    """Pandas frame or series from any library that narwhals supports.

    Raises:
        TypeError: If narwhals does not support the object.
        InvalidInput: If two columns have the same name.
    """
    import narwhals as nw

    wide = {nw.Int128, nw.UInt128}  # types that pyarrow, the intermediate format, lacks
    try:
        native = nw.from_native(table, allow_series=allow_series)
        if isinstance(native, nw.Series):
            return (native.cast(nw.Float64) if native.dtype in wide else native).to_pandas()
        frame = native.collect() if isinstance(native, nw.LazyFrame) else native
        return frame.with_columns(
            nw.col(name).cast(nw.Float64) for name, kind in frame.schema.items() if kind in wide
        ).to_pandas()
    except nw.exceptions.DuplicateError as error:
        raise InvalidInput("A column name appears more than once; rename so that names are unique.") from error


def _no_table(table: Any) -> str:
    usual = "a pandas or polars frame, a pyarrow table, a 2-D array or a list of dicts"
    if table is None:
        return f"X is None; pass {usual} (to forecast a series from its own past is not covered: give lags as columns)."
    if isinstance(table, str | Path):
        return f"a {type(table).__name__} is not a table; read the file first, for example with pandas.read_csv."
    return f"a {type(table).__name__} is not a table; pass {usual}, as most libraries can convert theirs."


def _in_native_bytes(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert columns to the native byte order, because pandas cannot even select rows of other columns."""
    import numpy as np

    foreign = {
        name: kind.newbyteorder("=")
        for name, kind in frame.dtypes.items()
        if isinstance(kind, np.dtype) and not kind.isnative
    }
    return frame.astype(foreign) if foreign else frame


def _textual(names: Any) -> list[str]:
    """Column names as text. Lone surrogates are escaped, because no file can store them."""
    words = [".".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in names]
    return [word.encode("utf-8", "backslashreplace").decode() for word in words]


def to_series(target: Any) -> pd.Series[Any]:
    """Convert a target to a pandas series.

    Raises:
        InvalidInput: If the target has more than one column, or the type is unknown.
    """
    import numpy as np
    import pandas as pd

    if isinstance(target, pd.DataFrame | pd.Series):
        values: Any = target
    elif isinstance(target, pd.Index | pd.api.extensions.ExtensionArray):
        values = pd.Series(target)
    elif hasattr(target, "toarray"):
        values = _series_of(dense(target))
    elif isinstance(target, np.ndarray | list | tuple):
        values = _series_of(_target_array(target))
    else:
        values = _native_series(target)
    if isinstance(values, pd.DataFrame):
        if values.shape[1] != 1:
            raise InvalidInput(_several(values.shape[1]))
        values = values.iloc[:, 0]
    series: pd.Series[Any] = values.reset_index(drop=True)
    return series


def _several(columns: int) -> str:
    return (
        f"y has {columns} columns; one target is supported (neither several labels a row nor several outputs), so "
        "pass one column, or fit a model for each."
    )


def _series_of(array: Any) -> Any:
    """Series of a 1-D array, or frame of a 2-D array."""
    import pandas as pd

    if array.ndim not in {1, 2}:
        raise InvalidInput(f"y has {array.ndim} dimensions; pass one value a row.")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    text = array.dtype.kind in "SU"  # as objects, because pyarrow, which pandas uses, refuses text that is not UTF-8
    values = array.astype(object) if text else array
    return pd.DataFrame(values) if array.ndim == 2 else pd.Series(values, dtype=values.dtype)


def _target_array(target: Any) -> Any:
    import numpy as np

    if isinstance(target, list | tuple) and not target:
        return np.array([], dtype=np.float64)
    if isinstance(target, list | tuple) and len({isinstance(value, str) for value in target}) > 1:
        return np.asarray(target, dtype=object)  # numpy would convert missing values and numbers among text to text
    try:
        return as_array(target)
    except InvalidInput:
        raise InvalidInput(
            "y holds lists of different lengths, as where rows have several labels, which is not covered; pass one "
            "value a row, or fit a model for each label."
        ) from None


def _native_series(target: Any) -> Any:
    """Pandas series or frame of an object of another library, or of any object that numpy can read."""
    import pyarrow as pa

    try:
        return _to_pandas(target, allow_series=True)
    except TypeError:
        if isinstance(target, pa.Array):
            return target.to_pandas()
        if _is_plain_array(target):
            return _series_of(as_array(target))
        if isinstance(target, Sequence | array) and not isinstance(target, str | bytes | bytearray):
            return _series_of(_target_array(list(target)))
        hint = f"; is it a column of X? Then pass X.drop(columns={target!r}) and X[{target!r}]" * isinstance(
            target, str
        )
        raise InvalidInput(
            f"y is a {type(target).__name__}{hint}; expected array-like (array or non-string sequence) with one value "
            "a row."
        ) from None


def kind_of(path: Path) -> str:
    """Suffix of the table format, without a suffix of compression.

    Example:
        >>> kind_of(Path("rows.csv.gz"))
        '.csv'
    """
    last = path.suffix.lower()
    return Path(path.stem).suffix.lower() if last in COMPRESSED else last


def read_table(path: str | Path, separator: str | None = None, **options: Any) -> pd.DataFrame:
    """Read a CSV, TSV or Parquet file; CSV and TSV may be compressed (.gz, .bz2, .xz, .zst, .zip).

    Args:
        path: The file.
        separator: Column separator of a text file; None for the one of the file name.
        options: For text files, further options of `pandas.read_csv`.

    Raises:
        InvalidInput: If the file is missing, of another kind, or not in the format of its suffix.
    """
    import pandas as pd

    path = Path(path)
    if path.is_dir():
        raise InvalidInput(f"{str(path)!r} is a folder; a table in several files is not covered, so write it to one.")
    if not path.is_file():
        raise InvalidInput(f"there is no file {str(path)!r}; check the path.")
    kind = kind_of(path)
    if kind not in {*SEPARATORS, ".parquet"}:
        raise InvalidInput(f"{path.name!r} is not a table known here; pass a .csv, .tsv or .parquet file.")
    if kind == ".parquet":
        try:
            return _with_index(pd.read_parquet(path))
        except (OSError, ValueError) as error:
            raise InvalidInput(f"{path.name!r} cannot be read as PARQUET: {cause(error)}") from error
    return _joined(read_csv(path, path.name, separator or SEPARATORS[kind], **options))


def _joined(frame: pd.DataFrame) -> pd.DataFrame:
    """Copy the frame of a wide table, so that columns of one type share an array.

    Pandas reads each column into an array of its own, and a later selection of rows would loop over all arrays.
    """
    return frame.copy() if frame.shape[1] > _WIDE else frame


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Frame with the named levels of its index as first columns, as other readers of Parquet show them."""
    names = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(names) if names else frame
