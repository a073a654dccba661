"""Target encoding: the pairs of category columns that are encoded together."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from seasoned.tabular.features import target_encoding


@pytest.mark.parametrize("sizes", [[2] * 200, [5, 2, 9, 2, 3] * 30, list(range(2, 90))])
def test_encoded_pairs_are_those_with_the_fewest_combinations(sizes):
    levels = {column: (np.arange(size), None) for column, size in enumerate(sizes)}
    found = [pair for pair in target_encoding.Encoding().candidate_sets(levels) if len(pair) == 2]
    every = sorted(combinations(range(len(sizes)), 2), key=lambda pair: sizes[pair[0]] * sizes[pair[1]])
    assert found == every[: target_encoding.MAX_SETS]
