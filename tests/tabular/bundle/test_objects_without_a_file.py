"""Objects that no file can hold: warnings about models before the search, about metrics and splitters in `save`."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import KFold, TimeSeriesSplit
from sklearn.svm import SVC

from in_process import estimator, stay_in_process
from messy import messy
from seasoned import AutoClassifier, CustomModel, Float, SearchSettings, Space, load
from seasoned.errors import InvalidInput
from seasoned.tabular.fit.data_warnings import warn_of_models
from seasoned.tabular.input.sample_roles import Roles
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.models.registry import find
from two_columns import QUICK, table

TOL = Space(tol=Float(1e-6, 1e-2, log=True))
KEPT = CustomModel("kept", LinearDiscriminantAnalysis(), TOL)
FOREIGN = CustomModel("foreign", SVC(), TOL)


class Other:
    """No CustomModel."""

    name = "other"


def test_own_models_that_no_file_holds_are_named(caplog):
    nothing = Roles(None, None), resolve("accuracy", "binary", 2)
    warn_of_models([find("linear"), KEPT], *nothing)
    assert not caplog.records
    warn_of_models([find("linear"), KEPT, FOREIGN, Other()], *nothing)
    (said,) = (record.getMessage() for record in caplog.records)
    assert said == (
        "your model(s) 'foreign', 'other' cannot be saved, because a file holds no foreign code; save() will refuse a "
        "fit in which they predict, so leave them out of SearchSettings(models=...) if it is to be saved."
    )


class Shares(LinearDiscriminantAnalysis):
    """Somebody's own class."""


def test_it_is_told_before_the_search_and_save_agrees(monkeypatch, caplog, tmp_path):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=90)
    for own in (KEPT, CustomModel("shares", Shares(), TOL)):
        caplog.clear()
        search = SearchSettings(models=[own], folds=2)
        model = estimator("classification", (own.name,), search=search).fit(X, y)
        assert ("cannot be saved" in caplog.text) == (own is not KEPT)
        if own is KEPT:
            model.save(tmp_path / "m.seasoned")
        else:
            with pytest.raises(InvalidInput, match="cannot be saved"):
                model.save(tmp_path / "m.seasoned")


def accurate(truth, labels):
    return float(np.mean(truth == labels))


@pytest.mark.parametrize(
    ("options", "level", "sentence"),
    [
        ({}, None, None),
        ({"random_state": np.random.default_rng(0)}, None, None),
        ({"validation": KFold(2)}, "INFO", "does not hold validation (not plain data, or an address);"),
        ({"metric": accurate}, "WARNING", "set_params(metric=...) restores it for fit, score and leaderboard."),
        ({"metric": accurate, "validation": KFold(2)}, "WARNING", "does not hold metric and validation (not plain"),
    ],
    ids=["plain", "generator", "splitter", "metric", "both"],
)
def test_what_is_lost_is_told_when_the_file_is_written(monkeypatch, caplog, tmp_path, options, level, sentence):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=90)
    model = estimator("classification", **options).fit(X, y)
    caplog.clear()
    with caplog.at_level(logging.INFO, "seasoned.tabular"):
        model.save(tmp_path / "m.seasoned")
    said = [record for record in caplog.records if "the file does not hold" in record.getMessage()]
    assert [record.levelname for record in said] == ([] if level is None else [level])
    if sentence is not None:
        assert sentence in said[0].getMessage()


def test_a_function_as_metric_is_listed_as_unsaved(tmp_path):
    def own(truth, labels):
        return float((truth == labels).mean())

    frame, y = pd.DataFrame({"x": np.arange(60) % 7, "z": np.arange(60) % 3}), np.arange(60) % 2
    model = AutoClassifier(own, trials=1, search=SearchSettings(["linear"]), experience=None, random_state=0)
    model.fit(frame, y).save(tmp_path / "m.s")
    assert "metric" in load(tmp_path / "m.s").unsaved_


def test_a_loaded_model_without_its_splitter_is_not_fitted_again(here, tmp_path):
    X, y = table()
    AutoClassifier(validation=TimeSeriesSplit(3), **QUICK).fit(X, y).save(tmp_path / "m.seasoned")
    model = load(tmp_path / "m.seasoned")
    with pytest.raises(InvalidInput, match=r"could not hold validation.*set_params\(validation=...\)"):
        model.fit(X, y)
    again = model.set_params(validation=TimeSeriesSplit(3)).fit(X, y)
    assert len(again.fitted_.validated.truth) == 150


def test_refit_of_a_loaded_model_keeps_its_list_of_unsaved_objects(here):
    X, y = messy("binary")
    model = estimator("classification", ["linear"], validation=KFold(3, shuffle=True, random_state=0)).fit(X, y)
    model.save(here / "m.seasoned")
    again = load(here / "m.seasoned").refit(X, y)
    assert again.unsaved_ == ("validation",)
