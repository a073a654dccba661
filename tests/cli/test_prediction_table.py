"""Text files hold nothing that a spreadsheet would run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seasoned.cli.prediction_table import named_predictions, without_formulas, write_table

RISKY = ["=HYPERLINK(1)", "=1+0", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "+49 30 12", "-x"]
HARMLESS = ["", "Oslo", "a=b", "'=1", "-5", "+7", "-1.5e-3", "-1,000.50", "-12 %", " =1", "007", None]


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
@pytest.mark.parametrize("cell", RISKY)
def test_a_text_that_begins_as_a_formula_gets_an_apostrophe(cell, dtype):
    found = without_formulas(pd.DataFrame({"a": pd.Series(["x", cell], dtype=dtype)}))
    assert found["a"].tolist() == ["x", f"'{cell}"]


@pytest.mark.parametrize("cell", HARMLESS)
def test_other_texts_and_numbers_written_as_text_stay(cell):
    frame = pd.DataFrame({"a": pd.Series([cell, "x"], dtype=object)})
    pd.testing.assert_frame_equal(without_formulas(frame), frame)


def test_numbers_dates_and_the_callers_table_stay():
    frame = pd.DataFrame(
        {"n": [-1.0, np.nan], "d": pd.to_datetime(["2020", "2021"]), "b": [True, False], "=t": ["=1", "+2"]}
    )
    before = frame.copy()
    found = without_formulas(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert list(found.columns) == ["n", "d", "b", "'=t"]
    pd.testing.assert_frame_equal(found.iloc[:, :3], frame.iloc[:, :3])
    assert found["'=t"].tolist() == ["'=1", "+2"]


def test_labels_in_a_file_of_predictions(tmp_path):
    table = named_predictions(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array(["=no()", "yes"]))
    write_table(table, tmp_path / "p.csv")
    write_table(table, tmp_path / "p.tsv", raw=True)
    write_table(table, tmp_path / "p.parquet")
    assert (tmp_path / "p.csv").read_text().splitlines()[1].startswith("'=no(),")
    assert (tmp_path / "p.tsv").read_text().splitlines()[1].startswith("=no()\t")
    assert pd.read_parquet(tmp_path / "p.parquet")["prediction"].tolist() == ["=no()", "yes"]
