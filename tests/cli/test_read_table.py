"""Tables read from the command line: messages about columns, cells and the target."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from in_process import estimator, stay_in_process
from seasoned.cli import app
from seasoned.cli.column_formats import TextFormat, format_of
from seasoned.cli.read_table import Reading, rows_to_predict, table_to_fit
from seasoned.tabular.preprocessing.category import CategoryColumn


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
    rows, kept = rows_to_predict(tmp_path / "q.csv", keep=["code"], like=TextFormat(("code", "gone")))
    assert rows["code"].tolist() == ["007", "042"]
    assert kept["code"].tolist() == ["007", "042"]
    assert rows["x"].dtype == "float64" or rows["x"].tolist() == ["1,5", "2.5"]


def model_of(encoders=(), used=(), columns=(), tasks=(), decimal=None):
    """As much of a saved model as is looked at."""
    schema = SimpleNamespace(used=[SimpleNamespace(name=n, kind=k, format=f) for n, k, f in used])
    fitted = SimpleNamespace(plan=SimpleNamespace(encoders=encoders, schema=schema), columns=columns)
    return SimpleNamespace(fitted_=fitted, tasks_=tasks, decimal_=decimal, encoding_=None)


def test_which_columns_are_words_to_a_model():
    encoders = [
        CategoryColumn("code", ("007", "X")),
        CategoryColumn("size", ("1", "2")),
        CategoryColumn("word", ("no", "yes")),
    ]
    used = [("code", "category", None), ("said", "text", None)]
    assert format_of(model_of(encoders, used)) == TextFormat(("code", "word", "said"))


@pytest.mark.parametrize(
    ("content", "style", "values"),
    [
        ("a;b\n2;1,234\n", "1,234.5", ["1,234"]),  # nothing else says that the comma is not decimal
        ("a;b\n0,5;1234,5\n", "1,234.5", [1234.5]),  # not to be read so: the file's own signs count
        ("a,b\n2,1.234\n3,950\n", "1.234,5", ["1.234", "950"]),
        ("a,b\n2,1234.5\n", "1.234,5", [1234.5]),
        ('a,b\n2,"1.234,5"\n3,\n', "1.234,5", ["1.234,5", None]),
        ("a,b\n2,many\n", "1.234,5", ["many"]),
    ],
)
def test_numbers_are_read_in_the_style_of_the_fit(content, style, values):
    found = Reading().table(content.encode(), like=TextFormat(styles={"b": style, "gone": style}))["b"]
    assert [None if pd.isna(value) else value for value in found] == values


def test_how_the_numbers_of_a_model_were_written():
    used = [("a", "numeric", "1,234.5"), ("b", "numeric", "plain"), ("c", "numeric", None), ("d", "category", None)]
    assert format_of(model_of(used=used)).styles == {"a": "1,234.5"}
    assert [format_of(model_of(decimal=sign)).commas for sign in (None, ",")] == [False, True]


@pytest.mark.parametrize(
    ("columns", "tasks", "words"),
    [
        (("shop",), ["007", "X1"], ("shop",)),
        (("shop",), ["7", "8"], ()),
        (("shop", "day"), ["7 a"], ()),
        ((), ["a"], ()),
    ],
)
def test_which_column_of_tasks_is_words(columns, tasks, words):
    assert format_of(model_of(columns=columns, tasks=tasks)).words == words


def test_a_file_tells_that_its_comma_is_decimal_and_another_may_not():
    first = Reading().table(b"a;b\n1.200;0,5\n950;1,5\n")
    assert (first["a"].tolist(), first.attrs) == ([1200, 950], {"decimal": ","})
    alone = b"a;b\n1.200;1\n2.300;2\n"
    assert Reading().table(alone)["a"].tolist() == [1.2, 2.3]
    assert Reading().table(alone).attrs == {}
    assert Reading().table(alone, like=TextFormat(commas=True))["a"].tolist() == [1200, 2300]
    assert Reading(decimal=",").table(alone)["a"].tolist() == [1200, 2300]
    assert Reading().table(b"a;b\n1.200;1.5\n2.300;2\n", like=TextFormat(commas=True))["a"].tolist() == [1.2, 2.3]


def test_a_gap_makes_no_floats_of_whole_labels(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("x,y\n1,0\n2,\n3,1\n")
    assert table_to_fit(tmp_path / "t.csv", "y")["y"].tolist() == [0, 1]
    assert table_to_fit(tmp_path / "t.csv", "y")["y"].dtype == "int64"
    (tmp_path / "t.csv").write_text("x,y\n1,0.5\n2,\n3,1\n")
    assert table_to_fit(tmp_path / "t.csv", "y")["y"].tolist() == [0.5, 1.0]
    (tmp_path / "t.csv").write_text("x,y\n1,1e300\n2,\n3,1\n")
    assert table_to_fit(tmp_path / "t.csv", "y")["y"].tolist() == [1e300, 1.0]


def alone(folder, monkeypatch):
    """Fits in this process, and their files in a folder of their own."""
    monkeypatch.setenv("SEASONED_CACHE", str(folder / "cache"))
    stay_in_process(monkeypatch)


@pytest.mark.parametrize(("known", "labels"), [(["1", "2", "3+"], ["1", "2"]), (["01", "02", "0X"], ["01", "02"])])
def test_the_classes_of_a_report_s_table_are_read_as_those_of_the_fit(known, labels, tmp_path, monkeypatch):
    """Where a table has only "1" and "2", and a cell without a target, these were the numbers 1.0 and 2.0."""
    alone(tmp_path, monkeypatch)
    rows = pd.DataFrame({"x": range(60), "y": [known[place % 3] for place in range(60)]})
    estimator("classification", ["linear"]).fit(rows[["x"]], rows["y"]).save(tmp_path / "m.seasoned")
    judged = "".join(f"{place},{labels[place % 2]}\n" for place in range(20))
    (tmp_path / "j.csv").write_text(f"x,y\n{judged}3,\n")
    words = ["report", tmp_path / "m.seasoned", tmp_path / "j.csv", "--target", "y", "--out", tmp_path / "r.html"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert "20 given rows" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_label_that_utf_8_cannot_hold_is_reported(tmp_path, monkeypatch):
    alone(tmp_path, monkeypatch)
    rows = pd.DataFrame({"x": range(40)})
    model = estimator("classification", ["linear"], random_state=np.int64(3))
    model.fit(rows, np.where(rows["x"] > 19, "caf\udce9", "no"))
    page = model.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "caf\\udce9" in page
    assert "random_state was no number" not in page
    assert "np.int64" not in page
