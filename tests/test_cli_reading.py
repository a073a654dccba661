"""What the commands say of the tables that they read."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd

from seasoned.cli.reading import rows_to_predict, table_to_fit
from seasoned.cli.using import _words_of
from seasoned.tabular.columns.category import CategoryColumn


def read(folder, capsys, targets):
    pd.DataFrame({"x": range(len(targets)), "y": targets}).to_csv(folder / "t.csv", index=False)
    frame = table_to_fit(folder / "t.csv", "y")
    return frame["x"].tolist(), capsys.readouterr().err


def test_rows_without_a_target_are_left_out_and_told(tmp_path, capsys):
    rows, told = read(tmp_path, capsys, [1.5, None, 2.5, None])
    assert rows == [0, 2]
    assert told == "2 of 4 rows have no 'y' and are left out\n"


def test_nothing_is_said_where_all_have_one_or_none_has(tmp_path, capsys):
    assert read(tmp_path, capsys, [1.5, 2.5]) == ([0, 1], "")
    assert read(tmp_path, capsys, [None, None]) == ([0, 1], "")


def test_a_class_called_none_is_told(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("x,y\n1,None\n2,Mild\n3,\n4,None\n5,Severe\n")
    assert table_to_fit(tmp_path / "t.csv", "y")["x"].tolist() == [2, 5]
    assert "3 of 5 rows have no 'y' and are left out ('None' 2 times" in capsys.readouterr().err


def test_digits_in_a_column_of_words_stay_words_whatever_rows_are_read(tmp_path):
    (tmp_path / "q.csv").write_text("code;x\n007;1,5\n042;2.5\n")
    rows, kept = rows_to_predict(tmp_path / "q.csv", keep=["code"], text=["code", "gone"])
    assert rows["code"].tolist() == ["007", "042"]
    assert kept["code"].tolist() == ["007", "042"]
    assert rows["x"].dtype == "float64" or rows["x"].tolist() == ["1,5", "2.5"]


def test_which_columns_are_words_to_a_model():
    encoders = [
        CategoryColumn("code", ("007", "X")),
        CategoryColumn("size", ("1", "2")),
        CategoryColumn("word", ("no", "yes")),
    ]
    used = [SimpleNamespace(name=name, kind=kind) for name, kind in (("code", "category"), ("said", "text"))]
    plan = SimpleNamespace(encoders=encoders, schema=SimpleNamespace(used=used))
    assert _words_of(SimpleNamespace(fitted_=SimpleNamespace(plan=plan))) == ["code", "word", "said"]
