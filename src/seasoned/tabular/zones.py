"""Time zones of columns of dates: hours and days of the week are those of the place, wherever the table was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["in_zone", "zone_of"]


def zone_of(series: pd.Series[Any]) -> str | None:
    """The zone of a column of times; None where they have none, or it is no column of times.

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
    try:
        pd.Timestamp(0, tz="UTC").tz_convert(str(zone))
    except (ValueError, KeyError, LookupError, OSError):  # a zone without a name, such as that of a file of rules
        return "UTC"
    return str(zone)


def in_zone(times: pd.Series[Any], zone: str) -> pd.Series[Any]:
    """Times in UTC, as datetime64 without a zone, as clocks in the zone show them.

    Example:
        >>> import pandas as pd
        >>> in_zone(pd.Series(pd.to_datetime(["2026-01-01 20:00"])), "Asia/Tokyo").dt.hour.tolist()
        [5]
    """
    shown = times.astype("datetime64[us]").dt.tz_localize("UTC").dt.tz_convert(zone)
    return shown.dt.tz_localize(None)
