"""Declared validation: splitters, pairs of rows, groups, times and weights, and the folds that follow them."""

from __future__ import annotations

import itertools
import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, PredefinedSplit, TimeSeriesSplit

from in_process import estimator, stay_in_process
from messy import messy
from seasoned import AutoClassifier, SearchSettings
from seasoned.errors import InvalidInput
from seasoned.tabular.input.sample_roles import Roles, read_roles, read_weights
from seasoned.tabular.input.target import read_target
from seasoned.tabular.trial.cross_validation import fold_mean
from seasoned.tabular.validation.declared import declared_folds
from seasoned.tabular.validation.time_series import forward_folds, read_times

QUICK = {"trials": 1, "random_state": 0, "experience": None, "workers": 1}
LINEAR = SearchSettings(["linear"], ensemble=1)


ROWS = 30


def declared(validation, groups=None, folds=None, y=None, default=5, **columns):
    frame = pd.DataFrame({"a": np.arange(ROWS), **columns})
    target = read_target(np.arange(float(ROWS)) if y is None else y, "regression" if y is None else "classification")
    roles = read_roles(None, groups, ROWS)
    return declared_folds(validation, folds, frame[target.labelled], target, roles.of(target.labelled), default=default)


def test_a_number_is_left_to_the_shuffle():
    assert declared(None) is None
    assert declared(None, folds=4) == 4
    assert declared(3, folds=4) == 3


@given(st.lists(st.integers(0, 8), min_size=2, max_size=60), st.integers(1, 6))
def test_forward_chaining(times, count):
    times = np.array(times)
    if len(set(times)) == 1:
        with pytest.raises(InvalidInput, match="same time"):
            forward_folds(times, count)
        return
    folds = forward_folds(times, count)
    assert 1 <= len(folds) <= count
    assert folds[-1][1].tolist() == sorted(folds[-1][1])
    for train, valid in folds:
        assert len(train)
        assert times[train].max() < times[valid].min(), "rows of one time stay together, and the later ones validate"
    for (_, valid), (train, _) in itertools.pairwise(folds):
        assert set(valid) <= set(train)
    assert len(folds[-1][0]) + len(folds[-1][1]) == len(times)


def test_forward_chaining_has_even_blocks():
    sizes = [(len(train), len(valid)) for train, valid in forward_folds(np.arange(30)[::-1], 5)]
    assert sizes == [(5, 5), (10, 5), (15, 5), (20, 5), (25, 5)]
    ((train, valid),) = forward_folds(np.arange(30), 1)
    assert (len(train), len(valid)) == (24, 6)


@pytest.mark.parametrize(
    "days",
    [
        pd.date_range("2020", periods=ROWS)[::-1],
        pd.date_range("2020", periods=ROWS).strftime("%d.%m.%Y")[::-1],
        pd.date_range("2020", periods=ROWS, tz="Europe/Berlin")[::-1],
        -np.arange(ROWS),
        [f"{-row},5" for row in range(ROWS)],
    ],
)
def test_a_column_tells_the_time(days):
    folds = declared("day", folds=2, day=days)
    assert folds[0][1].tolist() == list(range(10, 20))
    assert folds[1][1].tolist() == list(range(10))


@pytest.mark.parametrize(
    ("validation", "columns", "sentence"),
    [
        ("dya", {"day": range(ROWS)}, "did you mean 'day'"),
        ("year", {}, "pass one of a ..."),
        ("b", {"b": ["u", "v"] * 15}, "pass groups=X\\['b'\\] to fit"),
        ("b", {"b": [1.0, None] * 15}, "missing in 15 of 30 rows"),
        ("b", {"b": [1.0] * ROWS}, "all rows have the same time"),
    ],
)
def test_times_that_break_a_rule(validation, columns, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        declared(validation, **columns)


@pytest.mark.parametrize("y", [None, ["u", "v", "w"] * 10, ["u"] * 29 + ["v"]])
def test_groups_stay_together(y):
    groups = np.arange(ROWS) % 7
    for folds in (declared(None, groups, y=y), declared(3, groups, y=y), declared(LeaveOneGroupOut(), groups, y=y)):
        assert len(folds) in {3, 5, 7}
        for train, valid in folds:
            assert not set(groups[train]) & set(groups[valid])
        assert sorted(np.concatenate([valid for _, valid in folds])) == list(range(ROWS))
    assert len(declared(None, [f"g{k}" for k in range(ROWS)])) == 5, "a group a row"
    assert len(declared(None, np.arange(ROWS) // 15)) == 2, "no more folds than groups"
    assert len(declared(None, groups, default=1)) == 1
    large = np.concatenate([np.zeros(15, dtype=int), np.arange(1, 16)])  # half of the rows are of one group
    ((train, valid),) = declared(None, large, default=1)
    assert len(valid) < 8, "a fifth, or next to it, and not the fold of the largest group"
    assert len(train) + len(valid) == ROWS
    assert len(declared(None, groups, folds=3)) == 3


@pytest.mark.parametrize(
    ("validation", "groups", "sentence"),
    [
        (None, [1] * ROWS, "one group only"),
        (5, [1, 2, 3] * 10, "validation is 5; with 3 groups it must be from 2 to 3"),
        (None, [1, 2], "groups has 2 values and X has 30 rows"),
        (None, [1, None] * 15, "groups is missing for 15 of 30 rows"),
        (None, "customer", "such as X\\['customer'\\]"),
        (None, [{}] * ROWS, "names no group"),
        (None, np.ones((ROWS, 2)), "pass one value per row"),
        (GroupKFold(3), None, "pass groups= to fit"),
        (GroupKFold(6), [1, 2, 3] * 10, "GroupKFold cannot split these rows"),
        (KFold(40), None, "KFold cannot split these rows"),
        (0.2, None, "validation is 0.2; pass a number of folds"),
        ([], None, "empty fold"),
        ([([], [1])], None, "empty fold"),
        ([([0, 1], [1, 2])], None, "row 1 for both"),
        ([([0, 1], [30])], None, "from 30 to 30, beyond the 30"),
        ([([0, 1], [-1])], None, "from -1 to -1"),
        ([([0.5], [1])], None, "pairs of row indices"),
        ([[0, 1], [2, 3]], None, "pairs of row indices"),
    ],
)
def test_declarations_that_break_a_rule(validation, groups, sentence):
    with pytest.raises(InvalidInput, match=sentence) as error:
        declared(validation, groups)
    assert str(error.value).endswith(".")


def test_a_splitter_that_names_rows_names_those_that_were_given():
    part = np.arange(ROWS) % 3
    y = pd.Series(np.arange(float(ROWS)))
    y[[4, 10, 29]] = None
    target = read_target(y, "regression")
    frame = pd.DataFrame({"a": np.arange(ROWS)})[target.labelled].reset_index(drop=True)
    folds = declared_folds(PredefinedSplit(part), None, frame, target, Roles(None, None))
    assert len(folds) == 3
    for number, (train, valid) in enumerate(folds):
        assert (part[frame["a"][valid]] == number).all()
        assert sorted([*train, *valid]) == list(range(len(frame)))


def test_splitters_and_holdouts():
    assert len(declared(TimeSeriesSplit(3))) == 3
    ((train, valid),) = declared([(range(20), range(20, 30))])
    assert (train.tolist(), valid.tolist()) == (list(range(20)), list(range(20, 30)))
    mask = np.arange(ROWS) % 3 == 0
    ((train, valid),) = declared([(~mask, mask)])
    assert set(valid) == set(range(0, 30, 3))
    assert not set(train) & set(valid)


def test_pairs_name_the_rows_that_fit_was_given():
    """Rows without a target are left out, and what the pairs call row 20 is another row of those that remain."""
    y = np.arange(float(ROWS))
    y[:5] = np.nan
    frame, target = pd.DataFrame({"a": np.arange(ROWS)}), read_target(y, "regression")
    ((train, valid),) = declared_folds([(range(20), range(20, 30))], None, frame[target.labelled], target, Roles())
    np.testing.assert_array_equal(target.values[train], np.arange(5.0, 20.0))
    np.testing.assert_array_equal(target.values[valid], np.arange(20.0, 30.0))


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ([1.0, -2.0, 1.0], "goes down to -2"),
        ([1.0, np.nan, 1.0], "missing \\(NaN\\) for 1 of 3"),
        ([1.0, np.inf, 1.0], "holds infinity"),
        ([1e-300, 1.0, 1e300], "cut off"),
        ([0.0, 0.0, 0.0], "zero for all rows"),
        ([1.0, 2.0], "has 2 values and X has 3 rows"),
        (["a", 1, 2], "'a', which is no number"),
        ("weight", "X\\['weight'\\]"),
        (np.ones((3, 2)), "pass one value per row"),
    ],
)
def test_weights_that_break_a_rule(weights, sentence):
    with pytest.raises(InvalidInput, match=sentence) as error:
        read_weights(weights, 3)
    assert str(error.value).endswith(".")


def test_weights_of_all_kinds_are_read(caplog):
    for weights in ([1, 2, 0], np.array([1.0, 2.0, 0.0]), pd.Series([1, 2, 0]), pd.array([1, 2, 0], dtype="Int64")):
        roles = read_roles(weights, None, 3)
        np.testing.assert_array_equal(roles.weights, [0.5, 1.0, 0.0])
        np.testing.assert_array_equal(roles.counted, [True, True, False])
    assert "1 of 3 rows have the weight 0" in caplog.text
    target = read_target(["a", "b", "c"], "classification", roles.counted)
    assert target.classes.tolist() == ["a", "b"]
    assert roles.of(target.labelled).weights.tolist() == [0.5, 1.0]
    with pytest.raises(InvalidInput, match="both a target and a sample_weight"):
        read_target([None, None, "c"], "classification", roles.counted)


def test_groups_of_the_rows_kept_are_numbered_anew():
    roles = Roles(None, np.array([0, 1, 2, 2])).of(np.array([False, True, True, True]))
    assert roles.groups.tolist() == [0, 1, 1]


def test_times_are_numbers_or_dates():
    frame = pd.DataFrame({"n": [3, 1], "d": pd.to_datetime(["2021", "2020"])})
    assert read_times(frame, "n").tolist() == [3.0, 1.0]
    assert read_times(frame, "d").dtype.kind == "M"


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("0000-00-00", "1 of 60 times cannot be read, such as '0000-00-00'; correct them"),
        ("n/a", "the time is missing in 1 of 60 rows"),
    ],
)
def test_a_time_that_cannot_be_read_is_shown(cell, sentence):
    days = pd.date_range("2026-01-01", periods=59).strftime("%Y-%m-%d")
    with pytest.raises(InvalidInput, match=sentence):
        read_times(pd.DataFrame({"day": [*days, cell]}), "day")


def test_a_row_that_several_folds_validate_gets_the_mean():
    held = [np.arange(2), np.arange(2, 4), np.arange(1)]
    found = fold_mean(np.array([3.0, 1.0, 2.0, 4.0]), held)
    np.testing.assert_array_equal(found, [1.5, 1.0, 2.0, 4.0])
    assert fold_mean(np.ones((4, 2)), held).tolist()[0] == [0.5, 0.5]


def test_an_exhausted_generator_of_pairs_is_refused_at_the_second_fit(cache, monkeypatch):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=60)
    model = estimator("binary", validation=iter([(np.arange(40), np.arange(40, 60))]))
    model.fit(X, y)
    with pytest.raises(InvalidInput, match=r"holds no pairs; .* pass list\(kf.split\(X, y\)\)"):
        model.fit(X, y)


def test_a_refused_fold_count_is_named_with_its_limits():
    X = np.random.default_rng(0).normal(size=(40, 2))
    search = SearchSettings(models=["linear"], folds=5)
    with pytest.raises(InvalidInput, match="folds is 5; with 3 groups it must be from 2 to 3"):
        estimator("regression", search=search).fit(X, X[:, 0], groups=np.arange(40) % 3)
    with pytest.raises(InvalidInput, match=r"folds is 50; with 40 row\(s\) it must be from 2 to 40"):
        estimator("regression", search=SearchSettings(models=["linear"], folds=50)).fit(X, X[:, 0])


@pytest.mark.parametrize("validation", ["t", KFold(2), [(np.arange(20), np.arange(20, 40))]])
def test_declared_folds_that_cut_groups_are_warned_of(validation, caplog):
    frame = pd.DataFrame({"t": range(40), "x": range(40)})
    target = read_target(pd.Series([0, 1] * 20), "classification")
    with caplog.at_level(logging.WARNING, "seasoned.tabular"):
        declared_folds(validation, None, frame, target, Roles(None, np.arange(40) % 4), default=2)
    assert "4 of 4 groups have rows on both sides" in caplog.text


class Forward:
    """Years in their order, as a walk through time has them."""

    def __init__(self, kind=None):
        self.kind = kind
        self.seen = []

    def split(self, X, y, groups=None):
        self.seen.append((np.asarray(y)[:3].tolist(), np.unique(groups).tolist()))
        if self.kind is not None:
            raise self.kind("made up")
        for year in np.unique(groups)[1:]:
            yield np.flatnonzero(groups < year), np.flatnonzero(groups == year)


def test_a_splitter_receives_the_original_groups_and_labels():
    years = np.array([2023, 2019, 2021] * 20)
    y = pd.Series(["no", "yes", "no"] * 20)
    target, roles, splitter = read_target(y, "classification"), read_roles(None, years, 60), Forward()
    folds = declared_folds(splitter, None, pd.DataFrame({"a": np.arange(60)}), target, roles)
    assert splitter.seen == [(["no", "yes", "no"], [2019, 2021, 2023])]
    assert [set(years[valid]) for _, valid in folds] == [{2021}, {2023}]
    assert [set(years[train]) for train, _ in folds] == [{2019}, {2019, 2021}]


@pytest.mark.parametrize("kind", [KeyError, AttributeError, RuntimeError])
def test_an_exception_of_a_splitter_is_refused_in_a_sentence(kind):
    target, roles = read_target(pd.Series([0, 1] * 10), "classification"), read_roles(None, np.arange(20), 20)
    with pytest.raises(InvalidInput, match="Forward cannot split these rows"):
        declared_folds(Forward(kind), None, pd.DataFrame({"a": np.arange(20)}), target, roles)


def test_index_labels_are_no_row_positions_in_declared_splits(here):
    X = pd.DataFrame({"a": np.random.default_rng(0).normal(size=40)}).sample(frac=1, random_state=0)
    y = (X["a"] > 0).to_numpy().astype(int)
    early, late = X.index[:30], X.index[30:]
    with pytest.raises(InvalidInput, match="labels of an index"):
        AutoClassifier(validation=[(early, late)], search=LINEAR, **QUICK).fit(X, y)
    places = [(X.index.get_indexer(early), X.index.get_indexer(late))]
    assert AutoClassifier(validation=places, search=LINEAR, **QUICK).fit(X, y).fitted_.trials
    plain = X.reset_index(drop=True)
    assert AutoClassifier(validation=[(plain.index[:30], plain.index[30:])], search=LINEAR, **QUICK).fit(plain, y)


@pytest.mark.parametrize(("metric", "refused"), [(None, True), ("log_loss", False)])
def test_validation_rows_of_one_class_are_refused_for_ranking_metrics(here, metric, refused):
    X, y = pd.DataFrame({"a": np.arange(40) % 7 + 0.5}), np.r_[np.arange(30) % 2, np.zeros(10, int)]
    model = estimator("classification", models=["tree"], metric=metric, validation=[(range(30), range(30, 40))])
    if refused:
        with pytest.raises(InvalidInput, match="all 10 validation rows are of class 0, for which roc_auc is undefined"):
            model.fit(X, y)
    else:
        assert len(model.fit(X, y).predict(X)) == 40


def test_splits_of_three_parts_are_refused(here):
    X, y = messy("binary")
    with pytest.raises(InvalidInput, match="pairs of row indices"):
        estimator("classification", ["linear"], validation=[(np.arange(9), np.arange(9, 18), [1])]).fit(X, y)
