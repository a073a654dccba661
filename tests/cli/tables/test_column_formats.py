"""Column formats of a saved model: text columns and number styles of later files."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from seasoned.cli.tables.column_formats import TextFormat, format_of
from seasoned.cli.tables.read_table import rows_to_predict
from seasoned.cli.tables.reading import Reading
from seasoned.tabular.preprocessing.category import CategoryColumn


def model_of(encoders=(), used=(), columns=(), tasks=(), decimal=None):
    """As much of a saved model as is looked at."""
    schema = SimpleNamespace(used=[SimpleNamespace(name=n, kind=k, format=f) for n, k, f in used])
    fitted = SimpleNamespace(plan=SimpleNamespace(encoders=encoders, schema=schema), columns=columns)
    return SimpleNamespace(fitted_=fitted, tasks_=tasks, decimal_=decimal, encoding_=None)


def test_text_columns_of_a_model_are_found():
    encoders = [
        CategoryColumn("code", ("007", "X")),
        CategoryColumn("size", ("1", "2")),
        CategoryColumn("word", ("no", "yes")),
    ]
    used = [("code", "category", None), ("said", "text", None)]
    assert format_of(model_of(encoders, used)) == TextFormat(("code", "word", "said"))


@pytest.mark.parametrize(
    ("columns", "tasks", "words"),
    [
        (("shop",), ["007", "X1"], ("shop",)),
        (("shop",), ["7", "8"], ()),
        (("shop", "day"), ["7 a"], ()),
        ((), ["a"], ()),
    ],
)
def test_task_column_with_a_word_is_text(columns, tasks, words):
    assert format_of(model_of(columns=columns, tasks=tasks)).words == words


def test_digits_in_a_text_column_of_the_model_stay_text(tmp_path):
    (tmp_path / "q.csv").write_text("code;x\n007;1,5\n042;2.5\n")
    rows, kept = rows_to_predict(tmp_path / "q.csv", keep=["code"], like=TextFormat(("code", "gone")))
    assert rows["code"].tolist() == ["007", "042"]
    assert kept["code"].tolist() == ["007", "042"]
    assert rows["x"].dtype == "float64" or rows["x"].tolist() == ["1,5", "2.5"]


def test_number_styles_of_a_model_are_found():
    used = [("a", "numeric", "1,234.5"), ("b", "numeric", "plain"), ("c", "numeric", None), ("d", "category", None)]
    assert format_of(model_of(used=used)).styles == {"a": "1,234.5"}
    assert [format_of(model_of(decimal=sign)).commas for sign in (None, ",")] == [False, True]


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
