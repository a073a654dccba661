"""The benchmarks of penalties and few shots: what is compared, what is kept, how tables are cut."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import few_shot
from few_shots.tables import CUT, DEVELOPMENT, GROUPED, MOST_ROWS, Table, cut
from metagradient import penalties
from metagradient.records import Records


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 12))
    frame = pd.DataFrame(X, columns=[f"x{place}" for place in range(12)])
    frame["y"] = 3 * X[:, 0] - 2 * X[:, 1] + rng.normal(size=240)
    frame.to_parquet(tmp_path / "b.parquet")
    frame.assign(y=np.where(frame["y"] > 0, "high", "low")).to_parquet(tmp_path / "a.parquet")
    entries = [
        {"name": "b", "file": "b.parquet", "n_rows": 240, "target": "y", "task": "regression"},
        {"name": "a", "file": "a.parquet", "n_rows": 240, "target": "y", "task": "binary"},
        {"name": "0", "file": "none.parquet", "n_rows": 10**6, "target": "y", "task": "binary"},
    ]
    (tmp_path / "manifest.json").write_text(json.dumps({"datasets": entries}))
    return tmp_path


def test_penalties_are_compared_on_tables_by_name_and_splits_are_kept(folder, monkeypatch):
    found = penalties.run(folder, 2, Records(folder / "runs.jsonl"))
    assert list(found["penalties_tables"]) == ["a", "b"]
    assert found["penalties"]["tables"] == 2
    losses = found["penalties_tables"]["b"]["splits"]
    assert 0.9 < losses[0]["one"] < 1.5  # the noise has a deviation of 1
    assert losses[0]["own"] != losses[0]["one"]
    monkeypatch.setattr(penalties, "_compare", None)  # whatever is measured again fails
    assert penalties.run(folder, 2, Records(folder / "runs.jsonl")) == found


def test_the_summary_counts_tables_won():
    tables = {str(place): {"mean_log_ratio": ratio} for place, ratio in enumerate([-0.1, -0.2, -0.3, 0.05])}
    found = penalties.summary(tables)
    assert (found["tables"], found["won"]) == (4, 3)
    assert found["wilcoxon_p"] == pytest.approx(0.25)


def test_tables_that_methods_were_chosen_on_are_not_reported():
    assert (len(GROUPED), len(CUT)) == (10, 20)
    assert len({table.name for table in (*GROUPED, *CUT, *DEVELOPMENT)}) == 30 + len(DEVELOPMENT)
    assert {table.kind for table in GROUPED} == {"regression"}


def test_tasks_to_test_on_are_not_among_those_to_learn_from():
    frame = pd.DataFrame({"shop": np.repeat(list("abcdefghij"), 60), "y": np.arange(600.0)})
    table = Table("folder", "shops", "shop", "y")
    train, tests = cut(frame, table, seed=1)
    assert len(tests) == 3
    assert {test["shop"].nunique() for test in tests} == {1}
    assert set(train["shop"]).isdisjoint(test["shop"].iloc[0] for test in tests)
    assert train["shop"].value_counts().max() == len(tests[0]) == MOST_ROWS
    assert cut(frame, table, seed=1)[0].equals(train)


def test_losses_are_paired_by_table():
    means = {"a": {"x": 1.0, "y": 2.0}, "b": {"x": 1.0, "y": 4.0}, "failed": {}}
    found = few_shot.compare(means, "x", "y")
    assert found["geometric_mean_ratio"] == pytest.approx(8**-0.5)
    assert (found["better"], found["worse"]) == (2, 0)
