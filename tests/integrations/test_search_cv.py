"""`SearchCV`: scikit-learn's form of a search, over estimators and pipelines."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from seasoned import Choice, Float, Int, Random, SearchCV, Space
from seasoned.errors import InvalidInput

IRIS = load_iris(return_X_y=True)
C = Float(1e-3, 1e3, log=True)


def test_results_are_those_of_scikit_learn():
    search = SearchCV(SVC(), {"C": C}, trials=6, sampler=Random(), cv=3, random_state=0).fit(*IRIS)
    results = search.cv_results_
    assert search.n_splits_ == 3
    assert len(results["params"]) == 6
    assert set(RandomizedSearchCV(SVC(), {"C": [1.0]}, n_iter=1, cv=3).fit(*IRIS).cv_results_) == set(results)
    for params, score in zip(results["params"], results["mean_test_score"], strict=True):
        assert score == pytest.approx(cross_val_score(SVC(**params), *IRIS, cv=3).mean())
    assert search.best_score_ == max(results["mean_test_score"])
    assert search.best_params_["C"] == search.best_estimator_.C
    assert search.predict(IRIS[0]).shape == IRIS[1].shape
    assert search.score(*IRIS) > 0.9
    assert [trial.value for trial in search.study_.trials] == results["mean_test_score"].tolist()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(search)).predict(IRIS[0]), search.predict(IRIS[0]))


def test_a_pipeline_and_the_direction_of_a_loss():
    pipeline = make_pipeline(StandardScaler(), Ridge())
    space = Space(ridge__alpha=Float(1e-4, 1e4, log=True))
    search = SearchCV(pipeline, space, trials=15, scoring="neg_mean_squared_error", random_state=0)
    search.fit(*load_diabetes(return_X_y=True))
    assert search.best_score_ < 0
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    assert search.study_.best.config["ridge__alpha"] == search.best_params_["ridge__alpha"]


def test_parameters_of_a_choice_exist_under_their_option_only():
    kernel = Choice(rbf=Space(gamma=Float(1e-3, 1, log=True)), linear=Space())
    search = SearchCV(SVC(), Space(kernel=kernel), trials=12, sampler=Random(), random_state=1).fit(*IRIS)
    params = search.cv_results_["params"]
    assert {one["kernel"] for one in params} == {"rbf", "linear"}
    assert all(("gamma" in one) == (one["kernel"] == "rbf") for one in params)


def test_frames_groups_and_clones():
    X = pd.DataFrame(IRIS[0], columns=list("abcd"))
    search = SearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": Int(1, 5)}, trials=4, cv=GroupKFold(3))
    fresh = clone(search.set_params(trials=3, random_state=2))
    fresh.fit(X, IRIS[1], groups=np.arange(150) % 10)
    assert len(fresh.cv_results_["params"]) == 3
    assert list(fresh.feature_names_in_) == list("abcd")
    assert not hasattr(search, "study_")


def test_the_same_seed_gives_the_same_search_in_parallel_too():
    def tried(**how):
        return SearchCV(SVC(), {"C": C}, trials=4, random_state=3, cv=2, **how).fit(*IRIS).cv_results_["params"]

    assert tried() == tried() == tried(n_jobs=2)


def test_failed_configurations_are_failed_trials():
    space = Space(max_depth=Int(-3, 3))
    search = SearchCV(DecisionTreeClassifier(), space, trials=14, sampler=Random(), random_state=0)
    search.fit(*IRIS)
    failed = [trial for trial in search.study_.trials if trial.values is None]
    assert failed
    assert all(trial.config["max_depth"] < 1 for trial in failed)
    assert "max_depth" in failed[0].error
    assert search.best_params_["max_depth"] >= 1


def test_a_fold_without_a_score_is_a_failure():
    space = Space(max_depth=Int(1, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = SearchCV(DecisionTreeClassifier(), space, trials=2, scoring="roc_auc", random_state=0)
        search.fit(*IRIS)  # the AUC of three classes needs an option
    assert [trial.state.value for trial in search.study_.trials] == ["failed", "failed"]


def test_refused():
    with pytest.raises(ValueError, match="max_depth"):
        SearchCV(DecisionTreeClassifier(), {"max_depth": Int(-9, -1)}, trials=30).fit(*IRIS)
    with pytest.raises(InvalidInput, match="trials is 0"):
        SearchCV(SVC(), {"C": C}, trials=0).fit(*IRIS)


def test_a_time_limit_begins_no_further_configuration():
    search = SearchCV(SVC(), {"C": C}, trials=500, time_limit=0.5, cv=2).fit(*IRIS)
    assert 0 < len(search.cv_results_["params"]) < 500
