"""Inputs of the deep metric: ranks of trials, and configurations as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.knowledge.deep_metric.inputs import points_of, told
from seasoned.space import Categorical, Choice, Float, Int, Space


def test_trials_are_encoded_by_ranks_and_ties_share_a_rank():
    yes = np.ones((1, 4), dtype=bool)
    numbers = told(np, np.array([[5.0, 1.0, 5.0, 0.0]]), ~yes, np.zeros((1, 4)), ~yes, np.array([[1, 1, 1, 0]]) == 1)
    assert numbers.shape == (1, 4, 5)
    assert numbers[0, 0, 0] == numbers[0, 2, 0] > numbers[0, 1, 0]
    assert not numbers[0, 3].any()
    assert numbers[0, :, 0].sum() == pytest.approx(0.0)


def test_configurations_of_a_space_become_numbers():
    space = Space(
        model=Choice(tree=Space(depth=Int(1, 4)), net=Space(rate=Float(0, 1), kind=Categorical(["a", "b"]))),
        scaled=Categorical([False, True]),
    )
    points = points_of(space, [{"model": {"net": {"rate": 1.0, "kind": "b"}}, "scaled": True}, space.default])
    assert points.shape == (2, 2 + 2 + 2 + 2 + 2)
    assert points[0].tolist() == [0, 1, 0, 0, 1, 1, 0, 1, 0, 1]
    assert points[1, :3].tolist() == [1, 0, 1]
    assert points_of(space, []).shape == (0, 10)
