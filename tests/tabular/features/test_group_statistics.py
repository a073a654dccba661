"""Group statistics: the choice of pairs of columns."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from seasoned.tabular.features.group_statistics import MAX_PAIRS, GroupStatistics

RNG = np.random.default_rng(0)


def test_group_statistics_choose_the_pairs_of_the_best_columns():
    alone = RNG.random(900)
    groups, quantities = list(range(400)), list(range(400, 900))
    rows = SimpleNamespace(quantities=np.array(quantities))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seasoned.tabular.features.group_statistics.few_valued", lambda _: groups)
        found = GroupStatistics().candidate_pairs(rows, alone)
    every = sorted(((g, q) for g in groups for q in quantities), key=lambda pair: -(alone[pair[0]] + alone[pair[1]]))
    assert set(found) == set(every[:MAX_PAIRS])
