"""Conversion of tables and targets of any library to pandas, with unique text as column names."""

from __future__ import annotations

import logging
import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput
from seasoned.execution._system.resources import free_memory

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["has_names", "to_frame", "to_series"]

logger = logging.getLogger("seasoned.tabular")

_FORMS: Final = 2  # copies of a dense table in memory at once: the array, and the frame by columns


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
        frame = _from_array(_dense(table))
    elif isinstance(table, dict) or _holds_dicts(table):
        frame = _from_dicts(table)
    elif isinstance(table, np.ndarray | list | tuple):
        frame = _from_array(_as_array(table))
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


def _from_dicts(table: Any) -> pd.DataFrame:
    """Frame of a dict of columns, or of a list with a dict per row. Columns are aligned by position, not by index.

    Raises:
        InvalidInput: If the columns have different lengths, or the list contains anything but dicts.
    """
    import pandas as pd

    if isinstance(table, dict):
        series = {name: part for name, part in table.items() if isinstance(part, pd.Series)}
        _check_series(series)
        table = {**table, **{name: part.reset_index(drop=True) for name, part in series.items()}}
    try:
        return pd.DataFrame(table)
    except (AttributeError, TypeError, ValueError):
        rule = "a list of values, all of one length, for each column" if isinstance(table, dict) else "a dict a row"
        raise InvalidInput(f"the {type(table).__name__} cannot be read as a table; pass {rule}.") from None


def _check_series(columns: dict[Any, pd.Series[Any]]) -> None:
    """Refuse columns of different lengths, which pandas would fill up, and warn of different indexes."""
    if not columns:
        return
    first, *others = columns
    for name in others:
        one, other = columns[first], columns[name]
        if len(one) != len(other):
            raise InvalidInput(
                f"the column {first!r} has {len(one)} values and {name!r} {len(other)}; pass as many for each, or a "
                "DataFrame, which aligns them by their index."
            )
        if not one.index.equals(other.index):
            text = "the columns %r and %r have different indexes, and rows are paired by their position; %s"
            logger.warning(text, first, name, "pass a DataFrame if they belong together by the index.")
            return


def _as_array(table: Any) -> Any:
    """Convert lists and tensors to an array, and masked arrays to plain ones with NaN for masked values.

    Raises:
        InvalidInput: If a list is empty, or its rows have different lengths.
    """
    import numpy as np

    if isinstance(table, np.ma.MaskedArray):
        if table.dtype.names:
            return table  # `_from_array` converts each field
        shown = np.ma.getdata(table).astype(float if table.dtype.kind in "biuf" else object)
        shown[np.ma.getmaskarray(table)] = np.nan
        return shown
    if isinstance(table, list | tuple) and not table:
        raise InvalidInput("the list is empty; pass one with a row for each sample.")
    try:
        return np.asarray(table)
    except ValueError:
        raise InvalidInput(
            "the list has rows of different lengths; pass as many values in each row, None where one is missing."
        ) from None


def _dense(table: Any) -> Any:
    """Convert a scipy sparse matrix to a dense array, the input of all models.

    Raises:
        InvalidInput: If memory is too small.
    """
    needed, free = _FORMS * 8 * math.prod(table.shape), free_memory()
    if needed > free:
        raise InvalidInput(
            f"the sparse table of shape {table.shape} would take {needed / 1e9:,.1f} GB while it is read as a dense "
            f"one, and {free / 1e9:,.1f} are free; keep fewer columns, or reduce it with scikit-learn's TruncatedSVD."
        )
    return table.toarray()


def _from_array(array: Any) -> pd.DataFrame:
    """Frame of a 2-D array with columns `x0`, `x1`, ..., or of a structured array with its field names.

    Raises:
        InvalidInput: If the array has another number of dimensions, is complex, or holds durations without a unit.
    """
    import numpy as np
    import pandas as pd

    if array.ndim > 2:
        raise InvalidInput(
            f"Expected 2D array, got an array with {array.ndim} dimensions; images and sequences are not covered, so "
            "pass one row of features for each of them."
        )
    if array.dtype.names and (array.ndim == 1 or array.shape[1] == 1):
        return _from_dicts({name: _as_array(array[name].ravel()) for name in array.dtype.names})
    if array.dtype.kind == "m" and np.datetime_data(array.dtype)[0] == "generic":
        raise InvalidInput('the array holds durations without a unit; pass array.astype("m8[s]"), or numbers.')
    if array.ndim != 2:
        raise InvalidInput(
            f"Expected 2D array, got an array with {array.ndim} dimension(s); a table has rows and columns. Reshape "
            "your data with array.reshape(-1, 1) for one column or array.reshape(1, -1) for one row."
        )
    if array.dtype.kind == "c":
        raise InvalidInput("Complex data not supported; pass the real and imaginary parts as two columns.")
    columns = [f"x{index}" for index in range(array.shape[1])]
    text = array.dtype.kind in "SU"  # as objects, because pyarrow, which pandas uses, refuses text that is not UTF-8
    return pd.DataFrame(array.astype(object) if text else array, columns=columns, copy=False)


def _from_native(table: Any) -> pd.DataFrame:
    import pyarrow as pa

    if _is_plain_array(table):
        return _from_array(_as_array(table))
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
        values = _series_of(_dense(target))
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
        return _as_array(target)
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
            return _series_of(_as_array(target))
        if isinstance(target, Sequence | array) and not isinstance(target, str | bytes | bytearray):
            return _series_of(_target_array(list(target)))
        hint = f"; is it a column of X? Then pass X.drop(columns={target!r}) and X[{target!r}]" * isinstance(
            target, str
        )
        raise InvalidInput(
            f"y is a {type(target).__name__}{hint}; expected array-like (array or non-string sequence) with one value "
            "a row."
        ) from None
