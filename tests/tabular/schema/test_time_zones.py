"""Time zones: offsets in text cells, Arrow columns and Python times."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.schema.time_zones import offset_of, with_zone, zone_of, zone_of_cells

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["object", "str", "category", "string[pyarrow]"])
def test_time_zone_offsets_are_found_in_text_of_any_dtype(dtype):
    cells = pd.Series(["2026-01-01T10:00:00+09:00", "2026-01-01T10:00:00"], dtype=dtype)
    assert with_zone(cells).tolist() == [True, False]
    assert with_zone(cells.convert_dtypes(dtype_backend="pyarrow")).tolist() == [True, False]


def test_offsets_of_whole_hours_are_time_zone_offsets():
    """PostgreSQL's text of a time: it was shifted to UTC, and read as the clock of the place."""
    times = pd.date_range("2026-01-01", periods=40, freq="7h", tz="Europe/Berlin")
    schema = Schema.infer(pd.DataFrame({"t": times, "c": np.arange(40) ** 2}))
    long, short = (
        schema.apply(pd.DataFrame({"t": [f"2026-01-01 12:00:00+01{minutes}"], "c": [1.0]}))["t"].tolist()
        for minutes in (":00", "")
    )
    assert long == short
    assert with_zone(pd.Series(["2026-01-01 12:00:00+01", "2026-01-01 12:00", "2026-01-01"])).tolist() == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(("zone", "name"), [("+09:00", "UTC+09:00"), ("-03:30", "UTC-03:30"), ("UTC", "UTC")])
def test_a_fixed_offset_of_an_arrow_column_is_a_time_zone(zone, name):
    moments = pa.array([0, 10**15], pa.timestamp("us", tz=zone))
    assert zone_of(pd.Series(moments, dtype=pd.ArrowDtype(moments.type))) == name


def test_python_times_are_read_in_the_time_zone_of_the_column():
    winter = [dt.datetime.fromisoformat(f"2026-01-{day:02}T08:30-05:00") for day in range(1, 21)]
    summer = [dt.datetime.fromisoformat(f"2026-07-{day:02}T08:30-04:00") for day in range(1, 11)]
    frame = pd.DataFrame({"t": pd.Series([*winter, *summer], dtype=object), "x": RNG.normal(size=30)})
    schema = Schema.infer(frame)
    (when,) = (column for column in schema.columns if column.name == "t")
    assert when.kind == "date"
    assert when.zone == "UTC-05:00"
    assert schema.apply(frame)["t"].dt.hour.tolist() == [8] * 20 + [7] * 10
    tokyo = zoneinfo.ZoneInfo("Asia/Tokyo")
    local = pd.Series([dt.datetime(2026, 1, day, 9, tzinfo=tokyo) for day in (1, 2)], dtype=object)
    assert zone_of_cells(local) == "Asia/Tokyo"
    naive = pd.Series([dt.datetime.fromisoformat("2026-01-01"), dt.datetime.fromisoformat("2026-01-02")], dtype=object)
    assert zone_of_cells(naive) is None
    assert zone_of_cells(pd.Series([1.0, 2.0])) is None


def test_the_offset_of_a_long_cell_is_searched_from_its_end():
    long = "0:00" * 50_000  # a search from each place would take minutes
    assert with_zone(pd.Series([long, "2026-01-01T10:00+09:00  "])).tolist() == [False, True]
    assert offset_of(pd.Series([long] * 3)) is None
