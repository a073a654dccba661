"""Sample roles: groups of several types as codes, and refused groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seasoned import AutoClassifier
from seasoned.errors import InvalidInput
from seasoned.tabular.input.sample_roles import read_groups


def test_groups_of_mixed_types_are_split_by_their_codes():
    names = pd.Series([1, "a", 1, 2, "a", 2] * 5, dtype=object)
    codes, told = read_groups(names, 30)
    np.testing.assert_array_equal(codes, told)
    assert read_groups(pd.Series(["b", "a", "b"]), 3)[1].tolist() == ["b", "a", "b"]


def test_groups_of_several_columns_are_refused():
    X, y = pd.DataFrame({"a": np.arange(40.0)}), np.arange(40) % 2
    for groups in (pd.DataFrame({"g": y, "h": y}), np.zeros((40, 3))):
        with pytest.raises(InvalidInput, match=r"groups has \d columns; join them, and pass one value per row"):
            AutoClassifier(trials=1, experience=None).fit(X, y, groups=groups)
