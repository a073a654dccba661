"""Anytime curve: budgets of the runs, and the scores of a table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import anytime  # noqa: E402


def test_ours_is_stopped_and_peers_get_the_time_as_their_budget():
    runs = anytime.runs_of(["seasoned", "flaml"], [2.0, 60.0])
    assert list(runs) == ["dummy", "seasoned@2", "flaml@2", "seasoned@60", "flaml@60"]
    assert runs["seasoned@2"][0].options == {"stop_after": 2.0}
    assert [budget for _, budget in runs.values()] == [60, 60, 2, 60, 60]
    assert runs["seasoned@60"][0].options == {}


def test_scores_lie_between_the_dummy_and_the_best_run():
    def record(score, error=None):
        return {"score": score, "error": error, "metric": "rmse", "fit_seconds": 1.0}

    found = {
        "dummy": record(4.0),
        "a@1": record(3.0),
        "b@1": record(2.0),
        "a@2": record(5.0),
        "b@2": record(None, "no"),
    }
    assert anytime.gains(found) == {"a@1": pytest.approx(0.5), "b@1": 1.0, "a@2": 0.0, "b@2": 0.0}
    summary = anytime.summarize([found], ["a", "b"], [1.0, 2.0])
    assert summary["a"]["1"] == {"score": 0.5, "fit_seconds": 1.0, "failed": 0}
    assert summary["b"]["2"]["failed"] == 1
    assert "b, score" in anytime.render(summary, [1.0, 2.0])
