"""Table files beside delimited text and Parquet: JSON, Feather, spreadsheets, patterns of several files."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from command_tables import coloured_rows
from commands import call, fit_line
from seasoned.cli.tables.reading import Reading
from seasoned.errors import InvalidInput
from seasoned.tabular.input.files import read_table
from seasoned.tabular.input.spreadsheet import TITLES


@pytest.fixture(autouse=True)
def own_folder(here, monkeypatch):
    monkeypatch.chdir(here)


ROWS = [{"id": "007", "age": 41, "city": None, "day": "2024-01-02"}, {"id": "008", "age": None, "city": "Rome"}]


def write_sheets(name, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(name)


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson", "t.json", "t.jsonl.gz"])
def test_json_keeps_its_types(name):
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    text = json.dumps(ROWS) if name == "t.json" else lines + "\n"
    Path(name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    frame = read_table(name)
    assert frame["id"].tolist() == ["007", "008"]
    assert frame["age"].isna().tolist() == [False, True]
    assert frame["city"].tolist()[1] == "Rome"
    assert frame["day"].isna().tolist() == [False, True]


@pytest.mark.parametrize("text", ['{"a": 1}', "[1, 2]", '[{"a": 1}', "", "null"])
def test_other_json_is_refused(text):
    Path("t.json").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"'t\.json' cannot be read as JSON: "):
        read_table("t.json")


def test_feather():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    frame.to_feather("t.feather")
    pd.testing.assert_frame_equal(read_table("t.feather"), frame)


def test_a_spreadsheet_keeps_numbers_texts_and_dates():
    write_sheets(
        "t.xlsx", only=[["n", "id", "day", "ok"], [1.5, "007", date(2024, 1, 2), True], [2, "8a", None, False]]
    )
    frame = read_table("t.xlsx")
    assert frame["n"].tolist() == [1.5, 2.0]
    assert frame["id"].tolist() == ["007", "8a"]
    assert frame["day"].tolist()[0] == pd.Timestamp("2024-01-02")
    assert frame["ok"].tolist() == [True, False]


def test_titles_empty_rows_and_empty_columns_of_a_spreadsheet_are_left_out():
    rows = [[None, "Sales of 2026"], [], [None, "shop", "units"], [None, "Rome", 3], [], [None, "Oslo", 5]]
    write_sheets("t.xlsx", only=rows)
    frame = read_table("t.xlsx")
    assert frame.to_dict("list") == {"shop": ["Rome", "Oslo"], "units": [3, 5]}
    assert frame.attrs[TITLES] == "Sales of 2026"


def test_sheets_are_chosen_by_name(caplog):
    write_sheets("t.xlsx", empty=[], first=[["a", "b"], [1, 2]], second=[["a", "b"], [3, 4]])
    assert read_table("t.xlsx")["a"].tolist() == [1]
    assert "t.xlsx has 3 sheets, and 'first' is read" in caplog.text
    assert Reading(sheet="second").table(Path("t.xlsx"))["a"].tolist() == [3]
    with pytest.raises(
        InvalidInput, match=r"has no sheet 'sekond'; did you mean 'second'\? Its sheets are empty, first, second\."
    ):
        read_table("t.xlsx", sheet="sekond")
    with pytest.raises(InvalidInput, match="has no cell that is filled in the sheet 'empty'"):
        read_table("t.xlsx", sheet="empty")


def test_files_of_a_pattern_are_one_table():
    frame = coloured_rows()
    frame.iloc[50:].to_csv("part-2.csv", index=False)
    frame.iloc[:50, ::-1].to_csv("part-1.csv", index=False)
    together = Reading().table(Path("part-*.csv"))
    assert len(together) == len(frame)
    assert sorted(together.columns) == sorted(frame.columns)
    assert together["größe"].tolist() == frame["größe"].tolist()


def test_a_column_with_words_in_one_file_is_text_in_all():
    Path("p1.csv").write_text("zip,n\n007,1\n008,2\n", encoding="utf-8")
    Path("p2.csv").write_text("zip,n\n0A1,3\n", encoding="utf-8")
    assert Reading().table(Path("p?.csv")).to_dict("list") == {"zip": ["007", "008", "0A1"], "n": [1, 2, 3]}


def test_files_of_a_pattern_with_other_columns_are_refused():
    Path("p1.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    Path("p2.csv").write_text("a,c\n1,2\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"'p1\.csv' has a column 'b', and 'p2\.csv' has none; files that are read"):
        Reading().table(Path("p*.csv"))
    with pytest.raises(InvalidInput, match=r"no file fits the pattern 'q\*\.csv'"):
        Reading().table(Path("q*.csv"))


def test_a_fit_on_a_spreadsheet_predicts_json_lines_and_patterns():
    frame = coloured_rows()
    write_sheets("t.xlsx", data=[["Paint shop, 2026"], list(frame.columns), *frame.to_numpy().tolist()])
    found = fit_line("t.xlsx")
    assert "t.xlsx: the lines above the header are left out: 'Paint shop, 2026'" in found.stderr
    rows = frame.drop(columns="y")
    rows.to_json("rows.jsonl", orient="records", lines=True)
    rows.iloc[:30].to_csv("rows-1.csv", index=False)
    rows.iloc[30:].to_csv("rows-2.csv", index=False)
    call("predict", "model.seasoned", "rows.jsonl", "--out", "json.csv")
    call("predict", "model.seasoned", "rows-*.csv", "--out", "csv.csv")
    pd.testing.assert_frame_equal(pd.read_csv("json.csv"), pd.read_csv("csv.csv"))
