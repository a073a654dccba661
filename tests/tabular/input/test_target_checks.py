"""Targets that no fit can learn from, and those of which it learns little."""

from __future__ import annotations

import re

import numpy as np
import pytest

from in_process import estimator, stay_in_process
from seasoned import AutoClassifier, AutoRegressor
from seasoned.errors import InvalidInput
from seasoned.tabular.input.target import read_target
from seasoned.tabular.input.target_checks import check_target

NAMES = [f"agent {number}" for number in range(100)]
TEXTS = [f"{'the customer called about the bill and ' * 3}{number // 3}" for number in range(100)]


def check(labels, task="classification", name="y"):
    check_target(read_target(labels, task), name)


@pytest.mark.parametrize(
    ("labels", "task", "sentence"),
    [
        (
            ["yes", "no", "yes"],
            "classification",
            "has 3 labelled rows, and a fit needs at least 10; .* FewShotClassifier",
        ),
        ([1.5, 2.5, 3.5], "regression", "has 3 labelled rows.* FewShotRegressor"),
        (
            NAMES,
            "classification",
            "holds 100 different values in 100 rows, such as 'agent 0', so it is a name or a text",
        ),
        (TEXTS, "classification", "holds 34 different values in 100 rows, .*so it is a text and no class"),
        (list(range(100)), "classification", "holds 100 different numbers in 100 rows.* AutoRegressor"),
    ],
)
def test_what_cannot_be_learned_is_refused(labels, task, sentence):
    with pytest.raises(InvalidInput, match=f"the target 'y' {sentence}"):
        check(labels, task)


@pytest.mark.parametrize(
    ("labels", "task", "sentence"),
    [
        (["yes", "no"] * 6, "classification", "'y' has 12 labelled rows; scores of fewer than 50 say little"),
        (
            ["yes"] * 6 + ["no"] * 1994,
            "classification",
            "'yes' in 6 of 2000 rows; the score rests on these 6, .*by 1/6",
        ),
        (["a", "b"] * 50 + ["c"], "classification", r"1 of 3 classes with fewer than 5 rows: 'c' \(1\); such"),
        (["a", "b"] * 50 + list("cdefgh"), "classification", r"6 of 8 classes .*'g' \(1\) \.\.\.;"),
    ],
)
def test_what_says_little_is_warned_of_in_one_sentence(labels, task, sentence, caplog):
    check(labels, task)
    (message,) = caplog.messages
    assert re.search(sentence, message)


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        (["yes", "no"] * 25, "classification"),
        (["yes"] * 25 + ["no"] * 2000, "classification"),
        (["yes"] * 15 + ["no"] * 60, "classification"),
        (np.repeat(np.arange(30), 5).tolist(), "classification"),
        (np.repeat(NAMES, 5).tolist(), "classification"),
        (np.random.default_rng(0).normal(size=60), "regression"),
    ],
)
def test_ordinary_targets_are_not_spoken_of(labels, task, caplog):
    check(labels, task)
    assert not caplog.messages


def test_many_classes_bring_no_warning_of_a_library(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    labels = [f"class {place % 34}" for place in range(60)]
    model = estimator("classification").fit(np.arange(60.0)[:, None] % 34, labels)  # warnings are errors here
    assert len(model.classes_) == 34


@pytest.mark.parametrize("make", [AutoClassifier, AutoRegressor])
def test_a_fit_refuses_three_rows(make):
    with pytest.raises(InvalidInput, match="the target has 3 labelled rows"):
        make().fit([[1.0], [2.0], [3.0]], [1, 2, 1])


def test_constant_targets_are_accepted_where_a_model_adapts(caplog):
    assert read_target([5.0], "regression", few=True).values.tolist() == [5.0]
    assert read_target([5.0, 5.0], "regression", few=True).values.tolist() == [5.0, 5.0]
    assert not caplog.text
    with pytest.raises(InvalidInput, match="1 row"):
        read_target([5.0], "regression")
