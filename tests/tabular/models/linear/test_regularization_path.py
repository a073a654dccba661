"""Regularization path of linear models: directions that no training row covers."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.tabular.models.linear.regularization_path import Rotated, numbers_path


def test_linear_path_gives_no_weight_to_an_unobserved_direction():
    """The levels of a category sum to one: along that direction there was rounding, divided by a small penalty."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 5, 60_000)
    A = np.eye(5, dtype=np.float32)[levels]
    y = 3.0 + 0.5 * levels + 0.01 * rng.normal(size=len(levels))
    (found,) = numbers_path(Rotated.of(A, np.ones(5), None), y, (0.005,))
    unseen = float(found[-1, 0])  # a row of zeros
    assert unseen == pytest.approx(y.mean() - float(A.mean(axis=0) @ found[:-1, 0]), abs=1e-4)
    assert unseen == pytest.approx(3.0 + 0.5 * 2.0, abs=0.02), "the mean over the levels, which none of them tells"
