"""Progress of a fit in the log and in callbacks, and its scores as numbers."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from messy import messy
from seasoned import AutoRegressor, load
from seasoned.errors import InvalidInput
from seasoned.tabular.fit.leaderboard import leaderboard

MODELS = ("linear", "tree", "histogram")


@pytest.fixture(autouse=True)
def _here(monkeypatch, cache):
    stay_in_process(monkeypatch)


def test_callbacks_are_told_what_the_leaderboard_says(caplog):
    X, y = messy("binary", rows=120)
    told = []
    with caplog.at_level(logging.INFO, "seasoned"):
        model = estimator("binary", MODELS).fit(X, y, callbacks=[told.append])
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("trial ")]
    assert [line.partition(":")[0] for line in lines] == [f"trial {row['number']}" for row in told], "one line each"
    board = model.leaderboard().set_index("number")
    assert [row["number"] for row in told] == sorted(board.index)
    for row in told:
        assert row["model"] == board["model"][row["number"]]
        assert row["score"] == board["roc_auc"][row["number"]]
        assert row["config"] == board.attrs["configs"][row["number"]]
        assert row["elapsed"] > 0
    assert told[-1]["best"] == board["roc_auc"].max()
    first = told[0]
    assert f"trial 0: {first['model']}, roc_auc {first['score']:.5g} after" in caplog.text
    assert f"; best {told[-1]['best']:.5g} (" in caplog.text


def test_a_callback_that_returns_true_ends_the_search(caplog):
    X, y = messy("regression", rows=120)
    model = estimator("regression", MODELS, trials=30)
    with caplog.at_level(logging.INFO, "seasoned.tabular"):
        model.fit(X, y, callbacks=lambda row: np.bool_(row["number"] == 3))
    assert sorted(model.leaderboard()["number"]) == [0, 1, 2, 3]
    assert model.stopped_by_ is None
    assert np.corrcoef(model.predict(X), y)[0, 1] > 0.5
    assert "the search ends after trial 3, as a callback asks for" in caplog.text
    assert "the time limit of" not in caplog.text


def test_a_callback_that_raises_is_called_no_more(caplog):
    X, y = messy("binary", rows=120)
    calls = []

    def track(row):
        calls.append(row["number"])
        raise ConnectionError("the tracker is away")

    told = []
    model = estimator("binary", MODELS).fit(X, y, callbacks=[track, told.append])
    assert calls == [0]
    assert len(told) == len(model.fitted_.trials) == 3
    assert caplog.text.count("failed at trial 0 (ConnectionError: the tracker is away)") == 1


def test_what_cannot_be_called_is_refused():
    X, y = messy("binary", rows=40)
    with pytest.raises(InvalidInput, match=r"callbacks has 'wandb'; give functions"):
        estimator("binary").fit(X, y, callbacks=["wandb"])


def test_a_resumed_run_knows_the_best_of_before():
    X, y = messy("binary", rows=120)
    before, after = [], []
    estimator("binary", MODELS).fit(X, y, callbacks=before.append)
    estimator("binary", MODELS, trials=4).fit(X, y, resume=True, callbacks=after.append)
    assert [row["number"] for row in after] == [3]
    assert after[0]["best"] >= before[-1]["best"]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_scores_are_numbers_too(task, tmp_path):
    X, y = messy(task, rows=120)
    model = estimator(task, MODELS).fit(X, y)
    model.save(tmp_path / "m.seasoned")
    for one in (model, load(tmp_path / "m.seasoned")):
        board = one.leaderboard()
        known = one.fitted_.validated
        assert one.validation_score_ == one.fitted_.metric.score(known.loss) == board.attrs["score"]
        assert one.baseline_score_ == one.fitted_.metric.score(known.baseline) == board.attrs["baseline"]
        assert f"{one.validation_score_:.5g}" in board.attrs["summary"]
        assert (one.validation_score_ > one.baseline_score_) == (task == "binary")
        assert board["spread"].notna().all()


def test_the_spread_is_that_of_the_folds():
    X, y = messy("regression", rows=120)
    model = estimator("regression").fit(X, y)
    trial = model.fitted_.trials[0]
    assert len(trial.losses) == 2
    assert model.leaderboard()["spread"][0] == pytest.approx(np.std(trial.losses, ddof=1))
    for losses in ((0.5,), (0.5, None), ()):
        trials = (replace(trial, losses=losses), *model.fitted_.trials[1:])
        assert math.isnan(leaderboard(replace(model.fitted_, trials=trials))["spread"][0])


def test_no_line_is_shown_where_none_is_wanted(capsys):
    X, y = messy("regression", rows=60)
    estimator("regression").fit(X, y, progress=False)
    assert capsys.readouterr().err == ""
    assert isinstance(estimator("regression"), AutoRegressor)


@pytest.mark.parametrize("metric", ["mae", "median_ae", "rmse"])
def test_the_baseline_is_the_constant_that_errs_least(metric):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 1)), np.exp(2 * rng.normal(size=80))
    train, valid = np.arange(50), np.arange(50, 80)
    model = estimator("regression", metric=metric, validation=[(train, valid)]).fit(X, y)
    constant = np.mean(y[train]) if metric == "rmse" else np.median(y[train])
    expected = model.fitted_.metric.loss(y[valid], np.full(30, constant))
    assert model.baseline_score_ == pytest.approx(model.fitted_.metric.score(expected))


def test_a_leaderboard_can_be_read_in_a_console(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    X, y = messy("binary", rows=120)
    board = estimator("binary", MODELS).fit(X, y).leaderboard()
    with pd.option_context("display.width", 80, "display.max_columns", 0):
        header = str(board).splitlines()[0].split()
    assert header[:3] == ["rank", "model", "roc_auc"]
    assert header[-1] == "config"
    assert set(board.attrs["configs"]) == set(board["number"])
