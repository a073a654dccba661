"""Column plan: input encodings of columns for each kind of model."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from messy import messy
from seasoned.errors import InvalidInput
from seasoned.tabular.preprocessing.character_ngrams import Ngrams
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.preprocessing.date import DateColumn
from seasoned.tabular.preprocessing.text import TextColumn
from seasoned.tabular.schema.schema import Schema

ANSWERS = (
    ["yes", "no", "No", "TRUE", None, "f"],
    ["yes", "no", " no", "1.5", None, "NA"],
    ["maybe", "no", "off", "0", "1", "none"],
)


def kinds(frame):
    return {column.name: column.kind for column in Schema.infer(frame).columns}


def plan_of(frame):
    schema = Schema.infer(frame)
    return ColumnPlan.fit(schema.apply(frame), schema, seed=0)


def test_kinds_of_a_messy_table():
    expected = {
        "size": "numeric", "count": "numeric", "colour": "category", "day": "date", "when": "date", "note": "text",
        "price": "numeric", "flag": "boolean", "kind [a]": "category", "same": "constant",
    }  # fmt: skip
    assert kinds(messy()[0]) == expected


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, "a", None], "category"),
        ([Decimal("1.5"), Decimal(2), None], "numeric"),
        ([True, False, None], "boolean"),
        ([dt.date(2020, 1, 1), dt.date(2021, 1, 1), None], "date"),
        (pd.array([1, None, 3], dtype="Int64"), "numeric"),
        (pd.array([True, None, False], dtype="boolean"), "boolean"),
        (pd.to_datetime(["2020-01-01", "2021-01-01", None]).tz_localize("Europe/Berlin"), "date"),
        (pd.to_timedelta([1, 2, None], unit="h"), "numeric"),
        (pd.period_range("2020-01", periods=3, freq="M"), "date"),
        (pd.arrays.IntervalArray.from_breaks([0, 1, 2, 3]), "category"),
        ([[1], [2], [1]], "category"),
        (pd.Categorical([3, 1, 3]), "category"),
        (pd.arrays.SparseArray([0.0, 0.0, 1.0]), "boolean"),
        (np.array([1, 2, 3], dtype=np.float16), "numeric"),
        (["?", "N/A", "7"], "numeric"),
        (["2020-01-01T10:00:00", "2020-01-02T11:30:00", ""], "date"),
        ([np.inf, 1.0, 2.0], "numeric"),
        (["same", None, "same"], "category"),
        ([None, None, None], "constant"),
    ],
)
def test_odd_columns(values, kind):
    frame = pd.DataFrame({"odd": values, "other": [1, 2, 3]})
    assert kinds(frame)["odd"] == kind
    for diet in ("codes", "dense"):
        matrix = plan_of(frame).transform(frame, diet)
        assert matrix.shape[0] == 3
        assert not np.isinf(matrix).any()
    assert not np.isnan(matrix).any()


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(InvalidInput, match="none of the 1 feature"):
        Schema.infer(pd.DataFrame({"a": [1, 1]}))


def test_complex_numbers_are_refused():
    with pytest.raises(InvalidInput, match="'z' is complex"):
        Schema.infer(pd.DataFrame({"z": [1j, 2j]}))


def test_predict_time_tables_may_differ():
    frame, _ = messy()
    plan = plan_of(frame)
    expected = plan.transform(frame, "dense")
    shuffled = frame[list(reversed(frame.columns))].assign(extra=1)
    np.testing.assert_array_equal(plan.transform(shuffled, "dense"), expected)
    other = frame.astype({"count": "str", "flag": "float64", "colour": "category", "day": "datetime64[ns]"})
    np.testing.assert_array_equal(plan.transform(other, "dense"), expected)
    with pytest.raises(InvalidInput, match="'size', 'colour'"):
        plan.transform(frame.drop(columns=["size", "colour"]), "codes")


def test_unseen_levels_and_garbage_count_as_missing():
    frame, _ = messy()
    plan = plan_of(frame)
    strange = frame.head(2).assign(colour="ultraviolet", size="big", when="not a date", day=3.5)
    codes = plan.transform(strange, "codes")
    assert np.isnan(codes[:, [0, 2]]).all()
    assert np.isfinite(plan.transform(strange, "dense")).all()


def test_codes_that_were_text_may_come_back_as_numbers():
    frame = pd.DataFrame({"code": ["3", "x", "5"], "n": [1, 2, 3]})
    plan = plan_of(frame)
    numbers = pd.DataFrame({"code": [3.0, np.nan, 5.0], "n": [1, 2, 3]})
    np.testing.assert_array_equal(plan.transform(numbers, "codes")[:, 0], [0, np.nan, 1])


def test_one_row_and_no_rows():
    frame, _ = messy()
    plan = plan_of(frame)
    for diet in ("codes", "dense"):
        full = plan.transform(frame, diet)
        np.testing.assert_array_equal(plan.transform(frame.iloc[[3]], diet)[0], full[3])
        assert plan.transform(frame.iloc[:0], diet).shape == (0, full.shape[1])


def test_the_plan_survives_json():
    frame, _ = messy()
    plan = plan_of(frame)
    texts = {i: encoder.vectors for i, encoder in enumerate(plan.encoders) if isinstance(encoder, TextColumn)}
    again = ColumnPlan.from_json(json.loads(json.dumps(plan.to_json())), texts)
    for diet in ("codes", "dense"):
        np.testing.assert_array_equal(again.transform(frame, diet), plan.transform(frame, diet))


def test_scaled_quantities_are_bounded_and_ordered():
    frame = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0, 1e12, np.nan]})
    dense = plan_of(frame).transform(frame, "dense")
    assert (np.abs(dense[:, 0]) < 3.0 + 1e-12).all()
    assert (np.diff(dense[:5, 0]) > 0).all()
    assert dense[5, 0] == 0.0
    np.testing.assert_array_equal(dense[:, 1], [0, 0, 0, 0, 0, 1])


def test_far_from_a_tiny_scale_is_the_limit():
    plan = plan_of(pd.DataFrame({"a": [1e-300, 2e-300, 3e-300, 5e-300]}))
    far = plan.transform(pd.DataFrame({"a": [1e37, -1e37, 1e-140]}), "dense")[:, 0]
    np.testing.assert_allclose(far, [3, -3, 3])


def test_the_short_way_to_codes_is_the_long_one():
    """What `matrices` reads straight from the columns is what reading them in canonical form gives, bit for bit."""
    frame, _ = messy()
    plan = plan_of(frame)
    words = pd.Series([" red", "red ", "NA", "blue", None, "no such", "", "green", "3", "\tred\n"] * 24)
    variants = [
        frame,
        frame.head(1),
        frame.head(0),
        frame.assign(colour=words),
        frame.assign(colour=words.astype(object)),
        frame.assign(colour=words.astype("category")),
        frame.assign(colour=pd.Series([None] * 240, dtype="str")),
        frame.assign(colour=words.astype(pd.StringDtype("python"))),
        frame.assign(colour=words.astype(pd.StringDtype("pyarrow"))),
        pd.concat([frame.assign(colour=words), frame.head(7)], ignore_index=True),
        *(frame.assign(flag=pd.Series(answers * 40, dtype="str")) for answers in ANSWERS),
        frame.assign(colour=range(240), count=frame["count"].astype("Int64"), flag=frame["flag"].astype("boolean")),
        frame.assign(count=[np.inf, -np.inf, 1e300, -1e300, np.nan, 7] * 40, flag=frame["flag"].astype("float32")),
        frame.assign(count=words, size=frame["size"].astype("float16"), day=words, note=frame["size"]),
        frame.set_index(pd.Index(range(240, 0, -1))),
    ]
    for table in variants:
        lost, also_lost = [], []
        expected = plan.encode(plan.schema.apply(table, lost), "codes")
        found = plan.matrices(table, ["codes", "dense"], also_lost)
        assert [one for one in also_lost if one.known is None] == lost
        np.testing.assert_array_equal(found["codes"], expected)
        np.testing.assert_array_equal(found["dense"], plan.dense.transform(expected))
        if "size" in table:
            assert not np.shares_memory(found["codes"], table["size"].to_numpy())
    with pytest.raises(InvalidInput, match="lacks the column"):
        plan.matrices(frame.drop(columns="size"), ["codes"])


def codes_of_many_kinds(rows=600, kinds=120):
    rng = np.random.default_rng(0)
    values = pd.Series([f"r{number}" for number in rng.integers(10_000, 10_000 + kinds, rows)], dtype="str")
    values[::50] = None
    return values


def test_text_is_learned_from_so_many_rows_and_computed_once_for_each_different_value(monkeypatch):
    column, seen = codes_of_many_kinds(), []
    fit, transform = Ngrams.fit, Ngrams.transform
    monkeypatch.setattr(Ngrams, "fit", lambda texts, **options: seen.append(len(texts)) or fit(texts, **options))
    monkeypatch.setattr(Ngrams, "transform", lambda self, texts: seen.append(len(texts)) or transform(self, texts))
    monkeypatch.setattr("seasoned.tabular.preprocessing.text.MAX_COMPONENT_ROWS", 500)
    text = TextColumn.fit("code", column, seed=0)
    codes = text.codes(column)
    assert seen == [500, column.nunique()]
    once = {value: transform(text.vectors, pd.Series([value]))[0] for value in column.dropna()}
    for row, value in enumerate(column):
        if pd.isna(value):
            assert np.isnan(codes[row, 0])
            assert not codes[row, 1:].any()
        else:
            np.testing.assert_allclose(codes[row, 1:], once[value], rtol=1e-6, atol=1e-7)


def test_text_of_few_different_values_and_of_none():
    few = pd.Series(["red wine", "white wine", None, "red wine"] * 10, dtype="str")
    text = TextColumn.fit("note", few, seed=0)
    codes = text.codes(few)
    np.testing.assert_array_equal(codes[0], codes[3])
    assert text.codes(pd.Series([None, None], dtype="str")).shape == (2, codes.shape[1])
    assert TextColumn.fit("note", pd.Series([None, None], dtype="str"), seed=0).vectors is None


def test_seconds_are_seen_in_single_precision():
    when = pd.Series(pd.date_range("2026-07-01 10:00", periods=3_000, freq="1s"))
    date = DateColumn.fit("when", when)
    days = date.codes(when)[:, -1]
    assert len(np.unique(days.astype(np.float32))) == 3_000
    assert 0.0 <= days.min() < 1.0
    frame = pd.DataFrame({"when": when})
    schema = Schema.infer(frame)
    plan = ColumnPlan.fit(schema.apply(frame), schema, seed=0)
    again = ColumnPlan.from_json(json.loads(json.dumps(plan.to_json())), {})
    assert again.encoders == (date,)
    assert DateColumn("when").codes(when)[0, -1] == pytest.approx(9_678 + 10 / 24), "an older file counts from 2000"
