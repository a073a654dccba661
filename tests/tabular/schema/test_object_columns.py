"""Object columns: cells of several types in one column, and the value of each cell."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from seasoned.errors import InvalidInput
from seasoned.tabular.schema.column import Column
from seasoned.tabular.schema.object_columns import number_word
from seasoned.tabular.schema.schema import Schema, read


def test_whole_numbers_keep_their_digits_in_a_column_with_gaps():
    assert [number_word(value) for value in (2.0**53, 3.0, 2.5, 1e300)] == [
        "9.00719925474099e+15",
        "3",
        "2.5",
        "1e+300",
    ]
    whole = 1_234_567_890_123_450 + np.arange(4)
    frame = pd.DataFrame({"id": pd.Categorical(np.tile(whole, 20))})
    schema = Schema.infer(frame)
    (column,) = schema.columns
    gap = pd.Series([*whole.tolist(), None], dtype="float64", name="id")
    assert read(column, gap).tolist()[:4] == [str(value) for value in whole]
    assert read(column, gap.astype(object)).tolist()[:4] == [str(value) for value in whole]


@pytest.mark.parametrize(
    ("style", "cells", "values"),
    [
        ("1.234,5", [1.234, "2.500,00", None], [1.234, 2500.0, np.nan]),
        ("1,234.5", ["2,500", 1234.5], [2500.0, 1234.5]),
        ("1,234.5", [dt.timedelta(hours=1), "?"], [3600.0, np.nan]),
        ("1,234.5", [dt.time(1, 30), "7"], [5400.0, 7.0]),
        ("1,234.5", [True, "2", None], [1.0, 2.0, np.nan]),
    ],
)
def test_a_cell_has_the_same_value_whatever_the_other_cells_are(style, cells, values):
    column = Column("x", "numeric", style)
    series = pd.Series(cells, dtype=object, index=[7] * len(cells))
    found = read(column, series)
    np.testing.assert_array_equal(found.to_numpy(), values)
    assert found.index.tolist() == series.index.tolist()
    each = [float(read(column, pd.Series([cell], dtype=object)).iloc[0]) for cell in cells if cell is not None]
    np.testing.assert_array_equal(each, values[: len(each)])


def test_timestamps_in_a_column_of_text_are_read_as_dates():
    column = Column("day", "date", "%d.%m.%Y")
    found = read(column, pd.Series([pd.Timestamp("2024-05-01"), "02.06.2024", None], dtype=object))
    assert found.tolist()[:2] == [pd.Timestamp("2024-05-01"), pd.Timestamp("2024-06-02")]
    assert pd.isna(found.iloc[2])


def test_a_float_level_is_the_same_with_and_without_words():
    values = pd.Series([1 / 3, 2 / 3, np.float32(1.0), "low", "mid"] * 12, dtype=object)
    schema = Schema.infer(pd.DataFrame({"a": values, "b": np.arange(60.0)}))
    mixed = schema.apply(pd.DataFrame({"a": values, "b": np.arange(60.0)}))["a"]
    alone = schema.apply(pd.DataFrame({"a": [1 / 3, 2 / 3, 1.0], "b": [0.0, 1.0, 2.0]}))["a"]
    assert alone.tolist() == mixed.iloc[:3].tolist()


def test_booleans_of_a_category_column_are_words_in_any_company():
    column = Column("x", "category")
    for cells in ([True, "unknown"], [True, None], [True, False]):
        assert read(column, pd.Series(cells, dtype=object))[0] == "True"


def test_cells_of_long_arrays_are_refused_and_of_short_arrays_logged(caplog):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=30), "e": list(rng.normal(size=(30, 1536)))})
    with pytest.raises(InvalidInput, match="arrays of 1,536 values; pass a column for each"):
        Schema.infer(X)
    Schema.infer(X.assign(e=list(rng.normal(size=(30, 3)))))
    assert "arrays of up to 3 values, which are read as text" in caplog.text


def test_cells_of_sets_are_the_same_text_in_each_process():
    code = (
        "from seasoned.tabular.schema.object_columns import to_text; import pandas as pd;"
        "print(to_text(pd.Series([{'red', 'big', 'old'}, frozenset('xyz')])).tolist())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert told == {"""["{'big', 'old', 'red'}", "{'x', 'y', 'z'}"]\n"""}
