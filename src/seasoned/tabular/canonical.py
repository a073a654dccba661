"""Any column as float64, datetime64 (UTC, without zone) or text, whatever its dtype; what is missing as NaN or NaT."""

from __future__ import annotations

import math
import numbers
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd

__all__ = ["canonical", "numbers_as_words", "to_number"]

MISSING_WORDS = frozenset({"", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "nan", "NaN", "null", "NULL", "none", "None"})
_NUMBERS = frozenset({"boolean", "integer", "floating", "mixed-integer-float", "decimal", "empty"})
_DATES = frozenset({"datetime64", "datetime", "date"})


def canonical(series: pd.Series[Any]) -> pd.Series[Any]:
    """Values as float64, datetime64 (UTC, without zone) or text; missing ones and infinities as NaN or NaT.

    Durations become seconds, periods the date of their start, times of day seconds since midnight.

    Raises:
        InvalidInput: If the column is complex.
    """
    import pandas as pd
    from pandas.api import types

    dtype = series.dtype
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
    return _in_time(series) if isinstance(dtype, pd.PeriodDtype) or dtype.kind in "mM" else _from_objects(series)


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
    """Levels as words; those that are numbers as `numbers_as_words` writes them, so that 3.0 and 3 are one level."""
    from pandas.api import types

    levels = dtype.categories
    if types.is_numeric_dtype(levels.dtype) and not types.is_bool_dtype(levels.dtype):
        return numbers_as_words(to_number(series.astype(object)))
    return _text(series.astype(object))


def _from_arrow(series: pd.Series[Any]) -> pd.Series[Any]:
    """Arrow-backed columns: numbers, times and durations as numpy's; decimals, lists and the like as objects."""
    import pyarrow as pa

    kind = series.dtype.pyarrow_dtype  # type: ignore[union-attr]  # the caller looked at the dtype
    if pa.types.is_dictionary(kind):
        return canonical(series.astype("category"))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return to_number(series)
    if pa.types.is_timestamp(kind):
        plain: Any = f"datetime64[{kind.unit}]" if kind.tz is None else f"datetime64[{kind.unit}, {kind.tz}]"
        return canonical(series.astype(plain))
    if pa.types.is_duration(kind):
        duration: Any = f"timedelta64[{kind.unit}]"
        return canonical(series.astype(duration))
    return _from_objects(series.astype(object))


def _from_objects(series: pd.Series[Any]) -> pd.Series[Any]:
    """Columns of Python objects: numbers, dates and durations where all values are such, else text."""
    import pandas as pd
    from pandas.api import types

    content = types.infer_dtype(series, skipna=True)
    if content in _NUMBERS or (content.startswith("mixed") and _all_real(series)):
        return to_number(series)
    if content in _DATES:
        return pd.to_datetime(series, utc=True, errors="coerce").dt.tz_localize(None)
    if content in {"timedelta", "timedelta64"}:
        return canonical(pd.to_timedelta(series))
    if content == "period":
        return canonical(pd.Series(pd.PeriodIndex(series), index=series.index, name=series.name))
    if content == "time":
        return to_number(series.map(_seconds_of_day, na_action="ignore"))
    return _text(series)


def _all_real(series: pd.Series[Any]) -> bool:
    """Whether all that is there is a number of some kind: fractions, decimals and numpy's among Python's."""
    return all(isinstance(value, numbers.Real | Decimal) for value in series if not _is_missing(value))


def _seconds_of_day(value: dt.time) -> float:
    return 3600.0 * value.hour + 60.0 * value.minute + value.second + value.microsecond / 1e6


def to_number(series: pd.Series[Any]) -> pd.Series[Any]:
    """The values as float64; what is missing or infinite as NaN."""
    import numpy as np
    import pandas as pd

    if series.dtype == object:
        values = np.array([_as_float(value) for value in series], dtype=np.float64)
    else:
        values = series.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    values[~np.isfinite(values)] = np.nan
    return pd.Series(values, index=series.index, name=series.name)


def _as_float(value: Any) -> float:
    if _is_missing(value):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # an integer beyond 1e308 is as good as infinite
        return math.nan


def _text(series: pd.Series[Any]) -> pd.Series[Any]:
    import numpy as np
    import pandas as pd

    words = series.astype("str") if series.dtype != object else series.map(_word).astype("str")
    words = words.str.strip()
    return words.mask(words.isin(MISSING_WORDS), np.nan) if len(words) else pd.Series([], dtype="str", name=series.name)


def _word(value: Any) -> str | None:
    """A cell as text: bytes decoded, whole floats without their ".0" (a column of 3, 3.0 and "3" has one level)."""
    if _is_missing(value):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, float) and value.is_integer():
        return f"{value:.15g}"
    return str(value)


def _is_missing(value: Any) -> bool:
    """Only a scalar can be missing: asking a list gives one answer for each of its items."""
    import pandas as pd

    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def numbers_as_words(plain: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers and dates as the levels of a category: 3.0 is the level "3"."""
    import numpy as np
    import pandas as pd

    words = [f"{value:.15g}" if isinstance(value, float) else str(value) for value in plain]
    return pd.Series(words, index=plain.index, name=plain.name, dtype="str").mask(plain.isna(), np.nan)
