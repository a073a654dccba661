"""Time zones of columns of dates: hours and days of the week are local, wherever the table was written."""

from __future__ import annotations

import re
import zoneinfo
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.schema.text_parsing import MAX_TYPO_SHARE

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["in_zone", "offset_of", "with_zone", "zone_of", "zone_of_cells"]

_FIXED: Final = re.compile(r"UTC([+-]\d\d:\d\d)?")
_WRITTEN: Final = re.compile(r".*\d:\d\d.*(Z|[+-]\d\d(?::?\d\d)?)\s*", re.DOTALL)
_OFFSET: Final = r"\d:\d\d.*(Z|[+-]\d\d(?::?\d\d)?)\s*$"
_END: Final = 64  # last characters of a cell in which an offset is searched; in long cells the search is very slow
_QUARTER: Final = 15  # minutes with a constant offset: clocks are changed at full quarters of an hour
_FIRST, _LAST = np.datetime64("0001-01-03"), np.datetime64("9999-12-29")  # first and last day in all zones


def zone_of(series: pd.Series[Any]) -> str | None:
    """Zone of the dtype of a column of times; None without a zone, and for other columns.

    Example:
        >>> import pandas as pd
        >>> zone_of(pd.Series(pd.date_range("2026", periods=2, tz="Asia/Tokyo"))), zone_of(pd.Series([1.0]))
        ('Asia/Tokyo', None)
    """
    import pandas as pd
    import pyarrow as pa

    dtype = series.dtype
    zone = dtype.tz if isinstance(dtype, pd.DatetimeTZDtype) else None
    if isinstance(dtype, pd.ArrowDtype) and pa.types.is_timestamp(dtype.pyarrow_dtype):
        zone = dtype.pyarrow_dtype.tz
    if zone is None:
        return None
    return _known(str(zone))


def _known(name: str) -> str:
    """Portable name of a zone; UTC for a zone that only this machine defines."""
    if name.startswith(("+", "-")):  # fixed offset of Arrow
        name = f"UTC{name}"
    if _FIXED.fullmatch(name):
        return name
    try:
        return zoneinfo.ZoneInfo(name).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # invalid, or defined by this machine only
        return "UTC"


def zone_of_cells(cells: pd.Series[Any]) -> str | None:
    """Zone of Python datetimes: the shared one, or the most frequent offset; None for the offset 0 or without zones.

    Example:
        >>> import datetime as dt, pandas as pd
        >>> times = ["2026-01-05T08:30-05:00", "2026-02-05T08:30-05:00", "2026-07-05T08:30-04:00"]
        >>> zone_of_cells(pd.Series([dt.datetime.fromisoformat(time) for time in times], dtype=object))
        'UTC-05:00'
    """
    there = cells.dropna()
    if there.dtype != object:
        return None
    aware = [cell for cell in there if getattr(cell, "tzinfo", None) is not None]
    if not aware or len(aware) < (1 - MAX_TYPO_SHARE) * len(there):
        return None
    names = {getattr(cell.tzinfo, "key", None) or getattr(cell.tzinfo, "zone", None) for cell in aware}  # pytz: zone
    if len(names) == 1 and (name := names.pop()) is not None:
        return _known(str(name))
    seconds = Counter(int(cell.utcoffset().total_seconds()) for cell in aware).most_common(1)[0][0]
    if seconds == 0 or seconds % 60:
        return None
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"UTC{'-' if seconds < 0 else '+'}{hours:02}:{minutes:02}"


def offset_of(words: pd.Series[Any]) -> str | None:
    """Most frequent offset of times in text, as a zone; None for UTC, or if over 2 % of the cells have no offset.

    Example:
        >>> import pandas as pd
        >>> offset_of(pd.Series(["2026-01-01T10:00+09:00", "2026-01-02T10:00+0900", None]))
        'UTC+09:00'
    """
    there = words.dropna()
    ends = there.astype("str").str.rstrip().str.slice(-_END).str.extract(_OFFSET, expand=False).dropna()
    if not len(ends) or len(ends) < (1 - MAX_TYPO_SHARE) * len(there):
        return None
    digits = ends.str.replace("Z", "+0000", regex=False).str.replace(":", "", regex=False).str.ljust(5, "0")
    common = str(digits.mode().iloc[0])
    return None if common[1:] == "0000" else f"UTC{common[:3]}:{common[3:]}"


def with_zone(series: pd.Series[Any]) -> NDArray[np.bool_]:
    """Mask of cells with a zone, shape (n,): by the dtype of the column, as objects, or as text that ends in an offset.

    Example:
        >>> import pandas as pd
        >>> with_zone(pd.Series(["2026-01-01T10:00+09:00", "2026-01-01 10:00", None])).tolist()
        [True, False, False]
    """
    if zone_of(series) is not None:
        return np.ones(len(series), dtype=np.bool_)
    if series.dtype.kind in "biufmM":
        return np.zeros(len(series), dtype=np.bool_)
    return np.fromiter((_says_zone(cell) for cell in series), dtype=np.bool_, count=len(series))


def _says_zone(cell: Any) -> bool:
    if isinstance(cell, str):
        return _WRITTEN.fullmatch(cell.rstrip()[-_END:]) is not None
    return getattr(cell, "tzinfo", None) is not None


def in_zone(times: pd.Series[Any], zone: str, where: NDArray[np.bool_]) -> pd.Series[Any]:
    """Convert times in UTC (datetime64 without a zone) to local time of the zone, where the mask `where` is True.

    Example:
        >>> import pandas as pd
        >>> times = pd.Series(pd.to_datetime(["2026-01-01 20:00", "2026-01-01 20:00"]))
        >>> in_zone(times, "Asia/Tokyo", np.array([True, False])).dt.hour.tolist()
        [5, 20]
    """
    import pandas as pd

    values = times.to_numpy(dtype="datetime64[us]").copy()
    here = where & (values >= _FIRST) & (values <= _LAST)  # False for missing times
    minutes = values[here].astype("datetime64[m]").astype(np.int64)
    quarters, place = np.unique(minutes // _QUARTER, return_inverse=True)  # one conversion per quarter of an hour
    starts = (quarters * _QUARTER).astype("datetime64[m]").astype("datetime64[us]")
    clocks = pd.DatetimeIndex(starts, tz="UTC").tz_convert(zone).tz_localize(None).to_numpy()
    values[here] += (clocks - starts)[place]
    return pd.Series(values, index=times.index, name=times.name)
