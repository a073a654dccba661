"""Two states of the package on the same tables: order, resumption and verdict, with fits replaced by their scores."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import before_after  # noqa: E402
from comparison import runner  # noqa: E402

SCORES = {("first", "before"): 0.8, ("first", "after"): 0.9, ("second", "before"): 2.0, ("second", "after"): 2.2}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two tables: one of two classes, one of numbers."""
    rows = pd.DataFrame({"x": range(40), "y": [0, 1] * 20})
    rows.to_parquet(tmp_path / "table.parquet")
    entries = [
        {"name": name, "file": "table.parquet", "target": "y", "task": task, "n_rows": 40, "text_columns": []}
        for name, task in (("first", "binary"), ("second", "regression"))
    ]
    (tmp_path / "manifest.json").write_text(json.dumps({"datasets": entries}))
    return tmp_path


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bool]]:
    """The fits in their order: table, state, and whether the state's own worker was there."""
    made: list[tuple[str, str, bool]] = []

    def measure(framework, fold, conditions):
        made.append((fold.table, framework.name, runner.worker(framework).exists()))
        score = SCORES[fold.table, framework.name]
        found = {"task": fold.task, "metric": fold.metric, "score": score, "error": None, "fit_seconds": 1.0}
        found["others_cores"] = 0.4 if len(made) == 4 else 0.0
        return {**runner.identity(framework, fold, conditions), **found}

    monkeypatch.setattr(before_after, "measure", measure)
    monkeypatch.setattr(before_after.common, "alone", contextlib.nullcontext)
    return made


def test_a_comparison_alternates_resumes_and_counts(folder: Path, runs: list[tuple[str, str, bool]]) -> None:
    command = ["--before", "HEAD", "--datasets", str(folder), "--out", str(folder / "out.json")]
    summary = before_after.main([*command, "--only", "first"])
    assert runs == [("first", "before", True), ("first", "after", True)]
    summary = before_after.main(command)
    assert runs[2:] == [("second", "after", True), ("second", "before", True)]  # the first table is in the file
    summary = before_after.main(command)
    assert runs[4:] == [("second", "after", True), ("second", "before", True)], "other work disturbed one of its fits"
    assert before_after.main(command) == summary
    assert len(runs) == 6
    assert (summary["all"]["better"], summary["all"]["worse"]) == (1, 1)
    assert summary["all"]["median_change"] == pytest.approx((-0.5 + 0.1) / 2)
    assert summary["regression"]["median_change"] == pytest.approx(0.1)
    assert summary["text"] == {"tables": 0, "failed_before": 0, "failed_after": 0}
    assert set(json.loads((folder / "out.json").read_text())["commits"]) == {"before", "after"}


def test_losses_that_differ_by_rounding_are_equal() -> None:
    pair = {state: {"metric": "rmse", "score": score} for state, score in (("before", 1.0), ("after", 1.0 + 1e-8))}
    assert before_after.change(pair) == 0
