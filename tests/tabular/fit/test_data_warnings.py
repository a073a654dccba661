"""Warnings about data: leaks, order of time, and rows that belong together."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from messy import messy
from seasoned.tabular.fit.data_warnings import warn_of_groups, warn_of_index, warn_of_order, warn_of_time
from seasoned.tabular.fit.leakage import warn_of_leaks
from seasoned.tabular.input.sample_roles import Roles
from seasoned.tabular.input.target import read_target
from seasoned.tabular.schema.schema import Schema

ROWS = 60
RNG = np.random.default_rng(0)
CLASSES = RNG.choice(["p", "q", "r"], ROWS)
NUMBERS = RNG.normal(size=ROWS)


def leaks(column, y, task, caplog):
    frame = pd.DataFrame({"suspect": column, "other": RNG.normal(size=ROWS)})
    schema = Schema.infer(frame)
    warn_of_leaks(schema.apply(frame), read_target(y, task))
    return "'suspect' is the same as the target" in caplog.text


@pytest.mark.parametrize(
    ("column", "y", "task", "found"),
    [
        (CLASSES, CLASSES, "classification", True),
        (pd.Series(CLASSES).map({"p": 7, "q": 1, "r": 3}), CLASSES, "classification", True),
        (CLASSES == "p", CLASSES == "p", "classification", True),
        (np.r_[["s"], CLASSES[1:]], CLASSES, "classification", False),
        (np.where(CLASSES == "p", "q", CLASSES), CLASSES, "classification", False),
        (np.arange(ROWS) + 0.5, CLASSES, "classification", False),
        (pd.Series(CLASSES).where(np.arange(ROWS) != 30), CLASSES, "classification", False),
        (NUMBERS, NUMBERS, "regression", True),
        (NUMBERS + 1e-9, NUMBERS, "regression", False),
        (CLASSES, NUMBERS, "regression", False),
    ],
)
def test_leaks(column, y, task, found, caplog):
    assert leaks(column, y, task, caplog) == found


def test_few_rows_agree_by_chance(caplog):
    frame = pd.DataFrame({"a": [1.0, 2.0, 1.0]})
    warn_of_leaks(frame, read_target(["x", "y", "x"], "classification"))
    assert not caplog.text


N = 400
MANY = RNG.choice(["p", "q", "r"], N, p=[0.6, 0.3, 0.1])
MEASURED = RNG.normal(size=N)


def told_alone(column, y, task, caplog):
    frame = pd.DataFrame({f"x{place}": RNG.normal(size=N) for place in range(60)} | {"suspect": column})
    warn_of_leaks(Schema.infer(frame).apply(frame), read_target(y, task))
    return [message for message in caplog.messages if "alone tells the target" in message]


@pytest.mark.parametrize(
    ("column", "y", "task", "found"),
    [
        (pd.Series(MANY).map({"p": 0.0, "q": 1.0, "r": 2.0}) + 0.1 * RNG.random(N), MANY, "classification", True),
        (pd.Series(MANY).map({"p": 1.0, "q": 0.0, "r": 2.0}) + 0.1 * RNG.random(N), MANY, "classification", True),
        (np.char.add(MANY, RNG.choice(["1", "2"], N)), MANY, "classification", True),
        (pd.Timestamp("2020-01-01") + pd.to_timedelta((MANY == "p") * 90 + RNG.integers(0, 80, N), "D"), MANY == "p",
         "classification", True),
        (np.where(RNG.random(N) < 0.1, "p", MANY), MANY, "classification", False),
        (RNG.normal(size=N), MANY, "classification", False),
        (np.arange(N) % 300 + 0.5, np.arange(N) == 7, "classification", False),
        (np.exp(MEASURED), MEASURED, "regression", True),
        (-3 * MEASURED, MEASURED, "regression", True),
        (MEASURED + 0.2 * RNG.normal(size=N), MEASURED, "regression", False),
        (np.round(MEASURED), MEASURED, "regression", False),
    ],
)  # fmt: skip
def test_a_column_that_alone_tells_the_target(column, y, task, found, caplog):
    said = told_alone(column, y, task, caplog)
    assert len(said) == found
    if found:
        assert "'suspect'" in said[0]
        assert "X.drop(columns=['suspect'])" in said[0]


def test_rows_are_too_few_and_tables_too_wide_for_a_word(caplog):
    y = np.where(np.arange(90) % 2, "p", "q")
    warn_of_leaks(pd.DataFrame({"a": (y == "p") + 0.1 * RNG.random(90)}), read_target(y, "classification"))
    assert not caplog.messages


@pytest.mark.parametrize(
    ("rows", "labels", "found"),
    [
        ([0, 1, 2], [2, 1, 0], True),
        ([0, 1, 2], [0, 1, 2], False),
        ([0, 1, 2], [3, 4, 5], False),
        ([0, 0, 1], [1, 0, 0], False),
        ([("p", 1), ("q", 2)], [5, 6], False),
    ],
)
def test_order(rows, labels, found, caplog):
    X = pd.DataFrame({"a": range(len(rows))}, index=pd.Index(rows))
    warn_of_order(X, y=pd.Series(range(len(rows)), index=labels))
    assert bool(caplog.text) == found


DAYS = pd.date_range("2026-01-01", periods=ROWS)


@pytest.mark.parametrize(
    ("index", "groups", "validation", "name"),
    [
        (DAYS.rename("day"), None, None, "day"),
        (DAYS.to_period("D"), None, 5, "index"),
        (pd.MultiIndex.from_arrays([np.arange(ROWS), DAYS], names=["shop", "day"]), None, None, "day"),
        (DAYS, np.arange(ROWS), None, None),
        (DAYS, None, "day", None),
        (pd.RangeIndex(ROWS), None, None, None),
        (DAYS[:1].repeat(ROWS), None, None, None),
    ],
)
def test_times_in_the_index(index, groups, validation, name, caplog):
    warn_of_index(pd.DataFrame({"a": NUMBERS}, index=index), groups, validation)
    assert (f"pass validation={name!r}" in caplog.text) == (name is not None)


def test_gaps_do_not_hide_the_order_of_time(caplog):
    when = pd.Series(DAYS).where(np.arange(ROWS) % 9 > 0)
    warn_of_time(pd.DataFrame({"when": when}), Roles(None, None), None)
    assert "in the order of 'when'" in caplog.text
    caplog.clear()
    warn_of_time(pd.DataFrame({"when": when.where(np.arange(ROWS) < 25)}), Roles(None, None), None)
    assert not caplog.text


@pytest.mark.parametrize(
    ("name", "values", "groups", "found"),
    [
        ("customer_id", np.arange(ROWS) // 2, None, True),
        ("Patient", [f"p{place // 2}" for place in range(ROWS)], None, True),
        ("customer_id", np.arange(ROWS) // 2, np.arange(ROWS), False),
        ("customer_id", np.arange(ROWS), None, False),
        ("customer_id", np.arange(ROWS) // 4, None, False),
        ("product_id", np.arange(ROWS) // 2, None, False),
        ("households", np.arange(ROWS) // 2, None, False),
        ("subject", np.arange(ROWS) // 2, None, False),
        ("subject_no", np.arange(ROWS) // 2, None, True),
    ],
)
def test_rows_that_share_a_person(name, values, groups, found, caplog):
    warn_of_groups(pd.DataFrame({name: values}), Roles(None, groups), None)
    assert (f"pass groups=X[{name!r}]" in caplog.text) == found


def test_score_and_leaderboard_warn_of_rows_in_another_order(fitted, caplog):
    model, X, y = fitted["regression"]
    X, y = X.reset_index(drop=True), pd.Series(np.asarray(y))
    for judge in (model.score, model.leaderboard):
        caplog.clear()
        judge(X.sample(frac=1, random_state=0), y)
        assert "X and y have the same index in another order" in caplog.text


def test_fit_and_refit_warn_of_weights_and_groups_in_another_order(monkeypatch, caplog):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=120)
    X, y = X.reset_index(drop=True), pd.Series(np.asarray(y))
    mixed = X.sample(frac=1.0, random_state=0)
    aside = pd.Series(1.0, index=X.index), pd.Series(np.arange(len(X)) // 4)
    with caplog.at_level(logging.WARNING, logger="seasoned"):
        model = estimator("classification").fit(mixed, y.loc[mixed.index], sample_weight=aside[0], groups=aside[1])
    assert "X and sample_weight have the same index in another order" in caplog.text
    assert "pass groups.loc[X.index]" in caplog.text
    assert "X and y" not in caplog.text
    with caplog.at_level(logging.WARNING, logger="seasoned"):
        model.refit(mixed, y, groups=aside[1].loc[mixed.index], sample_weight=aside[0].loc[mixed.index])
    assert "X and y have the same index in another order" in caplog.text


def test_fit_warns_of_rows_in_time_order_with_random_folds(monkeypatch, caplog):
    stay_in_process(monkeypatch)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=80), "x": rng.normal(size=80)})
    told = "the rows are in the order of 'day', and validation splits them at random"
    for validation, rows, groups, said in (
        (None, X, None, True),
        (2, X[::-1], None, True),
        (None, X.sample(frac=1.0, random_state=0), None, False),
        ("day", X, None, False),
        (None, X, np.arange(80) // 4, False),
    ):
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="seasoned"):
            estimator("regression", validation=validation).fit(rows, rows["x"].to_numpy(), groups=groups)
        assert (told in caplog.text) == said
