"""Arrays, lists of rows and sparse matrices as pandas frames."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput
from seasoned.execution._system.resources import free_memory

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_array", "dense", "from_array", "from_dicts"]

logger = logging.getLogger("seasoned.tabular")

_FORMS: Final = 2  # copies of a dense table in memory at once: the array, and the frame by columns


def as_array(table: Any) -> Any:
    """Convert lists and tensors to an array, and masked arrays to plain ones with NaN for masked values.

    Raises:
        InvalidInput: If a list is empty, or its rows have different lengths.
    """
    import numpy as np

    if isinstance(table, np.ma.MaskedArray):
        if table.dtype.names:
            return table  # `from_array` converts each field
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


def dense(table: Any) -> Any:
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


def from_array(array: Any) -> pd.DataFrame:
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
        return from_dicts({name: as_array(array[name].ravel()) for name in array.dtype.names})
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


def from_dicts(table: Any) -> pd.DataFrame:
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
