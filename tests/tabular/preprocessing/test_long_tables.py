"""Long and wide tables: written and predicted in parts, the same as in one piece, and each column is read once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from messy import messy
from seasoned.tabular.input.frames import to_frame
from seasoned.tabular.preprocessing import matrix_files, one_hot_scaling
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.preprocessing.matrix_files import in_parts, store
from seasoned.tabular.schema.identifiers import duplicates, fingerprint
from seasoned.tabular.schema.object_columns import to_number
from seasoned.tabular.schema.schema import Schema


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(matrix_files, "BLOCK_CELLS", 700)
    monkeypatch.setattr(matrix_files, "MIN_BLOCK_ROWS", 1)
    monkeypatch.setattr(one_hot_scaling, "BLOCK_CELLS", 300)


def plan_of(frame):
    schema = Schema.infer(frame)
    canonical = schema.apply(frame)
    return ColumnPlan.fit(canonical, schema, seed=0), canonical


def test_matrices_are_stored_in_parts_as_they_are_encoded_in_one(tmp_path, monkeypatch):
    frame = messy()[0]
    plan, canonical = plan_of(frame)
    expected = {diet: plan.encode(canonical, diet) for diet in ("codes", "dense")}
    monkeypatch.setattr(matrix_files, "BLOCK_CELLS", 700)
    monkeypatch.setattr(matrix_files, "MIN_BLOCK_ROWS", 1)
    monkeypatch.setattr(one_hot_scaling, "BLOCK_CELLS", 300)
    assert len(list(in_parts(canonical, plan.dense.width))) > 3
    store(plan, canonical, tmp_path, ("codes", "dense"))
    for diet, matrix in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{diet}.npy", mmap_mode="r"), matrix, rtol=1e-12, atol=1e-12)


def test_rows_of_a_large_file_do_not_stay_in_memory(tmp_path, monkeypatch):
    matrix = np.random.default_rng(0).normal(size=(300, 4))
    np.save(tmp_path / "x.npy", matrix)
    mapped, rows = np.load(tmp_path / "x.npy", mmap_mode="r"), np.array([5, 0, 299])
    monkeypatch.setattr(matrix_files, "RELEASED_BYTES", 10)
    for _ in range(2):  # what has left is read again
        found = matrix_files.rows_of(mapped, rows)
        np.testing.assert_array_equal(found, matrix[rows])
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(matrix_files.rows_of(matrix, rows), matrix[rows])


def test_a_table_without_rows_is_stored_too(tmp_path):
    plan, canonical = plan_of(messy()[0])
    store(plan, canonical.iloc[:0], tmp_path, ("codes", "dense"))
    assert np.load(tmp_path / "dense.npy").shape == (0, plan.encode(canonical, "dense").shape[1])


@pytest.mark.parametrize("task", ["multiclass", "regression"])
@pytest.mark.usefixtures("small_parts")
def test_predictions_do_not_depend_on_the_parts(task, tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    X, y = messy(task)
    model = estimator("regression" if task == "regression" else "classification").fit(X, y)
    ask = model.predict if task == "regression" else model.predict_proba
    whole, alone = ask(X), np.concatenate([ask(X.iloc[[row]]) for row in range(5)])
    np.testing.assert_allclose(whole[:5], alone, rtol=1e-9)
    bounds = (model.predict_interval) if task == "regression" else model.predict_set
    assert len(bounds(X)) == len(X)
    np.testing.assert_allclose(bounds(X)[:3], bounds(X.iloc[:3]), rtol=1e-9)


def test_numbers_are_not_copied_and_never_changed():
    X = np.random.default_rng(0).normal(size=(50, 3))
    X[3, 1] = np.inf
    before = X.copy()
    frame = to_frame(np.asfortranarray(X))
    assert np.shares_memory(to_frame(X)["x0"].to_numpy(), X)
    assert np.shares_memory(to_number(frame["x0"]).to_numpy(), frame["x0"].to_numpy())
    assert np.isnan(to_number(to_frame(X)["x1"]).iloc[3])
    np.testing.assert_array_equal(X, before)


def test_rare_events_that_look_alike_are_read_once_each():
    """Their fingerprints are the same; to compare each with all others would take hours for a wide table."""
    rows, wide = 400, 150
    events = np.zeros((rows, wide))
    events[np.arange(wide) * 2 + 9, np.arange(wide)] = 1.0
    frame = pd.DataFrame(events).rename(columns=str).assign(again=events[:, 7])
    marks = {name: fingerprint(frame[name]) for name in frame.columns}
    assert len(set(marks.values())) < wide / 2
    read: list[str] = []
    assert duplicates(marks, lambda name: read.append(name) or frame[name]) == {"again": "7"}
    assert len(read) == len(set(read))


def test_columns_are_the_same_where_their_cells_are():
    minus, nan = np.array([0.0, -0.0, 1.0, np.nan]), np.array([-0.0, 0.0, 1.0, -np.nan])
    frame = pd.DataFrame({"a": minus, "b": nan, "c": minus + 1, "d": [*list("xyz"), None], "e": [*list("xyz"), None]})
    marks = dict.fromkeys(frame.columns, 0)
    assert duplicates(marks, frame.__getitem__) == {"b": "a", "e": "d"}
