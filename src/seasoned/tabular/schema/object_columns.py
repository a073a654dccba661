"""Columns of Python objects: numbers, dates or durations if all cells are of that type, else text."""

from __future__ import annotations

import datetime as dt
import logging
import math
import numbers
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

__all__ = ["MISSING_WORDS", "absent", "from_objects", "number_word", "to_number", "to_text"]

logger = logging.getLogger("seasoned.tabular")

_EXACT: Final = 2**53  # smaller whole numbers are exact as floats
_WRITTEN_OUT: Final = 1_000  # largest number of values of an array whose text contains all values

MISSING_WORDS: Final = frozenset(
    {"", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "nan", "NaN", "null", "NULL", "none", "None", "缺失", "空值"}
)


def from_objects(series: pd.Series[Any]) -> pd.Series[Any]:
    """Convert a column to float64 or datetime64 (UTC, without zone) if all cells allow it, else to text.

    Durations become seconds, periods the date of their start, times of day seconds since midnight.

    Raises:
        InvalidInput: If a cell cannot be used: a complex number, an image, an object without a text of its own.
    """
    import pandas as pd

    kinds = _kinds(series)
    if _all(kinds, (numbers.Real, Decimal, np.bool_)):
        return to_number(series)
    if _all(kinds, (dt.date, np.datetime64)):
        return _dates(series)
    if _all(kinds, (dt.timedelta, np.timedelta64)):
        return _mapped(series, _seconds)
    if _all(kinds, (dt.time,)):
        return _mapped(series, _seconds_of_day)
    if _all(kinds, (pd.Period,)):
        return _dates(series.map(lambda period: period.to_timestamp(), na_action="ignore"))
    return to_text(series)


def absent(series: pd.Series[Any], name: str) -> pd.Series[bool]:
    """Mask of missing values; messages call the series `name`.

    Raises:
        InvalidInput: If a value is the signalling NaN of `Decimal`, which raises in any comparison.
    """
    try:
        return series.isna()
    except InvalidOperation:
        raise InvalidInput(f"{name} holds a signalling NaN; replace it by None.") from None


def _kinds(series: pd.Series[Any]) -> set[type]:
    """Types of the cells that are not missing."""
    return set(map(type, series[~absent(series, f"the column {series.name!r}")]))


def _all(kinds: set[type], known: tuple[type, ...]) -> bool:
    return all(issubclass(kind, known) for kind in kinds)


def _mapped(series: pd.Series[Any], read: Callable[[Any], float]) -> pd.Series[Any]:
    return to_number(series.map(read, na_action="ignore"))


def _seconds(span: dt.timedelta | np.timedelta64) -> float:
    return float(span / np.timedelta64(1, "s")) if isinstance(span, np.timedelta64) else span.total_seconds()


def _seconds_of_day(value: dt.time) -> float:
    return 3600.0 * value.hour + 60.0 * value.minute + value.second + value.microsecond / 1e6


def _dates(series: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    return pd.to_datetime(series, utc=True, errors="coerce").dt.tz_localize(None)


# ------------------------------------------------------------------------------------------------ numbers


def to_number(series: pd.Series[Any]) -> pd.Series[Any]:
    """Values as float64, without a copy if they are float64; missing and infinite values become NaN."""
    import pandas as pd

    if series.dtype == object:
        values = np.array([_as_float(value) for value in series], dtype=np.float64)
    else:
        values = np.ascontiguousarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    if np.isinf(values).any():
        values = np.where(np.isinf(values), np.nan, values)
    return pd.Series(values, index=series.index, name=series.name, copy=False)


def _as_float(value: Any) -> float:
    if _is_missing(value):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # an integer beyond 1e308 counts as infinite
        return math.nan


def _is_missing(value: Any) -> bool:
    """Return True for a missing scalar. For a list, `isna` would return one value per item."""
    import pandas as pd

    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


# ------------------------------------------------------------------------------------------------ text


def to_text(series: pd.Series[Any]) -> pd.Series[Any]:
    """Text without surrounding blanks. Words for missing values, such as "NA" and "?", become missing.

    Raises:
        InvalidInput: If a cell has no text.
    """
    import pandas as pd

    if not len(series):
        return pd.Series([], dtype="str", name=series.name)
    cells = series if series.dtype != object else _readable(series)
    try:
        words = cells.astype("str")
    except UnicodeEncodeError:  # a lone surrogate is no character
        words = _objects(cells, _without_surrogates).astype("str")
    words = words.str.strip()
    return words.mask(words.isin(MISSING_WORDS), np.nan)


def _readable(series: pd.Series[Any]) -> pd.Series[Any]:
    """Each cell as text or None."""
    _check_readable(series)
    try:
        return _objects(series, _word)
    except Exception as error:  # a user-defined __str__ may raise any error
        reason = " ".join(str(error).split())
        raise InvalidInput(
            f"the column {series.name!r} holds something that cannot be written as text ({type(error).__name__}: "
            f"{reason}); pass text or numbers."
        ) from error


def _objects(series: pd.Series[Any], change: Callable[[Any], Any]) -> pd.Series[Any]:
    """`Series.map` without inference of a dtype."""
    import pandas as pd

    cells = np.empty(len(series), dtype=object)
    cells[:] = [change(cell) for cell in series]
    return pd.Series(cells, index=series.index, name=series.name, dtype=object)


def _check_readable(series: pd.Series[Any]) -> None:
    """Refuse cells whose text has no information, or only a part of the content."""
    for kind in _kinds(series):
        name = f"the column {series.name!r} holds"
        if issubclass(kind, complex | np.complexfloating):
            raise InvalidInput(f"{name} complex numbers; pass their real and imaginary parts as two columns.")
        if _has_no_text(kind):
            raise InvalidInput(f"{name} objects of type {kind.__name__}, which have no text; pass text or numbers.")
        if hasattr(kind, "__array__") or hasattr(kind, "__array_interface__"):
            shapes = {np.shape(value) for value in series if isinstance(value, kind)}
            image = next((shape for shape in sorted(shapes) if len(shape) > 1), None)
            if image is not None:
                raise InvalidInput(f"{name} arrays of shape {image}, and images are not covered; pass their features.")
            longest = max((shape[0] for shape in shapes if shape), default=0)
            if longest > _WRITTEN_OUT:
                raise InvalidInput(
                    f"{name} arrays of {longest:,} values; pass a column for each, or fewer features of them."
                )
            if longest > 1:
                text = "%s arrays of up to %d values, which are read as text; pass a column for each value."
                logger.warning(text, name, longest)


def _has_no_text(kind: type) -> bool:
    return all(getattr(kind, name) is getattr(object, name) for name in ("__str__", "__repr__"))


def _word(value: Any) -> str | None:
    """Cell as text. Bytes are decoded, and floats are written by `number_word`: 3, 3.0 and "3" are one level."""
    if _is_missing(value):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, float | np.floating):
        return number_word(float(value))
    if isinstance(value, set | frozenset):  # the order of a set differs between processes
        plain = (repr(one.item() if isinstance(one, np.generic) else one) for one in value)
        return f"{{{', '.join(sorted(plain))}}}" if value else "set()"
    return str(value)


def number_word(value: float) -> str:
    """Number as the level of a category: 3.0 is "3", and whole numbers have all digits, like integers.

    Example:
        >>> number_word(3.0), number_word(0.1), number_word(1234567890123456.0)
        ('3', '0.1', '1234567890123456')
    """
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else f"{value:.15g}"


def _without_surrogates(word: Any) -> Any:
    return word.encode("utf-8", "backslashreplace").decode() if isinstance(word, str) else word
