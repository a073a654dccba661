"""Levels of text: the count of different values."""

from __future__ import annotations

import numpy as np

from seasoned.tabular.features.text_levels import level_count


def test_missing_cells_are_not_counted_as_a_level():
    assert level_count(np.array([0.0, 1.0, np.nan, 1.0, np.nan])) == 2
