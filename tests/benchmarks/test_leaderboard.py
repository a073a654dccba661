"""Leaderboard in the words of TabArena, from made-up results."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from optional import package

package("bencheval", "bencheval==0.1.0")
BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import leaderboard  # noqa: E402

SCORES = {"seasoned": (0.9, 1.0), "flaml": (0.8, 2.0), "dummy": (0.5, 4.0)}


@pytest.fixture
def results(tmp_path):
    """Results on a table of two classes and on a table of numbers; one of them is TabArena's."""
    records = [
        {"framework": name, "table": table, "fold": 0, "metric": metric, "score": scores[place], "error": None}
        for name, scores in SCORES.items()
        for place, (table, metric) in enumerate([("one", "roc_auc"), ("two", "rmse")])
    ]
    (tmp_path / "results.json").write_text(json.dumps({"records": records}))
    entries = [{"name": "one", "benchmarks": ["TabArena-v0.1"]}, {"name": "two", "benchmarks": []}]
    (tmp_path / "manifest.json").write_text(json.dumps({"datasets": entries}))
    return tmp_path


def test_errors_are_smaller_for_better_scores_and_the_suite_is_reported_apart(results):
    found = leaderboard.main([str(results / "results.json"), "--datasets", str(results)])
    assert found["all"]["tables"] == 2
    assert found["TabArena"]["tables"] == 1
    board = found["all"]["leaderboard"]
    assert list(board) == ["seasoned", "flaml"]
    assert board["seasoned"]["winrate"] == 1.0
    assert board["seasoned"]["improvability"] == 0.0
    assert board["flaml"]["improvability"] == pytest.approx(0.5)
    assert board["seasoned"]["elo"] > board["flaml"]["elo"]


def test_frameworks_without_a_common_table_are_refused(results):
    with pytest.raises(SystemExit, match="no table has results of all"):
        leaderboard.main([str(results / "results.json"), "--frameworks", "seasoned,mljar"])
