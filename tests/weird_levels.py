"""Weird tables: levels, texts and dates."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from weird import ROWS, beside, collection, plain, repeated

TABLES, weird = collection()
NAIVE = pd.Timestamp("2020-01-01").to_pydatetime()


@weird(40, "a level that comes later")
def _() -> tuple[Any, ...]:
    X, y = beside({"c": pd.Categorical(["p", "q"] * 20)})
    return X, y, X.assign(b="never seen", c=pd.Categorical(["r", None] * 20))


weird(41, "categories of every type")(
    lambda: beside(
        {
            "ints": pd.Categorical([3, 1, None, 2] * 10),
            "floats": pd.Categorical([0.5, 1.0, None, 0.25] * 10),
            "bools": pd.Categorical([True, False, None, True] * 10),
            "dates": pd.Categorical(pd.to_datetime(["2020-01-01", "2021-01-01", None, "2020-01-01"] * 10)),
            "ordered": pd.Categorical(["mid", "low", None, "high"] * 10, ["low", "mid", "high"], ordered=True),
            "mixed": pd.Categorical(["1", 1, None, 2.5] * 10),
            "intervals": pd.cut(np.arange(ROWS) % 7, 3),
            "unused": pd.Categorical(["p", "q"] * 20, ["z", "q", "y", "p"]),
            "empty": pd.Categorical([None] * ROWS, ["p"]),
        }
    )
)
weird(42, "an identifier", says=None)(
    lambda: beside({"id": np.arange(ROWS) + 500, "uuid": [str(uuid.UUID(int=i << 90, version=4)) for i in range(ROWS)]})
)
weird(42, "nothing but an identifier")(lambda: (pd.DataFrame({"id": np.arange(ROWS) + 500}), plain()[1]))


@weird(43, "very many levels")
def _() -> tuple[Any, ...]:
    return beside({"c": pd.Series([f"level {i * 7919 % 1500}" for i in range(2000)])}, rows=2000)


weird(44, "numbers as people write them")(
    lambda: beside(
        {
            "all": ["1,234", "12%", "1e5", " 7 "],
            "thousands": ["1,234", " 7 ", "12,345.5"],
            "percent": ["12%", "3.5 %", None],
            "money": ["$1,200", "$3", "$ 4.50"],
            "comma": ["1.234,5", "7,25", "3"],
            "units": ["7 kg", "12 kg", "9 kg"],
            "signs": ["(12)", "-", "+3"],
        }
    )
)
weird(45, "missing in words")(
    lambda: beside(
        {
            "words": ["p", "", "?", "NA", "null", "q", " ", "N/A", "None", "-"],
            "numbers": ["1.5", "", "?", "NA", "null", "2", "-999", "nan", "#N/A", "unknown"],
            "sentinel": [1.5, -999.0, 2.5, 3.5],
        }
    )
)
weird(46, "one level in several spellings")(
    lambda: beside({"s": ["New York", "new york", " New York ", "NEW YORK", "New  York", "Boston"]})
)
weird(47, "odd characters")(
    lambda: beside(
        {
            "lone": ["\ud800", "p\udcff", "q"],
            "nul": ["p\0q", "\0", "p"],
            "rtl": ["עברית", "\u202eabc", "q"],
            "zero": ["p\u200b", "p", "\ufeffq", "\u2028"],
            "bytes": [b"caf\xe9", b"\xff\xfe\x00", "café"],
            "emoji": ["👩\u200d👩\u200d👧", "👍🏽", "é", "e\u0301"],
        }
    )
)


@weird(43, "a million levels", slow=True)
def _() -> tuple[Any, ...]:
    return beside({"c": pd.Series([f"level {i * 7919 % 999_983}" for i in range(10**6)])}, rows=10**6)


@weird(48, "texts of 100 kB")
def _() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    words = np.array(["alpha", "beta", "gamma", "delta", "epsilon"])
    texts = [" ".join(rng.choice(words, 17_000)) for _ in range(ROWS)]
    many = [f"{text} {index}" for index, text in enumerate(texts)]
    return beside({"long": pd.Series(many)})


weird(49, "dates in several formats and zones")(
    lambda: beside(
        {
            "mixed": ["2020-01-01", "01/02/2020", "3 Mar 2021", "20200104T1000Z", "2020-05-05 10:00:00+02:00"],
            "zones": ["2020-01-01T10:00:00+02:00", "2020-03-01T10:00:00-08:00", "2020-06-01T10:00:00Z"],
            "european": ["13/02/2020", "01/03/2020", "28/12/2021"],
            "hours": ["10:30", "23:59", "00:00"],
            "years": ["1999", "2005", "2020"],
            "impossible": ["2020-02-30", "2020-13-01", "2020-01-01"],
        }
    )
)
weird(50, "dates near and far")(
    lambda: beside(
        {
            "zone": pd.date_range("2020-03-29", periods=ROWS, freq="h", tz="Europe/Berlin"),
            "seconds": pd.Series(np.arange(ROWS) * 10**9 - 10**11).astype("datetime64[s]"),
            "nanos": pd.Series(np.arange(ROWS) * 10**15).astype("datetime64[ns]"),
            "far": [NAIVE.replace(year=1500), NAIVE.replace(year=9999), None],
            "aware": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(1, 1, 1, tzinfo=dt.UTC)],
            "dates": [dt.date(1, 1, 1), dt.date(9999, 12, 31), None],
            "both": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), NAIVE, None],
            "eons": pd.Series(np.array(["-290000-01-01", "200000-01-01"] * 20, dtype="datetime64[s]")),
            "clock": [dt.time(1, 2), dt.time(23, 59, 59, 999999), None],
            "arrow": repeated([dt.time(1, 2), None, dt.time(3)], pd.ArrowDtype(pa.time64("us"))),
        }
    )
)
weird(51, "durations, periods and intervals")(
    lambda: beside(
        {
            "duration": pd.to_timedelta(np.arange(ROWS), unit="h"),
            "long": [dt.timedelta(days=999_999_999), dt.timedelta(0), None],
            "month": pd.Series(pd.period_range("2020-01", periods=ROWS, freq="M")),
            "quarters": [pd.Period("2020Q1"), pd.Period("2021Q3"), None],
            "frequencies": [pd.Period("2020-01", "M"), pd.Period("2020", "Y")],
            "interval": pd.Series(pd.interval_range(0, ROWS)),
            "offset": [pd.DateOffset(months=1), pd.DateOffset(months=2)],
        }
    )
)
