from __future__ import annotations

import numpy as np

from seasoned.incontext.prior.causal_table import draw_causal_table
from seasoned.incontext.prior.graph import MOST_PARENTS, ancestors, draw_node, draw_parents


def test_parents_come_before_their_children():
    for seed in range(20):
        for node, parents in enumerate(draw_parents(np.random.default_rng(seed), 24)):
            assert len(set(parents)) == len(parents) <= MOST_PARENTS
            assert all(parent < node for parent in parents)


def test_graphs_are_dense_and_empty():
    counts = [sum(map(len, draw_parents(np.random.default_rng(seed), 12))) for seed in range(100)]
    assert min(counts) < 5
    assert max(counts) > 40


def test_ancestors_are_all_causes():
    parents = draw_parents(np.random.default_rng(4), 20)
    found = ancestors(parents, [19])
    assert 19 in found
    assert all(set(parents[node]) <= found for node in found)


def test_node_depends_on_its_parents():
    rng = np.random.default_rng(0)
    parents = [rng.standard_normal((300, 2), dtype=np.float32) for _ in range(2)]
    first = draw_node(np.random.default_rng(1), 300, parents, 3)
    second = draw_node(np.random.default_rng(1), 300, [parents[0], -parents[1]], 3)
    assert first.shape == second.shape
    assert first.shape[1] >= 4
    assert np.isfinite(first).all()
    assert not np.allclose(first, second)


def test_rows_of_a_causal_table_have_no_order():
    """The lag-one correlation of neighbouring rows is within chance."""
    correlations = []
    for seed in range(40):
        X, categorical, _ = draw_causal_table(np.random.default_rng(seed), 200, 4, 0)
        z = X[:, ~categorical]
        z = (z - z.mean(axis=0)) / (z.std(axis=0) + 1e-9)
        correlations.extend((z[1:] * z[:-1]).mean(axis=0))
    assert np.abs(np.mean(correlations)) < 0.03
