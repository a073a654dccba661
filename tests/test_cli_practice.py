"""Limits and intervals on the command line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from commands import call
from messy import messy
from seasoned import load
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def fit(task, *options):
    X, y = messy(task, rows=160)
    X.assign(target=y).to_csv("train.csv", index=False)
    usual = ("--target", "target", "--trials", 2, "--models", "linear,tree", "--random-state", 0)
    return X, call("fit", "train.csv", *usual, *options)


def test_numbers_with_a_limit_and_intervals():
    _, result = fit("regression", "--predict-limit", 1000)
    assert "within the limit of 1000" in " ".join(result.output.split())
    call("predict", "model.seasoned", "train.csv", "--interval", 0.8)
    found = pd.read_csv("predictions.csv")
    assert list(found.columns) == ["prediction", "lower", "upper"]
    expected = load("model.seasoned").predict_interval(pd.read_csv("train.csv"), coverage=0.8)
    np.testing.assert_allclose(found[["lower", "upper"]].to_numpy(), expected, rtol=1e-12)
    assert "coverage is 2" in call("predict", "model.seasoned", "train.csv", "--interval", 2, code=2).stderr
    assert "layers is 3" in call("fit", "train.csv", "--target", "target", "--layers", 3, code=2).stderr
    assert "predict_limit is -1" in call("fit", "train.csv", "--target", "target", "--predict-limit", -1, code=2).stderr


@pytest.mark.parametrize(("words", "made"), [((), 1), (("--features", "none"), 0), (("--features", "bins"), 1)])
def test_features_of_many_rows_and_none(words, made):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(12_000, 3)), columns=list("abc"))
    X.assign(target=X["a"] * X["b"]).to_csv("long.csv", index=False)
    call("fit", "long.csv", "--target", "target", "--trials", 2, "--models", "linear", "--folds", 2, *words)
    configs = load("model.seasoned").leaderboard()["config"]
    assert sum("made" in config.get("features", {}) for config in configs) == made


def test_classes_with_sets_and_a_threshold():
    _, result = fit("binary", "--metric", "f1", "--positive", "yes")
    model = load("model.seasoned")
    assert all(" ".join(sentence.split()) in " ".join(result.output.split()) for sentence in model.fitted_.sentences)
    call("predict", "model.seasoned", "train.csv", "--interval", 0.9)
    found = pd.read_csv("predictions.csv")
    assert list(found.columns) == ["prediction", "probability_no", "probability_yes", "set"]
    assert set(found["set"]) <= {"no", "yes", "no | yes"}
    np.testing.assert_array_equal(found["prediction"], model.predict(pd.read_csv("train.csv")))
