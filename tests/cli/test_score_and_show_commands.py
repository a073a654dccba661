"""`seasoned score` and `seasoned show`: a saved model judged and looked at from a shell."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from commands import call
from in_process import stay_in_process
from messy import messy
from seasoned import load
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch, cache):
    monkeypatch.chdir(tmp_path)
    stay_in_process(monkeypatch)


def fitted(task, *words):
    X, y = messy(task, rows=200)
    X = X.assign(target=y, weight=np.arange(200) % 3, code=[f"C-{number:05}" for number in range(200)])
    X[:140].to_csv("train.csv", index=False)
    X[140:].to_csv("test.csv", index=False)
    usual = ("--target", "target", "--models", "linear,tree", "--trials", 2, "--folds", 2, "--seed", 0)
    call("fit", "train.csv", *usual, "--weights", "weight", "--experience", "none", *words)
    return load("model.seasoned"), pd.read_csv("test.csv")


METRICS = {"binary": "roc_auc", "regression": "rmse", "multiclass": "log_loss"}


@pytest.mark.parametrize("task", METRICS)
def test_the_score_is_that_of_the_model(task):
    metric = METRICS[task]
    model, test = fitted(task)
    X, y = test.drop(columns=["target", "weight"]), test["target"]
    score = model.fitted_.metric.score(-model.score(X, y))
    shown = call("score", "model.seasoned", "test.csv", "--target", "target").output
    assert f"{metric} on 60 rows: {score:.5g}" in shown
    told = json.loads(call("score", "model.seasoned", "test.csv", "--target", "target", "--json").output)
    assert told == {
        "metric": metric,
        "greater_is_better": metric == "roc_auc",
        "score": pytest.approx(score),
        "rows": 60,
    }


def test_weights_and_each_model():
    model, test = fitted("binary")
    X, y, weight = test.drop(columns=["target", "weight"]), test["target"], test["weight"]
    words = ("score", "model.seasoned", "test.csv", "--target", "target", "--weights", "weight", "--each")
    told = json.loads(call(*words, "--json").output)
    board = model.leaderboard(X, y, sample_weight=weight)
    held = board[board["test_roc_auc"].notna()]
    assert [one["model"] for one in told["models"]] == held["model"].tolist()
    assert [one["score"] for one in told["models"]] == pytest.approx(held["test_roc_auc"].tolist())
    assert told["models"][0]["number"] is None
    assert told["score"] == pytest.approx(model.score(X, y, sample_weight=weight))
    assert "ensemble" in call(*words).output


def test_where_the_metric_is_undefined_it_says_so():
    _, test = fitted("multiclass", "--metric", "roc_auc")
    test[test["target"] == test["target"].iloc[0]].to_csv("one.csv", index=False)
    shown = call("score", "model.seasoned", "one.csv", "--target", "target").output
    assert "roc_auc is not defined on the" in shown
    assert "rows, which are of one class" in shown
    told = call("score", "model.seasoned", "one.csv", "--target", "target", "--json").output
    assert json.loads(told)["score"] is None


def _best_config(model):
    board = model.leaderboard()
    return board.attrs["configs"][board["number"][0]]


def test_what_is_in_a_model_is_shown():
    model, _ = fitted("binary")
    shown = call("show", "model.seasoned", "--out", "board.csv").output
    assert "AutoClassifier, 2 classes, fitted on 93 rows; metric roc_auc of 'yes'" in shown
    assert "left out: code. Each row has a value of its own" in shown
    assert "2 configurations tried" in shown
    written = pd.read_csv("board.csv")
    assert written["model"].tolist() == model.leaderboard()["model"].tolist()
    assert json.loads(written["config"][0]) == json.loads(json.dumps(_best_config(model), default=dict))
    told = json.loads(call("show", "model.seasoned", "--json").output)
    assert told["validation_score"] == model.validation_score_
    assert told["classes"] == ["no", "yes"]
    assert {one["name"]: one["used"] for one in told["columns"]}["code"] is False


def test_bad_input_is_a_sentence():
    fitted("binary")
    assert "no column 'nothing'" in call("score", "model.seasoned", "test.csv", "--target", "nothing", code=2).output
    assert "is also another file" in call("show", "model.seasoned", "--out", "model.seasoned", code=2).output
