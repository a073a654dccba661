"""Prediction tables in files: escaped formulas, compression, and interrupted writes."""

from __future__ import annotations

import errno
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from commands import call
from seasoned.cli.tables.prediction_table import named_predictions, without_formulas, write_table
from seasoned.errors import StorageError

RISKY = ["=HYPERLINK(1)", "=1+0", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "+49 30 12", "-x"]
HARMLESS = ["", "Oslo", "a=b", "'=1", "-5", "+7", "-1.5e-3", "-1,000.50", "-12 %", " =1", "007", None]


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
@pytest.mark.parametrize("cell", RISKY)
def test_text_that_begins_as_a_formula_gets_an_apostrophe(cell, dtype):
    found = without_formulas(pd.DataFrame({"a": pd.Series(["x", cell], dtype=dtype)}))
    assert found["a"].tolist() == ["x", f"'{cell}"]


@pytest.mark.parametrize("cell", HARMLESS)
def test_harmless_texts_and_signed_numbers_stay(cell):
    frame = pd.DataFrame({"a": pd.Series([cell, "x"], dtype=object)})
    pd.testing.assert_frame_equal(without_formulas(frame), frame)


def test_numbers_dates_and_the_input_table_stay():
    frame = pd.DataFrame(
        {"n": [-1.0, np.nan], "d": pd.to_datetime(["2020", "2021"]), "b": [True, False], "=t": ["=1", "+2"]}
    )
    before = frame.copy()
    found = without_formulas(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert list(found.columns) == ["n", "d", "b", "'=t"]
    pd.testing.assert_frame_equal(found.iloc[:, :3], frame.iloc[:, :3])
    assert found["'=t"].tolist() == ["'=1", "+2"]


def test_labels_get_an_apostrophe_in_text_files_only(tmp_path):
    table = named_predictions(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array(["=no()", "yes"]))
    write_table(table, tmp_path / "p.csv")
    write_table(table, tmp_path / "p.tsv", raw=True)
    write_table(table, tmp_path / "p.parquet")
    assert (tmp_path / "p.csv").read_text().splitlines()[1].startswith("'=no(),")
    assert (tmp_path / "p.tsv").read_text().splitlines()[1].startswith("=no()\t")
    assert pd.read_parquet(tmp_path / "p.parquet")["prediction"].tolist() == ["=no()", "yes"]


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "p.csv.gz"
    write_table(pd.DataFrame({"a": [1, 2]}), path)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_csv", full)
        with pytest.raises(StorageError, match="No space left on device"):
            write_table(pd.DataFrame({"a": [3]}), path)
    assert pd.read_csv(path)["a"].tolist() == [1, 2]
    assert [one.name for one in tmp_path.iterdir()] == ["p.csv.gz"]


def test_zip_archive_contains_the_file_name(tmp_path):
    write_table(pd.DataFrame({"a": [1]}), tmp_path / "out.csv.zip")
    with zipfile.ZipFile(tmp_path / "out.csv.zip") as archive:
        assert archive.namelist() == ["out.csv"]


def test_named_pipe_is_written_and_stays(tmp_path):
    path = tmp_path / "p.csv"
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(path.read_text)
        write_table(pd.DataFrame({"a": [1]}), path)
        assert read.result(60) == "a\n1\n"
    assert path.is_fifo()


@pytest.mark.parametrize("name", ["pred.xlsx", "predictions", "p.parquet.gz"])
def test_output_of_an_unknown_kind_is_refused_before_the_work(name):
    for words in (("predict", "no-such-model", "t.csv"), ("adapt", "t.csv", "--model", "no-such-model")):
        error = call(*words, "--out", name, code=2).stderr
        assert f"'{name}' is no kind of table that is known here; write to a .csv" in error
