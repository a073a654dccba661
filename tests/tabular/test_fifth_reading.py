"""Bugs of families, columns and features that a fifth reading found: each test here failed before it was mended."""

from __future__ import annotations

import datetime as dt
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from optional import needs
from seasoned.tabular.features import target_encoding
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.linear.penalty_tuning import levels_together
from seasoned.tabular.models.linear.regularization_path import Rotated, numbers_path
from seasoned.tabular.models.registry import find
from seasoned.tabular.preprocessing.one_hot_scaling import _centre_and_scale
from seasoned.tabular.schema.column import Column
from seasoned.tabular.schema.object_columns import number_word
from seasoned.tabular.schema.schema import Schema, read


def learned(name, X, y, weight, quantile=None, rounds=None):
    model = find(name)
    config = model.with_rounds(dict(model.space("regression").default), rounds)
    learner = model.build(config, Job("regression", 0, 0, quantile=quantile))
    model.fit(learner, (X, y), None, weights=(weight, None))
    return learner.predict(X)


@pytest.mark.parametrize("quantile", [0.1, 0.5])
def test_leaves_of_weighted_quantiles_know_the_weights(quantile):
    """CatBoost's exact leaves leave weights out: a fifth of the weight lay below the median."""
    needs("catboost")
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2, (2_000, 1)).astype(float), rng.normal(size=2_000)
    weight = np.where(y < 0, 4.0, 1.0)
    below = y <= learned("catboost", X, y, weight, quantile, rounds=60)
    assert weight[below].sum() / weight.sum() == pytest.approx(quantile, abs=0.03)


@pytest.mark.slow
def test_heavy_rows_count_as_they_weigh_in_realmlp():
    """Each batch was divided by its own weight: one without a heavy row counted as much as one with it."""
    needs("realmlp")
    rng = np.random.default_rng(0)
    X, heavy = rng.normal(size=(3_000, 2)), np.arange(3_000) % 200 == 0
    weight = np.where(heavy, 199.0, 1.0)
    predicted = learned("realmlp", X, heavy.astype(float), weight / weight.mean(), rounds=10)
    assert np.average(predicted, weights=weight) == pytest.approx(0.5, abs=0.1)


def test_a_first_column_without_a_one_has_a_group():
    X = np.array([[0.0, 1.0, 0.3], [0.0, 0.0, 0.1]])
    assert levels_together(X).tolist() == [0, 0, 1]
    assert levels_together(X[:, :1]).tolist() == [0]


def test_what_no_row_tells_has_no_weight():
    """The levels of a category sum to one: along that direction there was rounding, divided by a small penalty."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 5, 60_000)
    A = np.eye(5, dtype=np.float32)[levels]
    y = 3.0 + 0.5 * levels + 0.01 * rng.normal(size=len(levels))
    (found,) = numbers_path(Rotated.of(A, np.ones(5), None), y, (0.005,))
    unseen = float(found[-1, 0])  # a row of zeros
    assert unseen == pytest.approx(y.mean() - float(A.mean(axis=0) @ found[:-1, 0]), abs=1e-4)
    assert unseen == pytest.approx(3.0 + 0.5 * 2.0, abs=0.02), "the mean over the levels, which none of them tells"


@pytest.mark.parametrize("value", [0.1, 0.3, 1.0, 1e-9])
def test_a_constant_with_gaps_has_no_scale(value):
    column = np.full(1_000, value)
    column[::7] = np.nan
    assert _centre_and_scale(column) == (value, 0.0)


@pytest.mark.parametrize("sizes", [[2] * 200, [5, 2, 9, 2, 3] * 30, list(range(2, 90))])
def test_pairs_with_the_fewest_combinations_are_found_without_all_pairs(sizes):
    levels = {column: (np.arange(size), None) for column, size in enumerate(sizes)}
    found = [pair for pair in target_encoding.Encoding()._sets(levels) if len(pair) == 2]
    every = sorted(combinations(range(len(sizes)), 2), key=lambda pair: sizes[pair[0]] * sizes[pair[1]])
    assert found == every[: target_encoding._SETS]


def test_whole_numbers_keep_their_digits_beside_a_gap():
    assert [number_word(value) for value in (2.0**53, 3.0, 2.5, 1e300)] == [
        "9.00719925474099e+15",
        "3",
        "2.5",
        "1e+300",
    ]
    whole = 1_234_567_890_123_450 + np.arange(4)
    frame = pd.DataFrame({"id": pd.Categorical(np.tile(whole, 20))})
    schema = Schema.infer(frame)
    (column,) = schema.columns
    gap = pd.Series([*whole.tolist(), None], dtype="float64", name="id")
    assert read(column, gap).tolist()[:4] == [str(value) for value in whole]
    assert read(column, gap.astype(object)).tolist()[:4] == [str(value) for value in whole]


@pytest.mark.parametrize(
    ("style", "cells", "values"),
    [
        ("1.234,5", [1.234, "2.500,00", None], [1.234, 2500.0, np.nan]),
        ("1,234.5", ["2,500", 1234.5], [2500.0, 1234.5]),
        ("1,234.5", [dt.timedelta(hours=1), "?"], [3600.0, np.nan]),
        ("1,234.5", [dt.time(1, 30), "7"], [5400.0, 7.0]),
        ("1,234.5", [True, "2", None], [1.0, 2.0, np.nan]),
    ],
)
def test_a_cell_says_the_same_whatever_stands_beside_it(style, cells, values):
    column = Column("x", "numeric", style)
    series = pd.Series(cells, dtype=object, index=[7] * len(cells))
    found = read(column, series)
    np.testing.assert_array_equal(found.to_numpy(), values)
    assert found.index.tolist() == series.index.tolist()
    each = [float(read(column, pd.Series([cell], dtype=object)).iloc[0]) for cell in cells if cell is not None]
    np.testing.assert_array_equal(each, values[: len(each)])


def test_dates_beside_words_are_read_as_dates():
    column = Column("day", "date", "%d.%m.%Y")
    found = read(column, pd.Series([pd.Timestamp("2024-05-01"), "02.06.2024", None], dtype=object))
    assert found.tolist()[:2] == [pd.Timestamp("2024-05-01"), pd.Timestamp("2024-06-02")]
    assert pd.isna(found.iloc[2])
