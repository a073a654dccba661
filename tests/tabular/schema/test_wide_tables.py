"""Number columns of wide tables are read together: the same result as column by column, without the work for each."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from in_process import estimator
from seasoned import load
from seasoned.tabular.experience.record import described
from seasoned.tabular.fit.leakage import warn_of_leaks
from seasoned.tabular.input.target import read_target
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.schema import canonical, schema, wide_tables
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.trial.run_folder import fingerprint

ROWS = 40
RNG = np.random.default_rng(0)


def odd_table():
    """Columns of every kind that is decided apart, and words between them."""
    drawn = RNG.normal(size=ROWS)
    holes = np.where(np.arange(ROWS) % 7 == 0, np.nan, drawn)
    columns = {
        "drawn": drawn,
        "holes": holes,
        "same as drawn": drawn.copy(),
        "zeros": np.zeros(ROWS),
        "minus zeros": np.where(np.arange(ROWS) % 2, -0.0, 1.0),
        "plus zeros": np.where(np.arange(ROWS) % 2, 0.0, 1.0),
        "empty": np.full(ROWS, np.nan),
        "one value and a hole": np.where(np.arange(ROWS) == 3, np.nan, 5.0),
        "infinite": np.where(np.arange(ROWS) == 3, np.inf, drawn),
        "yes": np.arange(ROWS) % 3 == 0,
        "yes and a hole": np.where(np.arange(ROWS) == 9, np.nan, np.arange(ROWS) % 2),
        "far": 1e15 + np.arange(ROWS) * 3.0,
        "huge": drawn * 1e300,
        "rounding": 1.0 + np.arange(ROWS) * 1e-15,
        "mostly one": np.where(np.arange(ROWS) == 5, 9.0, 2.0),
        "row": np.arange(1, ROWS + 1),
        "week": np.arange(1, ROWS + 1),
        "customer_id": RNG.permutation(ROWS) + 500,
        "count": RNG.integers(0, 9, ROWS).astype(np.uint8),
        "single": drawn.astype(np.float32),
        "word": RNG.choice(["a", "b"], ROWS),
        "written": pd.Series(["1", "2"] * (ROWS // 2), dtype=object),
        "day": pd.date_range("2020", periods=ROWS),
        "nullable": pd.Series(RNG.integers(0, 5, ROWS), dtype="Int64"),
        "objects": pd.Series(list(drawn), dtype=object),
    }
    return pd.DataFrame(columns)


def read(frame, target, *, together):
    """All that is decided and made of a table before its first trial."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wide_tables, "WIDE_COLUMNS", 0 if together else 10**9)
        found = Schema.infer(frame)
        plain = found.apply(frame)
        plan = ColumnPlan.fit(plain, found, seed=0)
        again = {**plan.matrices(frame, ["codes", "dense"]), "encoded": plan.encode(plain, "codes")}
        warn_of_leaks(plain, target)
        return plan.to_json(), plain, again


def test_the_same_as_column_by_column(caplog):
    frame = odd_table()
    for target in (frame["drawn"], frame["yes"]):
        caplog.clear()
        kind = "regression" if target.dtype.kind == "f" else "classification"
        with caplog.at_level(logging.INFO, "seasoned.tabular"):
            one, two = (read(frame, read_target(target, kind), together=each) for each in (False, True))
        assert one[0] == two[0]
        pd.testing.assert_frame_equal(one[1], two[1])
        for name, matrix in one[2].items():
            np.testing.assert_array_equal(matrix, two[2][name])
        said = [record.getMessage() for record in caplog.records]
        assert said[: len(said) // 2] == said[len(said) // 2 :]
        assert sum("the same as the target" in sentence for sentence in said) == 2


def test_no_number_column_is_read_by_itself(monkeypatch):
    """With pandas' overhead for each of them, 20 rows of 20,000 columns took three times a limit of 10 seconds."""
    frame = pd.DataFrame(RNG.normal(size=(30, 3000)), columns=[f"c{place}" for place in range(3000)])
    frame.insert(7, "word", ["a", "b"] * 15)
    seen = []
    monkeypatch.setattr(schema, "canonical", lambda column: seen.append(column.name) or canonical.canonical(column))
    taken = []
    original = pd.DataFrame.__getitem__
    monkeypatch.setattr(pd.DataFrame, "__getitem__", lambda self, key: taken.append(key) or original(self, key))
    found = Schema.infer(frame)
    plan = ColumnPlan.fit(found.apply(frame), found, seed=0)
    plan.matrices(frame, ["codes", "dense"])
    assert set(seen) == {"word"}
    assert {key for key in taken if isinstance(key, str)} == {"word"}


def test_a_long_table_is_read_column_by_column_however_wide():
    assert wide_tables.is_wide(pd.DataFrame(np.zeros((2, 501))))
    assert not wide_tables.is_wide(pd.DataFrame(np.zeros((2, 500))))
    assert not wide_tables.is_wide(pd.DataFrame(np.zeros((10_001, 501), np.int8)))


def test_every_cell_of_a_wide_table_tells_its_run_from_others():
    frame, y = pd.DataFrame(RNG.normal(size=(5, 600))).rename(columns=str), np.zeros(5)
    keys = {fingerprint(frame, y, {})}
    for row, column in ((0, 0), (4, 599), (2, 300)):
        other = frame.copy()
        other.iat[row, column] += 1
        keys.add(fingerprint(other, y, {}))
    other = frame.assign(word="a")
    keys |= {fingerprint(other, y, {}), fingerprint(other.assign(word="b"), y, {})}
    assert len(keys) == 6


def test_meta_features_of_a_very_wide_table_are_of_some_columns(monkeypatch):
    X = pd.DataFrame(RNG.normal(size=(30, 400))).rename(columns=str)
    target = read_target([0, 1] * 15, "classification")
    whole = described(X, target, 0)
    monkeypatch.setattr("seasoned.tabular.experience.record.MAX_COLUMNS", 50)
    some = described(X, target, 0)
    for name in ("log_columns", "log_rows", "log_ratio"):
        assert some[name] == pytest.approx(whole[name])
    assert some["kurtosis"] != whole["kurtosis"]


def test_a_wide_table_is_fitted_saved_and_loaded(here):
    X = pd.DataFrame(RNG.normal(size=(40, 700))).rename(columns="c{}".format)
    X["word"], X["same"] = RNG.choice(["a", "b"], 40), 1.0
    y = X["c3"] > 0
    model = estimator("classification", ["tree"]).fit(X, y)
    model.save(here / "m.seasoned")
    again = load(here / "m.seasoned")
    np.testing.assert_array_equal(again.predict(X.iloc[:, ::-1]), model.predict(X))
    assert again.predict(X).tolist() == y.tolist()
