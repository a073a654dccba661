"""Edges that a reading found: tasks' names, parameters, records, thresholds, groups cut by folds."""

from __future__ import annotations

import logging
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, get_scorer
from sklearn.model_selection import KFold, PredefinedSplit

from seasoned import AutoClassifier, Metric, load
from seasoned.errors import InvalidInput
from seasoned.tabular import SearchSettings
from seasoned.tabular.few_shot.tasks import read_tasks, task_words
from seasoned.tabular.fit.description import _key
from seasoned.tabular.input.sample_roles import Roles
from seasoned.tabular.input.target import read_target
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.metrics.vectorized import best_cut, counts_of
from seasoned.tabular.trial.results import Records, TrialRecord
from seasoned.tabular.validation.declared import declared_folds


@pytest.mark.parametrize("observed", [True, False])
def test_groups_of_categories_keep_their_names(observed):
    store = pd.Categorical(["b", "c", "b", "d"], categories=["a", "b", "c", "d"])
    frame = pd.DataFrame({"store": store, "x": range(4)})
    by_name = read_tasks(frame.groupby("store", observed=observed), None)
    by_values = read_tasks(frame.groupby(frame["store"].rename("other"), observed=observed), None)
    assert by_name.words.tolist() == by_values.words.tolist() == ["b", "c", "b", "d"]


def test_tasks_are_spelt_alike_in_groups_and_in_columns():
    frame = pd.DataFrame({"flag": [True, False, None], "store": ["b", None, "c"], "x": range(3)})
    groups = read_tasks(frame.groupby(["flag", "store"], dropna=False), None)
    assert groups.words.tolist() == read_tasks(frame, list(groups.columns)).words.tolist()


def test_long_numbers_of_tasks_keep_their_digits():
    assert task_words([1234567890123456781, 1234567890123456782]).tolist() == [
        "1234567890123456781",
        "1234567890123456782",
    ]
    assert task_words([3]).tolist() == task_words([3.0]).tolist() == task_words(["3"]).tolist()


@pytest.mark.parametrize("given", [{"time_limit": math.inf}, {"trials": math.inf}, {"workers": math.inf}])
def test_infinite_parameters_are_refused(given):
    with pytest.raises(InvalidInput, match=f"{next(iter(given))} is inf"):
        AutoClassifier(**given).fit(pd.DataFrame({"x": range(20)}), [0, 1] * 10)


def test_a_scorer_knows_its_own_positive_class():
    with pytest.raises(InvalidInput, match="positive is 0, but the scorer"):
        resolve(Metric(get_scorer("f1"), positive=0), "binary", 2, np.array([0, 1]))


def test_a_record_that_was_cut_off_does_not_harm_the_one_before(tmp_path, monkeypatch):
    (tmp_path / "trials").mkdir()
    records = Records(tmp_path)
    records.write({"a": 1}, np.ones(3), TrialRecord(None, 0.1))

    def cut_off(file, array):
        file.write(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(np, "save", cut_off)
    with pytest.raises(OSError, match="full"):
        records.write({"a": 1}, np.zeros(3), TrialRecord(None, 0.1))
    assert records.out_of_fold({"a": 1}).tolist() == [1, 1, 1]


def test_numbers_of_numpy_in_settings_are_saved():
    given = SearchSettings(["linear"], folds=np.int64(3), predict_limit=np.float32(0.5)).to_plain()
    assert given["folds"] == 3
    assert type(given["folds"]) is int
    assert given["predict_limit"] == 0.5


@pytest.mark.parametrize("scores", [[0.0] * 6 + [0.9] * 2, [0.0] * 8, [0.0, 0.2, 0.0, 0.4, 0.4, 0.4, 0.7, 0.0]])
def test_the_score_of_a_threshold_is_what_it_gives(scores):
    truth, scores = np.array([1, 1, 1, 1, 1, 0, 1, 1], bool), np.array(scores)
    cut, promised = best_cut(scores, truth, np.ones(8), counts_of("f1"))
    assert promised == pytest.approx(f1_score(truth, scores > cut))


def test_long_splits_that_differ_in_the_middle_are_different_runs():
    one, other = np.zeros(5000, int), np.zeros(5000, int)
    one[1000:4000:2] = other[1001:4001:2] = 1
    assert _key(PredefinedSplit(one)) != _key(PredefinedSplit(other))


@pytest.mark.parametrize("validation", ["t", KFold(2), [(np.arange(20), np.arange(20, 40))]])
def test_groups_that_folds_cut_are_told(validation, caplog):
    frame = pd.DataFrame({"t": range(40), "x": range(40)})
    target = read_target(pd.Series([0, 1] * 20), "classification")
    with caplog.at_level(logging.WARNING, "seasoned.tabular"):
        declared_folds(validation, None, frame, target, Roles(None, np.arange(40) % 4), default=2)
    assert "4 of 4 groups have rows on both sides" in caplog.text


def test_a_function_as_metric_is_named_among_what_a_file_lacks(tmp_path):
    def own(truth, labels):
        return float((truth == labels).mean())

    frame, y = pd.DataFrame({"x": np.arange(60) % 7, "z": np.arange(60) % 3}), np.arange(60) % 2
    model = AutoClassifier(own, trials=1, search=SearchSettings(["linear"]), experience=None, random_state=0)
    model.fit(frame, y).save(tmp_path / "m.s")
    assert "metric" in load(tmp_path / "m.s").unsaved_
