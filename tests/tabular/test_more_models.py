"""Families that test_models.py has no place for: what is theirs alone, and the boosters of the extra."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifier
from sklearn.svm import SVC

from messy import messy
from optional import needs
from seasoned import AutoClassifier, Choice, CustomModel, Float, Int, SearchSettings, Space, load
from seasoned.errors import InvalidInput, MissingExtra
from seasoned.tabular.models._common import optional_packages
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models._common.boosting_rounds import most_rounds
from seasoned.tabular.models.registry import EXTRAS, choose, find

TASKS = ("binary", "multiclass", "regression")
QUICK = {
    "xgboost": {"eta": 0.3, "max_depth": 4},
    "catboost": {"learning_rate": 0.2, "depth": 4},
    "realmlp": {"layers": 1, "width": 32, "epochs": 40, "batch": 64},
    "tuned_mlp": {"layers": 1, "width": 16, "rounds": 60},
}
BOOSTERS = ("xgboost", "catboost")
NAMES = ("tree", "extra_trees", "neighbours", "splines", "mlp", *EXTRAS)


def table(task, rows=300):
    """Numbers with gaps, a constant, and two columns of level codes, one of which decides a lot."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 5))
    X[:, 2], X[:, 3], X[:, 4] = rng.integers(0, 40, rows), rng.integers(0, 3, rows), 1.0
    signal = X[:, 0] + 2 * (X[:, 2] % 3 == 0) + 0.3 * rng.normal(size=rows)
    X[::7, 0] = X[::9, 2] = np.nan
    if task == "regression":
        return X, 10 * signal
    return X, np.digitize(signal, [0.5] if task == "binary" else [0.0, 1.5])


def prepared(name, task, **changes):
    """Family, quick configuration, job and table; a family on the dense diet gets the same without gaps."""
    needs(name)
    X, y = table(task)
    model = find(name)
    job = Job(task, 0 if task == "regression" else len(set(y)), 0, categorical=(2, 3))
    X = np.nan_to_num(X) / [1, 1, 40, 3, 1] if model.diet == "dense" else X
    return model, model.space(task).default | QUICK.get(name, {}) | changes, job, X, y


def fitted(name, task, **changes):
    model, config, job, X, y = prepared(name, task, **changes)
    estimator = model.build(config, job)
    rounds = model.fit(estimator, (X[:200], y[:200]), (X[200:], y[200:]))
    return model, config, job, estimator, rounds, X, y


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", NAMES)
def test_a_family_learns_and_comes_back_bit_for_bit(name, task):
    model, config, job, estimator, rounds, X, y = fitted(name, task)
    found = predict(estimator, X, job.n_classes)
    held_out, truth = found[200:], y[200:]
    if job.n_classes:
        np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-6)
        assert (held_out.argmax(axis=1) == truth).mean() > np.bincount(truth).max() / len(truth) + 0.05
    else:
        assert np.mean((held_out - truth) ** 2) < 0.75 * truth.var()
    loaded = model.load(model.dump(estimator))
    np.testing.assert_array_equal(predict(loaded, X, job.n_classes), found)
    if rounds is not None:
        refit = model.build(model.with_rounds(config, rounds), job)
        assert model.fit(refit, (X, y), None) is None
        assert np.isfinite(predict(refit, X, job.n_classes)).all()


@pytest.mark.parametrize("name", NAMES)
def test_threads_change_nothing(name):
    model, config, job, X, y = prepared(name, "multiclass")
    found = []
    for threads in (1, 2):
        estimator = model.build(config, replace(job, threads=threads))
        model.fit(estimator, (X[:200], y[:200]), (X[200:], y[200:]))
        found.append(predict(estimator, X, 3))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_that_a_fold_lacks(name):
    model, config, job, X, y = prepared(name, "multiclass")
    rows = np.flatnonzero(y != 1)
    estimator = model.build(config, job)
    model.fit(estimator, (X[rows], y[rows]), (X[200:], y[200:]))
    found = predict(estimator, X, 3)
    assert (found[:, 1] < 0.02).all()
    np.testing.assert_array_equal(predict(model.load(model.dump(estimator)), X, 3), found)


@pytest.mark.parametrize("name", BOOSTERS)
def test_rows_of_a_class_that_a_fold_lacks_do_not_end_its_training(name):
    """Nobody can be right on them, and their loss only rises."""
    model, config, job, X, y = prepared(name, "multiclass")
    train, held = np.flatnonzero((y != 1) & (np.arange(len(y)) < 200)), np.arange(200, len(y))
    known = held[y[held] != 1]
    rounds = [model.fit(model.build(config, job), (X[train], y[train]), (X[r], y[r])) for r in (held, known)]
    assert rounds[0] == rounds[1]
    rate = {"eta": 0.005} if name == "xgboost" else {"learning_rate": 0.005, "depth": 9}
    slow, lacking = model.build(config | rate, job), held[y[held] == 1]
    model.fit(slow, (X[train], y[train]), (X[lacking], y[lacking]), 0.02)  # none to watch: the clock holds all the same
    done = slow.booster.num_boosted_rounds() if name == "xgboost" else slow.booster.tree_count_
    assert 0 < done < most_rounds(0.005)


@pytest.mark.parametrize("name", BOOSTERS)
@pytest.mark.parametrize("corner", [0.0, 1.0])
def test_the_corners_of_a_boosters_space(name, corner):
    for task in TASKS:
        model, _, job, X, y = prepared(name, task)
        space = model.space(task)
        config = space.decode(np.full(len(space), corner)) | {"rounds": 3}
        estimator = model.build(config, job)
        model.fit(estimator, (X, y), None)
        assert np.isfinite(predict(estimator, X, job.n_classes)).all()


@pytest.mark.parametrize("name", ["mlp", *BOOSTERS])
def test_a_fit_stops_when_its_time_is_up(name):
    slow = {"mlp": {"width": 256, "epochs": 256}, "xgboost": {"eta": 0.005, "max_depth": 12}}
    model, config, job, X, y = prepared(name, "regression")
    config |= slow.get(name, {"learning_rate": 0.005, "depth": 9})
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 20))
    y = X[:, 0] * X[:, 1] + rng.normal(size=3000)
    estimator = model.build(config, replace(job, categorical=()))
    rounds = model.fit(estimator, (X[:2000], y[:2000]), (X[2000:], y[2000:]), 0.3)
    assert 0 < rounds < (256 if name == "mlp" else 1000)
    assert np.isfinite(estimator.predict(X)).all()


def test_categories_are_categories_to_the_boosters():
    for name in BOOSTERS:
        model, config, job, X, _ = prepared(name, "binary")
        y = np.isin(X[:, 2], [3, 11, 12, 25, 26, 37]).astype(int)  # no order among the codes says so
        estimator = model.build(config | {"rounds": 40}, job)
        model.fit(estimator, (X, y), None)
        assert ((predict(estimator, X, 2)[:, 1] > 0.5) == y).mean() > 0.97
        unseen = X.copy()
        unseen[:, 2] = 1000.0
        assert np.isfinite(predict(estimator, unseen, 2)).all()


def test_a_missing_package_is_left_out_and_named(monkeypatch):
    monkeypatch.setattr(optional_packages.importlib.util, "find_spec", lambda name: None)
    assert not {model.name for model in choose(None)} & set(EXTRAS)
    with pytest.raises(MissingExtra, match="run: pip install"):
        choose(["linear", "xgboost"])


def test_neighbours_vote_as_the_docstring_says():
    model = find("neighbours")
    X, y = np.arange(6.0)[:, None], np.array([0, 0, 0, 0, 1, 1])
    estimator = model.build({"neighbours": 2, "power": 2, "weights": "uniform"}, Job("binary", 2, 0))
    model.fit(estimator, (X, y), None)
    np.testing.assert_allclose(estimator.predict_proba(np.array([[5.2]])), [[(0 + 4 / 6) / 3, (2 + 2 / 6) / 3]])


def test_neighbours_remember_a_bounded_number_of_rows():
    model = find("neighbours")
    X = np.random.default_rng(0).normal(size=(20_500, 2))
    estimator = model.build(model.space("regression").default, Job("regression", 0, 0))
    model.fit(estimator, (X, X[:, 0]), None)
    assert estimator.X.shape == (20_000, 2)


def test_a_network_never_leaves_the_range_of_its_targets():
    _, _, _, estimator, _, X, y = fitted("mlp", "regression")
    far = estimator.predict(1e6 * np.ones_like(X))
    assert y.min() <= far.min() <= far.max() <= y.max()


def test_another_width_is_an_error_and_no_crash():
    for name in EXTRAS:
        *_, estimator, _, X, _ = fitted(name, "binary", rounds=2)
        with pytest.raises((InvalidInput, ValueError)):
            estimator.predict(X[:, :2])


class Memory(ClassifierMixin, BaseEstimator):
    """Somebody's own estimator: class shares, and a parameter."""

    def __init__(self, strength=1.0):
        self.strength = strength

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / len(y)
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (len(X), 1))


def auto(*models, **options):
    return AutoClassifier(trials=len(models), search=SearchSettings(models=models, folds=3), random_state=0, **options)


def test_an_own_model_is_searched_in_workers_and_saved_where_that_is_safe(tmp_path):
    X, y = messy("binary", rows=120)
    own = CustomModel("bayes", LinearDiscriminantAnalysis(), Space(tol=Float(1e-6, 1e-2, log=True)))
    model = auto(own, experience=None, workers=1).fit(X, y)
    assert set(model.leaderboard()["model"]) == {"bayes"}
    model.save(tmp_path / "own.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "own.seasoned").predict_proba(X), model.predict_proba(X))


def test_foreign_code_predicts_and_is_never_stored(tmp_path):
    X, y = messy("binary", rows=120)
    model = auto(CustomModel("memory", Memory(), Space(strength=Float(0, 2))), experience=None, workers=1).fit(X, y)
    assert model.predict_proba(X).shape == (120, 2)
    with pytest.raises(InvalidInput, match="'memory' \\(Memory\\) cannot be saved"):
        model.save(tmp_path / "own.seasoned")
    assert not list(tmp_path.glob("*.seasoned"))


def test_an_own_model_says_what_it_cannot_do():
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


def test_a_choice_sets_its_parameter_and_what_it_brings():
    space = Space(kernel=Choice(rbf=Space(gamma=Float(0.1, 1.0)), linear=Space()), C=Float(0.1, 10))
    built = CustomModel("svm", SVC(), space).build({"kernel": {"rbf": {"gamma": 0.5}}, "C": 2.0}, Job("binary", 2, 7))
    assert (built.kernel, built.gamma, built.C, built.random_state) == ("rbf", 0.5, 2.0, 7)


@pytest.mark.slow
def test_the_example_runs(tmp_path):
    example = Path(__file__).parents[2] / "examples" / "custom_model.py"
    assert len(example.read_text().splitlines()) < 80
    environment = {**os.environ, "SEASONED_CACHE": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert "gaussian_process" in run.stdout


def test_families_that_take_part_only_when_they_are_named():
    assert "adaptive_linear" not in {model.name for model in choose(None)}
    assert [model.name for model in choose(["adaptive_linear", "linear"])] == ["linear", "adaptive_linear"]
