"""Options for classes: `--class-weight`, `--costs` and `--positive`."""

from __future__ import annotations

import pytest

from commands import call, fit
from messy import messy
from seasoned import load
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


@pytest.mark.slow
def test_class_weights_and_costs_change_the_predictions():
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
def test_bad_class_options_are_refused(words, said):
    X, y = messy("binary", rows=60)
    X.assign(target=y, f=1.0).to_csv("train.csv", index=False)
    assert said in call("fit", "train.csv", "--target", "target", *words, code=2).stderr


@pytest.mark.slow
def test_class_weights_without_rows_or_classes_are_refused():
    fit("binary")
    assert "weights are of rows" in call("report", "model.seasoned", "--class-weight", "yes=2", code=2).stderr
    assert "write balanced" in call("report", "model.seasoned", "--class-weight", "nonsense", code=2).stderr
    fit("regression")
    for command in ("refit", "report", "explain"):
        asked = (command, "model.seasoned", "train.csv", "--target", "target", "--class-weight", "balanced")
        assert "the model predicts numbers" in call(*asked, code=2).stderr
