"""Figures of the search: progress, families, weights and importance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seasoned.report._common.data import Importance, TrialRow
from seasoned.report.figures import render, search


def test_progress_is_the_best_score_so_far(data):
    found = search.progress(data)
    assert found.when == (0, 1, 3)
    assert found.best == (0.71, 0.87, 0.87)
    assert not found.in_seconds
    down = search.progress(replace(data, greater_is_better=False))
    assert down.best == (0.71, 0.71, 0.10)


def test_progress_runs_in_seconds_where_they_are_known(data):
    timed = tuple(replace(trial, elapsed=10.0 - trial.number) for trial in data.trials)
    found = search.progress(replace(data, trials=timed))
    assert found.in_seconds
    assert found.when == (7.0, 9.0, 10.0)
    assert found.best == (0.10, 0.87, 0.87)


def test_families_come_best_first_and_count_failures(data):
    found = search.families(data)
    assert [(f.model, len(f.trials), f.failed, f.stopped) for f in found] == [
        ("lightgbm", 2, 0, 1),
        ("linear", 1, 0, 1),
        ("forest", 0, 1, 0),
    ]


def test_weights_and_importance_are_sorted(data):
    assert search.weights(data).names == ("lightgbm #1", "linear #0")
    many = Importance(tuple(map(str, range(40))), tuple(map(float, range(40))), (0.0,) * 40, 10, 1)
    assert search.importance_bars(many).names == tuple(map(str, range(39, 14, -1)))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.booleans())
def test_range_of_scores_includes_the_best_and_the_median(scores, greater):
    low, high = search.score_range(scores, greater_is_better=greater)
    assert low < high
    best = max(scores) if greater else min(scores)
    assert low <= best <= high
    assert low <= np.median(scores) <= high


def test_hopeless_score_is_marked_at_the_edge_of_the_picture(data):
    scores = [0.90, 0.89, 0.88, 0.10]
    low, high = search.score_range(scores, greater_is_better=True)
    assert 0.10 < low < 0.88
    assert high > 0.90
    trials = tuple(TrialRow(i, "linear", "complete", score) for i, score in enumerate(scores))
    drawn = render.progress_picture(replace(data, trials=trials))
    assert drawn.data[1]["marker"]["symbol"] == ["circle"] * 3 + ["triangle-down"]
    assert min(drawn.data[1]["y"]) == drawn.layout["yaxis"]["range"][0]
