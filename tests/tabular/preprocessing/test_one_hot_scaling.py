"""Scales of the dense matrix."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.tabular.preprocessing.one_hot_scaling import Dense, centre_and_scale


def test_rounding_errors_of_a_number_set_no_scale():
    column = np.array([0.3] * 120 + [0.1 + 0.2] * 120 + list(range(1, 61)))
    dense = Dense.fit(column[:, None], np.array([0]))
    found = dense.transform(np.array([[0.3], [0.1 + 0.2], [1.0], [60.0]]))[:, 0]
    assert abs(found[0] - found[1]) < 1e-9
    assert found[3] - found[2] > 1.0


@pytest.mark.parametrize("value", [0.1, 0.3, 1.0, 1e-9])
def test_a_constant_column_with_gaps_has_no_scale(value):
    column = np.full(1_000, value)
    column[::7] = np.nan
    assert centre_and_scale(column) == (value, 0.0)
