"""Leaderboard: its summary and its prediction times, before and after a file."""

from __future__ import annotations

import numpy as np

from in_process import estimator, stay_in_process
from messy import messy
from seasoned import load
from seasoned.report.model.collect import report_data


def test_leaderboard_summary_and_prediction_times_survive_a_file(monkeypatch, tmp_path):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=150)
    model = estimator("classification", ["linear", "tree"]).fit(X, y)
    board = model.leaderboard()
    assert board.attrs["summary"].startswith("All models together: roc_auc 0.")
    assert board.attrs["summary"].endswith("in validation; predicting the same for all rows: 0.5.")
    assert (board["predict_ms"] > 0).all()
    model.save(tmp_path / "m.seasoned")
    again = load(tmp_path / "m.seasoned")
    assert again.leaderboard().attrs["summary"] == board.attrs["summary"]
    np.testing.assert_array_equal(again.leaderboard()["predict_ms"], board["predict_ms"])
    assert not any("experience" in note for note in report_data(model).notes)
    assert any(
        "experience grows" in note for note in report_data(model.set_params(experience="sqlite:///team.db")).notes
    )
