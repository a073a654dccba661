"""Command `seasoned show`: contents of a saved model."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from commands import call, fitted

pytestmark = pytest.mark.usefixtures("here")


def _best_config(model):
    board = model.leaderboard()
    return board.attrs["configs"][board["number"][0]]


def test_show_prints_the_contents_of_a_model():
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


def test_show_repeats_the_description_of_the_fit(first):
    said = first.stderr.splitlines()
    shown = call("show", "m.s").stdout.splitlines()
    assert [line for line in said if line.split()[0] in {"target", "rows", "read"}]
    assert {line for line in said if not line.startswith("left out")} <= set(shown)
    facts = json.loads(call("show", "m.s", "--json").stdout)
    assert facts["fit_summary"]["validation"] == "5 folds, rows dealt at random"
    assert facts["fit_summary"]["readings"] == ["price: numbers, '$1,000.50' is read as 1000.5"]
