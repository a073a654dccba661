"""Metrics: names, scorers and functions, weights, and vectorized losses."""

from __future__ import annotations

import math
import pickle
import threading
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn import metrics as reference
from sklearn.metrics import f1_score, make_scorer

from messy import messy
from seasoned import AutoClassifier, AutoRegressor, Metric, SearchSettings, load
from seasoned.errors import InvalidInput
from seasoned.report import report_data
from seasoned.tabular.ensemble.greedy_selection import select
from seasoned.tabular.metrics.metric import Measure
from seasoned.tabular.metrics.registry import measure_key, metric_key, resolve
from seasoned.tabular.metrics.vectorized import COUNT_METRICS, NUMBER_METRICS, PROPER_METRICS, RANK_METRICS, losses_of
from seasoned.tabular.models._common.log_target import logarithm_for
from two_columns import QUICK, table

RNG = np.random.default_rng(0)

FAST = {
    "trials": 2,
    "random_state": 0,
    "workers": 2,
    "experience": None,
    "search": SearchSettings(models=["linear"], folds=2),
}
YES = np.array(["no", "yes"])


def predictions(rng, m, n, k):
    """Probabilities with ties, certainties, and one set that gives all rows to one class."""
    stack = rng.multinomial(8, rng.dirichlet(np.full(k, 0.7), (m, n))) / 8
    stack[0] = np.eye(k)[0]
    return stack


def slowly(metric, stack, y, weight=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a class is never predicted
        return [metric.loss(y, predicted, weight) for predicted in stack]


OF_TWO = {"f1", "precision", "recall", "jaccard", "roc_auc"}
OF_CLASSES = [
    (one, k)
    for one in sorted({*PROPER_METRICS, *RANK_METRICS, *COUNT_METRICS})
    for k in (2, 3, 5)
    if k == 2 or one not in OF_TWO
]


@pytest.mark.parametrize(("scorer", "k"), OF_CLASSES)
def test_fast_losses_of_classes_are_scikit_learns(scorer, k):
    rng = np.random.default_rng(k)
    for n in (k, 120):
        y = np.r_[np.arange(k), rng.integers(0, k, n - k)]
        stack = predictions(rng, 4, n, k)
        for positive in (0, 1) if k == 2 else (1,):
            metric = Measure(scorer, scorer, k, positive, not scorer.startswith("neg_"))
            weight = np.r_[np.full(k, 1.0), rng.gamma(1.0, size=n - k)]
            for w in (None, weight):
                found, expected = losses_of(stack, y, metric, weight=w), slowly(metric, stack, y, w)
                np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scorer", sorted(NUMBER_METRICS))
def test_fast_losses_of_numbers_are_scikit_learns(scorer):
    rng = np.random.default_rng(0)
    metric = Measure(scorer, scorer, 0, greater_is_better=scorer == "r2")
    for n in (2, 120):
        y = rng.gamma(2.0, size=n)
        y[0] = 0.0
        stack = y + rng.normal(size=(5, n))
        stack[0] = y
        for w in (None, rng.gamma(1.0, size=n)):
            found, expected = losses_of(stack, y, metric, weight=w), slowly(metric, stack, y, w)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["roc_auc", "log_loss", "accuracy", "f1", "average_precision", "kappa", "matthews"])
def test_a_row_of_weight_three_counts_as_three_rows(name):
    rng = np.random.default_rng(5)
    y, weight, metric = rng.integers(0, 2, 30), rng.integers(1, 4, 30), resolve(name, "binary", 2)
    stack = predictions(rng, 3, 30, 2)
    expected = losses_of(np.repeat(stack, weight, axis=1), np.repeat(y, weight), metric)
    np.testing.assert_allclose(losses_of(stack, y, metric, weight=weight.astype(float)), expected, rtol=1e-9)


def test_which_metrics_weigh_rows():
    def plain(y, predicted):
        return float(np.mean(y == predicted))

    def weighing(y, predicted, sample_weight=None):
        return float(np.average(y == predicted, weights=sample_weight))

    y, weight = np.array([0, 1]), np.array([3.0, 1.0])
    predicted = np.array([[0.9, 0.1], [0.8, 0.2]])
    for function, weighs in ((plain, False), (weighing, True), (make_scorer(weighing), True)):
        metric = resolve(function, "binary", 2, YES)
        assert metric.weighs == weighs
        assert metric.loss(y, predicted, weight) == (-0.75 if weighs else -0.5)
        assert losses_of(predicted[None], y, metric, weight=weight)[0] == metric.loss(y, predicted, weight)
    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(weighing).set_score_request(sample_weight=False)
        assert not resolve(scorer, "binary", 2, YES).weighs
    weighed = {name: resolve(name, "multiclass", 3).weighs for name in ("log_loss", "f1", "roc_auc", "roc_auc_ovo")}
    assert weighed == {"log_loss": True, "f1": True, "roc_auc": True, "roc_auc_ovo": False}
    assert not resolve("max_error", "regression", 0).weighs


def test_rows_that_lack_a_class_and_constant_targets():
    rng = np.random.default_rng(1)
    stack = predictions(rng, 3, 20, 3)
    y = rng.integers(0, 2, 20)
    for name in ("accuracy", "balanced_accuracy", "f1_macro", "log_loss", "brier", "kappa", "matthews"):
        metric = resolve(name, "multiclass", 3)
        np.testing.assert_allclose(losses_of(stack, y, metric), slowly(metric, stack, y), rtol=1e-9)
    assert losses_of(stack, np.zeros(20, int), resolve("roc_auc_ovo", "multiclass", 3)).tolist() == [math.inf] * 3
    constant = resolve("r2", "regression", 0)
    flat = np.array([[1.0, 1.0], [1.0, 2.0]])
    np.testing.assert_array_equal(losses_of(flat, np.ones(2), constant), slowly(constant, flat, np.ones(2)))


@pytest.mark.parametrize(
    ("name", "task", "function", "takes"),
    [
        ("roc_auc", "binary", reference.roc_auc_score, "second"),
        ("average_precision", "binary", reference.average_precision_score, "second"),
        ("brier", "binary", reference.brier_score_loss, "second"),
        ("f1", "binary", reference.f1_score, "label"),
        ("matthews", "multiclass", reference.matthews_corrcoef, "label"),
        ("kappa", "multiclass", reference.cohen_kappa_score, "label"),
        ("log_loss", "multiclass", reference.log_loss, "all"),
        ("brier", "multiclass", reference.brier_score_loss, "all"),
        ("average_precision", "multiclass", reference.average_precision_score, "all"),
        ("rmse", "regression", reference.root_mean_squared_error, "number"),
        ("mse", "regression", reference.mean_squared_error, "number"),
        ("median_ae", "regression", reference.median_absolute_error, "number"),
        ("mape", "regression", reference.mean_absolute_percentage_error, "number"),
        ("rmsle", "regression", reference.root_mean_squared_log_error, "number"),
        ("max_error", "regression", reference.max_error, "number"),
    ],
)
def test_names_are_what_they_say(name, task, function, takes):
    rng = np.random.default_rng(2)
    k = {"binary": 2, "multiclass": 4, "regression": 0}[task]
    y = rng.gamma(2.0, size=60) if not k else np.r_[np.arange(k), rng.integers(0, k, 60 - k)]
    predicted = y + rng.random(60) if not k else predictions(rng, 2, 60, k)[1]
    given = {"second": lambda: predicted[:, 1], "label": lambda: predicted.argmax(axis=1)}.get(takes, lambda: predicted)
    metric = resolve(name, task, k)
    assert metric.name == name
    assert metric.score(metric.loss(y, predicted)) == pytest.approx(function(y, given()))


def test_a_function_that_is_called_like_a_column_of_the_leaderboard_gets_another_name(fitted):
    def own(y, predicted):
        return float(np.mean(y == predicted))

    for column in fitted["binary"][0].leaderboard().columns.drop("roc_auc"):
        own.__name__ = column
        assert resolve(Metric(own, greater_is_better=True), "binary", 2).name == f"metric {column}"


def test_negated_names_are_shown_in_their_usual_sign():
    assert resolve("neg_log_loss", "binary", 2).name == "log_loss"
    assert resolve("neg_mean_poisson_deviance", "regression", 0).name == "mean_poisson_deviance"
    assert not resolve("neg_mean_squared_error", "regression", 0).greater_is_better


def test_the_positive_class():
    y = np.array([0, 0, 0, 1, 1])
    predicted = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.6, 0.4]])
    labels = YES[predicted.argmax(axis=1)]
    for positive in YES:
        metric = resolve(Metric("precision", positive=positive), "binary", 2, YES)
        assert -metric.loss(y, predicted) == reference.precision_score(YES[y], labels, pos_label=positive)
    ones = resolve(Metric("recall", positive="0"), "binary", 2, np.array([0, 1]))
    assert ones.positive == 0, "the command line knows text only"
    assert resolve(Metric("recall", positive=True), "binary", 2, np.array([False, True])).positive == 1
    for metric, task, n, sentence in [
        (Metric("f1", positive="maybe"), "binary", 2, "'maybe', which is no class of the target; use 'no' or 'yes'"),
        (Metric("f1", positive="yes"), "multiclass", 3, "a target of 3 classes; leave it out"),
        (Metric("mae", positive=1), "regression", 0, "a target of numbers"),
        (Metric(reference.accuracy_score, positive="yes"), "binary", 2, "knows? by itself|know by itself"),
    ]:
        with pytest.raises(InvalidInput, match=sentence):
            resolve(metric, task, n, YES if n == 2 else np.arange(n))


def test_functions_get_the_users_labels_and_directions_are_found_out():
    seen = []

    def profit(y, predicted):
        seen.append((y, predicted))
        return float(np.sum((y == "yes") & (predicted == "yes")))

    metric = resolve(profit, "binary", 2, YES)
    assert (metric.name, metric.greater_is_better) == ("profit", True)
    assert -metric.loss(np.array([1, 0]), np.array([[0.2, 0.8], [0.1, 0.9]])) == 1
    assert seen[-1][0].tolist() == ["yes", "no"]
    assert seen[-1][1].tolist() == ["yes", "yes"]
    assert not resolve(lambda y, p: np.abs(y - p).max(), "regression", 0).greater_is_better
    assert not resolve(reference.zero_one_loss, "multiclass", 3).greater_is_better
    shapes = []
    for k in (2, 3):
        of = Metric(lambda y, p: shapes.append(p.shape) or float(len(p)), greater_is_better=True, needs="proba")
        resolve(of, "binary" if k == 2 else "multiclass", k).loss(np.arange(k), np.eye(k))
        assert shapes[-1] == ((k,) if k == 2 else (k, k))
    first = Metric(lambda y, p: p[0], positive="no", needs="proba", greater_is_better=True)
    assert resolve(first, "binary", 2, YES).loss(np.array([0]), np.array([[0.9, 0.1]])) == -0.9


def test_scorers_and_scikit_learns_functions():
    y = np.array([0, 1, 1])
    predicted = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]])
    scorer = make_scorer(reference.f1_score, pos_label="no")
    assert -resolve(scorer, "binary", 2, YES).loss(y, predicted) == reference.f1_score(
        YES[y], YES[predicted.argmax(axis=1)], pos_label="no"
    )
    error = resolve(make_scorer(reference.mean_squared_error, greater_is_better=False), "regression", 0)
    assert (error.name, error.greater_is_better) == ("mean_squared_error", False)
    assert error.loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == 2
    assert resolve(reference.roc_auc_score, "binary", 2).scorer == "roc_auc"
    assert resolve(reference.log_loss, "multiclass", 3).scorer == "neg_log_loss"
    by_hand = resolve(lambda estimator, X, y: float((estimator.predict(X) == y).mean()), "binary", 2, YES)
    assert by_hand.loss(y, predicted) == pytest.approx(-2 / 3)


class Locked:
    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, y, predicted):
        return float((y == predicted).mean())


def failing(y, predicted):
    raise ZeroDivisionError("no rows")


@pytest.mark.parametrize(
    ("metric", "task", "sentence"),
    [
        ("acuracy", "binary", "there is no metric 'acuracy'; did you mean 'accuracy'"),
        ("auc", "binary", "did you mean 'roc_auc'"),
        ("rmse", "binary", "does not fit a binary target"),
        ("f1", "regression", "does not fit a regression target"),
        (Locked(), "binary", "'Locked' cannot be sent to the worker processes"),
        (failing, "binary", "'failing' failed with ZeroDivisionError: no rows, for arrays of labels; correct it"),
        (lambda y, p: 1.0, "binary", "it cannot be determined whether higher values of the metric 'metric' are better"),
        (Metric(lambda y, p: 1.0, needs="proba"), "regression", "neither labels nor probabilities"),
    ],
)
def test_metrics_that_cannot_be(metric, task, sentence):
    if metric is failing:
        metric = Metric(failing, greater_is_better=True)
    with pytest.raises(InvalidInput, match=sentence):
        resolve(metric, task, 0 if task == "regression" else 2)


def test_declarations_that_contradict_themselves():
    for options, sentence in [
        ({"metric": 3}, "the metric is 3"),
        ({"metric": "f1", "needs": "proba"}, "knows its direction"),
        ({"metric": make_scorer(reference.f1_score), "greater_is_better": True}, "knows its direction"),
        ({"metric": failing, "needs": "labels"}, "use 'label' or 'proba'"),
    ]:
        with pytest.raises(InvalidInput, match=sentence):
            Metric(**options)


def test_a_target_on_which_a_metric_is_not_defined_is_refused_at_once():
    with pytest.raises(InvalidInput, match="'rmsle' does not fit a regression target"):
        resolve("rmsle", "regression", 0, y=np.array([-3.0, 2.0]))


def test_keys_tell_metrics_apart():
    keys = {
        metric_key(m) for m in (None, "f1", Metric("f1", positive="a"), Metric("f1", positive="b"), failing, Locked)
    }
    assert len(keys) == 6
    assert metric_key(failing) == metric_key(Metric(failing))


def test_a_fit_for_an_own_metric_and_what_a_bundle_keeps(tmp_path):
    X, y = messy("binary", rows=120)

    def hits(truth, predicted):
        assert set(truth) <= {"no", "yes"}
        return float((truth == predicted).sum())

    model = AutoClassifier(hits, **FAST).fit(X, y)
    assert model.leaderboard().columns[2] == "hits"
    assert model.score(X, y) == (model.predict(X) == y).sum()
    model.save(tmp_path / "m.s")
    again = load(tmp_path / "m.s")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.leaderboard()["hits"].equals(model.leaderboard()["hits"])
    with pytest.raises(InvalidInput, match="'hits' is a function, which a saved model does not hold; give it again"):
        again.score(X, y)
    assert report_data(again, X, y).predictions.score is None
    assert again.set_params(metric=hits).score(X, y) == model.score(X, y)
    assert report_data(again).predictions.score == report_data(model).predictions.score > 0
    told, expected = report_data(again, X, y), report_data(model, X, y)
    assert told.predictions.score == expected.predictions.score == model.score(X, y)
    assert told.importance.mean == expected.importance.mean
    assert again.explain(X, y, repeats=2).equals(model.explain(X, y, repeats=2))


def test_a_bundle_keeps_the_positive_class(tmp_path):
    X, y = messy("binary", rows=120)
    model = AutoClassifier(Metric("recall", positive="no"), **FAST).fit(X, y)
    model.save(tmp_path / "m.s")
    again = load(tmp_path / "m.s")
    assert again.metric == model.metric
    assert again.score(X, y) == reference.recall_score(y, model.predict(X), pos_label="no")


def test_a_metric_that_fails_on_some_predictions_fails_trials_and_not_the_fit():
    X, y = messy("regression", rows=80)

    def picky(truth, predicted):
        if len(truth) > 8 and not np.array_equal(truth, predicted):
            raise RuntimeError("too many\nvalues")
        return -float(np.abs(truth - predicted).mean())

    model = AutoRegressor(picky, **FAST).fit(X, y)
    assert model.failures()["error"].str.contains("'picky' failed with RuntimeError: too many values").all()
    assert np.isfinite(model.predict(X)).all()


def test_slow_metrics_stop_the_selection_at_its_deadline():
    calls = []
    metric = resolve(Metric(lambda y, p: calls.append(1) or float((y == p).mean())), "binary", 2)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 50)
    stack = list(predictions(rng, 5, 50, 2))
    calls.clear()
    assert select(stack, y, metric, most=5, seed=0, over=lambda: True) == {0: 1.0}
    assert not calls


def test_bound_metrics_travel():
    y = np.array([0, 1, 1])
    for metric in (resolve("f1", "binary", 2, YES), resolve(reference.accuracy_score, "binary", 2, YES)):
        assert pickle.loads(pickle.dumps(metric)).loss(y, np.eye(2)[y]) == metric.loss(y, np.eye(2)[y])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (Metric(reference.log_loss, greater_is_better=True), "of 'log_loss' less is better"),
        (Metric(reference.roc_auc_score, greater_is_better=False), "of 'roc_auc_score' more is better"),
        (Metric(reference.brier_score_loss, needs="label"), "needs probabilities"),
    ],
)
def test_what_is_said_of_scikit_learns_functions_of_probabilities_must_be_so(wrong, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        resolve(wrong, "binary", 2)
    right = replace(wrong, greater_is_better=None, needs="proba")
    assert resolve(right, "binary", 2).scorer == resolve(wrong.metric, "binary", 2).scorer != ""


def error_of(y, predicted):
    return float(np.mean(y != predicted))


def test_measure_keys_differ_by_direction_and_positive_class():
    labels = np.array(["no", "yes"])
    one = resolve(Metric(error_of, greater_is_better=False), "binary", 2, labels)
    other = resolve(Metric(error_of, greater_is_better=True), "binary", 2, labels)
    assert measure_key(one) != measure_key(other)
    about = [
        resolve(Metric(error_of, needs="proba", positive=label, greater_is_better=True), "binary", 2, labels)
        for label in labels
    ]
    assert len({measure_key(one) for one in about}) == 2
    assert measure_key(resolve("average_precision", "multiclass", 3)) == "average_precision_macro"
    assert measure_key(resolve("average_precision", "binary", 2)) == "average_precision"


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "f1_macro", "kappa"])
def test_classification_metrics_are_refused_for_whole_numbers(name):
    with pytest.raises(InvalidInput, match=r"does not fit a regression target"):
        resolve(name, "regression", 0, y=np.arange(60.0))


def test_rmsle_is_defined_between_minus_one_and_zero():
    metric = resolve("rmsle", "regression", 0)
    y = np.array([-0.5, 0.5, 2.0])
    assert metric.loss(y, y) == 0.0
    assert losses_of(y[None], y, metric).tolist() == [0.0]
    wrong = np.array([-2.0, 0.5, 2.0])
    np.testing.assert_allclose(losses_of(wrong[None], y, metric)[0], metric.loss(y, wrong))
    assert metric.loss(y, wrong) == 0.0  # what is below all that there is counts as the least of it
    assert logarithm_for(metric, y).offset == 1.0
    assert logarithm_for(metric, y - 0.6) is None
    assert logarithm_for(resolve("rmse", "regression", 0), y) is None


def test_the_refusal_of_a_metric_function_names_its_exception(here):
    X, y = table()
    with pytest.raises(InvalidInput, match=r"failed with ValueError: pos_label=1 .*Metric\('f1', positive="):
        AutoClassifier(f1_score, **QUICK).fit(X, y)


def test_poisson_deviance_accepts_counts_of_zero():
    y = np.array([0.0, 2.0, 1.0, 5.0])
    measure = resolve("neg_mean_poisson_deviance", "regression", 0, y=y)
    assert isinstance(measure, Measure)
    assert measure.loss(y, y) < 1e-6 < measure.loss(y, np.array([0.5, 2.0, 1.0, 5.0]))
    assert math.isfinite(measure.loss(y, np.array([-1.0, 2.0, 1.0, 5.0])))


def test_the_refusal_of_a_metric_of_another_task_names_its_estimator():
    y = pd.Series([3, 4, 5, 6] * 20)
    X = pd.DataFrame({"a": RNG.normal(size=80)})
    with pytest.raises(
        InvalidInput, match=r"if it holds numbers, take it for such \(AutoRegressor, --task regression\)"
    ):
        AutoClassifier("rmse").fit(X, y)
    with pytest.raises(InvalidInput, match="if it holds numbers, take it for such"):
        AutoClassifier("quantile@0.9").fit(X, y)
    with pytest.raises(InvalidInput, match=r"AutoClassifier, --task classification"):
        AutoRegressor("accuracy").fit(X, y)
    with pytest.raises(InvalidInput, match=r"choose another\.$"):
        AutoRegressor("rmsle").fit(X, X["a"])
