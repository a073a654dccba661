from __future__ import annotations

import numpy as np
import pytest

from seasoned.incontext.prior.activations import ACTIVATIONS, activate
from seasoned.incontext.prior.choices import ranks, standardise
from seasoned.incontext.prior.matrices import draw_matrix, draw_weights
from seasoned.incontext.prior.node_functions import FUNCTIONS, combine_parents


def points(rows, columns):
    return np.random.default_rng(0).standard_normal((rows, columns), dtype=np.float32)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("inputs", [1, 30])
def test_functions_are_finite_and_depend_on_their_input(function, inputs):
    x = points(50, inputs)
    values = [function(np.random.default_rng(1), part, 2) for part in (x, x[::-1])]
    assert values[0].shape == (50, 2)
    assert values[0].dtype == np.float32
    assert np.isfinite(values[0]).all()
    assert not np.array_equal(values[0], values[1])


def test_parents_are_combined_in_several_ways_and_remain_finite():
    parents = [points(60, 2), 10 * points(60, 5), points(60, 1) ** 3]
    for seed in range(40):
        values = combine_parents(np.random.default_rng(seed), parents, 3)
        assert values.shape == (60, 3)
        assert np.isfinite(values).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_is_finite_up_to_the_largest_input(name):
    x = np.linspace(-20, 20, 81, dtype=np.float32)[:, None]
    assert np.isfinite(standardise(ACTIVATIONS[name](x))).all()


def test_activated_columns_are_standardised():
    x = np.hstack([points(400, 6), np.zeros((400, 1), dtype=np.float32)])
    for seed in range(40):
        values = activate(np.random.default_rng(seed), x)
        spreads = values.std(axis=0)
        assert np.allclose(values.mean(axis=0), 0, atol=1e-2)
        assert (np.isclose(spreads, 1, atol=1e-2) | (spreads == 0)).all()


def test_ranks_are_those_of_the_column():
    assert ranks(np.array([[3.0, 1.0], [1.0, 2.0], [2.0, 3.0]])).tolist() == [[1, -1], [-1, 0], [0, 1]]


def test_weights_are_a_distribution_and_columns_of_matrices_have_norm_one():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        weights = draw_weights(rng, 12)
        assert weights.min() >= 0
        assert weights.sum() == pytest.approx(1, abs=1e-5)
        assert np.linalg.norm(draw_matrix(rng, 7, 4), axis=0) == pytest.approx(np.ones(4), abs=1e-2)
