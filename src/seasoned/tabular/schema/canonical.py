"""Canonical form of columns: float64, datetime64 (UTC, without zone) or text, with missing values as NaN or NaT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput
from seasoned.tabular.schema.object_columns import from_objects, number_word, to_number, to_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["canonical", "is_categorical", "numbers_as_words", "whole_words"]


def canonical(series: pd.Series[Any]) -> pd.Series[Any]:
    """Convert a column to float64, datetime64 (UTC, without zone) or text.

    Missing values and infinities become NaN or NaT. Durations become seconds, periods the date of their start, times of
    day seconds since midnight.

    Raises:
        InvalidInput: If the column is complex, or a cell cannot be used.
    """
    import pandas as pd
    from pandas.api import types

    dtype = series.dtype
    if isinstance(dtype, pd.StringDtype):
        return to_text(series)
    if isinstance(dtype, pd.SparseDtype):
        return canonical(pd.Series(series.to_numpy(), name=series.name))
    if isinstance(dtype, pd.CategoricalDtype):
        return _category(series, dtype)
    if isinstance(dtype, pd.ArrowDtype):
        return _from_arrow(series)
    if types.is_complex_dtype(dtype):
        raise InvalidInput(f"the column {series.name!r} is complex; pass its real and imaginary parts as two columns.")
    if types.is_bool_dtype(dtype) or types.is_numeric_dtype(dtype):
        return to_number(series)
    return _in_time(series) if isinstance(dtype, pd.PeriodDtype) or dtype.kind in "mM" else from_objects(series)


def is_categorical(dtype: Any) -> bool:
    """Return True if the dtype declares categories."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(dtype, pd.ArrowDtype):
        return bool(pa.types.is_dictionary(dtype.pyarrow_dtype))
    return isinstance(dtype, pd.CategoricalDtype)


def _in_time(series: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    if series.dtype.kind == "m":
        return pd.Series(series.dt.total_seconds(), dtype="float64")
    if isinstance(series.dtype, pd.PeriodDtype):
        return pd.Series(series.dt.to_timestamp())
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return pd.Series(series.dt.tz_convert("UTC").dt.tz_localize(None))
    return series


def _category(series: pd.Series[Any], dtype: pd.CategoricalDtype) -> pd.Series[Any]:
    """Levels as text. Numbers are written as in `numbers_as_words`, so that 3.0 and 3 are one level."""
    import pandas as pd
    from pandas.api import types

    levels = pd.Series(dtype.categories.astype(object), name=series.name)
    numeric = types.is_numeric_dtype(dtype.categories.dtype) and not types.is_bool_dtype(dtype.categories.dtype)
    words = whole_words(pd.Series(dtype.categories, name=series.name))
    if words is None:
        words = numbers_as_words(to_number(levels)) if numeric else to_text(levels)
    cells = words.array.take(series.cat.codes.to_numpy(), allow_fill=True)
    return pd.Series(cells, index=series.index, name=series.name)


def _from_arrow(series: pd.Series[Any]) -> pd.Series[Any]:
    """Canonical form of an Arrow column: numbers, times and durations by numpy dtypes, other types as objects."""
    import pandas as pd
    import pyarrow as pa

    kind = series.dtype.pyarrow_dtype  # type: ignore[union-attr]  # the caller looked at the dtype
    if pa.types.is_dictionary(kind):
        levels = pa.chunked_array(series.array.__arrow_array__()).to_pandas()  # the conversion of pandas refuses gaps
        return canonical(pd.Series(levels.array, index=series.index, name=series.name))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return to_number(series)
    if pa.types.is_timestamp(kind):
        plain: Any = f"datetime64[{kind.unit}]" if kind.tz is None else f"datetime64[{kind.unit}, {kind.tz}]"
        return canonical(series.astype(plain))
    if pa.types.is_duration(kind):
        duration: Any = f"timedelta64[{kind.unit}]"
        return canonical(series.astype(duration))
    return from_objects(series.astype(object))


def numbers_as_words(plain: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers and dates as levels of a category: 3.0 is the level "3"."""
    import numpy as np
    import pandas as pd

    words = [number_word(value) if isinstance(value, float) else str(value) for value in plain]
    return pd.Series(words, index=plain.index, name=plain.name, dtype="str").mask(plain.isna(), np.nan)


def whole_words(series: pd.Series[Any]) -> pd.Series[Any] | None:
    """Whole numbers and booleans as text with all digits; None for other dtypes."""
    import numpy as np
    import pandas as pd
    from pandas.api import types

    dtype = series.dtype
    whole = types.is_integer_dtype(dtype) or types.is_bool_dtype(dtype)
    if not whole or isinstance(dtype, pd.CategoricalDtype | pd.SparseDtype) or dtype.kind == "O":
        return None
    cells = series.astype(object)
    words = pd.Series([str(cell) for cell in cells], index=series.index, name=series.name, dtype="str")
    return words.mask(series.isna(), np.nan)
