"""Arguments of other libraries, in the wrong place or nearly right: one sentence says what to write."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from in_process import estimator
from seasoned import AutoClassifier, AutoRegressor
from seasoned.cli.tables.declared_table import Declared
from seasoned.errors import InvalidInput
from seasoned.tabular.models.registry import choose
from two_columns import QUICK, table

TABLE = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20) % 3, "Churn": ["yes", "no"] * 10})
X, y = TABLE[["a", "b"]], TABLE["Churn"]


@pytest.mark.parametrize("make", [AutoClassifier, AutoRegressor])
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("presets", ": AutoClassifier(**seasoned.presets.best) unpacks a preset"),
        ("mode", ": AutoClassifier(**seasoned.presets.best)"),
        ("label", "; write y=train['label'] in {}.fit()."),
        ("time_budget", "; write time_limit=600."),
        ("time_limit_s", "; write time_limit=600."),
        ("total_time_limit", "; write time_limit=600."),
        ("device", ": all models run on processors"),
        ("eval_metric", "; write metric='roc_auc'."),
        ("problem_type", ": AutoClassifier predicts classes and AutoRegressor numbers"),
        ("n_jobs", "; write workers=4."),
        ("n_trials", "; write trials=100."),
        ("ensemble_size", "; write search=SearchSettings(ensemble=10)."),
        ("positive", "; write metric=Metric(positive='yes')."),
        ("sample_weight", "; write sample_weight= in {}.fit()."),
        ("ignored_columns", ": leave columns out of X"),
        ("metrics", "; did you mean metric=?"),
    ],
)
def test_a_name_of_another_library_is_answered_by_ours(make, given, sentence):
    with pytest.raises(TypeError) as error:
        make(**{given: 1})
    assert str(error.value).startswith(f"{make.__name__}() takes no {given}={sentence.format(make.__name__)}")


def test_fit_answers_too():
    with pytest.raises(TypeError, match=r"^AutoRegressor\.fit\(\) takes no train_data=; write X=train\.$"):
        AutoRegressor().fit(train_data=X, y=y)
    with pytest.raises(TypeError, match=r"^AutoClassifier\.fit\(\) takes no presets=: AutoClassifier\(\*\*seasoned"):
        AutoClassifier().fit(X, y, presets="best")


def test_scikit_learn_still_knows_the_parameters():
    model = clone(AutoClassifier(time_limit=7))
    assert model.get_params()["time_limit"] == 7
    assert len(model.get_params()) == 9


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((y, X), r"X has one dimension and y is a table of 2 columns.*write fit\(X, y\)"),
        ((y.to_numpy(), X.to_numpy()), r"X has one dimension and y is a table of 2 columns"),
        ((y.tolist(), X), r"X has one dimension and y is a table of 2 columns"),
        (("Churn", TABLE), r"write fit\(table.drop\(columns='Churn'\), table\['Churn'\]\)"),
        ((TABLE, "Churn"), r"X.drop\(columns='Churn'\) and X\['Churn'\]"),
    ],
)
def test_swapped_arguments(arguments, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        AutoClassifier().fit(*arguments)


@pytest.mark.parametrize(("name", "ours"), [("lgbm", "lightgbm"), ("RF", "forest"), ("lightgmb", "lightgbm")])
def test_families_by_their_other_names(name, ours):
    with pytest.raises(InvalidInput, match=rf"no model \['{name}'\]; did you mean '{ours}'\?"):
        choose([name])


def test_a_column_that_is_nearly_there_is_named():
    with pytest.raises(InvalidInput, match=r"no such column; did you mean 'Churn'\? The columns are a, b, Churn\."):
        Declared("churn").check(TABLE)
    with pytest.raises(InvalidInput, match=r"no such column; the columns are a, b, Churn\."):
        Declared("Churn", weights="mass").check(TABLE)


def test_a_column_name_as_target_is_refused():
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]})
    with pytest.raises(InvalidInput, match=r"y is a str; is it a column of X\? Then pass X.drop\(columns='b'\)"):
        estimator("regression").fit(X, "b")


def test_separate_validation_rows_are_refused_with_advice(here):
    X, y = table()
    with pytest.raises(InvalidInput, match="append a separate validation set"):
        AutoClassifier(validation=(X[:50], y[:50]), **QUICK).fit(X, y)
