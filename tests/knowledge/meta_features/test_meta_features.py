"""Meta-features: values by their definitions, and invariance to order and names."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_feature_tables import permuted, table
from seasoned.errors import InvalidInput
from seasoned.knowledge.meta_features.meta_features import COLUMNS, METAFEATURES, ROWS, TableView, describe
from seasoned.knowledge.meta_features.row_sample import Table, table_of

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=15, deadline=None)


def relabelled(rng, one):
    codes = one.codes.copy()
    for column in codes.T:
        names = np.append(rng.permutation(5) * 3, -1)
        column[:] = names[column]
    target = rng.permutation(one.classes)[one.target.astype(int)].astype(float) if one.classes else one.target
    return Table(one.numbers, codes, target, one.classes)


def same(one, other):
    a, b = describe(one), describe(other)
    assert list(a) == list(b)
    assert list(a.values()) == pytest.approx(list(b.values()), rel=1e-9, abs=1e-9, nan_ok=True)


@few
@given(seeds, st.sampled_from([0, 2, 3]))
def test_meta_features_ignore_order_of_rows_and_columns_and_all_names(seed, classes):
    rng = np.random.default_rng(seed)
    one = table(rng, classes=classes)
    same(one, permuted(rng, one))
    same(one, relabelled(rng, one))


def discrete(rng, rows, kind):
    """Tables in which many rows are the same, or columns and categories differ in nothing that is counted."""
    if kind == "balanced":
        codes = rng.permutation(np.repeat([0, 1], rows // 2))[:, None]
        return Table(np.empty((rows, 0)), codes, ((codes[:, 0] + (rng.random(rows) < 0.1)) % 2).astype(float), 2)
    if kind == "bits":  # as many ones in each column
        numbers = np.stack([rng.permutation(np.repeat([0.0, 1.0], rows // 2)) for _ in range(6)], axis=1)
        return Table(numbers, np.empty((rows, 0), int), ((numbers[:, 0] + numbers[:, 1]) > 1).astype(float), 2)
    codes = rng.integers(-1, 3, size=(rows, 3))
    return Table(
        rng.integers(0, 3, size=(rows, 2)).astype(float), codes, codes[:, 0] + rng.integers(0, 2, rows) + 1.0, 0
    )


@few
@given(seeds, st.sampled_from(["balanced", "bits", "levels"]), st.sampled_from([60, 3 * ROWS]))
def test_meta_features_ignore_row_order_where_many_rows_are_equal(seed, kind, rows):
    rng = np.random.default_rng(seed)
    one = discrete(rng, rows, kind)
    for order in (rng.permutation(rows), np.lexsort([*one.numbers.T, *one.codes.T, one.target])):
        same(one, Table(one.numbers[order], one.codes[order], one.target[order], one.classes))


def test_meta_features_of_sampled_rows_ignore_order_and_names():
    rng = np.random.default_rng(0)
    one = table(rng, rows=3 * ROWS)
    same(one, permuted(rng, relabelled(rng, one)))


def test_meta_features_of_some_columns_ignore_order_and_names():
    rng = np.random.default_rng(0)
    one = table(rng, rows=60, numbers=COLUMNS + 40, categories=COLUMNS + 5)
    same(one, permuted(rng, relabelled(rng, one)))
    view = TableView(one)
    assert len(view.correlations) == COLUMNS * (COLUMNS - 1) // 2
    assert len(view.relevances) == COLUMNS + 40
    assert len(view.spectrum) <= COLUMNS


def test_every_meta_feature_has_a_definition_and_a_source():
    names = [feature.name for feature in METAFEATURES]
    assert len(set(names)) == len(names)
    assert all(feature.definition and feature.source for feature in METAFEATURES)


def test_sizes_shares_and_moments_of_a_small_table():
    X = np.array([[0.0, 1.0], [np.nan, 2.0], [2.0, 3.0], [4.0, 4.0]])
    codes = np.array([[0, 1], [1, -1], [2, 1], [0, 1]])
    found = describe(Table(X, codes, np.array([0.0, 0.0, 0.0, 1.0]), 2))
    assert found["log_rows"] == pytest.approx(np.log10(4))
    assert found["log_ratio"] == 0.0
    assert found["categorical"] == 0.5
    assert found["missing"] == 2 / 16
    assert found["missing_rows"] == 0.25
    assert found["missing_columns"] == 0.5
    assert found["rarest_class"] == 0.25
    assert found["class_entropy"] == pytest.approx(-(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75)))
    assert found["most_levels"] == pytest.approx(np.log(4))
    assert found["zeros"] == 1 / 8
    assert found["regression"] == 0.0
    assert np.isnan(found["target_skew"])


def test_regression_target_has_moments_and_no_class_meta_features():
    y = np.random.default_rng(0).exponential(size=20_000)
    found = describe(Table(y[:, None] * 2.0, np.empty((len(y), 0), int), y, 0))
    assert found["target_skew"] == pytest.approx(2.0, abs=0.3)
    assert np.exp(found["target_kurtosis"]) == pytest.approx(9.0, abs=3.0)
    assert found["relevance"] == pytest.approx(1.0)
    assert np.isnan(found["class_entropy"])


def test_effective_rank_counts_independent_directions():
    z = np.random.default_rng(0).normal(size=(900, 1))
    assert describe(Table(np.tile(z, 4), np.empty((900, 0), int), z[:, 0], 0))["rank"] == pytest.approx(0.25)


@pytest.mark.parametrize(
    "odd",
    [
        Table(np.array([[1.0]]), np.empty((1, 0), int), np.array([0.0]), 1),
        Table(np.full((20, 2), np.nan), np.full((20, 1), -1), np.zeros(20), 1),
        Table(np.empty((20, 0)), np.arange(20)[:, None], np.arange(20.0) % 2, 2),
        Table(np.full((20, 1), 1e300), np.empty((20, 0), int), np.full(20, 5.0), 0),
        Table(np.eye(20), np.empty((20, 0), int), np.arange(20.0), 20),
        Table(np.array([[np.inf], [-np.inf]] * 10), np.empty((20, 0), int), np.arange(20.0), 0),
    ],
)
def test_meta_features_of_odd_tables_raise_no_warning(odd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = describe(odd)
    assert len(found) == len(METAFEATURES)
    assert not np.isinf(list(found.values())).any()


def test_meta_features_of_a_table_without_values():
    found = describe(table_of(pd.DataFrame({"a": [None] * 20}), [0, 1] * 10, regression=False))
    assert np.isnan(found["linear"]) if "linear" in found else True
    with pytest.raises(InvalidInput):
        table_of(pd.DataFrame(index=range(5)), [0, 1, 0, 1, 0], regression=False)
