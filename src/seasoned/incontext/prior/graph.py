"""Random graphs of cause and effect, and the values of their nodes."""

from __future__ import annotations

import numpy as np

from seasoned.incontext.prior.choices import log_integer, log_uniform, standardise
from seasoned.incontext.prior.node_functions import draw_values

__all__ = ["draw_nodes", "draw_parents"]


def draw_parents(rng: np.random.Generator, nodes: int) -> list[np.ndarray]:
    """Return the parents of each node, all with smaller numbers.

    Node j is a parent of i with the probability `sigmoid(a + out_j + in_i)`, all three of Cauchy distributions, so that
    some graphs are dense and some nodes have many children. Every node but the first has at least one parent in most
    graphs; the others are further roots.
    """
    a, roots = rng.standard_cauchy() - 1, rng.random() * 0.3
    out, into = rng.standard_cauchy(nodes), rng.standard_cauchy(nodes)
    parents = [np.empty(0, dtype=np.int64)]
    for node in range(1, nodes):
        logits = np.clip(a + out[:node] + into[node], -30, 30)
        chosen = np.flatnonzero(rng.random(node) < 1 / (1 + np.exp(-logits)))
        if not chosen.size and rng.random() >= roots:
            chosen = rng.integers(node, size=1)
        parents.append(rng.permutation(chosen)[:8])
    return parents


def draw_nodes(rng: np.random.Generator, rows: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return a random graph's standardised values by node, each (rows, outputs), and each node's parents."""
    values: list[np.ndarray] = []
    noise = log_uniform(rng, 1e-3, 0.4)
    widest = log_integer(rng, 1, 8)
    graph = draw_parents(rng, log_integer(rng, 3, 32))
    for parents in graph:
        outputs = int(rng.integers(1, widest + 1))
        if parents.size:
            node = draw_values(rng, [values[parent] for parent in parents], outputs)
            node = node + noise * rng.exponential() * rng.standard_normal(node.shape)
        else:
            node = draw_values(rng, [_root(rng, rows)], outputs)
        values.append(standardise(node))
    return values, graph


def _root(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Return independent values without causes: normal, uniform, heavy-tailed or clustered, (rows, 1 to 4)."""
    shape = (rows, int(rng.integers(1, 5)))
    kind = rng.integers(4)
    if kind == 0:
        return rng.uniform(-1.7, 1.7, shape)
    if kind == 1:
        return rng.standard_t(3, shape)
    if kind == 2:
        centres = rng.normal(0, 1.5, (int(rng.integers(2, 6)), shape[1]))
        return np.asarray(centres[rng.integers(len(centres), size=rows)] + 0.5 * rng.standard_normal(shape))
    return rng.standard_normal(shape)
