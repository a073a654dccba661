"""Reports and explanations of classes that a draw of rows would miss, and of what must not be in a page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seasoned import ASHA, AutoClassifier, Choice, Float, Random, SearchSettings, Space, Study
from seasoned.errors import InvalidInput
from seasoned.report.explain.permutation_test import some_rows
from seasoned.report.html.quality import importance
from seasoned.report.model.collect import report_data
from seasoned.storage.url import mask_password
from seasoned.tabular.bundle.parameters import describe_estimator, refuse_incomplete
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


@pytest.fixture(scope="module")
def rare():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=8_000), "b": rng.normal(size=8_000)})
    y = pd.Series(np.where(np.argsort(np.argsort(-X["a"])) < 12, "yes", "no"))
    search = SearchSettings(models=["linear"], folds=2)
    model = AutoClassifier("roc_auc", search=search, trials=1, workers=1, random_state=0, experience=None)
    return model.fit(X, y), X, y


def test_a_rare_class_is_among_the_rows_that_importance_is_measured_on(rare):
    model, X, y = rare
    data = report_data(model, X, y)
    assert data.importance.names[0] == "a"
    assert data.importance.rows <= 2_500
    table = model.explain(X, y, repeats=3)
    assert np.isfinite(table["importance"]).all()
    assert table["column"].iloc[0] == "a"


def test_rows_of_one_class_are_said_to_be_the_reason(rare):
    model, X, y = rare
    data = report_data(model, X[y == "no"], y[y == "no"])
    assert data.importance is None
    assert f"roc_auc is not defined on the {(y == 'no').sum():,} rows" in str(importance(data).content)
    assert "the model keeps no rows to shuffle" in str(importance(report_data(model)).content)


def test_draws_have_some_rows_of_each_class_and_no_row_twice():
    truth = np.zeros(10_000, dtype=np.int64)
    truth[[3, 50, 700]] = 1
    truth[1_000:1_100] = 2
    rows, mass = some_rows(truth, 500, np.random.default_rng(0), classes=3)
    assert {3, 50, 700} <= set(rows.tolist())
    assert (truth[rows] == 2).sum() >= 5
    assert (truth[rows] == 0).sum() >= 480
    assert len(set(rows.tolist())) == len(rows) <= 510
    assert np.bincount(truth[rows], mass) / len(rows) == pytest.approx(np.bincount(truth) / len(truth))
    for codes, classes in ((truth, 0), (np.arange(10_000) % 200, 200)):
        rows, mass = some_rows(codes, 500, np.random.default_rng(0), classes=classes)
        assert (len(rows), mass) == (500, None)


def test_no_password_is_in_a_page_or_in_a_file(rare):
    model, _, _ = rare
    address = "postgresql+psycopg://me:s3cret@host/team"
    model.set_params(experience=address)
    try:
        assert "s3cret" not in report_data(model).code
        assert "me:***@host/team" in report_data(model).code
        assert "s3cret" not in str(describe_estimator(model))
        assert "experience" in describe_estimator(model)["unsaved"]
        asked = "postgresql://host/team?user=me&password=s3cret&sslmode=require"
        assert mask_password(asked) == asked.replace("s3cret", "***")
        model.set_params(experience=asked)
        assert "s3cret" not in report_data(model).code + str(describe_estimator(model))
        model.set_params(experience="shipped")
        assert describe_estimator(model)["parameters"]["experience"] == "shipped"
        loaded = AutoClassifier()
        loaded.unsaved_ = ("experience",)
        with pytest.raises(InvalidInput, match="could not hold experience"):
            refuse_incomplete(loaded)
        refuse_incomplete(loaded.set_params(experience=None))
    finally:
        model.set_params(experience=None)


def test_parameters_of_the_same_end_have_a_bar_each():
    inside = Space(optimizer_with_decay_and_momentum_learning_rate=Float(0, 1))
    space = Space(model=Choice(gradient_boosting_trees=inside, neural_network_of_layers=inside))
    study = Study(space, sampler=Random(), seed=0)
    study.optimize(lambda config: next(iter(next(iter(config["model"].values())).values())), trials=12)
    figure = study.plot("importance")
    assert len(set(figure.data[0].y)) == len(figure.data[0].y) == 3
    assert len(set(figure.layout.yaxis.ticktext)) == 2  # two names are the same when shortened


def test_a_report_after_a_move_to_another_space_has_no_curves(tmp_path):
    where = {"storage": f"sqlite:///{tmp_path / 's.db'}", "name": "a", "fidelity": ASHA(max=9), "sampler": Random()}

    def objective(config, trial):
        for step in (1, 3, 9):
            trial.report(step, config["x"])
        return config["x"]

    Study(Space(x=Float(0, 1)), **where).optimize(objective, trials=6)
    moved = Study(Space(z=Float(0, 1)), **where)
    assert moved.report(tmp_path / "r.html").is_file()
