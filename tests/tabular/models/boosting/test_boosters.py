"""Boosters: categories, small tables, unseen classes, copies and the corners of their spaces."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from family_tables import BOOSTERS, TASKS, learned, prepared
from optional import needs
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models._common.booster_settings import most_rounds
from seasoned.tabular.models.boosting.histogram import rounds_in
from seasoned.tabular.models.registry import find

RNG = np.random.default_rng(0)


def test_lightgbm_splits_a_table_of_few_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(79, 2))
    y, family = (X[:, 0] > 0).astype(int), find("lightgbm")
    model = family.build(family.space("binary").default, Job("binary", 2, 0))
    family.fit(model, (X, y), None)
    assert ((model.predict_proba(X)[:, 1] > 0.5) == y).mean() > 0.9


@pytest.mark.parametrize("name", BOOSTERS)
def test_rows_of_an_unseen_class_do_not_end_booster_training(name):
    """No model can predict an unseen class, so the loss of its rows only rises."""
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
def test_corners_of_a_booster_space_can_be_fitted(name, corner):
    for task in TASKS:
        model, _, job, X, y = prepared(name, task)
        space = model.space(task)
        config = space.decode(np.full(len(space), corner)) | {"rounds": 3}
        estimator = model.build(config, job)
        model.fit(estimator, (X, y), None)
        assert np.isfinite(predict(estimator, X, job.n_classes)).all()


def test_boosters_split_categories_without_an_order():
    for name in BOOSTERS:
        model, config, job, X, _ = prepared(name, "binary")
        y = np.isin(X[:, 2], [3, 11, 12, 25, 26, 37]).astype(int)  # no order among the codes says so
        estimator = model.build(config | {"rounds": 40}, job)
        model.fit(estimator, (X, y), None)
        assert ((predict(estimator, X, 2)[:, 1] > 0.5) == y).mean() > 0.97
        unseen = X.copy()
        unseen[:, 2] = 1000.0
        assert np.isfinite(predict(estimator, unseen, 2)).all()


@pytest.mark.parametrize("quantile", [0.1, 0.5])
def test_catboost_quantile_leaves_use_the_row_weights(quantile):
    """CatBoost's exact leaves leave weights out: a fifth of the weight lay below the median."""
    needs("catboost")
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2, (2_000, 1)).astype(float), rng.normal(size=2_000)
    weight = np.where(y < 0, 4.0, 1.0)
    below = y <= learned("catboost", X, y, weight, quantile, rounds=60)
    assert weight[below].sum() / weight.sum() == pytest.approx(quantile, abs=0.03)


def test_histogram_boosting_validates_on_rows_with_their_gaps():
    """A column that only the validation rows lack was 0 there, and missing in predictions."""
    rng = np.random.default_rng(0)
    X = np.c_[rng.normal(5, 1, 600), rng.normal(size=600)]
    X[::2, 0] = np.nan
    y = 3.0 * np.isnan(X[:, 0]) + X[:, 1]
    valid = np.c_[np.full(200, np.nan), rng.normal(size=200)]
    truth = 3.0 + valid[:, 1]
    model = find("histogram")
    learner = model.build(dict(model.space("regression").default), Job("regression", 0, 0))
    seen = []
    kind = type(learner.learner)
    fit = kind.fit

    def watched(self, *given, **named):
        seen.append(named["X_val"].copy())
        return fit(self, *given, **named)

    kind.fit = watched
    try:
        rounds = model.fit(learner, (X, y), (valid, truth))
    finally:
        kind.fit = fit
    assert np.isnan(seen[-1][:, 0]).all()
    assert rounds > 5
    assert np.abs(learner.predict(valid) - truth).mean() < 0.5


def test_the_probe_of_histogram_boosting_is_one_round_of_many_trees():
    fitted_with = []

    class Learner(DecisionTreeRegressor):
        def __init__(self, max_iter=500, early_stopping=True):
            self.max_iter, self.early_stopping = max_iter, early_stopping

        def fit(self, X, y):
            fitted_with.append(self.max_iter)
            return self

    assert rounds_in(0.0, Learner(), np.zeros((2, 1)), np.zeros(2), 100) == 1
    assert rounds_in(0.0, Learner(), np.zeros((2, 1)), np.zeros(2), 1) == 10
    assert fitted_with == [1, 10]


def test_catboost_learns_from_two_rows():
    needs("catboost")
    family = find("catboost")
    model = family.build(family.space("regression").default, Job("regression", 0, 0))
    model.parameters = {**model.parameters, "subsample": 0.5, "bootstrap_type": "Bernoulli"}
    X = np.array([[0.0], [1.0]])
    family.fit(model, (X, np.array([1.0, 2.0])), None)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("seed", range(8))
def test_catboost_learns_from_four_rows_with_any_seed(seed):
    needs("catboost")
    family, rng = find("catboost"), np.random.default_rng(seed)
    model = family.build({**family.space("regression").default, "subsample": 0.6}, Job("regression", 0, seed))
    X = rng.normal(size=(4, 3))
    family.fit(model, (X, rng.normal(size=4)), None)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("value", [0.0, -1.0, -2.0, -3.0, 99.5, 1e30, np.nan])
@pytest.mark.parametrize("weights", [None, [3.0, 1.0, 1.0, 1.0]])
def test_catboost_learns_a_constant_from_identical_rows(value, weights):
    needs("catboost")
    family = find("catboost")
    X, y = np.full((4, 2), value), np.array([1.0, 2.0, 3.0, 4.0])
    told = {} if weights is None else {"weights": (np.array(weights), None)}
    model = family.build(family.space("regression").default, Job("regression", 0, 0))
    family.fit(model, (X, y), None, **told)
    assert model.predict(X) == pytest.approx(np.average(y, weights=weights), abs=0.05)
    levels = family.build(family.space("binary").default, Job("binary", 2, 0, categorical=(0, 1)))
    family.fit(levels, (np.full((4, 2), 3.0), np.array([0, 0, 0, 1])), None)
    assert levels.predict_proba(np.full((1, 2), 3.0))[0, 1] == pytest.approx(0.25, abs=0.05)


def test_a_deep_copy_of_lightgbm_predicts_the_same():
    X = RNG.normal(size=(300, 3))
    y = X[:, 0] + RNG.normal(size=300)
    family = find("lightgbm")
    model = family.build(family.space("regression").default, Job("regression", 0, 0))
    family.fit(model, (X[:200], y[:200]), (X[200:], y[200:]))
    np.testing.assert_array_equal(copy.deepcopy(model).predict(X), model.predict(X))
