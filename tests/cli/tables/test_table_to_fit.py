"""Targets of a table to fit: rows without a target, and integer labels."""

from __future__ import annotations

import pandas as pd

from seasoned.cli.tables.read_table import table_to_fit


def read(folder, capsys, targets):
    pd.DataFrame({"x": range(len(targets)), "y": targets}).to_csv(folder / "t.csv", index=False)
    frame = table_to_fit(folder / "t.csv", "y")
    return frame["x"].tolist(), capsys.readouterr().err


def test_rows_without_a_target_are_dropped_with_a_message(tmp_path, capsys):
    rows, told = read(tmp_path, capsys, [1.5, None, 2.5, None])
    assert rows == [0, 2]
    assert told == "2 of 4 rows have no 'y' and are left out\n"


def test_no_message_where_all_rows_or_none_have_a_target(tmp_path, capsys):
    assert read(tmp_path, capsys, [1.5, 2.5]) == ([0, 1], "")
    assert read(tmp_path, capsys, [None, None]) == ([0, 1], "")


def test_class_named_none_is_counted_in_the_message(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("x,y\n1,None\n2,Mild\n3,\n4,None\n5,Severe\n")
    assert table_to_fit(tmp_path / "t.csv", "y")["x"].tolist() == [2, 5]
    assert "3 of 5 rows have no 'y' and are left out ('None' 2 times" in capsys.readouterr().err


def test_missing_target_makes_no_floats_of_integer_labels(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("x,y\n1,0\n2,\n3,1\n")
    assert table_to_fit(tmp_path / "t.csv", "y")["y"].tolist() == [0, 1]
    assert table_to_fit(tmp_path / "t.csv", "y")["y"].dtype == "int64"
    (tmp_path / "t.csv").write_text("x,y\n1,0.5\n2,\n3,1\n")
    assert table_to_fit(tmp_path / "t.csv", "y")["y"].tolist() == [0.5, 1.0]
    (tmp_path / "t.csv").write_text("x,y\n1,1e300\n2,\n3,1\n")
    assert table_to_fit(tmp_path / "t.csv", "y")["y"].tolist() == [1e300, 1.0]
