"""Canonical rows: the row sample of a table, and tables made of data frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_feature_tables import permuted, table
from seasoned.errors import InvalidInput
from seasoned.knowledge.meta_features.meta_features import ROWS
from seasoned.knowledge.meta_features.row_sample import Table, canonical, table_of

seeds = st.integers(0, 2**32 - 1)


def test_equal_rows_keep_their_share_in_the_sample():
    codes = np.repeat([0, 1], [2_700, 300])[:, None]
    found = canonical(Table(np.empty((3_000, 0)), codes, codes[:, 0].astype(float), 2), ROWS)
    assert 0.07 < np.mean(found.target == 1.0) < 0.13
    both = canonical(Table(np.empty((2_000, 0)), codes[700:2_700] * 0, np.repeat([0.0, 1.0], 1_000), 2), ROWS)
    assert abs(np.mean(both.target) - 0.5) < 0.06


@given(seeds, st.integers(1, 90))
def test_canonical_sample_ignores_order_of_rows_and_columns(seed, rows):
    rng = np.random.default_rng(seed)
    one = table(rng)
    a, b = canonical(one, rows), canonical(permuted(rng, one), rows)
    assert len(a.target) == min(rows, 80)
    assert np.array_equal(a.numbers, b.numbers, equal_nan=True)
    assert np.array_equal(a.codes, b.codes)
    assert np.array_equal(a.target, b.target)


def test_canonical_sample_keeps_rows_whole_and_spreads_over_the_table():
    n = 20_000
    x = np.arange(n, dtype=float)
    sample = canonical(Table(np.stack([x, 2 * x], axis=1), np.empty((n, 0), int), 3 * x, 0), 2000)
    small = sample.numbers.min(axis=1)
    assert sample.numbers.max(axis=1) == pytest.approx(2 * small)
    assert sample.target == pytest.approx(3 * small)
    assert small.mean() == pytest.approx(n / 2, rel=0.05)  # 5% is 3.9 standard errors
    assert len(np.unique(small)) == 2000


def test_data_frame_becomes_a_table_of_numbers_and_codes():
    frame = pd.DataFrame({"a": [1, 2, 3, 4], "b": ["x", "y", None, "x"], "c": [True, False, True, True]})
    got = table_of(frame, ["no", "yes", "no", None], regression=False)
    assert got.numbers.tolist() == [[1.0], [2.0], [3.0]]
    assert got.codes.tolist() == [[0, 0], [1, 1], [-1, 0]]
    assert got.target.tolist() == [0.0, 1.0, 0.0]
    assert got.classes == 2
    assert table_of(frame, [1.5, 2.5, 3.5, 4.5], regression=True).classes == 0


def test_table_of_inconsistent_arrays_is_refused():
    with pytest.raises(InvalidInput, match="rows"):
        Table(np.ones((3, 1)), np.ones((2, 1), int), np.ones(3), 2)
    with pytest.raises(InvalidInput, match="columns"):
        Table(np.ones((3, 0)), np.ones((3, 0), int), np.ones(3), 2)


def test_target_of_another_length_than_the_frame_is_refused():
    with pytest.raises(InvalidInput, match="the frame has 3 rows and the target 2"):
        table_of(pd.DataFrame({"a": [1.0, 2.0, 3.0]}), [0, 1], regression=False)
