"""The positive class of two: named, or chosen by rules; with any metric, and without a change of symmetric scores."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import get_scorer

from in_process import estimator, stay_in_process
from seasoned import AutoClassifier, Metric, SearchSettings, load
from seasoned.errors import InvalidInput
from seasoned.tabular.metrics.metric import OF_ONE_CLASS
from seasoned.tabular.metrics.positive_class import Positive, Reason
from seasoned.tabular.metrics.registry import metric_key, resolve

QUICK = {"trials": 1, "random_state": 0, "experience": None, "workers": 1}
LINEAR = SearchSettings(["linear"], ensemble=1)


@pytest.mark.parametrize(
    ("labels", "positive", "reason"),
    [
        ([0, 1], 1, Reason.NUMBER),
        ([-1.0, 1.0], 1.0, Reason.NUMBER),
        ([False, True], True, Reason.NUMBER),
        (["1", "2"], "2", Reason.NUMBER),
        (["10", "9"], "10", Reason.NUMBER),
        (["no", "yes"], "yes", Reason.WORD),
        (["N", "Y"], "Y", Reason.WORD),
        (["bad", "good"], "bad", Reason.WORD),
        (["Attrited Customer", "Existing Customer"], "Attrited Customer", Reason.RARER),
        (["ham", "spam"], "spam", Reason.WORD),
        (["churn", "stay"], "churn", Reason.WORD),
        (["churn", "not churn"], "churn", Reason.WORD),
        (["non-smoker", "smoker"], "smoker", Reason.WORD),
        (["ill", "well"], "ill", Reason.WORD),
        (["否", "是"], "是", Reason.WORD),
        (["无", "有"], "有", Reason.WORD),
        (["未逾期", "逾期"], "逾期", Reason.WORD),
        (["<=50K", ">50K"], "<=50K", Reason.RARER),
        (["cat", "dog"], "cat", Reason.RARER),
        (["bad", "yes"], "bad", Reason.RARER),
    ],
)
def test_the_rules(labels, positive, reason):
    labels = np.array(labels)
    found = Positive.chosen(labels, np.repeat([0, 1], [3, 7]))
    assert (labels.tolist()[found.code], found.reason) == (positive, reason)
    assert labels.tolist() == sorted(labels.tolist()), "as classes_ has them"


@pytest.mark.parametrize("counts", [(5, 5), (45, 55), (55, 45)])
def test_counts_that_differ_little_say_nothing(counts):
    assert Positive.chosen(np.array(["cat", "dog"]), np.repeat([0, 1], counts)) == Positive(1, Reason.LAST)


@pytest.mark.parametrize("metric", [None, "roc_auc", "log_loss", "accuracy", "f1"])
def test_any_metric_takes_the_class_by_name(metric):
    found = resolve(Metric(metric, positive="good"), "binary", 2, np.array(["bad", "good"]))
    assert (found.positive, found.positive_reason) == (1, Reason.NAMED)
    assert metric_key(Metric(metric, positive="good")) != metric_key(Metric(metric, positive="bad"))


def test_costs_take_it_too():
    metric = Metric("cost", costs={("bad", "good"): 5}, positive="good")
    assert resolve(metric, "binary", 2, np.array(["bad", "good"])).positive == 1


def test_no_metric_and_no_class_is_no_metric():
    with pytest.raises(InvalidInput, match="the metric is None"):
        Metric()


@pytest.mark.parametrize("name", ["roc_auc", "log_loss", "brier", "accuracy", "balanced_accuracy", "matthews", "f1"])
def test_only_metrics_of_one_class_change_with_it(name):
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 200), rng.random(200).astype(np.float32) * 1e-9  # 1 - p is 1: the order would be lost
    predicted = np.column_stack([1 - p, p]).astype(np.float64)
    first, last = (resolve(Metric(name, positive=label), "binary", 2).loss(y, predicted) for label in (0, 1))
    assert (first == last) == (name not in OF_ONE_CLASS)


def test_a_function_counts_on_the_last_class():
    metric = Metric(lambda y, p: float(p[y == "good"].mean()), greater_is_better=True, needs="proba")
    found = resolve(metric, "binary", 2, np.array(["bad", "good"]))
    assert (found.positive, found.positive_reason) == (1, Reason.LAST)


def test_a_fit_tells_its_positive_class_and_a_file_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=90)})
    y = np.where(X["a"] + rng.normal(size=90) > 0, "good", "bad")
    model = estimator("binary").fit(X, y)
    named = estimator("binary", metric=Metric(positive="good")).fit(X, y)
    assert model.classes_.tolist() == ["bad", "good"]
    assert (model.positive_class_, model.positive_reason_) == ("bad", "as the names of the classes say")
    assert (named.positive_class_, named.positive_reason_) == ("good", "as you named it")
    assert model.score(X, y) == named.score(X, y)
    assert model.validation_score_ == named.validation_score_
    np.testing.assert_array_equal(model.predict_proba(X), named.predict_proba(X))
    named.save(tmp_path / "m.seasoned")
    again = load(tmp_path / "m.seasoned")
    assert (again.positive_class_, again.positive_reason_) == ("good", "as you named it")
    assert again.metric == Metric(positive="good")
    np.testing.assert_array_equal(model.decide(0.8).predict(X) == "bad", model.predict_proba(X)[:, 0] > 0.8)


def test_a_scorer_with_another_positive_class_is_refused():
    with pytest.raises(InvalidInput, match="positive is 0, but the scorer"):
        resolve(Metric(get_scorer("f1"), positive=0), "binary", 2, np.array([0, 1]))


@pytest.mark.parametrize(
    ("metric", "labels", "told"),
    [
        (
            "f1",
            ["cat", "dog"],
            "f1 is about the class 'dog', the one sorted last; pass Metric('f1', positive='cat'), or --positive, for",
        ),
        ("f1", ["churn", "stay"], None),
        ("average_precision", ["fraud", "legit"], None),
        (Metric("f1", positive="stay"), ["churn", "stay"], None),
        ("f1", [0, 1], None),
        ("f1", [False, True], None),
        ("accuracy", ["churn", "stay"], None),
    ],
)
def test_the_positive_class_is_logged_where_it_is_ambiguous(here, caplog, metric, labels, told):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=60)})
    y = np.array(labels)[(X["a"] > 0).astype(int)]
    with caplog.at_level(logging.WARNING, "seasoned.tabular"):
        AutoClassifier(metric, search=LINEAR, **QUICK).fit(X, y)
    if told is None:
        assert "is about the class" not in caplog.text
    else:
        assert told in caplog.text
