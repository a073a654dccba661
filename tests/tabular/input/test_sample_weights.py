"""Rows that count differently: in every family that can, in the metric, in the ensemble, and in whole fits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.neighbors import KNeighborsClassifier

from in_process import estimator, stay_in_process
from optional import needs
from seasoned import AutoClassifier, AutoRegressor, CustomModel, Int, SearchSettings, Space
from seasoned.errors import InvalidInput
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models.registry import MODELS, find, takes_weights
from seasoned.tabular.postprocessing.validation_evidence import ValidationEvidence

SEARCH = SearchSettings(models=["linear"], folds=2)
RNG = np.random.default_rng(0)

WEIGHING = ("baseline", *(name for name, model in MODELS.items() if takes_weights(model)))
QUICK = {"tuned_mlp": {"layers": 1, "width": 16, "rounds": 50}}
HEAVY = [pytest.param(name, marks=[pytest.mark.slow] * (name == "realmlp")) for name in WEIGHING]


def contradictory(task):
    """Each row three times with the one target and once with the other; the first weighs a quarter of the second.

    Where weights count, each of both has half of the mass and more: 3 against 12.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    X, y = np.vstack([X, X, X, X]), np.repeat([0, 0, 0, 1], 100)
    weights = np.where(y == 1, 12.0, 1.0)
    return X, y.astype(float) if task == "regression" else y, weights / weights.mean()


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("name", HEAVY)
def test_heavy_rows_win(name, task):
    needs(name)
    X, y, weights = contradictory(task)
    model, classes = find(name), {"binary": 2, "multiclass": 3, "regression": 0}[task]
    means = []
    for weighing in (None, (weights, weights)):
        learner = model.build(model.space(task).default | QUICK.get(name, {}), Job(task, classes, 0))
        model.fit(learner, (X, y), (X, y), None, weighing)
        predicted = predict(model.load(model.dump(learner)), X, classes)
        means.append(float((predicted if task == "regression" else predicted[:, 1]).mean()))
    if name == "tuned_mlp":  # the weights that it learns for classes move shares too
        assert means[1] - means[0] > 0.25
    else:
        assert means == pytest.approx([0.25, 0.8], abs=0.05)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)


def test_a_whole_fit_obeys_weights(here):
    X, y, weights = contradictory("binary")
    model = estimator("classification", ["linear", "tree"], metric="accuracy", trials=3)
    light = model.fit(X, y).predict(X)
    heavy = model.fit(X, y, sample_weight=weights)
    assert light.mean() < 0.1
    assert heavy.predict(X).mean() > 0.9
    assert heavy.score(X, y) == pytest.approx(0.25, abs=0.05)
    assert heavy.score(X, y, sample_weight=weights) == pytest.approx(0.8, abs=0.05)
    board = heavy.leaderboard()
    assert board["accuracy"].max() == pytest.approx(0.8, abs=0.05), "validation weighs rows as well"
    assert heavy.fitted_.validated.loss == pytest.approx(-0.8, abs=0.05)


def test_only_the_proportions_of_weights_count(here):
    X, y, weights = contradictory("regression")
    model = estimator("regression", ["linear", "neighbours"])
    expected = model.fit(X, y, sample_weight=weights).predict(X)
    np.testing.assert_allclose(model.fit(X, y, sample_weight=1e6 * weights).predict(X), expected, rtol=1e-9)
    counted = np.arange(len(y)) % 5 > 0
    left_out = model.fit(X, y, sample_weight=counted * weights).predict(X)
    np.testing.assert_allclose(model.fit(X[counted], y[counted], sample_weight=weights[counted]).predict(X), left_out)


def test_what_takes_no_weights_is_named(here, caplog):
    def share(y, predicted):
        return float(np.mean(y == predicted))

    X, y, weights = contradictory("binary")
    own = CustomModel("votes", KNeighborsClassifier(), Space(n_neighbors=Int(1, 30, default=5)))
    model = estimator("classification", ["linear", own], metric=share)
    model.fit(X, y, sample_weight=weights)
    assert "the metric 'share' takes no sample_weight" in caplog.text
    assert "count the same in votes" in caplog.text
    assert model.failures().empty


def test_weights_and_groups_are_routed(here):
    X, y, weights = contradictory("binary")
    groups = np.arange(len(y)) % 100
    with config_context(enable_metadata_routing=True):
        model = estimator("classification", metric="accuracy").set_fit_request(sample_weight=True, groups=True)
        model.set_score_request(sample_weight=True)
        given = {"sample_weight": weights, "groups": groups}
        found = cross_validate(model, X, y, cv=GroupKFold(2), params=given, return_estimator=True)
    np.testing.assert_allclose(found["test_score"], 0.8, atol=0.05)
    for fitted in found["estimator"]:
        assert fitted.predict(X).mean() > 0.9


def test_weights_in_validation_survive_a_file_and_forged_ones_are_refused():
    truth, predicted = np.array([1.0, 2.0]), np.array([1.0, 2.5], dtype=np.float32)
    kept = ValidationEvidence(truth, predicted, 0.5, np.array([0.5, 1.5]))
    np.testing.assert_array_equal(ValidationEvidence.load(kept.dump(), 0).weights, kept.weights)
    assert ValidationEvidence.load(ValidationEvidence(truth, predicted, 0.5).dump(), 0).weights is None
    for weights in ([1.0], [1.0, 0.0], [2.0, -1.0]):
        with pytest.raises(ValueError, match="weights in validation"):
            ValidationEvidence.load(ValidationEvidence(truth, predicted, 0.5, np.array(weights)).dump(), 0)


@pytest.mark.parametrize("given", [[np.inf] * 40, [1.0] * 39 + [np.inf]])
def test_infinite_sample_weights_are_refused(given):
    X = np.random.default_rng(0).normal(size=(40, 2))
    with pytest.raises(InvalidInput, match="sample_weight holds infinity"):
        estimator("regression").fit(X, X[:, 0], sample_weight=given)


@pytest.fixture
def table():
    X = pd.DataFrame(RNG.normal(size=(120, 2)), columns=["a", "b"])
    return X, pd.Series(np.where(X["a"] > 0, "yes", "no"))


def test_rows_of_weight_zero_are_left_out_of_scores(table, monkeypatch):
    stay_in_process(monkeypatch)
    X, y = table
    w = np.ones(len(y))
    w[:3] = 0.0
    odd = y.copy()
    odd[:3] = "test"
    model = AutoClassifier("accuracy", trials=1, workers=1, search=SEARCH, random_state=0, experience=None)
    model.fit(X, odd, sample_weight=w)
    assert model.score(X, odd, sample_weight=w) == model.score(X[3:], y[3:])
    assert len(model.leaderboard(X, odd, sample_weight=w)) >= 2
    with pytest.raises(InvalidInput, match="'test', a class that was not there"):
        model.score(X, odd)
    with pytest.raises(InvalidInput, match="inconsistent numbers of samples"):
        model.score(X, odd[1:], sample_weight=w)
    number = X["a"].copy()
    number[:3] = 1e6
    regressor = AutoRegressor("max_error", trials=1, workers=1, search=SEARCH, random_state=0, experience=None)
    regressor.fit(X, number, sample_weight=w)
    assert regressor.score(X, number, sample_weight=w) > -1.0
    with pytest.raises(InvalidInput, match="takes no sample_weight"):
        regressor.explain(X, method="shap", sample_weight=w)
    with pytest.raises(InvalidInput, match="takes no background"):
        regressor.explain(X, number, background=X)


def test_a_report_without_rows_refuses_weights(table, tmp_path, monkeypatch):
    stay_in_process(monkeypatch)
    X, y = table
    model = AutoClassifier("accuracy", trials=1, workers=1, search=SEARCH, random_state=0, experience=None).fit(X, y)
    with pytest.raises(InvalidInput, match="no rows are given"):
        model.report(tmp_path / "r.html", sample_weight=np.ones(len(y)))
    assert not (tmp_path / "r.html").exists()
