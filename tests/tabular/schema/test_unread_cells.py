"""Cells that hold something and cannot be read as at fit time: what they become, and who hears of it."""

from __future__ import annotations

import json
import logging

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from seasoned import load
from seasoned.tabular.preprocessing import matrix_files
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.schema.schema import Schema

NAN = np.nan
ROWS = 200
C = np.random.default_rng(0).normal(size=ROWS)
DATES = pd.date_range("2020-01-25", periods=ROWS, freq="53h")
ISO = DATES.strftime("%Y-%m-%d").tolist()
NUMBERS = [f"{value:.3f}" for value in C]


@pytest.fixture
def log(caplog):
    with caplog.at_level(logging.WARNING, "seasoned.tabular"):
        yield caplog


def schema_of(values):
    """As it comes out of a file, of a table with a column "a" of these values and a column "c" of numbers."""
    found = Schema.infer(pd.DataFrame({"a": values, "c": C[: len(values)]}))
    return Schema.from_json(json.loads(json.dumps(found.to_json())))


def table(values, c=1.5):
    return pd.DataFrame({"a": values, "c": c})


def spoiled(values, bad, cells=1):
    """A copy in which so many cells, spread over it, are bad ones."""
    changed = list(values)
    for place in range(5, len(changed), len(changed) // cells)[:cells]:
        changed[place] = bad
    return changed


# ------------------------------------------------------------------------------------------------ decimal commas


@pytest.mark.parametrize("values", [C, NUMBERS, ["1", "7"] * 100, np.arange(ROWS) ** 2])
def test_a_decimal_comma_is_no_thousands_separator_where_none_was_seen(values, log):
    found = schema_of(values).apply(table(["0,126", "1,234", "-0,5", "12%", "$3.5"]))["a"]
    np.testing.assert_array_equal(found, [NAN, NAN, NAN, NAN, 3.5])
    assert "4 of the 5 cells of 'a' cannot be read as a number (such as '0,126')" in log.text


@pytest.mark.parametrize(
    ("values", "new", "expected"),
    [
        (["0,126", "1,234"], ["0,5", "1,234", "12"], [0.5, 1.234, 12]),
        (["-0,126", "1,234"], ["-0,5", "1,234,567", "1.234,5"], [-0.5, NAN, 1234.5]),
        (["0,126 €", "1,234 €"], ["0,500 €"], [0.5]),
        (["1,234", "5,678"], ["0,126", "1,234", "7"], [NAN, 1234, 7]),
        (["1.234,5", "7"], ["0.126", "1.234"], [NAN, 1234]),
        (["0.126", "1.234"], ["0.5", "1,234"], [0.5, NAN]),
    ],
)
def test_no_group_of_thousands_begins_with_0(values, new, expected):
    np.testing.assert_array_equal(schema_of(values).apply(table(new))["a"], expected)


@pytest.mark.parametrize("values", [["0,0", "1,0"], ["0%", "1%"], ["$0", "$1"]])
def test_zeros_and_ones_are_read_in_the_style_they_are_written_in(values, log):
    schema = schema_of(values)
    assert schema.columns[0].kind == "boolean"
    assert schema.apply(table(values))["a"].tolist() == [0, 1]
    assert not log.text


# ------------------------------------------------------------------------------------------------ at predict time


@pytest.mark.parametrize(
    ("values", "new", "told"),
    [
        (ISO, ["31.12.2020"] * 3, "none of the 3 cells of 'a' can be read as a date like 2024-12-31 (such as '31.12."),
        (ISO, [20200101, 20200102], "none of the 2 cells of 'a' can be read as a date like 2024-12-31 (such as '20200"),
        (DATES, ["soon", "2020-01-01"], "1 of the 2 cells of 'a' cannot be read as a date like 2024-12-31 (such as 's"),
        (C, ["hello", None, "-", "inf"], "the one cell of 'a' cannot be read as a number (such as 'hello')"),
        (C, DATES[:2], "none of the 2 cells of 'a' can be read as a number (such as '2020-01-25"),
        (["1,5", "2,5"], ["1.5", "2,5"], "1 of the 2 cells of 'a' cannot be read as a number like 1.234,5"),
        (["yes", "no"], ["yes", "maybe", "1"], "1 of the 3 cells of 'a' cannot be read as no or yes (such as 'maybe')"),
        ([True, False], ["yes", "maybe", "1"], "1 of the 3 cells of 'a' cannot be read as 0 or 1 (such as 'maybe')"),
        (C, ["x" * 100], f"(such as '{'x' * 37}...')"),
    ],
)
def test_one_warning_tells_of_cells_that_cannot_be_read(values, new, told, log):
    schema, frame = schema_of(values), table(new)
    fitted = schema.apply(table(values, 2.5))
    assert not log.text
    plan = ColumnPlan.fit(fitted, schema, seed=0)
    for read in (
        schema.apply,
        lambda frame: plan.matrices(frame, {"codes"}),
        lambda frame: plan.transform(frame, "codes"),
    ):
        log.clear()
        read(frame)
        assert len(log.records) == 1
        assert told in log.text


def test_a_column_of_words_and_other_objects_is_told_of_once(log):
    found = schema_of(C).apply(table([1.5, "soon", "2", pd.Timestamp("2020-01-01"), None, 7]))["a"]
    np.testing.assert_array_equal(found, [1.5, NAN, 2, NAN, NAN, 7])
    (record,) = log.records
    assert record.getMessage().count("'a'") == 1
    assert " of the 5 cells of 'a' cannot be read as a number" in record.getMessage()


def test_the_warning_names_the_three_worst_columns(log):
    frame = pd.DataFrame({name: np.roll(C, place) for place, name in enumerate("abcde")})
    schema = Schema.infer(frame)
    schema.apply(frame.head(4).assign(a=["1", "2", "3", "x"], b="x", c=["x", "x", "1", None], d="x", e=["x", *"123"]))
    (record,) = log.records
    assert record.getMessage() == (
        "cells that cannot be read as in the table of the fit count as missing: none of the 4 cells of 'b' can be read "
        "as a number (such as 'x'); none of the 4 cells of 'd' can be read as a number (such as 'x'); 2 of the 3 cells "
        "of 'c' cannot be read as a number (such as 'x'); 2 more column(s) are alike; write them as they were there."
    )


@pytest.mark.parametrize(
    ("values", "new"),
    [
        (C, [1, None, 2.5]),
        (C, ["1", "n/a", "-", "Infinity", None, "1e999"]),
        (C, [None, None]),
        (C, np.array([np.inf, 1.0])),
        (ISO, ["2020-01-01", "unknown", None]),
        (ISO, [None, pd.NaT]),
        (["u", "v"] * 20, ["w", "x"]),
        ([f"some words {place}" for place in range(ROWS)], ["others", None]),
    ],
)
def test_missing_cells_and_new_levels_are_no_such_thing(values, new, log):
    schema = schema_of(values)
    schema.apply(table(new))
    assert not log.text


def test_columns_keep_their_rows_whatever_the_index():
    found = schema_of(ISO).apply(table([1.5, 2.5]).set_axis([7, 7]))
    assert found.index.tolist() == [7, 7]
    assert found["a"].isna().all()


# ------------------------------------------------------------------------------------------------ at fit time


@pytest.mark.parametrize("bad", ["0000-00-00", "2020-02-30", "hello", "-"])
@pytest.mark.parametrize("style", ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y %H:%M", "%d.%m.%Y"])
def test_a_few_bad_cells_leave_dates_dates(bad, style, log):
    values = spoiled(DATES.strftime(style), bad, cells=4)
    schema = schema_of(values)
    assert (schema.columns[0].kind, schema.columns[0].reason) == ("date", None)
    found = schema.apply(table(values))["a"]
    np.testing.assert_array_equal(found.isna(), np.array(values) == bad)
    expected = pd.to_datetime(pd.Series(DATES.strftime(style)), format=style).where(found.notna())
    assert (found.dropna() == expected.dropna()).all()
    assert len(log.records) == (bad != "-")  # told once, at fit time
    if log.records:
        assert (
            f"4 of the 200 cells of 'a' cannot be read as a date like {pd.Timestamp(2024, 12, 31, 23, 59):{style}}"
            in log.text
        )
        assert f"(such as {bad!r}), and all others can; correct them" in log.text


@pytest.mark.parametrize(
    "write",
    [
        lambda value: f"{value:.3f}",
        lambda value: f"{round(100 * value)}",
        lambda value: f"${1e4 * value:,.2f}",
        lambda value: f"{value:.2f}".replace(".", ","),
        lambda value: f"{value:.1f}%",
    ],
)
def test_a_few_bad_cells_leave_numbers_numbers(write, log):
    clean = [write(value) for value in C]
    values = spoiled(clean, "error", cells=4)
    schema = schema_of(values)
    assert schema.columns[0].kind == "numeric"
    found, whole = schema.apply(table(values))["a"], schema_of(clean).apply(table(clean))["a"]
    np.testing.assert_array_equal(found, whole.mask(np.array(values) == "error"))
    (record,) = log.records
    assert "4 of the 200 cells of 'a' cannot be read as a number" in record.getMessage()
    assert "(such as 'error')" in record.getMessage()
    schema.apply(table(["error", "hello", clean[0]]))  # one of these words is known
    assert "1 of the 3 cells of 'a' cannot be read as a number" in log.text
    assert "(such as 'hello')" in log.text
    schema.apply(table(["error", "error", None]))  # it is, but nothing else is there
    assert "none of the 2 cells of 'a' can be read as a number" in log.text


def test_very_many_sorts_of_bad_cells_are_told_once_too(log):
    values = [f"{place * 0.5}" for place in range(5000)]
    values[::50] = [f"bad {'x' * place}" for place in range(100)]
    frame = pd.DataFrame({"a": values, "c": np.resize(C, 5000)})
    schema = Schema.infer(frame)
    schema.apply(frame)
    assert len(log.records) == 1
    assert len(schema.columns[0].unread) == 20
    schema.apply(table(["1", "worse"]))
    assert len(log.records) == 2


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (spoiled(NUMBERS, "error", cells=5), "text"),
        (spoiled(ISO, "hello", cells=5), "text"),
        (spoiled(NUMBERS[:19], "error"), "category"),
        (spoiled(["250.83", "401"] * 100, "V57", cells=3), "category"),
        (spoiled(["12%", "13%"] * 100, "14"), "category"),
        (pd.Categorical(spoiled(NUMBERS, "error")), "text"),
        ([f"C-{place:05d}" for place in range(ROWS)], "id"),
    ],
)
def test_other_columns_are_what_they_were(values, kind, log):
    assert schema_of(values).columns[0].kind == kind
    assert not log.text


def test_words_that_are_known_are_written_only_where_there_are_any():
    assert "unread" not in schema_of(NUMBERS).to_json()[0]
    assert schema_of(spoiled(NUMBERS, "error")).to_json()[0]["unread"] == ("error",)


def test_a_fit_tells_once_and_its_model_tells_when_it_predicts(tmp_path, monkeypatch, log):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    X = pd.DataFrame({"a": spoiled(NUMBERS, "error"), "when": spoiled(ISO, "0000-00-00"), "c": C**2})
    model = estimator("regression").fit(X, C + C**2)
    told = [record.getMessage() for record in log.records if "cannot be read" in record.getMessage()]
    assert len(told) == 2
    model.save(tmp_path / "model.seasoned")
    model = load(tmp_path / "model.seasoned")
    log.clear()
    model.predict(X)
    assert not log.text
    assert np.isfinite(model.predict(X.assign(a="0,126"))).all()
    (record,) = log.records
    assert "none of the 200 cells of 'a' can be read as a number (such as '0,126')" in record.getMessage()


def test_parts_of_a_table_and_shuffles_are_told_of_once(tmp_path, monkeypatch, log):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    X = pd.DataFrame({"a": NUMBERS, "c": C**2})
    model = estimator("regression").fit(X, C + C**2)
    bad = X.assign(a=spoiled(NUMBERS, "0,126", cells=4))
    expected = model.predict(bad)
    log.clear()
    told = model.explain(bad, C + C**2, repeats=2)
    (record,) = log.records
    assert "4 of the 200 cells of 'a' cannot be read as a number (such as '0,126')" in record.getMessage()
    assert told.loc[told["column"] == "a", "importance"].item() > 0
    monkeypatch.setattr(matrix_files, "BLOCK_CELLS", 100)
    monkeypatch.setattr(matrix_files, "MIN_BLOCK_ROWS", 1)
    for predict in (model.predict, lambda X: model.predict_interval(X, 0.9)[:, 0]):
        log.clear()
        found = predict(bad)
        (record,) = log.records
        assert "4 cell(s) of 'a' cannot be read as a number (such as '0,126')" in record.getMessage()
    np.testing.assert_array_equal(model.predict(bad), expected)
    assert len(found) == len(bad)
    log.clear()
    noted = []
    model.fitted_.predict(bad, noted)
    assert {one.column.name for one in noted} == {"a"}
    assert not log.records


def test_a_category_column_without_a_known_level_is_warned_of(fitted, caplog):
    model, X, _ = fitted["binary"]
    column = next(one.name for one in model.fitted_.plan.schema.used if one.kind == "category")
    renamed = X.assign(**{column: X[column].astype(str).str.upper() + "?"})
    model.predict(renamed)
    assert f"cells of {column!r} is a level of the fit (such as" in caplog.text
    caplog.clear()
    model.predict(X.assign(**{column: ["new", *X[column][1:]]}))
    model.predict(renamed.head(10))
    assert "is a level of the fit" not in caplog.text
