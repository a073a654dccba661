"""Prior of tables: structural causal models and rules, as a user's table would show them."""

from __future__ import annotations

import numpy as np

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
        nodes = draw_nodes(rng, rows)
        target = int(rng.integers(1, len(nodes)))
        value = nodes.pop(target)
        if value.std(axis=0).min() > 0:
            X, categorical = columns_of(rng, nodes, columns)
            return X, categorical, value
