"""Meta-features: what they must not see, and what they must."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seasoned.errors import InvalidInput
from seasoned.knowledge.meta_features.landmarkers import skills
from seasoned.knowledge.meta_features.meta_features import COLUMNS, METAFEATURES, ROWS, _View, describe
from seasoned.knowledge.meta_features.row_sample import Table, canonical, table_of

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=15, deadline=None)


def table(rng, rows=80, numbers=3, categories=2, classes=3):
    X = np.where(rng.random((rows, numbers)) < 0.1, np.nan, rng.normal(size=(rows, numbers)))
    codes = rng.integers(-1, 4, size=(rows, categories))
    signal = np.nan_to_num(X[:, 0]) + codes[:, 0]
    target = np.digitize(signal, np.quantile(signal, np.linspace(0, 1, classes + 1)[1:-1])) if classes else signal
    return Table(X, codes, target.astype(float), classes)


def permuted(rng, one):
    rows, left, right = (rng.permutation(size) for size in (*one.numbers.shape, one.codes.shape[1]))
    return Table(one.numbers[rows][:, left], one.codes[rows][:, right], one.target[rows], one.classes)


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
def test_the_order_of_rows_and_columns_and_all_names_are_unseen(seed, classes):
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
def test_the_order_of_rows_is_unseen_where_many_rows_are_the_same(seed, kind, rows):
    rng = np.random.default_rng(seed)
    one = discrete(rng, rows, kind)
    for order in (rng.permutation(rows), np.lexsort([*one.numbers.T, *one.codes.T, one.target])):
        same(one, Table(one.numbers[order], one.codes[order], one.target[order], one.classes))


def test_rows_that_are_the_same_come_as_often_in_the_sample_as_in_the_table():
    codes = np.repeat([0, 1], [2_700, 300])[:, None]
    found = canonical(Table(np.empty((3_000, 0)), codes, codes[:, 0].astype(float), 2), ROWS)
    assert 0.07 < np.mean(found.target == 1.0) < 0.13
    both = canonical(Table(np.empty((2_000, 0)), codes[700:2_700] * 0, np.repeat([0.0, 1.0], 1_000), 2), ROWS)
    assert abs(np.mean(both.target) - 0.5) < 0.06


def test_so_they_are_where_rows_must_be_sampled():
    rng = np.random.default_rng(0)
    one = table(rng, rows=3 * ROWS)
    same(one, permuted(rng, relabelled(rng, one)))


def test_so_they_are_where_columns_are_left_out():
    rng = np.random.default_rng(0)
    one = table(rng, rows=60, numbers=COLUMNS + 40, categories=COLUMNS + 5)
    same(one, permuted(rng, relabelled(rng, one)))
    view = _View(one)
    assert len(view.correlations) == COLUMNS * (COLUMNS - 1) // 2
    assert len(view.relevances) == COLUMNS + 40
    assert len(view.spectrum) <= COLUMNS


@given(seeds, st.integers(1, 90))
def test_the_canonical_sample_is_one_and_the_same(seed, rows):
    rng = np.random.default_rng(seed)
    one = table(rng)
    a, b = canonical(one, rows), canonical(permuted(rng, one), rows)
    assert len(a.target) == min(rows, 80)
    assert np.array_equal(a.numbers, b.numbers, equal_nan=True)
    assert np.array_equal(a.codes, b.codes)
    assert np.array_equal(a.target, b.target)


def test_the_sample_keeps_rows_together_and_spreads_over_the_table():
    n = 20_000
    x = np.arange(n, dtype=float)
    sample = canonical(Table(np.stack([x, 2 * x], axis=1), np.empty((n, 0), int), 3 * x, 0), 2000)
    small = sample.numbers.min(axis=1)
    assert sample.numbers.max(axis=1) == pytest.approx(2 * small)
    assert sample.target == pytest.approx(3 * small)
    assert small.mean() == pytest.approx(n / 2, rel=0.05)  # 5% is 3.9 standard errors
    assert len(np.unique(small)) == 2000


def test_each_says_what_it_is_and_where_it_is_from():
    names = [feature.name for feature in METAFEATURES]
    assert len(set(names)) == len(names)
    assert all(feature.definition and feature.source for feature in METAFEATURES)


def test_sizes_shares_and_moments_are_what_they_are_called():
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


def test_a_regression_target_has_moments_and_no_classes():
    y = np.random.default_rng(0).exponential(size=20_000)
    found = describe(Table(y[:, None] * 2.0, np.empty((len(y), 0), int), y, 0))
    assert found["target_skew"] == pytest.approx(2.0, abs=0.3)
    assert np.exp(found["target_kurtosis"]) == pytest.approx(9.0, abs=3.0)
    assert found["relevance"] == pytest.approx(1.0)
    assert np.isnan(found["class_entropy"])


def test_the_effective_rank_counts_directions():
    z = np.random.default_rng(0).normal(size=(900, 1))
    assert describe(Table(np.tile(z, 4), np.empty((900, 0), int), z[:, 0], 0))["rank"] == pytest.approx(0.25)


def test_landmarkers_tell_structures_apart():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(800, 2))
    none = np.empty((800, 0), int)
    line = skills(canonical(Table(x, none, (x.sum(axis=1) > 0).astype(float), 2), 800))
    xor = skills(canonical(Table(x, none, (x.prod(axis=1) > 0).astype(float), 2), 800))
    noise = skills(canonical(Table(x, none, rng.integers(2, size=800).astype(float), 2), 800))
    assert line["linear"] > 0.9 > line["stump"]
    assert xor["tree"] > 0.8
    assert xor["linear"] < 0.3
    assert max(noise.values()) < 0.25  # luck of 800 coins: 3.5 standard deviations


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
def test_odd_tables_are_described_without_a_warning(odd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = describe(odd)
    assert len(found) == len(METAFEATURES)
    assert not np.isinf(list(found.values())).any()


def test_a_frame_becomes_a_table():
    frame = pd.DataFrame({"a": [1, 2, 3, 4], "b": ["x", "y", None, "x"], "c": [True, False, True, True]})
    got = table_of(frame, ["no", "yes", "no", None], regression=False)
    assert got.numbers.tolist() == [[1.0], [2.0], [3.0]]
    assert got.codes.tolist() == [[0, 0], [1, 1], [-1, 0]]
    assert got.target.tolist() == [0.0, 1.0, 0.0]
    assert got.classes == 2
    assert table_of(frame, [1.5, 2.5, 3.5, 4.5], regression=True).classes == 0


def test_what_is_no_table_is_refused():
    with pytest.raises(InvalidInput, match="rows"):
        Table(np.ones((3, 1)), np.ones((2, 1), int), np.ones(3), 2)
    with pytest.raises(InvalidInput, match="columns"):
        Table(np.ones((3, 0)), np.ones((3, 0), int), np.ones(3), 2)
