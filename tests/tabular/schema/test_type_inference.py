"""Kinds of columns: numbers, dates, categories, texts and identifiers from their cells."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from dateutil import tz

from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.schema import dates
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.schema.time_zones import offset_of, zone_of

NAN = np.nan
ROWS = 60
RNG = np.random.default_rng(0)
LEVELS = pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))


def column(values, name="odd"):
    """The schema's view of a column beside another one that informs."""
    frame = pd.DataFrame({name: values, "other": np.linspace(0.5, 7.7, len(values)) ** 2})
    return Schema.infer(frame).columns[0]


def read(values, new=None):
    """The column in canonical form, as the schema of `values` reads `new`."""
    frame = pd.DataFrame({"odd": values, "other": np.linspace(0.5, 7.7, len(values)) ** 2})
    schema = Schema.from_json(json.loads(json.dumps(Schema.infer(frame).to_json())))
    given = frame if new is None else pd.DataFrame({"odd": new, "other": 1.0})
    return schema.apply(given)["odd"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1,234", "7", "12,345,678"], [1234, 7, 12345678]),
        (["1,234.50", "-7.25", ".5"], [1234.5, -7.25, 0.5]),
        (["1.234,50", "-7,25", "12"], [1234.5, -7.25, 12]),
        (["1 234,5", "12\u00a0345,0", "7,1"], [1234.5, 12345.0, 7.1]),
        (["$1,200", "-$3", "$ 4.50"], [1200, -3, 4.5]),
        (["12 €", "13,5 €", "14 €"], [12, 13.5, 14]),
        (["12%", "3.5%", "100 %"], [12, 3.5, 100]),
        (["EUR 12", "EUR 1,000", "EUR 7"], [12, 1000, 7]),
        (["1e5", " 7 ", "+3"], [1e5, 7, 3]),
        (["3", "-", "5"], [3, NAN, 5]),
        (["3", "unknown", "N/A"], [3, NAN, NAN]),
        (["3", "?", "."], [3, NAN, NAN]),
        (["1", "inf", "2"], [1, NAN, 2]),
        ([1, "2", None], [1, 2, NAN]),
        ([1.5, "2.5", "x"], None),
        ([Fraction(1, 4), Decimal("0.5"), 3], [0.25, 0.5, 3]),
        ([10**400, 3, 4], [NAN, 3, 4]),
        ([2**63, 2**64 + 1, 5], [2.0**63, 2.0**64, 5]),
        ([dt.time(1), dt.time(0, 0, 30), None], [3600, 30, NAN]),
        ([dt.timedelta(hours=1), dt.timedelta(seconds=2), None], [3600, 2, NAN]),
        (pd.array([1, None, 3], dtype="int64[pyarrow]"), [1, NAN, 3]),
        (pd.array([1.5, None, 3], dtype="double[pyarrow]"), [1.5, NAN, 3]),
        (pd.array([Decimal("1.5"), None, Decimal(3)], dtype=pd.ArrowDtype(pa.decimal128(5, 2))), [1.5, NAN, 3]),
        (pd.array([dt.timedelta(1), None, dt.timedelta(2)], dtype="duration[s][pyarrow]"), [86400, NAN, 172800]),
        (np.array([1, 2, 300], dtype=">i4"), [1, 2, 300]),
        (np.array([1, 2, 3], dtype=np.longdouble), [1, 2, 3]),
        (pd.array([1, None, 3], dtype="UInt8"), [1, NAN, 3]),
        ([-np.inf, 1.0, 2.0], [NAN, 1, 2]),
        ([dt.timedelta(days=999_999_999), np.timedelta64(2, "s"), None], [86400.0 * 999_999_999, 2, NAN]),
    ],
)  # fmt: skip
def test_numbers_however_they_are_written(values, expected):
    if expected is None:
        assert column(values).kind == "category"
        return
    assert column(values).kind == "numeric"
    np.testing.assert_array_equal(read(values), np.array(expected, dtype=float))


@pytest.mark.parametrize(
    "words",
    [
        ["1-2", "3-4", "5"], ["2 3", "4 5", "6 7"], ["12%", "13", "14%"], ["1.2.3", "1.2.4", "2"], ["1,23,4", "5", "6"],
        ["$", "€", "5"], ["10 kg", "12 g", "7 kg"], ["1/2", "3/4", "1"], ["a", "-", "b"],
    ],
)  # fmt: skip
def test_what_only_looks_like_numbers_stays_a_category(words):
    assert column(words).kind == "category"


@pytest.mark.parametrize("new", [["$1234", "$7"], [1234, 7], [1234.0, 7.0], ["1234", "7"], ["1234.0", " 7 "]])
@pytest.mark.parametrize("values", [["$1,000", "$2,000", "$35"], [1, 2, 3], [1.5, 2.5, None], ["1", "2", "-"]])
def test_numbers_come_back_in_another_dress(values, new):
    np.testing.assert_array_equal(read(values, new), [1234, 7])


BOOLEANS = [
    [True, False, None], ["yes", "no", None], ["Yes", "No", "?"], ["t", "f", ""], ["TRUE", "false", "NA"],
    ["Y", "N", "nan"], ["on", "off", None], [1, 0, None], ["1", "0", "-"], [1.0, 0.0, NAN],
    pd.array([True, False, None], dtype="boolean"), pd.array([True, False, None], dtype="bool[pyarrow]"),
    pd.Categorical([True, False, None]), pd.Categorical(["yes", "no", None]), np.array([1, 0, NAN], dtype=np.float16),
]  # fmt: skip


@pytest.mark.parametrize("values", BOOLEANS, ids=str)
def test_booleans_read_the_same_in_every_dress(values):
    assert column(values).kind == "boolean"
    for new in BOOLEANS:
        np.testing.assert_array_equal(read(values, new), [1, 0, NAN])


@pytest.mark.parametrize("words", [["yes", "no", "maybe"], ["f", "m", "f"], ["y", "no", "y"], ["on", "yes", "on"]])
def test_words_of_no_pair_are_categories(words):
    assert column(words).kind == "category"


@pytest.mark.parametrize(
    "values",
    [
        ["2020-01-01", "1500-03-01", "9999-12-31"],
        ["2020-01-01T10:00+02:00", "2020-01-01T10:00Z", "2020-06-01 10:00:00"],
        pd.array(
            [pd.Timestamp("2020-01-01"), None, pd.Timestamp("2021-01-01")], dtype="timestamp[us, tz=UTC][pyarrow]"
        ),
        pd.array([pd.Timestamp("2020-01-01"), None, pd.Timestamp("2021-01-01")], dtype="timestamp[ms][pyarrow]"),
        pd.array([dt.date(2020, 1, 1), None, dt.date(2021, 1, 1)], dtype=pd.ArrowDtype(pa.date32())),
        [dt.date(1500, 1, 1), dt.date(2400, 1, 1), None],
        [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2021, 1, 1, tzinfo=dt.UTC), None],
        [pd.Period("2020-01", "M"), pd.Period("2020-02", "M"), None],
    ],
    ids=str,
)
def test_dates_however_they_come(values):
    assert column(values).kind == "date"
    frame = pd.DataFrame({"odd": values, "other": [1.5, 2, 4]})
    schema = Schema.infer(frame)
    matrix = ColumnPlan.fit(schema.apply(frame), schema, seed=0).transform(frame, "codes")
    np.testing.assert_array_equal(np.isnan(matrix[:, 0]), pd.isna(pd.Series(values)))


def test_offsets_are_respected():
    found = read(["2020-01-01T10:00+02:00", "2020-01-01T10:00Z"])
    assert (found.iloc[1] - found.iloc[0]) == pd.Timedelta(hours=2)


@pytest.mark.parametrize("arrow", [False, True])
def test_the_clock_of_a_zone_is_read_whatever_zone_comes_later(arrow):
    tokyo = pd.Series(pd.date_range("2020-03-01 08:30", periods=40, freq="7h", tz="Asia/Tokyo"), name="when")
    clock = tokyo.dt.tz_localize(None)
    fitted = tokyo.astype(pd.ArrowDtype(pa.timestamp("us", tz="Asia/Tokyo"))) if arrow else tokyo
    schema = Schema.infer(pd.DataFrame({"when": fitted, "c": np.arange(40) ** 2}))
    schema = Schema.from_json(json.loads(json.dumps(schema.to_json())))
    assert schema.columns[0].zone == "Asia/Tokyo"
    utc, new_york = tokyo.dt.tz_convert("UTC"), tokyo.dt.tz_convert("America/New_York")
    texts = (
        new_york.map(pd.Timestamp.isoformat),
        tokyo.dt.strftime("%Y-%m-%d %H:%M"),
        utc.dt.strftime("%Y-%m-%dT%H:%MZ"),
    )
    objects = new_york.dt.to_pydatetime() if hasattr(new_york.dt, "to_pydatetime") else list(new_york)
    for same in (tokyo, fitted, utc, new_york, clock, *texts, pd.Series(list(objects), dtype=object)):
        found = schema.apply(pd.DataFrame({"when": same, "c": 1.0}))
        assert (found["when"] == clock).all()
        assert (schema.apply(found)["when"] == clock).all(), "read again it is the same"
    plain = Schema.infer(pd.DataFrame({"when": clock, "c": np.arange(40) ** 2}))
    assert "zone" not in plain.to_json()[0]
    assert (plain.apply(pd.DataFrame({"when": tokyo, "c": 1.0}))["when"] == in_utc(tokyo)).all()


@pytest.mark.parametrize(("ending", "zone"), [("+09:00", "UTC+09:00"), ("-0330", "UTC-03:30"), ("Z", None), ("", None)])
def test_times_written_with_an_offset_are_read_by_its_clock(ending, zone):
    clock = pd.Series(pd.date_range("2026-03-02 08:30", periods=40, freq="7h"))
    written = clock.dt.strftime("%Y-%m-%dT%H:%M") + ending
    frame = pd.DataFrame({"when": written, "c": np.arange(40) ** 2})
    schema = Schema.from_json(json.loads(json.dumps(Schema.infer(frame).to_json())))
    assert schema.columns[0].zone == zone
    assert (schema.apply(frame)["when"] == clock).all()
    there = clock.dt.tz_localize("UTC") if zone is None else clock.dt.tz_localize(zone)
    elsewhere = there.dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%MZ")
    assert (schema.apply(frame.assign(when=elsewhere))["when"] == clock).all()


def test_the_time_of_day_before_a_date_is_no_offset():
    assert offset_of(pd.Series(["10:00 01-02-2024"])) is not None, "it looks like one"
    when = [f"10:{minute:02d} {day:02d}-02-2024" for minute, day in zip(range(28), range(1, 29), strict=True)]
    assert column(when).kind == "date"
    assert column(when).zone is None


def test_of_summer_and_winter_the_commoner_offset_counts():
    assert offset_of(pd.Series(["2026-01-01T10:00+01:00"] * 3 + ["2026-07-01T10:00+02:00"] * 2)) == "UTC+01:00"
    assert offset_of(pd.Series(["2026-01-01T10:00+01:00", "2026-01-01T10:00"])) is None
    hours = [f"2026-01-{day:02d}T10:00+01:00" for day in range(1, 31)] * 2
    assert column([*hours, "unknown"]).zone == "UTC+01:00", "a slip says nothing of zones"


def test_the_same_moments_in_two_zones_are_two_columns():
    utc = pd.Series(pd.date_range("2026-01-01", periods=60, freq="7h", tz="UTC"))
    frame = pd.DataFrame({"utc": utc, "local": utc.dt.tz_convert("America/New_York"), "again": utc})
    assert [column.name for column in Schema.infer(frame).used] == ["utc", "local"]


def test_dates_in_several_formats_are_told(caplog):
    column(["2024-01-05", "05/01/2024 10:00"] * 30)
    assert "'odd' looks like dates in several formats, such as '2024-01-05' and '05/01/2024 10:00'" in caplog.text
    caplog.clear()
    column([f"{number}-{number % 7} m" for number in range(60)])
    column([f"{number}.{number % 9}.{number % 7}" for number in range(60)])
    days = pd.date_range("2020-02-01", periods=60).strftime("%d/%m/%Y").tolist()
    column([*days[:56], *["00/00/0000"] * 4])
    assert "several formats" not in caplog.text


def test_dates_whose_order_is_open_are_told(caplog):
    days = pd.date_range("2024-01-01", periods=11, freq="MS")
    column(days.strftime("%d/%m/%Y"))
    assert "'01/01/2024', can be read with the month or the day first, and are read with the month first" in caplog.text
    caplog.clear()
    column(days.strftime("%Y-%m-%d"))
    column(pd.date_range("2024-01-01", periods=60).strftime("%m/%d/%Y"))
    assert "month first" not in caplog.text


@pytest.mark.parametrize(("name", "told"), [("reading", True), ("row_id", False), ("PassengerId", False), ("#", False)])
def test_a_column_that_is_left_out_for_its_order_alone_is_told(name, told, caplog):
    assert column(np.arange(ROWS), name).kind == "id"
    assert ("'reading' is left out. It counts the rows: 0 to 59" in caplog.text) == told


def test_a_zone_without_a_name_is_taken_for_utc():
    times = pd.Series(pd.date_range("2020", periods=40, freq="7h", tz=tz.tzrange("AB", 3600)))
    assert zone_of(times) == "UTC" == zone_of(times.dt.tz_convert(tz.tzlocal()))
    assert zone_of(times.dt.tz_convert("+05:30")) == "UTC+05:30"
    schema = Schema.infer(pd.DataFrame({"when": times, "c": np.arange(40) ** 2}))
    assert (schema.apply(pd.DataFrame({"when": times, "c": 1.0}))["when"] == in_utc(times)).all()


def in_utc(times):
    return times.dt.tz_convert("UTC").dt.tz_localize(None)


def test_dates_that_came_in_one_format_may_come_back_in_the_standard_one():
    found = read(["01/02/2020", "13/02/2020"], ["2020-02-01", "13/02/2020"])
    assert list(found.dt.day) == [1, 13]


@pytest.mark.parametrize(
    ("values", "new", "same"),
    [
        (pd.Categorical([1.0, 2.5, 1.0]), [1, 2.5, 1], True),
        (pd.Categorical([1, 2, 3]), pd.Categorical([1, 2, 3]), True),
        (pd.Categorical([1, 2, 3]), ["1", "2", "3"], True),
        (pd.Categorical(["a", "b", "a"], ordered=True), ["a", "b", "a"], True),
        (["a", "b", "a"], pd.Categorical(["a", "b", "a"]), True),
        (["a", "b", "a"], pd.array(["a", "b", "a"], dtype="string[pyarrow]"), True),
        (["a", "b", "a"], [b"a", b"b", b"a"], True),
        ([3.0, "x", 4], ["3", "x", "4.0"], False),
        (pd.Categorical(["a", "b", "a"]), ["a", "c", None], False),
        (pd.Series(["a", "\ud800", "a"], dtype=object), pd.Series(["a", "\\ud800", "a"]), True),
        (pd.Categorical(["a", " b", "b "]), ["a", "b", "b"], True),
        (pd.Categorical(["1", "2", None]), pd.array(["1", "2", None], dtype=LEVELS), True),
        (pd.array(["1", None, "2"], dtype=LEVELS), [1, None, 2], True),
        (["p\0q", "p", "p\0z"], ["p", "p", "p"], False),
        (pd.Categorical([10**18 + 7 * i for i in range(3)]), [str(10**18 + 7 * i) for i in range(3)], True),
        ([12345678901234567, "x", 3], pd.array([12345678901234567, None, 3], dtype="Int64"), False),
        ([True, "maybe", False], [True, False, False], False),
    ],
)
def test_levels_however_they_come(values, new, same):
    assert column(values).kind == "category"
    assert (list(read(values, values)) == list(read(values, new))) == same


@pytest.mark.parametrize(
    "cells", [[[1], [2], [1]], [{"a": 1}, {"b": 2}, None], [np.arange(3), np.arange(2), None], [{1, 2}, {3}, {1, 2}]]
)
def test_cells_that_hold_collections_are_levels(cells):
    frame = pd.DataFrame({"odd": pd.Series(cells, dtype=object), "other": [1.5, 2, 4]})
    assert Schema.infer(frame).columns[0].kind == "category"


IDS = {
    "named": ("customer_id", RNG.permutation(10**6)[:ROWS]),
    "camel": ("customerId", RNG.permutation(10**6)[:ROWS]),
    "unnamed": ("Unnamed: 0", RNG.permutation(10**6)[:ROWS]),
    "counting": ("zeile", np.arange(ROWS)),
    "from one": ("nr", np.arange(1, ROWS + 1)),
    "as text": ("nr", [str(i) for i in range(ROWS)]),
    "uuid": ("session", [str(uuid.UUID(int=int(i) << 90, version=4)) for i in RNG.permutation(ROWS)]),
    "hash": ("digest", [f"{i * 7919:032x}" for i in range(ROWS)]),
    "prefix": ("case", [f"C-{i:05d}" for i in RNG.permutation(10**4)[:ROWS]]),
    "mixed": ("case", [f"{i:04d}-{''.join(RNG.choice(list('ABCDEFGHIJ'), 5))}" for i in range(ROWS)]),
}


@pytest.mark.parametrize("case", IDS)
def test_identifiers_are_left_out_and_the_schema_says_why(case):
    name, values = IDS[case]
    found = column(values, name)
    assert found.kind == "id"
    assert found.reason.endswith(".")


INFORMATIVE = {
    "unique floats": ("id", RNG.normal(size=ROWS)),
    "unique integers": ("salary", RNG.permutation(10**6)[:ROWS]),
    "a grid": ("dose", np.arange(ROWS) * 5),
    "counting time": ("week", np.arange(ROWS)),
    "years": ("founded", np.arange(1900, 1900 + ROWS)),
    "repeated id": ("shop_id", RNG.integers(0, 20, ROWS)),
    "id with gaps": ("parent_id", [None, *range(ROWS - 1)]),
    "names": ("name", [f"Mr. Smith the {i}th" for i in range(ROWS)]),
    "groups of letters": ("code", [f"{'EU' if i % 2 else 'US'}-{i:04d}" for i in range(ROWS)]),
    "words": ("word", ["".join(RNG.choice(list("abcdefgh"), 9)) for _ in range(ROWS)]),
    "few rows": ("id", np.arange(19)),
    "dates": ("id", pd.date_range("2020", periods=ROWS)),
}


@pytest.mark.parametrize("case", INFORMATIVE)
def test_what_may_inform_is_kept(case):
    name, values = INFORMATIVE[case]
    assert column(values, name).reason is None


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (np.array([12345678901234567, 3]), ["12345678901234567", "3"]),
        (pd.array([12345678901234567, None], dtype="Int64"), ["12345678901234567", None]),
        (pd.array([12345678901234567, None], dtype="int64[pyarrow]"), ["12345678901234567", None]),
        (np.array([True, False]), ["True", "False"]),
        (pd.array([True, None], dtype="boolean"), ["True", None]),
    ],
)
def test_levels_keep_all_their_digits_however_clean_a_later_table_is(new, words):
    mixed = [12345678901234567, 3, True, False, "x"] * 9
    found = read(mixed, new)
    assert column(mixed).kind == "category"
    assert found.astype(object).where(found.notna(), None).tolist() == words
    assert {word for word in words if word} <= set(read(mixed, mixed))


@pytest.mark.parametrize("names", [("Unnamed: 0", "t"), ("t", "Unnamed: 0"), ("customer_id", "seniority")])
def test_what_informs_stays_although_an_identifier_says_the_same(names):
    values = np.arange(50) if "t" in names else np.random.default_rng(0).permutation(50)
    frame = pd.DataFrame(dict.fromkeys(names, values) | {"x": RNG.normal(size=50)})
    kept = {"t", "seniority"} & set(names)
    assert {found.name for found in Schema.infer(frame).used} == kept | {"x"}


def test_an_identifier_is_kept_where_nothing_else_would_remain():
    assert len(Schema.infer(pd.DataFrame({"x": np.arange(50), "same": 1})).used) == 1


def test_reasons_are_sentences_that_say_what_was_seen():
    base = RNG.normal(size=ROWS)
    frame = pd.DataFrame(
        {
            "empty": None,
            "one": "x",
            "a": base,
            "b": base,
            "c": np.where(base > 0, base, NAN),
            "d": -base,
            "id": range(ROWS),
        }
    )
    frame["e"] = frame["c"].astype("Float64")
    reasons = {found.name: found.reason for found in Schema.infer(frame).columns}
    assert reasons == {
        "empty": "All of its cells are empty.",
        "one": "It has the same value in every row.",
        "a": None, "c": None, "d": None,
        "b": "It is the same as 'a' in every row.",
        "e": "It is the same as 'c' in every row.",
        "id": "It counts the rows: 0 to 59 in their order.",
    }  # fmt: skip


def test_columns_that_are_left_out_may_be_missing_later():
    frame = pd.DataFrame({"id": range(ROWS), "a": RNG.normal(size=ROWS)})
    schema = Schema.infer(frame)
    pd.testing.assert_frame_equal(schema.apply(frame.drop(columns="id")), schema.apply(frame))


@pytest.mark.parametrize("values", [["V57", "K2"], ["1 to 4", "5 to 9"], ["abc", "10 km"], ["2,5 kg", "1 kg"]])
def test_codes_and_words_with_figures_are_no_dates(values):
    assert column(values * 30).kind != "date"


@pytest.mark.parametrize(
    ("values", "style"),
    [
        (["03/04/2021", "05/06/2021"], "%m/%d/%Y"),
        (["03/04/2021", "23/04/2021"], "%d/%m/%Y"),
        (["03/04/2021"] * 1_500 + ["23/04/2021"], "%d/%m/%Y"),  # whichever of them are looked at
        (["2021-03-04 10:00:00+02:00", "2021-03-05 10:00:00+01:00"], "%Y-%m-%d %H:%M:%S%z"),
        (["2021-03-04T10:00", "2021-03-05"], "ISO8601"),
        (["31-Jul-18", "1-Aug-18"], "%d-%b-%y"),
        (["31 juil. 18", "1 août 18"], "%d %b %y"),
        (["1/Mär/18", "2/Okt/19"], "%d/%b/%y"),
        (["31-Jul-18", "31/Jul/18"], None),
        (["03/04/2021", "2021-04-05"], None),
        (["03/04/2021", "13/13/2021"], None),
        (["2021-02-28", "2021-02-30"], None),
        ([], None),
    ],
)
def test_dates_share_a_format(values, style):
    assert dates.date_style(pd.Series(values, dtype="str")) == style


@pytest.mark.parametrize("slip", ["inf", "-Infinity", "n/a"])
def test_an_infinite_number_or_a_word_for_none_does_not_hide_numbers(slip):
    assert column([slip, *[f"{value}.5" for value in range(59)]]).kind == "numeric"
