from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasoned.report._common.data import Importance, TrialRow
from seasoned.report._common.wording import duration, family_name, number, settings, short, summary
from seasoned.report.figures import diagnostics, render, render_diagnostics, search
from seasoned.tabular.models.registry import MODELS


def test_progress_is_the_best_so_far(data):
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
def test_a_range_of_scores_holds_the_best_and_the_middle(scores, greater):
    low, high = search.score_range(scores, greater_is_better=greater)
    assert low < high
    best = max(scores) if greater else min(scores)
    assert low <= best <= high
    assert low <= np.median(scores) <= high


def test_a_hopeless_score_leaves_the_picture_and_is_marked(data):
    scores = [0.90, 0.89, 0.88, 0.10]
    low, high = search.score_range(scores, greater_is_better=True)
    assert 0.10 < low < 0.88
    assert high > 0.90
    trials = tuple(TrialRow(i, "linear", "complete", score) for i, score in enumerate(scores))
    drawn = render.progress_picture(replace(data, trials=trials))
    assert drawn.data[1]["marker"]["symbol"] == ["circle"] * 3 + ["triangle-down"]
    assert min(drawn.data[1]["y"]) == drawn.layout["yaxis"]["range"][0]


def pictures(data):
    truth, predicted = data.predictions.truth, data.predictions.predicted
    yield render.progress_picture(data)
    yield render.families_picture(data)
    yield render.weights_picture(data)
    yield render.importance_picture(data.importance, data.metric)
    yield render_diagnostics.roc_picture(diagnostics.roc(truth, predicted[:, 1]))
    yield render_diagnostics.precision_recall_picture(diagnostics.precision_recall(truth, predicted[:, 1]), 0.5)
    yield render_diagnostics.calibration_picture(diagnostics.calibration(truth, predicted), "of yes")
    yield render_diagnostics.pairs_picture(diagnostics.pairs(truth, predicted[:, 1]))
    yield render_diagnostics.residuals_picture(diagnostics.residual_histogram(truth, predicted[:, 1]))


@pytest.mark.parametrize("which", ["data", "hostile"])
def test_plotly_knows_every_property_that_we_set(which, request):
    import plotly.graph_objects as go

    for drawn in pictures(request.getfixturevalue(which)):
        go.Figure({"data": drawn.data, "layout": drawn.layout})  # raises ValueError for an unknown one
        assert drawn.height >= 100


def test_labels_of_figures_hold_no_tags(hostile):
    for drawn in pictures(hostile):
        assert "<script" not in str(drawn).replace("<br>", "")
        assert "<img" not in str(drawn)


def test_numbers_for_people():
    assert [number(v) for v in (None, float("nan"), 0.5, 4.912, 12345.6, -0.00001234)] == [
        "–",  # noqa: RUF001 - a dash is meant
        "–",  # noqa: RUF001
        "0.5000",
        "4.912",
        "12,346",
        "-1.234e-05",
    ]
    assert [duration(v) for v in (0.0, 9.96, 119.7, 3600)] == ["0 s", "10 s", "2 min 0 s", "60 min 0 s"]
    assert settings({}) == ""
    assert settings({"booster": {}, "rounds": None}) == "booster = default, rounds = None"
    assert settings({"features": {"none": {}}, "boost": {"dart": {"drop": {}}}}) == "features = none, boost.dart = drop"


@given(st.text(), st.integers(5, 40))
def test_short_is_short(text, most):
    assert len(short(text, most)) <= most
    assert short(text, most) == text or len(text) > most


def test_the_summary_says_it_in_plain_words(data):
    assert summary(data) == (
        "An ensemble of 2 models (LightGBM, Linear model) reached roc_auc 0.8800 in validation. "
        "6 configurations were tried in 58 s; 1 failed, and 2 were stopped early."
    )
    alone = replace(data, members=data.members[:1], trials=data.trials[1:2], score=None, fit_seconds=None)
    assert summary(alone) == "LightGBM reached roc_auc 0.8700 in validation. 1 configuration was tried; none failed."
    many = tuple(replace(data.members[0], model=name) for name in ("a", "b", "c", "d", "e", "a"))
    assert "An ensemble of 6 models (a, b, c, 2 other families)" in summary(replace(data, members=many))
    assert "no configuration" in summary(replace(data, trials=())).lower()
    assert "best configuration, LightGBM, reached roc_auc 0.8700" in summary(replace(data, score=None))


def test_every_family_has_a_name_for_people():
    assert [name for name in MODELS if family_name(name) == name] == []
