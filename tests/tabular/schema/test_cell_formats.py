"""Formats that a table may be written in, each with the values that it is read as."""

# ruff: noqa: RUF001 - full-width characters are what is read

from __future__ import annotations

import bz2
import gzip
import lzma
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pytest

import weird_columns
import weird_containers
import weird_levels
import weird_roles
import weird_targets
from seasoned.cli.tables.reading import Reading
from seasoned.errors import InvalidInput
from seasoned.tabular.input.frames import to_frame
from seasoned.tabular.schema.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping

NAN = np.nan
ROWS = 40


class Format(NamedTuple):
    """Cells of a column, repeated to 40 rows, and the column's kind and first values."""

    cells: list[str | None]
    kind: str
    values: list[object]


def number(*cells, values):
    return Format(list(cells), "numeric", list(values))


def date(*cells, values):
    return Format(list(cells), "date", [pd.Timestamp(value) for value in values])


def words(*cells):
    return Format(list(cells), "category", list(cells))


def identifier(form):
    return Format([form.format(100_000 + 7 * place) for place in range(ROWS)], "id", [])


DAYS = ["2016-12-31", "2017-02-01"]
TIMES = ["2016-12-31 10:30", "2017-02-01 00:00"]
FORMATS = {
    "plain": number("7", "-8.25", "+3", values=[7, -8.25, 3]),
    "exponents": number("1e5", "2.5E-3", values=[1e5, 0.0025]),
    "spaces around": number(" 7 ", "8", values=[7, 8]),
    "leading zeros": number("007", "042", values=[7, 42]),
    "typographic minus": number("\u22123", "4", values=[-3, 4]),
    "ledger": number("(5.20)", "3", values=[-5.2, 3]),
    "thousands": number("1,234", "7", "12,345.5", values=[1234, 7, 12345.5]),
    "apostrophes": number("1'234.5", "12", values=[1234.5, 12]),
    "decimal commas": number("1.234,5", "7,1", values=[1234.5, 7.1]),
    "spaces between thousands": number("1\u00a0234,5", "12 345", values=[1234.5, 12345]),
    "percent": number("12%", "3.5 %", values=[12, 3.5]),
    "dollars": number("$1,234.50", "-$7", values=[1234.5, -7]),
    "euros before": number("€ 5", "€6.5", values=[5, 6.5]),
    "euros after": number("12,50 €", "7 €", values=[12.5, 7]),
    "pounds": number("£3.20", "£1,000", values=[3.2, 1000]),
    "rupees": number("₹900", "Rs. 7", values=[900, 7]),
    "yen": number("¥47.66", "¥1,200", values=[47.66, 1200]),
    "EUR before": number("EUR 5", "EUR 7.5", values=[5, 7.5]),
    "USD after": number("5 USD", "7 USD", values=[5, 7]),
    "CNY": number("CNY 5", "CNY 6.5", values=[5, 6.5]),
    "CHF": number("CHF 1'200.50", "CHF 3", values=[1200.5, 3]),
    "missing words": number("5", "n/a", "-", "unknown", "?", "NA", "", values=[5, *[NAN] * 6]),
    "more missing words": number("5", "null", "None", "nan", "#N/A", "N/A", "nil", values=[5, *[NAN] * 6]),
    "infinity": number("1", "inf", "2", values=[1, NAN, 2]),
    "a slip": number(*map(str, range(2, 61)), "abc", values=range(2, 61)),
    "day month year": date("01 Mar 2017", "15 Apr 2018", values=["2017-03-01", "2018-04-15"]),
    "full months": date("March 1, 2017", "April 15, 2018", values=["2017-03-01", "2018-04-15"]),
    "dots": date("31.12.2016", "01.02.2017", values=DAYS),
    "days first": date("31/12/2016", "01/02/2017", values=DAYS),
    "months first": date("12/31/2016", "02/01/2017", values=DAYS),
    "ISO": date("2016-12-31", "2017-02-01", values=DAYS),
    "slashes": date("2016/12/31", "2017/02/01", values=DAYS),
    "year and month": date("2016-12", "2017-02", values=["2016-12-01", "2017-02-01"]),
    "ISO time": date("2016-12-31T10:30:00", "2017-02-01T00:00:00", values=TIMES),
    "time": date("2016-12-31 10:30", "2017-02-01 00:00", values=TIMES),
    "dots and time": date("31.12.2016 10:30", "01.02.2017 00:00", values=TIMES),
    "UTC": date("2016-12-31T10:30:00Z", "2017-02-01T00:00:00Z", values=TIMES),
    "offset": date("2016-12-31T10:30+09:00", "2017-02-01T00:00+09:00", values=TIMES),
    "basic ISO": date("20161231T1030", "20170201T0000", values=TIMES),
    "ISO variants": date("2016-12-31T10:30", "2017-02-01", values=TIMES),
    "days missing": date("2016-12-31", "NA", values=["2016-12-31", None]),
    "full-width yen": number("￥47.66", "￥1,200", values=[47.66, 1200]),
    "yuan after": number("47.66元", "12 元", values=[47.66, 12]),
    "RMB": number("RMB 5", "rmb6.5", values=[5, 6.5]),
    "人民币": number("人民币 5", "人民币６．５", values=[5, 6.5]),
    "yuan in several ways": number("￥5", "6元", "RMB 7", "8", values=[5, 6, 7, 8]),
    "ten thousands": number("1.2万", "3亿", "5000", "2万元", values=[12_000, 300_000_000, 5000, 20_000]),
    "full width": number("４７．６６", "－１，２００", "（５）", values=[47.66, -1200, -5]),
    "full-width letters": number("ＵＳＤ　５", "＄6", values=[5, 6]),
    "thousands and millions": number("3.4k", "1.2M", "$5K", values=[3400, 1_200_000, 5000]),
    "Chinese missing words": number("5", "缺失", "空值", "无", "未知", "暂无数据", values=[5, *[NAN] * 5]),
    "a unit": number("12.5 kg", "3kg", "1,200 kg", values=[12.5, 3, 1200]),
    "a unit with a comma": number("12,5 kg", "3 kg", values=[12.5, 3]),
    "square metres": number("113.62㎡", "87㎡", values=[113.62, 87]),
    "years": number("1 year", "2 years", values=[1, 2]),
    "a rate": number("2.95元/m3", "3元/m3", values=[2.95, 3]),
    "limits": number(">4000", "<5", "12", "13", "≤ 14", "15", values=[4000, 5, 12, 13, 14, 15]),
    "clock": number("10:30", "23:59", "0:05", values=[37_800, 86_340, 300]),
    "clock with seconds": number("10:30:15", "00:00:01", values=[37_815, 1]),
    "clock of two halves": number("10:30 PM", "12:05 am", values=[81_000, 300]),
    "durations": number("12h 5m", "3h", "1d 2h", "90 min", values=[43_500, 10_800, 93_600, 5400]),
    "Chinese durations": number("12小时5分钟", "3天", values=[43_500, 259_200]),
    "Chinese dates": date("2016年10月30日", "2017年1月2日", values=["2016-10-30", "2017-01-02"]),
    "Chinese months": date("2016年10月", "2017年1月", values=["2016-10-01", "2017-01-01"]),
    "days of a year": date("2月29日", "10月1日", values=["1904-02-29", "1904-10-01"]),
    "Chinese times": date("2016年12月31日 10:30", "2017年2月1日 00:00", values=TIMES),
    "full-width dates": date("２０１６－１２－３１", "２０１７－０２－０１", values=DAYS),
    "French months": date("31 déc. 2016", "1 février 2017", values=DAYS),
    "German months": date("31. Dezember 2016", "1. Februar 2017", values=DAYS),
    "Spanish months": date("31 de diciembre de 2016", "1 de febrero de 2017", values=DAYS),
    "dates and gaps": date("31.12.2016", "未知", "01.02.2017", values=["2016-12-31", None, "2017-02-01"]),
    "yes and no in several spellings": Format(["Yes", "NO", "no", "yes"], "boolean", [1, 0, 0, 1]),
    "yes and no": Format(["yes", "no", "NA"], "boolean", [1, 0, NAN]),
    "true and false": Format(["True", "FALSE"], "boolean", [1, 0]),
    "y and n": Format(["y", "n", "NA"], "boolean", [1, 0, NAN]),
    "t and f": Format(["t", "f"], "boolean", [1, 0]),
    "on and off": Format(["on", "off"], "boolean", [1, 0]),
    "0 and 1": Format(["0", "1", "-"], "boolean", [0, 1, NAN]),
    "levels": words("Rome", "Oslo", "Łódź", "北京"),
    "codes among digits": words("007", "X1"),
    "codes": words("V57", "250", "401"),
    "quarters": words("2016Q1", "2016Q2"),
    "weeks": words("2016-W05", "2016-W06"),
    "ranges": words("1 to 4", "5 to 9", "10+"),
    "fractions": words("1/2", "3/4", "1"),
    "two currencies": words("$5", "€7"),
    "percent on some": words("12%", "13"),
    "two units": words("12 kg", "500 g"),
    "a unit on some": words("12 kg", "13"),
    "yuan and US dollars": words("5元", "6美元"),
    "limits of two classes": words("<=50K", ">50K"),
    "minutes or hours": words("2:35", "1:02:35"),
    "halves of a day": words("10 am", "11 pm"),
    "powers": words("10²", "12²", "m²"),
    "flats": words("12", "12A", "12B"),
    "rooms": words("2室1厅", "3室2厅"),
    "versions": words("1.2.3", "1.2.4", "2"),
    "note": Format([f"note {place} on row {place * 7}" for place in range(200)], "text", ["note 0 on row 0"]),
    "ORD100000": identifier("ORD{}"),
    "单100000": identifier("单{}"),
    "C-00017": identifier("C-{:06d}"),
    "hash": identifier("{:032x}"),
    "UUID": identifier("00000000-0000-4000-8000-{:012d}"),
}


def table(cells):
    """A column of the cells, repeated to 40 rows, beside one that informs."""
    rows = max(ROWS, len(cells))
    odd = pd.Series([cells[place % len(cells)] for place in range(rows)], dtype="str")
    return pd.DataFrame({"odd": odd, "other": np.linspace(0.5, 7.7, rows) ** 2})


@pytest.mark.parametrize("case", FORMATS.values(), ids=FORMATS)
def test_a_format_of_cells(case):
    frame = table(case.cells)
    schema = Schema.infer(frame)
    assert schema.columns[0].kind == case.kind
    if case.values:
        found = schema.apply(frame)["odd"][: len(case.values)]
        pd.testing.assert_series_equal(found, pd.Series(case.values, name="odd"), check_dtype=False, check_index=False)


# ------------------------------------------------------------------------------------------------ files


class File(NamedTuple):
    """Bytes of a file, options of the command line, and the columns as they are read."""

    content: bytes
    columns: dict[str, list[object]]
    options: Mapping[str, str] = MappingProxyType({})
    name: str = "t.csv"


PLAIN = {"a": [1, 2], "b": ["x", "y"]}
CHINESE = {"价格": [1.5, 2.5], "城市": ["北京", "上海"]}
SOURCE = "价格,城市\n1.5,北京\n2.5,上海\n"
FILES = {
    "comma": File(b"a,b\n1,x\n2,y\n", PLAIN),
    "semicolon": File(b"a;b\n1;x\n2;y\n", PLAIN),
    "bar": File(b"a|b\n1|x\n2|y\n", PLAIN),
    "tab in .csv": File(b"a\tb\n1\tx\n2\ty\n", PLAIN),
    "tab in .tsv": File(b"a\tb\n1\tx\n2\ty\n", PLAIN, name="t.tsv"),
    "separator given": File(b"a b\n1 x\n2 y\n", PLAIN, {"separator": " "}),
    "Windows lines": File(b"a,b\r\n1,x\r\n2,y\r\n", PLAIN),
    "no last line end": File(b"a,b\n1,x\n2,y", PLAIN),
    "blank lines": File(b"\na,b\n\n1,x\n2,y\n\n", PLAIN),
    "quotes": File(b'"a","b"\n1,"x, ""y"""\n', {"a": [1], "b": ['x, "y"']}),
    "line break in a cell": File(b'a,b\n1,"x\ny"\n', {"a": [1], "b": ["x\ny"]}),
    "separators at the ends": File(b"a,b\n1,x,\n2,y,\n", PLAIN),
    "names of rows": File(b"a,b\nr1,1,x\nr2,2,y\n", PLAIN),
    "short rows": File(b"a,b\n1,x\n2\n", {"a": [1, 2], "b": ["x", NAN]}),
    "one column": File(b"a\n1\n2\n", {"a": [1, 2]}),
    "text with a semicolon": File(b"text;more\nhow\nwhy; so\n", {"text;more": ["how", "why; so"]}),
    "decimal commas": File(b"a;b\n1,5;x\n1.234,5;y\n", {"a": [1.5, 1234.5], "b": ["x", "y"]}),
    "decimal points": File(b"a;b\n1.5;x\n2;y\n", {"a": [1.5, 2], "b": ["x", "y"]}),
    "German thousands": File(b"a;b\n1.200;0,5\n950;2\n", {"a": [1200, 950], "b": [0.5, 2]}),
    "decimal given": File(b'a,b\n"1,5",x\n2,y\n', {"a": [1.5, 2], "b": ["x", "y"]}, {"decimal": ","}),
    "thousands": File(b'a,b\n"1,234",x\n7,y\n', {"a": ["1,234", "7"], "b": ["x", "y"]}),
    "UTF-8": File(SOURCE.encode(), CHINESE),
    "UTF-8 with a mark": File(SOURCE.encode("utf-8-sig"), CHINESE),
    "UTF-16": File(SOURCE.encode("utf-16"), CHINESE),
    "GB18030": File(SOURCE.encode("gb18030"), CHINESE, {"encoding": "gb18030"}),
    "cp1252": File("a,é\n1,ü\n".encode("cp1252"), {"a": [1], "é": ["ü"]}, {"encoding": "cp1252"}),
    "gzip": File(gzip.compress(b"a;b\n1;x\n2;y\n"), PLAIN, name="t.csv.gz"),
    "bzip2": File(bz2.compress(b"a,b\n1,x\n2,y\n"), PLAIN, name="t.csv.bz2"),
    "xz": File(lzma.compress(b"a\tb\n1\tx\n2\ty\n"), PLAIN, name="t.tsv.xz"),
}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_a_format_of_files(file, tmp_path):
    (tmp_path / file.name).write_bytes(file.content)
    found = Reading(**file.options).table(tmp_path / file.name)
    pd.testing.assert_frame_equal(
        found.reset_index(drop=True), pd.DataFrame(file.columns), check_dtype=False, check_column_type=False
    )


# ------------------------------------------------------------------------------------------------ weird tables

ORDINARY = {*range(10, 18), 19, 60, 62}  # of the 62 kinds: the target or the roles are weird, the table is not
WEIRD = [
    one
    for part in (weird_targets, weird_columns, weird_levels, weird_containers, weird_roles)
    for one in part.TABLES
    if not one.slow and one.number not in ORDINARY and one.name not in {"texts of 100 kB", "20 rows and 2,000 columns"}
]
USUAL = "numeric category"
READ = {  # kinds of the columns; of the other tables they are the usual ones
    "two rows": "numeric constant",
    "two rows with numbers": "numeric constant",
    "one column": "numeric",
    "1,200 classes": "numeric numeric",
    "the target among the features": f"{USUAL} boolean",
    "an empty column": f"{USUAL} constant constant constant",
    "constant columns": f"{USUAL} constant constant constant",
    "a constant or nothing": f"{USUAL} numeric category boolean",
    "99.9% missing": f"{USUAL} numeric category",
    "names that are empty, None, a number, a tuple, NaN, a date, bytes": "numeric " * 9,
    "names with signs, emoji, NUL, line breaks and lone surrogates": "numeric " * 9,
    "names that are ours or pandas' own": f"{USUAL} {'numeric ' * 12} category category category",
    "columns with the same content": f"{USUAL} numeric category category numeric",
    "infinite features": f"{USUAL} numeric constant",
    "narrow, wide and very large numbers": f"{USUAL} {'numeric ' * 8}",
    "nullable columns": f"{USUAL} numeric boolean numeric numeric numeric",
    "text in every dress": f"{USUAL} {'category ' * 7}",
    "a text column with one value and NA": f"{USUAL} category category",
    "mixed cells": f"{USUAL} category",
    "decimals and fractions": f"{USUAL} numeric numeric numeric",
    "lists, dicts, sets and bytes in cells": f"{USUAL} {'category ' * 9}",
    "objects that have a text": f"{USUAL} category",
    "a level that comes later": f"{USUAL} category",
    "categories of every type": f"{USUAL} category category boolean {'category ' * 5} constant",
    "an identifier": f"{USUAL} id id",
    "nothing but an identifier": "numeric",
    "very many levels": f"{USUAL} text",
    "numbers as people write them": f"{USUAL} category {'numeric ' * 6}",
    "missing in words": f"{USUAL} category numeric numeric",
    "one level in several spellings": f"{USUAL} category",
    "odd characters": f"{USUAL} {'category ' * 6}",
    "dates in several formats and zones": f"{USUAL} category date date numeric numeric category",
    "dates near and far": f"{USUAL} {'date ' * 8} numeric numeric",
    "durations, periods and intervals": f"{USUAL} numeric numeric date date constant category category",
    "a frame of sparse columns": "numeric numeric constant",
    "sparse integers and booleans": f"{USUAL} numeric boolean numeric",
    "a pyarrow table, with a target from pyarrow": f"{USUAL} numeric numeric",
    "a structured array": f"{USUAL} numeric numeric",
    "a masked array": "numeric numeric numeric",
    "Fortran order, strides and big-endian bytes": "numeric numeric numeric",
    "a read-only memory map": "numeric numeric numeric",
    "half precision": "numeric numeric numeric",
    "an array of dates": "date date",
    "an array of bytes as text": "category category",
    "a list of lists with gaps": f"{USUAL} numeric",
    "a list of dicts with gaps and nested ones": f"{USUAL} category",
    "a tuple of arrays": "numeric numeric numeric",
    "columns that add up, and a perfect split": "numeric numeric numeric numeric",
    "a perfect line": "numeric numeric",
    "other types when it predicts": f"{USUAL} numeric date boolean",
    "other columns, rows and order when it predicts": f"{USUAL} numeric",
    "another number of unnamed columns when it predicts": "numeric numeric numeric",
    "all times equal": f"{USUAL} constant",
    "times reversed": f"{USUAL} date",
    "times with ties": f"{USUAL} numeric",
    "no other class until half the time is over": f"{USUAL} numeric",
    "two times": f"{USUAL} boolean",
    "times with a gap": f"{USUAL} numeric",
    "times as text": f"{USUAL} date",
    "times in zones": f"{USUAL} date",
    "a time missing": f"{USUAL} date",
    "times that are infinite": f"{USUAL} numeric",
    "times that are words": f"{USUAL} category",
}
POLARS = f"{USUAL} date date numeric numeric {'category ' * 3} constant numeric {'category ' * 3} numeric constant"
READ |= dict.fromkeys(("polars", "lazy polars, with a target from polars"), POLARS)
READ |= {one.name: "numeric numeric constant" for one in WEIRD if one.name.startswith("scipy ")}
REFUSED = {  # of those that the table alone refuses
    "no rows": "none of the 2 feature",
    "nothing at all": "none of the 0 feature",
    "an empty list": "the list is empty",
    "no columns": "none of the 0 feature",
    "one row": "none of the 2 feature",
    "one row with a number": "none of the 2 feature",
    **{one.name: one.refused for one in WEIRD if one.refused and one.number in {24, 36, 37, 38, 39, 53, 54, 55}},
}


@pytest.mark.parametrize("weird", WEIRD, ids=str)
def test_a_weird_table_is_read_or_refused(weird):
    if weird.name in REFUSED:
        with pytest.raises(InvalidInput, match=REFUSED[weird.name]) as error:
            Schema.infer(to_frame(weird.make()[0]))
        assert str(error.value).endswith(".")
        return
    kinds = [column.kind for column in Schema.infer(to_frame(weird.make()[0])).columns]
    assert kinds == READ.get(weird.name, USUAL).split()


def test_every_reading_is_of_a_weird_table():
    assert {*READ, *REFUSED} <= {weird.name for weird in WEIRD}


# ------------------------------------------------------------------------------------------------ notes


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["7", "$1,234.50"], "odd: numbers, '$1,234.50' is read as 1234.5"),
        (["1,234", "7"], "odd: numbers, '1,234' is read as 1234"),
        (["1.234,5", "7,1"], "odd: numbers, '1.234,5' is read as 1234.5"),
        (["12%", "3.5 %"], "odd: numbers, '12%' is read as 12"),
        (["31.12.2016", "01.02.2017"], "odd: dates, '31.12.2016' is read as 2016-12-31"),
        (["￥47.66", "12"], "odd: numbers, '￥47.66' is read as 47.66"),
        (["7", "1.2万"], "odd: numbers, '1.2万' is read as 12000"),
        (["12.5 kg", "3 kg"], "odd: numbers, '12.5 kg' is read as 12.5"),
        (["7", ">4000", "8"], "odd: numbers, '>4000' is read as 4000"),
        (["7", "缺失", "8", "无"], "odd: numbers, '无' is read as missing"),
        (["10:30", "23:59"], "odd: times of day, in seconds, '10:30' is read as 37800"),
        (["12h 5m", "3h"], "odd: durations, in seconds, '12h 5m' is read as 43500"),
        (["2016年10月30日", "2017年1月2日"], "odd: dates, '2016年10月30日' is read as 2016-10-30"),
        (["12 kg", "500 g"], "odd: text, '12 kg' is read as a word, because units differ"),
        (["01 Mar 2017 10:30", "15 Apr 2018 00:00"], "odd: dates, '01 Mar 2017 10:30' is read as 2017-03-01 10:30:00"),
    ],
)
def test_a_reading_that_is_not_obvious_is_noted(cells, note):
    schema = Schema.infer(table(cells))
    assert [str(reading) for reading in schema.readings] == [note]
    assert Schema.from_json(schema.to_json()).readings == schema.readings


@pytest.mark.parametrize("cells", [["7", "8.5"], ["2016-12-31", "2017-02-01"], ["yes", "no"], ["Rome", "Oslo"]])
def test_an_obvious_reading_is_not_noted(cells):
    schema = Schema.infer(table(cells))
    assert schema.readings == ()
    assert "example" not in schema.to_json()[0]


@pytest.mark.parametrize(
    ("cells", "new", "values"),
    [
        (["12.5 kg", "3 kg"], ["500 g", "7", "8 kg", "1.2k kg"], [NAN, 7, 8, 1200]),
        (["12%", "3%"], ["5 kg", "7%"], [NAN, 7]),
        (["7", "8.5"], ["5 kg", "3.4k", "￥9", "7%"], [NAN, 3400, 9, NAN]),
        (["10:30", "23:59"], ["00:01:01", "noon"], [61, NAN]),
        (["12h 5m", "3h"], ["1m", "x"], [60, NAN]),
    ],
)
def test_another_unit_in_later_rows_is_no_number(cells, new, values, caplog):
    found = Schema.infer(table(cells)).apply(pd.DataFrame({"odd": new, "other": 1.0}))["odd"]
    np.testing.assert_array_equal(found, values)
    assert "cannot be read as" in caplog.text or not np.isnan(values).any()
