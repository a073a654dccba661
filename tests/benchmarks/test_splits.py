"""Folds of tables that others bring: rows without a target, folds of one class, other metrics."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from comparison import holdout
from comparison.splits import METRICS, folds, judge

TASKS = {"two": "binary", "three": "multiclass", "number": "regression"}


@pytest.fixture
def tables(tmp_path):
    """A table of each task, with a manifest."""
    x = np.random.default_rng(0).normal(size=120)
    targets = {"two": np.where(x > 0, "yes", "no"), "three": np.digitize(x, [-0.5, 0.5]), "number": x}
    entries = []
    for name, target in targets.items():
        pd.DataFrame({"x": x, "target": target}).to_parquet(tmp_path / f"{name}.parquet")
        about = {"task": TASKS[name], "target": "target", "metric": METRICS[TASKS[name]]}
        entries.append({"name": name, "file": f"{name}.parquet", **about})
    (tmp_path / "manifest.json").write_text(json.dumps({"datasets": entries}))
    return tmp_path


def entry_of(tables, name):
    return next(one for one in json.loads((tables / "manifest.json").read_text())["datasets"] if one["name"] == name)


@pytest.mark.parametrize("name", ["two", "three", "number"])
def test_rows_without_a_target_take_no_part(tables, name):
    entry = entry_of(tables, name)
    whole = pd.read_parquet(tables / entry["file"])
    holes = whole.assign(target=whole["target"].astype(object).where(np.arange(120) % 10 > 0))
    (holes if name == "two" else holes.assign(target=pd.to_numeric(holes["target"]))).to_parquet(tables / entry["file"])
    found = folds(tables, entry, list(range(5)))
    tested = np.sort(np.concatenate([one.test for one in found]))
    assert tested.tolist() == np.flatnonzero(np.arange(120) % 10 > 0).tolist()
    assert len(folds(tables, entry, [0], 50)[0].train) + len(folds(tables, entry, [0], 50)[0].test) <= 50
    if name == "two":
        rows = len(found[0].test)
        assert judge(found[0], np.column_stack([np.zeros(rows), np.ones(rows)]), ["no", "yes"]) == 0.5


def test_a_fold_with_one_class_to_judge_by_is_left_out_with_a_word(tables, capsys):
    entry = entry_of(tables, "two")
    whole = pd.read_parquet(tables / entry["file"])
    whole.assign(target=np.where(np.arange(120) < 3, "yes", "no")).to_parquet(tables / entry["file"])
    with pytest.warns(UserWarning, match="The least populated class"):
        found = folds(tables, entry, list(range(5)))
    assert len(found) == 3
    assert capsys.readouterr().out.count("left out, for its test rows have one class alone") == 2


def test_another_metric_than_the_one_that_is_judged_by_is_refused(tables):
    with pytest.raises(SystemExit, match="two asks for log_loss, and binary tables are judged by roc_auc"):
        folds(tables, entry_of(tables, "two") | {"metric": "log_loss"}, [0])


@pytest.mark.parametrize("name", ["two", "number"])
def test_rows_of_a_group_are_on_one_side(tables, monkeypatch, name):
    monkeypatch.setitem(holdout.HALVES, "holdout", {name: {"groups": "patient"}})
    entry = entry_of(tables, name)
    patients = np.arange(120) % 30
    pd.read_parquet(tables / entry["file"]).assign(patient=patients).to_parquet(tables / entry["file"])
    found = folds(tables, entry, list(range(5)))
    assert len(found) == 5
    for one in found:
        assert not set(patients[one.train]) & set(patients[one.test])


def test_test_rows_of_a_table_in_time_are_the_latest(tables, monkeypatch):
    monkeypatch.setitem(holdout.HALVES, "holdout", {"number": {"time": "day"}})
    entry = entry_of(tables, "number")
    days = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(120)[::-1], unit="D"))
    pd.read_parquet(tables / entry["file"]).assign(day=days.astype(str)).to_parquet(tables / entry["file"])
    latest, before = folds(tables, entry, [0, 1])
    assert days[latest.train].max() < days[latest.test].min()
    assert days[before.test].max() < days[latest.test].min()
    assert (len(latest.train), len(latest.test), len(before.train)) == (96, 24, 72)
    with pytest.raises(SystemExit, match="number runs in time: it has the folds 0 to 3"):
        folds(tables, entry, [4])
