"""Custom models: search, files, spaces and refusals."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler
from sklearn.svm import SVC, SVR

from in_process import estimator, stay_in_process
from messy import messy
from seasoned import AutoClassifier, Categorical, Choice, CustomModel, Float, Int, SearchSettings, Space, load
from seasoned.errors import InvalidInput
from seasoned.tabular.bundle.archive import with_tuples
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import choose


def test_custom_models_with_category_splits_cannot_be_saved(tmp_path, monkeypatch, caplog):
    stay_in_process(monkeypatch)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"kind": rng.choice(list("abc"), 120), "x": rng.normal(size=120)})
    y = np.where((X["kind"] == "a") ^ (X["x"] > 0), "yes", "no")
    for options in ({"categorical_features": [0]}, {"scoring": "roc_auc", "early_stopping": True}):
        own = CustomModel("hgb", HistGradientBoostingClassifier(max_iter=5, **options), Space(), diet="codes")
        assert not own.storable
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="seasoned"):
            model = estimator("classification", [own]).fit(X, y)
        assert "hgb" in caplog.text
        with pytest.raises(InvalidInput, match="cannot be saved"):
            model.save(tmp_path / "m.seasoned")
    plain = CustomModel("hgb", HistGradientBoostingClassifier(max_iter=5), Space(), diet="codes")
    model = estimator("classification", [plain]).fit(X, y)
    model.save(tmp_path / "m.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "m.seasoned").predict_proba(X), model.predict_proba(X))


def auto(*models, **options):
    return AutoClassifier(trials=len(models), search=SearchSettings(models=models, folds=3), random_state=0, **options)


def test_a_custom_model_is_searched_in_workers_and_saved(tmp_path):
    X, y = messy("binary", rows=120)
    own = CustomModel("bayes", LinearDiscriminantAnalysis(), Space(tol=Float(1e-6, 1e-2, log=True)))
    model = auto(own, experience=None, workers=1).fit(X, y)
    assert set(model.leaderboard()["model"]) == {"bayes"}
    model.save(tmp_path / "own.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "own.seasoned").predict_proba(X), model.predict_proba(X))


class Memory(ClassifierMixin, BaseEstimator):
    """Classifier from outside scikit-learn: constant class shares, and one parameter."""

    def __init__(self, strength=1.0):
        self.strength = strength

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / len(y)
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (len(X), 1))


def test_a_custom_class_predicts_and_is_never_saved(tmp_path):
    X, y = messy("binary", rows=120)
    model = auto(CustomModel("memory", Memory(), Space(strength=Float(0, 2))), experience=None, workers=1).fit(X, y)
    assert model.predict_proba(X).shape == (120, 2)
    with pytest.raises(InvalidInput, match="'memory' \\(Memory\\) cannot be saved"):
        model.save(tmp_path / "own.seasoned")
    assert not list(tmp_path.glob("*.seasoned"))


def test_invalid_custom_models_are_refused_with_their_cause():
    with pytest.raises(InvalidInput, match="no parameter 'depth'"):
        CustomModel("svm", SVC(), Space(depth=Int(1, 3)))
    with pytest.raises(InvalidInput, match="no scikit-learn estimator"):
        CustomModel("svm", SVC, Space())
    with pytest.raises(InvalidInput, match="predict_proba"):
        CustomModel("svm", RidgeClassifier(), Space()).space("binary")
    with pytest.raises(InvalidInput, match="does not fit the task, regression"):
        CustomModel("svm", Memory(), Space()).space("regression")
    with pytest.raises(InvalidInput, match="two models are called 'linear'"):
        choose(["forest", CustomModel("linear", Memory(), Space())])


def test_a_choice_of_a_custom_space_sets_all_its_parameters():
    space = Space(kernel=Choice(rbf=Space(gamma=Float(0.1, 1.0)), linear=Space()), C=Float(0.1, 10))
    built = CustomModel("svm", SVC(), space).build({"kernel": {"rbf": {"gamma": 0.5}}, "C": 2.0}, Job("binary", 2, 7))
    assert (built.kernel, built.gamma, built.C, built.random_state) == ("rbf", 0.5, 2.0, 7)


@pytest.mark.slow
def test_the_custom_model_example_runs(tmp_path):
    example = Path(__file__).parents[3] / "examples" / "custom_model.py"
    assert len(example.read_text().splitlines()) < 80
    environment = {**os.environ, "SEASONED_CACHE": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert "gaussian_process" in run.stdout


def test_tuples_stay_tuples_in_configurations_of_a_custom_model(here):
    X, y = messy("binary")
    numbers = X.select_dtypes("number").fillna(0.0)
    pipe = make_pipeline(RobustScaler(), LogisticRegression())
    space = Space(
        robustscaler__quantile_range=Categorical([(10.0, 90.0), (25.0, 75.0)]),
        logisticregression__C=Float(0.01, 10, log=True),
    )
    model = estimator("classification", [CustomModel("pipe", pipe, space)], trials=4).fit(numbers, y)
    assert all(isinstance(m.config["robustscaler__quantile_range"], tuple) for m in model.fitted_.members)
    board = model.leaderboard()
    assert board["weight"].sum() == pytest.approx(1.0)
    assert with_tuples(json.loads(json.dumps(model.fitted_.members[0].config))) == model.fitted_.members[0].config


def test_the_steps_of_a_custom_pipeline_are_seeded():
    own = CustomModel("p", make_pipeline(StandardScaler(), RandomForestRegressor(n_estimators=5)), Space())
    assert own.seeded
    X = np.random.default_rng(0).normal(size=(60, 3))
    found = [own.build({}, Job("regression", 0, 7)).fit(X, X[:, 0]).predict(X) for _ in range(2)]
    np.testing.assert_array_equal(*found)
    fixed = CustomModel("p", make_pipeline(StandardScaler(), RandomForestRegressor(random_state=1)), Space())
    assert not fixed.seeded


def test_unknown_parameters_in_any_option_of_a_custom_space_are_refused():
    space = Space(kernel=Choice(rbf=Space(gamma=Float(0.1, 1)), poly=Space(degre=Int(2, 3))))
    with pytest.raises(InvalidInput, match="'degre'"):
        CustomModel("svr", SVR(), space)
