"""Frames: tables of other libraries, files and dictionaries as data frames."""

from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse

from commands import call, fit_line
from seasoned.errors import InvalidInput
from seasoned.tabular.input.files import kind_of, read_table
from seasoned.tabular.input.frames import to_frame, to_series
from seasoned.tabular.input.target import read_target

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


@pytest.mark.parametrize("table", [ROWS, {"a": [1, 2], "b": ["x", None]}, pd.DataFrame(ROWS)])
def test_records_columns_and_frames_are_one(table):
    frame = to_frame(table)
    assert list(frame.columns) == ["a", "b"]
    assert frame["a"].tolist() == [1, 2]
    assert frame["b"].isna().tolist() == [False, True]


def test_pyarrow_and_polars():
    assert to_frame(pa.Table.from_pylist(ROWS))["a"].tolist() == [1, 2]
    assert to_series(pa.chunked_array([[1, 2]])).tolist() == [1, 2]
    import polars as pl

    assert to_frame(pl.DataFrame(ROWS))["a"].tolist() == [1, 2]
    assert to_frame(pl.LazyFrame(ROWS))["a"].tolist() == [1, 2]
    assert to_series(pl.Series([1, 2])).tolist() == [1, 2]


def test_arrays_get_names():
    assert list(to_frame(np.zeros((2, 3))).columns) == ["x0", "x1", "x2"]
    assert list(to_frame(scipy.sparse.eye(2, format="csr")).columns) == ["x0", "x1"]
    assert list(to_frame(np.zeros(2, dtype=[("p", "f8"), ("q", "i4")])).columns) == ["p", "q"]


def test_the_callers_table_is_not_changed():
    table = pd.DataFrame({("a", 1): [1], ("b", 2): [2]}, index=[7])
    assert list(to_frame(table).columns) == ["a.1", "b.2"]
    assert table.index.tolist() == [7]
    assert isinstance(table.columns, pd.MultiIndex)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (np.zeros(3), "Reshape your data"),
        (np.zeros((2, 2), dtype=complex), "Complex data not supported"),
        (42, "a int is not a table"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' appears more than once"),
        (pa.table([[1], [2]], names=["a", "a"]), "appears more than once"),
        ([[1, 2], [3]], "rows of different lengths"),
        ({"a": [1, 2], "b": [3]}, "all of one length"),
        ([{"a": 1}, None], "a dict a row"),
        ([], "the list is empty"),
        (np.zeros((2, 3, 3)), "images and sequences are not covered"),
        (scipy.sparse.csr_array((10**7, 10**7)), "would take 1,600,000.0 GB"),
    ],
)
def test_what_is_no_table_is_refused(table, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        to_frame(table)


def test_what_a_mask_hides_is_missing():
    array = np.ma.masked_array([[1, 2], [3, 4]], mask=[[True, False], [False, False]])
    assert to_frame(array)["x0"].isna().tolist() == [True, False]
    records = np.ma.masked_array([(1, "x"), (2, "y")], mask=[(False, True), (False, False)], dtype="i4,U1")
    assert to_frame(records)["f1"].isna().tolist() == [True, False]
    assert to_series(np.ma.masked_array([1, 2], mask=[False, True])).isna().tolist() == [False, True]


def test_other_byte_orders_become_this_machines():
    for table in (np.array([[1], [2]], dtype=">i4"), pd.DataFrame({"x0": np.array([1, 2], dtype=">i4")})):
        assert to_frame(table)["x0"].iloc[[1]].tolist() == [2]
    assert to_series(np.array([1, 2], dtype=">f4")).iloc[[1]].tolist() == [2.0]


def test_names_that_no_file_can_hold_are_written_out():
    assert to_frame(pd.DataFrame([[1]], columns=pd.Index(["\ud800"], dtype=object))).columns.tolist() == ["\\ud800"]


def test_targets():
    assert to_series(pd.DataFrame({"y": [1, 2]})).tolist() == [1, 2]
    assert to_series(["a", None, "b"]).isna().tolist() == [False, True, False]
    with pytest.raises(InvalidInput, match="y has 2 columns"):
        to_series(np.zeros((3, 2)))
    for target, sentence in {
        "text": "array-like",
        ((1, 2), (3,)): "several labels",
        np.zeros((2, 2, 2)).tobytes(): "array-like",
    }.items():
        with pytest.raises(InvalidInput, match=sentence):
            to_series(target)
    assert to_series(pd.DataFrame({"y": [1]})).tolist() == to_series(pa.table({"y": [1]})).tolist() == [1]
    assert to_series(scipy.sparse.csr_array([[0.0], [1.0]])).tolist() == [0.0, 1.0]
    assert to_series(["\ud800", "x"]).tolist() == ["\ud800", "x"]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".tsv.xz", ".parquet"])
def test_files(tmp_path, suffix):
    path, frame = tmp_path / f"t{suffix}", pd.DataFrame(ROWS)
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in suffix else ",")
    assert read_table(path)["a"].tolist() == [1, 2]


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.csv").write_bytes("name\nJos\xe9\n".encode("latin-1"))
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and nothing else")
    (tmp_path / "t.xlsx").write_bytes(b"")
    (tmp_path / "t.docx").write_bytes(b"")
    for name, sentence in {
        "none.csv": "there is no file",
        "latin.csv": "not UTF-8",
        "empty.csv": "cannot be read as CSV",
        "cut.parquet": "cannot be read as PARQUET",
        "t.xlsx": "cannot be read as a spreadsheet",
        "t.docx": "not a table known here; pass a CSV, TSV, JSON, Parquet, Feather or Excel file",
    }.items():
        with pytest.raises(InvalidInput, match=sentence):
            read_table(tmp_path / name)


def test_series_of_a_dict_are_paired_by_position():
    frame = to_frame({"a": pd.Series([10, 20, 30], index=[2, 0, 1]), "b": pd.Series([7, 8, 9]), "c": [1, 2, 3]})
    assert frame.to_dict("list") == {"a": [10, 20, 30], "b": [7, 8, 9], "c": [1, 2, 3]}


def test_a_structured_array_of_one_column_is_a_table():
    rows = np.zeros((5, 1), dtype=[("a", float), ("b", int)])
    assert to_frame(rows).shape == (5, 2)
    with pytest.raises(InvalidInput, match="durations without a unit"):
        to_frame(np.zeros((5, 2), dtype="m8"))


@pytest.mark.parametrize("values", [range(3), array("i", [0, 1, 2])])
def test_a_sequence_is_read_as_a_series(values):
    assert to_series(values).tolist() == [0, 1, 2]


def test_the_named_index_of_a_parquet_file_is_a_column(here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=80), "y": rng.normal(size=80)})
    frame.index = pd.date_range("2024-01-01", periods=80, name="day")
    frame.to_parquet("days.parquet")
    assert list(read_table("days.parquet").columns) == ["day", "a", "y"]
    fit_line("days.parquet", "--validation", "day", "--out", "m.seasoned")
    assert "day" in call("explain", "m.seasoned", "days.parquet", "--target", "y").stdout
    frame.rename_axis(None).to_parquet("plain.parquet")
    assert list(read_table("plain.parquet").columns) == ["a", "y"]
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(
        InvalidInput, match=r"is a folder; for all its files of a kind pass 'folder\.parquet/\*\.csv', in quotes"
    ):
        read_table("folder.parquet")


def test_file_kinds_ignore_case_and_labels_of_bytes_become_text():
    assert kind_of(Path("DATA.CSV")) == ".csv"
    assert kind_of(Path("DATA.CSV.GZ")) == ".csv"
    assert read_target([b"a", b"b", b"a", b"b"], "classification").classes.tolist() == ["a", "b"]


def test_series_of_unequal_length_are_refused_and_unequal_indexes_logged(caplog):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [10.0, np.nan, 30.0, 40.0]})
    with pytest.raises(InvalidInput, match="'a' has 4 values and 'b' 3; pass as many"):
        to_frame({"a": frame["a"], "b": frame["b"].dropna()})
    assert to_frame({"a": frame["a"], "b": frame["b"]})["b"].tolist()[2:] == [30.0, 40.0]
    assert not caplog.records
    assert to_frame({"a": frame["a"], "b": frame["b"].iloc[::-1]})["b"].tolist()[:2] == [40.0, 30.0]
    assert "'a' and 'b' have different indexes" in caplog.text
