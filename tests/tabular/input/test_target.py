"""Target: the inferred task, the classes, and labels as codes."""

from __future__ import annotations

import logging
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from seasoned.errors import InvalidInput
from seasoned.tabular.input.target import encode, infer_task, read_target
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.validation.folds import make_folds


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (["a", "b", "a"], "classification"),
        ([True, False, True], "classification"),
        ([0, 1] * 10, "classification"),
        (pd.Series([1.0, 0.0, None] * 10), "classification"),
        (pd.Series([1, 2, 3] * 20, dtype="category"), "classification"),
        (list(range(100)), "regression"),
        ([0.5, 1.5, 0.5], "regression"),
        ([3, 4, 5, 6, 7], "regression"),
    ],
)
def test_the_task_is_inferred(y, task):
    assert infer_task(y) == task


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["b", "a", "b"], ["a", "b"]),
        ([True, False, True], [False, True]),
        ([3, 1, 3], [1, 3]),
        (pd.array([3, 1, None], dtype="Int64"), [1, 3]),
        (["x", 1, "x"], ["1", "x"]),
        (pd.Categorical(["b", "a", "b"], categories=["c", "b", "a"]), ["a", "b"]),
        ([0.0, 1.0, 0.0], [0.0, 1.0]),
        (np.array([1.0, 0.0, 1.0], dtype=object), [0.0, 1.0]),
        (np.array([1, 0.0, 1], dtype=object), [0.0, 1.0]),
        (np.array([np.uint8(3), 1, np.int16(3)], dtype=object), [1, 3]),
        (np.array([2**70, 1, 1], dtype=object), ["1", str(2**70)]),
    ],
)
def test_classes(y, classes):
    target = read_target(pd.Series(y), "classification")
    assert target.classes.tolist() == classes
    assert [type(label) for label in target.classes.tolist()] == [type(label) for label in classes]
    assert target.task == "binary"
    assert set(target.values) == {0, 1}


def test_rows_without_a_target_are_left_out_with_a_note(caplog):
    with caplog.at_level(logging.WARNING, "seasoned.tabular"):
        target = read_target([1.0, np.nan, 3.5], "regression")
    assert target.labelled.tolist() == [True, False, True]
    assert "1 of 3 rows have no target" in caplog.text


@pytest.mark.parametrize(
    ("y", "task", "sentence"),
    [
        ([], "regression", "0 rows"),
        ([None, None], "classification", "all 2 values of the target are missing"),
        (["a", "a"], "classification", "only one class, .*'a'"),
        (["1", "two"], "regression", "'1', which is no number|'two', which is no number"),
        ([1.0, np.inf], "regression", "infinity"),
        ([0.5, 1.5, 2.5], "classification", "continuous"),
        (None, "regression", "y is None"),
        ([1e300, 1.0], "regression", "goes up to 1e\\+300.*logarithm"),
        ([1e-300, 2e-300], "regression", "multiply them"),
        (pd.to_datetime(["2020", "2021"]), "regression", "holds dates"),
        (pd.to_timedelta([1, 2]), "regression", "holds durations"),
        ([10**400, 1], "regression", "which is no number"),
        ([1j, 2.0], "classification", "is complex"),
        (pd.Series([["p"], ["p", "q"]]), "classification", "several labels"),
        (pd.Series([{"p"}, {"q"}]), "classification", "several labels"),
        (["x" * 2000, "y"], "classification", "2000 characters"),
    ],
)
def test_targets_that_cannot_be_learned_are_refused(y, task, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        read_target(y, task)


@pytest.mark.parametrize("y", [[3.0, 3.0], [1.0, 1.0 + 1e-9]])
def test_a_target_that_does_not_vary_is_noted_and_one_that_hardly_does_is_none(y, caplog):
    with caplog.at_level(logging.WARNING, "seasoned.tabular"):
        assert read_target(y, "regression").values.tolist() == y
    assert ("nothing to learn" in caplog.text) == (y[0] == y[1])


def test_labels_are_encoded_as_in_fit():
    for y in (["b", "a"], [2, 1], [2.0, 1.0], [True, False], pd.Categorical(["x", "w"]), ["x", 1], ["\ud800", "x"]):
        target = read_target(y, "classification")
        assert encode(y, target.classes).tolist() == target.values.tolist()
    with pytest.raises(InvalidInput, match="'longer'"):
        encode(["longer"], np.array(["lo", "x"]))


def test_metrics_are_what_scikit_learn_says():
    from sklearn.metrics import f1_score, log_loss, roc_auc_score

    y = np.array([0, 1, 1, 0, 1])
    p = np.array([0.2, 0.7, 0.4, 0.5, 0.9])
    both = np.column_stack([1 - p, p])
    assert resolve(None, "binary", 2).loss(y, both) == -roc_auc_score(y, p)
    assert resolve("log_loss", "binary", 2).loss(y, both) == pytest.approx(log_loss(y, both))
    assert resolve("f1", "binary", 2).loss(y, both) == -f1_score(y, p > 0.5)
    assert resolve("mae", "regression", 0).loss(np.array([1.0, 2.0]), np.array([2.0, 2.0])) == 0.5
    assert resolve("r2", "regression", 0).score(-0.5) == 0.5
    assert resolve("rmse", "regression", 0).score(2.0) == 2.0
    multiclass = resolve("f1", "multiclass", 3)
    assert multiclass.scorer == "f1_macro"


@pytest.mark.parametrize(
    ("metric", "task", "classes"), [("rmse", "binary", 2), ("roc_auc", "regression", 0), ("nonsense", "binary", 2)]
)
def test_metrics_that_do_not_fit_are_refused(metric, task, classes):
    with pytest.raises(InvalidInput, match=metric):
        resolve(metric, task, classes)


def test_folds_cover_all_rows_once_and_keep_proportions():
    y = np.repeat([0, 1], [80, 20])
    target = read_target(y, "classification")
    folds = make_folds(None, target, 0)
    assert len(folds) == 5
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(100))
    assert all(y[test].sum() == 4 for _, test in folds)


def test_a_held_out_fifth_keeps_proportions():
    y = np.repeat([0, 1], [1990, 10])
    target = read_target(y, "classification")
    for seed in range(20):
        ((train, valid),) = make_folds(None, target, seed, default=1)
        assert np.bincount(y[valid]).tolist() == [398, 2]
        assert sorted([*train, *valid]) == list(range(2000))
    names = read_target(np.repeat(np.arange(6), 2), "classification")
    ((train, valid),) = make_folds(None, names, 0, default=1)
    assert len(valid) == 3, "where no class has a row for each fifth, any rows"


def test_rare_classes_and_given_folds():
    target = read_target([0] * 10 + [1, 2], "classification")
    assert len(make_folds(None, target, 0)) == 5
    given = [(np.arange(6), np.arange(6, 12))]
    assert make_folds(given, target, 0) is given


@pytest.mark.parametrize("count", [1, 13])
def test_impossible_numbers_of_folds_are_refused(count):
    target = read_target([0, 1] * 6, "classification")
    with pytest.raises(InvalidInput, match=f"validation is {count}"):
        make_folds(count, target, 0)


def test_decimal_targets_are_numbers():
    prices = [Decimal("1.5") * place for place in range(300)]
    assert infer_task(prices) == "regression"
    assert read_target(prices, "regression").values[2] == 3.0
    flags = [Decimal(place % 2) for place in range(300)]
    assert infer_task(flags) == "classification"
    assert read_target(flags, "classification").classes.tolist() == [0, 1]
    assert infer_task([True, Decimal(1)] * 20) == "classification"


def test_whole_labels_stay_integers_in_a_target_with_gaps():
    target = read_target([0, 1, None, 1], "classification")
    assert target.classes.dtype == np.int64
    assert encode([1.0, 0], target.classes).tolist() == [1, 0]
    assert read_target(np.array([0.0, 1.0]), "classification").classes.dtype == np.float64
    assert read_target([0.0, 1e17, None], "classification").classes.tolist() == [0.0, 1e17]


def test_missing_labels_are_refused_when_labels_are_encoded():
    for y, classes in (([True, None], [False, True]), (["a", None], ["None", "a"]), ([1, np.nan], [0, 1])):
        with pytest.raises(InvalidInput, match="y is missing in 1 of 2 rows; score the other rows"):
            encode(y, np.array(classes))


def test_whole_floats_match_the_classes_of_whole_numbers():
    classes = np.array(["1", "2", "3+"])
    assert encode(pd.Series([1.0, 2.0]), classes).tolist() == [0, 1]
    assert encode(pd.Series([1.0, 2.0], dtype=object), np.array(["1.0", "2.0", "3+"])).tolist() == [0, 1]
    with pytest.raises(InvalidInput, match="a class that was not there in fit"):
        encode(pd.Series([1.0, 1.5]), classes)
