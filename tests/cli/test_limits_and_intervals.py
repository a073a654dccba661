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
    configs = load("model.seasoned").leaderboard().attrs["configs"].values()
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


@pytest.mark.slow
def test_classes_that_count_more_and_errors_that_cost():
    X, _ = fit("binary", "--metric", "accuracy", "--class-weight", "yes=9", "--holdout", 0.2, "--report", "r.html")
    heavy = (load("model.seasoned").predict(X) == "yes").mean()
    fit("binary", "--metric", "accuracy", "--holdout", 0.2)
    assert heavy > (load("model.seasoned").predict(X) == "yes").mean()
    _, result = fit("binary", "--costs", "yes:no=9, no:yes=1")
    assert "is predicted above a probability of" in " ".join(result.output.split())
    assert load("model.seasoned").metric.costs == {("yes", "no"): 9.0, ("no", "yes"): 1.0}
    fit("multiclass", "--class-weight", "balanced", "--costs", "10:0=3")
    assert load("model.seasoned").fitted_.metric.name == "cost"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--class-weight", "yes"), "--class-weight has 'yes'; write balanced, or LABEL=WEIGHT"),
        (("--class-weight", "5"), "--class-weight has '5'; write balanced, or LABEL=WEIGHT"),
        (("--class-weight", "yes=5,yes=1"), "--class-weight names 'yes' twice"),
        (("--costs", "yes:no=5,yes:no=1"), "--costs names ('yes', 'no') twice"),
        (("--class-weight", "yes=2", "--task", "regression"), "--class-weight is for classes"),
        (("--class-weight", "yes=0"), "gives 'yes' the weight 0.0"),
        (("--class-weight", "maybe=2"), "names 'maybe', and the classes are"),
        (("--class-weight", "balanced", "--weights", "f"), "--weights and --class-weight are both given"),
        (("--costs", "yes:no"), "--costs has 'yes:no'; write TRUE:PREDICTED=COST"),
        (("--costs", "yes=5"), "--costs has 'yes=5'; write TRUE:PREDICTED=COST"),
        (("--costs", "yes:no:no=5"), "--costs has 'yes:no:no=5'"),
        (("--costs", "yes:maybe=5"), "costs names 'maybe'"),
        (("--costs", "yes:no=5", "--positive", "maybe"), "positive is 'maybe', which is no class"),
        (("--costs", "yes:no=5", "--metric", "f1"), "costs belong to Metric('cost'"),
    ],
)
def test_what_is_told_of_classes_in_another_form_is_refused(words, said):
    X, y = messy("binary", rows=60)
    X.assign(target=y, f=1.0).to_csv("train.csv", index=False)
    assert said in call("fit", "train.csv", "--target", "target", *words, code=2).stderr


def test_columns_are_explained():
    fit("multiclass")
    result = call("explain", "model.seasoned", "train.csv", "--target", "target", "--repeats", 3, "--out", "e.csv")
    assert "what shuffling a column adds" in result.output
    columns = sorted(name for name in pd.read_csv("train.csv") if name != "target")
    found = pd.read_csv("e.csv")
    assert sorted(found["column"]) == columns
    assert found["importance"].is_monotonic_decreasing
    call("explain", "model.seasoned", "train.csv", "--method", "shap", "--repeats", 3, "--seconds", 2, "--out", "s.csv")
    rows = pd.read_csv("s.csv")
    assert sorted(set(rows.columns) & set(columns)) == columns
    assert rows.shape[1] == len(columns) + 2  # a line a row and class
    astray = ("explain", "model.seasoned", "train.csv", "--method", "shap", "--target", "goal")
    assert "no column 'goal'" in call(*astray, code=2).stderr
    weights = ("--method", "shap", "--class-weight", "balanced")
    assert "takes no weights" in call("explain", "model.seasoned", "train.csv", *weights, code=2).stderr
    assert "give --target" in call("explain", "model.seasoned", "train.csv", code=2).stderr
    assert "no column 'goal'" in call("explain", "model.seasoned", "train.csv", "--target", "goal", code=2).stderr


def test_a_model_is_fitted_again_to_other_rows():
    fit("binary")
    X, y = messy("binary", rows=240)
    later = X.assign(target=y, f=1)
    later.loc[3, "target"] = None
    later.to_csv("later.csv", index=False)
    result = call("refit", "model.seasoned", "later.csv", "--target", "target", "--class-weight", "balanced")
    assert "model of 239 rows saved to refitted.seasoned" in result.output
    kept, again = load("model.seasoned"), load("refitted.seasoned")
    assert again.fitted_.rows == 239
    assert [member.name for member in again.fitted_.members] == [member.name for member in kept.fitted_.members]
    call("predict", "refitted.seasoned", "later.csv")
    assert len(pd.read_csv("predictions.csv")) == 240
    assert "no column 'goal'" in call("refit", "model.seasoned", "later.csv", "--target", "goal", code=2).stderr
    twice = ("--target", "target", "--weights", "f", "--class-weight", "yes=2")
    assert "both given" in call("refit", "model.seasoned", "later.csv", *twice, code=2).stderr


def test_a_refit_keeps_what_the_model_says_of_its_fit():
    fit("binary", "--time-limit", 77, "--class-weight", "yes=3")
    call("refit", "model.seasoned", "train.csv", "--target", "target", "--time-limit", 55)
    assert load("refitted.seasoned").time_limit == 77
    asked = ("refit", "model.seasoned", "train.csv", "--target", "target")
    assert "--time-limit is -1; give seconds above 0" in call(*asked, "--time-limit", -1, code=2).stderr


def test_names_with_brackets_and_names_of_ours_are_columns_like_others():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(120, 4)), columns=["speed [rpm]", "events [/h]", ":smile:", "class"])
    table.assign(y=rng.permutation(["a", "b", "c"] * 40)).to_csv("odd.csv", index=False)
    call("fit", "odd.csv", "--target", "y", "--models", "tree", "--trials", 1, "--seed", 0, "--ensemble", 1)
    shown = call("explain", "model.seasoned", "odd.csv", "--target", "y", "--repeats", 2).output
    assert all(name in shown for name in table)
    call("explain", "model.seasoned", "odd.csv", "--method", "shap", "--repeats", 2, "--out", "s.csv", "--target", "y")
    assert {"row_", "class_", "class"} <= set(pd.read_csv("s.csv"))


def test_groups_of_the_fit_are_asked_for_again():
    X, y = messy("regression", rows=160)
    X.assign(target=y, who=np.arange(160) // 4).to_csv("train.csv", index=False)
    usual = ("--target", "target", "--trials", 1, "--models", "linear", "--groups", "who", "--folds", 3)
    call("fit", "train.csv", *usual)
    asked = ("refit", "model.seasoned", "train.csv", "--target", "target")
    assert "give --groups" in call(*asked, code=2).stderr
    assert "model of 160 rows" in call(*asked, "--groups", "who").output


@pytest.mark.slow
def test_the_table_of_the_fit_is_taken_again_with_gaps_and_columns_in_two_roles():
    X, y = messy("binary", rows=160)
    table = X.assign(target=y, w=np.linspace(1, 2, 160), team=np.arange(160) // 4)
    table.loc[5, ["target", "w", "team"]] = None
    table.to_csv("train.csv", index=False)
    usual = ("--target", "target", "--trials", 1, "--models", "linear", "--ensemble", 1)
    call("fit", "train.csv", *usual, "--weights", "w", "--folds", 3)
    asked = ("model.seasoned", "train.csv", "--target", "target")
    assert "model of 159 rows" in call("refit", *asked, "--weights", "w").output
    call("explain", *asked, "--weights", "w", "--repeats", 2)
    call("report", *asked, "--weights", "w")
    call("fit", "train.csv", *usual, "--folds", 3)  # now the two are features
    assert "model of 159 rows" in call("refit", *asked, "--weights", "w", "--groups", "team").output
    assert "w" in call("explain", *asked, "--weights", "w", "--repeats", 2).output
    call("report", *asked, "--weights", "w")


@pytest.mark.slow
def test_weights_without_rows_or_classes_are_refused():
    fit("binary")
    assert "weights are of rows" in call("report", "model.seasoned", "--class-weight", "yes=2", code=2).stderr
    assert "write balanced" in call("report", "model.seasoned", "--class-weight", "nonsense", code=2).stderr
    fit("regression")
    for command in ("refit", "report", "explain"):
        asked = (command, "model.seasoned", "train.csv", "--target", "target", "--class-weight", "balanced")
        assert "the model predicts numbers" in call(*asked, code=2).stderr


@pytest.mark.slow
def test_contributions_say_of_which_class_they_are_and_how_many_rows_there_was_time_for():
    X, y = messy("binary", rows=160)
    X.assign(target=y).to_csv("train.csv", index=False)
    usual = ("--target", "target", "--trials", 1, "--models", "linear", "--ensemble", 1)
    call("fit", "train.csv", *usual, "--metric", "f1", "--positive", "no")
    asked = ("explain", "model.seasoned", "train.csv", "--method", "shap", "--repeats", 2)
    assert " of no) sum to the row's prediction" in " ".join(call(*asked).output.split())
    fit("regression")
    assert "a row's values plus the base prediction (" in " ".join(call(*asked).output.split())
