"""Prior of tables: structural causal models and rules, as a user's table would show them."""

from __future__ import annotations

import numpy as np

from seasoned.incontext.prior.choices import one_of
from seasoned.incontext.prior.columns import columns_of, with_gaps
from seasoned.incontext.prior.drawn_table import DrawnTable
from seasoned.incontext.prior.graph import draw_nodes
from seasoned.incontext.prior.learnable import is_learnable
from seasoned.incontext.prior.rules import draw_rule
from seasoned.incontext.prior.targets import classes_of, numbers_of

__all__ = ["draw_table"]

RULES = 0.1
NUMBERS = 0.5
GAPS = 0.3
CAUSE = 4.0
"""Weight of direct causes and effects of the target in the draw of columns; other nodes have 1."""


def draw_table(rng: np.random.Generator, rows: int, columns: int) -> DrawnTable:
    """Return a drawn table whose target can be learned.

    A table is a random graph of cause and effect, nine times of ten, or a rule. Half of the tables have a number as
    target, the others two to ten classes. Tables of which random trees learn nothing are drawn again.

    Args:
        rng: Generator of all choices.
        rows: Number of rows.
        columns: Number of columns, at least 2.

    Example:
        >>> table = draw_table(np.random.default_rng(0), 100, 5)
        >>> table.X.shape, table.y.shape
        ((100, 5), (100,))
    """
    numbers = rng.random() < NUMBERS
    while True:
        X, categorical, value = draw_rule(rng, rows, columns) if rng.random() < RULES else _caused(rng, rows, columns)
        if numbers:
            y, n_classes = numbers_of(rng, value[:, 0]), 0
        else:
            y, n_classes = classes_of(rng, value)
        if n_classes == 1 or not is_learnable(X, y, n_classes, int(rng.integers(2**31))):
            continue
        order = rng.permutation(rows)
        X = with_gaps(rng, X[order]) if rng.random() < GAPS else X[order]
        return DrawnTable(X.astype(np.float32), categorical, y[order].astype(np.float32), n_classes)


def _caused(rng: np.random.Generator, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return columns, marks of categories and the values of the target's node of a random graph."""
    while True:
        nodes, graph = draw_nodes(rng, rows)
        effects = [node for node, parents in enumerate(graph) if parents.size and nodes[node].std(axis=0).min() > 0]
        if effects:
            target = one_of(rng, effects)
            others = [node for node in range(len(nodes)) if node != target]
            pool = np.concatenate([nodes[node] for node in others], axis=1)
            near = [CAUSE if node in graph[target] or target in graph[node] else 1.0 for node in others]
            weights = np.repeat(near, [nodes[node].shape[1] for node in others])
            return *columns_of(rng, pool, weights, columns), nodes[target]
