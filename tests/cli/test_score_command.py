"""Command `seasoned score`: scores of a saved model and of its members."""

from __future__ import annotations

import json

import pytest

from commands import call, fitted

pytestmark = pytest.mark.usefixtures("here")

METRICS = {"binary": "roc_auc", "regression": "rmse", "multiclass": "log_loss"}


@pytest.mark.parametrize("task", METRICS)
def test_score_is_that_of_the_model(task):
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


def test_scores_of_each_model_use_the_weights():
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


def test_undefined_score_is_explained_and_null_in_json():
    _, test = fitted("multiclass", "--metric", "roc_auc")
    test[test["target"] == test["target"].iloc[0]].to_csv("one.csv", index=False)
    shown = call("score", "model.seasoned", "one.csv", "--target", "target").output
    assert "roc_auc is not defined on the" in shown
    assert "rows, which are of one class" in shown
    told = call("score", "model.seasoned", "one.csv", "--target", "target", "--json").output
    assert json.loads(told)["score"] is None


def test_bad_input_of_score_and_show_is_refused():
    fitted("binary")
    assert "no column 'nothing'" in call("score", "model.seasoned", "test.csv", "--target", "nothing", code=2).output
    assert "is also another file" in call("show", "model.seasoned", "--out", "model.seasoned", code=2).output
