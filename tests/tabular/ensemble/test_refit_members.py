"""Refit of ensemble members: repeated configurations, and the fallback where no model is fitted."""

from __future__ import annotations

import logging

import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.tree import DecisionTreeRegressor

from in_process import estimator
from messy import messy
from seasoned import AutoClassifier, CustomModel, Int, SearchSettings, Space
from seasoned.tabular.ensemble.refit_members import first_of_each
from seasoned.tabular.trial.trial_row import TrialRow
from two_columns import QUICK, table


class Broken(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise ValueError("nope")

    def predict_proba(self, X):
        raise NotImplementedError


def test_time_is_not_named_as_the_cause_where_all_models_fail(here, caplog):
    X, y = table()
    search = SearchSettings(models=[CustomModel("broken", Broken(), Space())])
    with caplog.at_level(logging.WARNING):
        AutoClassifier(**{**QUICK, "search": search, "trials": 2}).fit(X, y)
    assert "nope" in caplog.text
    assert "no tuned model completed a trial" in caplog.text
    assert "in time" not in caplog.text


def test_a_repeated_configuration_is_one_ensemble_member(here):
    X, y = messy("regression")
    own = CustomModel("few", DecisionTreeRegressor(), Space(max_depth=Int(2, 4)))
    model = estimator("regression", [own], trials=9).fit(X, y)
    configs = [tuple(m.config.items()) for m in model.fitted_.members]
    assert len(configs) == len(set(configs)) <= 3
    assert model.leaderboard()["weight"].sum() == pytest.approx(1.0)
    rows = [TrialRow(number, "m", {"a": number % 2}) for number in range(5)]
    assert [row.number for row in first_of_each(rows)] == [0, 1]
