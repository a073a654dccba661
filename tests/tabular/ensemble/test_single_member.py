"""One model of those that predict together: its predictions, and its score on the leaderboard."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from in_process import estimator, stay_in_process
from messy import messy
from seasoned import AutoClassifier, AutoRegressor, Metric, load
from seasoned.errors import InvalidInput
from seasoned.tabular.ensemble.fitted_model import Member
from seasoned.tabular.metrics.decision_rule import Decision
from seasoned.tabular.postprocessing.calibration import Scaling
from seasoned.tabular.postprocessing.postprocessor import Postprocessor
from three_families import fit

TASKS = ("binary", "multiclass", "regression")


@pytest.fixture
def pairs(fitted):
    """For each task a model of which the first and the last trial predict together, a fifth and four fifths."""
    return {task: (two_of(model), X, y) for task, (model, X, y) in fitted.items()}


def two_of(model):
    """The same with the members of the first two families held; both are there, for four were tried at least."""
    found = copy.copy(model)
    complete = [trial for trial in model.fitted_.trials if trial.state == "complete"]
    held = {member.name: member for member in model.fitted_.members}
    first = next(iter(held.values()))
    other = next(trial for trial in complete if trial.model != first.name)
    estimator = held[other.model].estimator if other.model in held else Half(model.fitted_)
    second = Member(other.model, other.config, estimator, 0.8)
    found.fitted_ = replace(model.fitted_, members=(replace(first, weight=0.2), second), postprocessor=Postprocessor())
    return found


class Half:
    """Predicts the same for all rows."""

    n_features_in_ = None

    def __init__(self, fitted):
        self.classes = len(fitted.classes)

    def predict(self, X):
        return np.zeros(len(X))

    def predict_proba(self, X):
        return np.full((len(X), self.classes), 1 / self.classes)


def numbers(model):
    """Of the trials held, in the order of the members."""
    board, configs = model.leaderboard(), model.leaderboard().attrs["configs"]
    tried = [(number, name, configs[number]) for number, name in zip(board["number"], board["model"], strict=True)]
    return [
        int(next(number for number, *told in tried if told == [member.name, member.config]))
        for member in model.fitted_.members
    ]


def raw(estimator, X, model=None):
    predict = estimator.predict if isinstance(estimator, AutoRegressor) else estimator.predict_proba
    return predict(X, model=model)


@pytest.mark.parametrize("task", TASKS)
def test_all_together_are_the_weighted_mean_of_each_alone(pairs, task):
    model, X, _ = pairs[task]
    first, second = (raw(model, X, model=number) for number in numbers(model))
    assert np.abs(first - second).max() > 0.01
    np.testing.assert_array_equal(raw(model, X), 0.2 * first + 0.8 * second)
    if task != "regression":
        labels = model.classes_[first.argmax(axis=1)]
        np.testing.assert_array_equal(model.predict(X, model=numbers(model)[0]), labels)


def test_a_model_is_called_by_its_number_or_its_name(pairs):
    model, X, _ = pairs["binary"]
    first, member = numbers(model)[0], model.fitted_.members[0]
    expected = model.predict_proba(X, model=first)
    for key in (member.name, np.int64(first), np.str_(member.name)):
        np.testing.assert_array_equal(model.predict_proba(X, model=key), expected)
    for key in (None, "ensemble"):
        np.testing.assert_array_equal(model.predict_proba(X, model=key), model.predict_proba(X))


@pytest.mark.parametrize("key", [99, -1, "oracle", True, 1.0, "", ["linear"]])
def test_what_is_not_held_is_refused_and_what_is_held_is_named(pairs, key):
    model, X, _ = pairs["multiclass"]
    held = ", ".join(
        f"{number} ({member.name})" for number, member in zip(numbers(model), model.fitted_.members, strict=True)
    )
    for ask in (model.predict, model.predict_proba):
        with pytest.raises(InvalidInput) as error:
            ask(X, model=key)
        assert str(error.value) == (
            f"model is {key!r}, and the models held are {held}; pass the number of one, or None for all together."
        )


def test_a_name_that_several_models_have_needs_a_number(pairs):
    model, X, _ = pairs["regression"]
    first, second = model.fitted_.members
    twin = replace(first, config=second.config)
    trials = tuple(replace(trial, model=first.name) for trial in model.fitted_.trials)
    model.fitted_ = replace(model.fitted_, members=(first, twin), trials=trials)
    with pytest.raises(InvalidInput, match=rf"'{first.name}', and several models have that name; pass the number"):
        model.predict(X, model=first.name)
    np.testing.assert_array_equal(model.predict(X, model=numbers(model)[1]), model.predict(X, model=numbers(model)[0]))


def test_a_model_of_no_trial_goes_by_its_name(pairs):
    model, X, y = pairs["binary"]
    first = model.fitted_.members[0]
    member = Member("baseline", {}, first.estimator, own=first.model)
    model.fitted_ = replace(model.fitted_, members=(member,))
    np.testing.assert_array_equal(model.predict_proba(X, model="baseline"), model.predict_proba(X))
    with pytest.raises(InvalidInput, match="held are 'baseline'; pass"):
        model.predict(X, model=0)
    board = model.leaderboard(X, y)
    assert board["test_roc_auc"].notna().tolist() == [True] + [False] * (len(board) - 1)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_leaderboard_scores_every_model_held_and_all_together(pairs, task, weighted):
    model, _, _ = pairs[task]
    X, y = messy(task, rows=80, seed=7)
    weights = {"sample_weight": np.arange(80) % 3} if weighted else {}
    metric = model.fitted_.metric
    before, board = model.leaderboard(), model.leaderboard(X, y, **weights)
    test = f"test_{metric.name}"
    assert list(board.columns) == [*before.columns[:3], test, *before.columns[3:]]
    pd.testing.assert_frame_equal(board.drop(columns=test)[1:].reset_index(drop=True), before, check_dtype=False)
    assert board.attrs == before.attrs
    together = board.iloc[0]
    assert (together["model"], together["weight"], together["config"]) == ("ensemble", 1.0, "")
    assert together[["rank", "number", "seconds"]].isna().all()
    assert together[metric.name] == metric.score(model.fitted_.validated.loss)
    assert together[test] == metric.score(-model.score(X, y, **weights))
    trials = board[1:].set_index("number")[test]
    held = numbers(model)
    assert set(trials.dropna().index) == set(held)
    for number in held:
        found = raw(model, X, model=number)
        if task == "binary":
            expected = roc_auc_score(y, found[:, 1], **weights)
        elif task == "multiclass":
            expected = log_loss(y, found, **weights)
        else:
            expected = np.sqrt(np.average((found - y) ** 2, weights=weights.get("sample_weight")))
        assert trials[number] == pytest.approx(expected, rel=1e-9)
    assert trials.min() > 0, "errors are not negated, as beside"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"X": [[1]]}, "y is None"),
        ({"y": [1]}, "X is None"),
        ({"sample_weight": [1]}, "X is None"),
    ],
)
def test_half_of_the_rows_is_refused(fitted, given, sentence):
    with pytest.raises(InvalidInput, match=f"{sentence}; .*leaderboard needs rows and their target: pass both"):
        fitted["binary"][0].leaderboard(**given)


def test_rows_that_do_not_fit_are_refused(fitted):
    model, X, y = fitted["binary"]
    with pytest.raises(InvalidInput, match="X has 240 rows and y has 3"):
        model.leaderboard(X, y[:3])
    with pytest.raises(InvalidInput, match="0 rows, for which there is no score"):
        model.leaderboard(X[:0], y[:0])
    with pytest.raises(InvalidInput, match="'maybe'"):
        model.leaderboard(X, y.replace("no", "maybe"))
    with pytest.raises(NotFittedError):
        AutoClassifier().leaderboard(X, y)
    with pytest.raises(NotFittedError):
        AutoClassifier().predict(X, model="linear")


def test_threshold_and_calibration_are_those_of_all_together(pairs):
    model, X, y = pairs["binary"]
    metric = replace(model.fitted_.metric, name="f1", scorer="f1")
    finish = Postprocessor(Scaling(0.5, (0.0, 0.5)), Decision.at(0.95))
    plain = model.predict_proba(X, model=numbers(model)[0])
    model.fitted_ = replace(model.fitted_, metric=metric, postprocessor=finish)
    assert np.abs(model.predict_proba(X) - finish.calibration.apply(plain)).max() > 0
    np.testing.assert_array_equal(model.predict_proba(X, model=numbers(model)[0]), plain)
    labels = model.predict(X, model=numbers(model)[0])
    np.testing.assert_array_equal(labels, model.classes_[plain.argmax(axis=1)])
    board = model.leaderboard(X, y)
    assert board.set_index("number")["test_f1"][numbers(model)[0]] == f1_score(y, labels, pos_label="yes")
    assert board["test_f1"][0] == model.score(X, y)


def test_costs_decide_for_a_model_alone_too(pairs):
    model, X, y = pairs["binary"]
    costs = np.array([[0.0, 1.0], [20.0, 0.0]])
    metric = replace(model.fitted_.metric, name="cost", scorer="cost", costs=costs, greater_is_better=False)
    finish = Postprocessor(Scaling(0.5, (0.0, 0.5)), Decision(costs, given=True))
    model.fitted_ = replace(model.fitted_, metric=metric, postprocessor=finish)
    number = numbers(model)[0]
    p, labels = model.predict_proba(X, model=number), model.predict(X, model=number)
    np.testing.assert_array_equal(labels == "yes", 20 * p[:, 1] > p[:, 0])
    paid = np.mean([costs[int(t == "yes"), int(found == "yes")] for t, found in zip(y, labels, strict=True)])
    assert model.leaderboard(X, y).set_index("number")["test_cost"][number] == pytest.approx(paid)


def test_a_loaded_model_knows_its_parts_and_may_need_its_metric(monkeypatch, tmp_path):
    stay_in_process(monkeypatch)
    X, y = messy("regression", rows=90)

    def gap(truth, predicted):
        return float(np.abs(truth - predicted).mean())

    metric = Metric(gap, greater_is_better=False)
    model = estimator("regression", ("linear", "lightgbm"), metric=metric).fit(X, y)
    model.save(tmp_path / "m.seasoned")
    again = load(tmp_path / "m.seasoned")
    name = model.fitted_.members[0].name
    np.testing.assert_array_equal(again.predict(X, model=name), model.predict(X, model=name))
    with pytest.raises(InvalidInput, match=r"set_params\(metric=...\)"):
        again.leaderboard(X, y)
    again.set_params(metric=metric)
    pd.testing.assert_frame_equal(again.leaderboard(X, y), model.leaderboard(X, y))
    best = model.leaderboard(X, y)
    assert best.set_index("model")["test_gap"][name] == pytest.approx(gap(y, model.predict(X, model=name)))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_selected_model_predicts_and_is_saved_on_its_own(here, task, tmp_path):
    model, X, y = fit(task)
    members = model.fitted_.members
    assert len(members) > 1
    number = int(model.leaderboard().query("weight > 0")["number"].iloc[0])
    alone = model.only(number)
    np.testing.assert_array_equal(alone.predict(X), model.predict(X, model=number))
    assert alone.get_params()["search"] == model.get_params()["search"]
    assert len(model.fitted_.members) == len(members), "the ensemble is as it was"
    for name, one in (("all", model), ("one", alone)):
        one.save(tmp_path / f"{name}.seasoned")
    assert (tmp_path / "one.seasoned").stat().st_size < (tmp_path / "all.seasoned").stat().st_size
    again = load(tmp_path / "one.seasoned")
    np.testing.assert_array_equal(again.predict(X), alone.predict(X))
    assert [member.weight for member in again.fitted_.members] == [1.0]
    assert again.refit(X, y).predict(X).shape == (160,)
    with pytest.raises(InvalidInput, match="single model of an ensemble"):
        alone.predict_set(X) if task == "binary" else alone.predict_interval(X)


def test_a_selected_model_decides_by_the_costs_of_the_fit(here):
    model, X, _ = fit("binary", Metric("cost", costs={("yes", "no"): 9}))
    number = int(model.leaderboard().query("weight > 0")["number"].iloc[0])
    alone = model.only(number)
    expected = np.where(alone.predict_proba(X)[:, 1] > 0.1, "yes", "no")
    np.testing.assert_array_equal(alone.predict(X), expected)


def _twice(fitted):
    return replace(fitted, members=fitted.members * 2)


def test_a_stacked_model_cannot_be_selected_alone(here, monkeypatch):
    model, _, _ = fit("regression")
    pair = model.fitted_.alone(0)
    monkeypatch.setattr("seasoned.tabular.estimator.select_member", lambda *_: _twice(pair))
    with pytest.raises(InvalidInput, match="learns from other models' predictions"):
        model.only(0)
    with pytest.raises(InvalidInput, match="give the number of one model"):
        model.only("ensemble")
