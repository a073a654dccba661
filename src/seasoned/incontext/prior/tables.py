"""Prior of tables: random causal graphs and rules, as a user's table would show them.

Causal graphs follow TabICLv2 (arXiv 2602.11139); rules teach interactions of columns of which no single one tells
anything.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from seasoned.incontext.prior.causal_table import draw_causal_table
from seasoned.incontext.prior.columns import with_gaps
from seasoned.incontext.prior.drawn_table import DrawnTable
from seasoned.incontext.prior.learnable import is_learnable
from seasoned.incontext.prior.rules import draw_classes_of_rule, draw_driver_column, draw_numbers_of_rule, draw_rule
from seasoned.incontext.prior.targets import draw_class_count, tidy_classes

__all__ = ["draw_table"]

_RULES: Final = 0.1
_NUMBERS: Final = 0.5
_GAPS: Final = 0.3


def draw_table(rng: np.random.Generator, rows: int, columns: int) -> DrawnTable:
    """Return a drawn table whose target can be learned; its rows are exchangeable.

    One table of ten follows a rule, the others a causal graph. Half of the tables have a number as target, the others
    two to ten classes of at least four rows. Three of ten have gaps.

    Args:
        rng: Generator of all choices.
        rows: Number of rows, at least 16.
        columns: Number of columns, at least 2.

    Example:
        >>> table = draw_table(np.random.default_rng(0), 100, 5)
        >>> table.X.shape, table.y.shape
        ((100, 5), (100,))
    """
    numbers = rng.random() < _NUMBERS
    draw = _draw_rule_table if rng.random() < _RULES else _draw_learnable_table
    X, categorical, y, n_classes = draw(rng, rows, columns, numbers)
    if rng.random() < _GAPS:
        X = with_gaps(rng, X)
    return DrawnTable(X, categorical, y.astype(np.float32), n_classes)


def _draw_learnable_table(
    rng: np.random.Generator, rows: int, columns: int, numbers: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return a causal table: columns, marks of categories, target and number of classes."""
    classes = 0 if numbers else draw_class_count(rng, rows)
    while True:
        X, categorical, y = draw_causal_table(rng, rows, columns, classes)
        n_classes = 0
        if not numbers:
            y, n_classes = tidy_classes(rng, y)
        if (n_classes >= 2 or (numbers and np.ptp(y) > 0)) and is_learnable(rng, X, y, n_classes):
            return X, categorical, y, n_classes


def _draw_rule_table(
    rng: np.random.Generator, rows: int, columns: int, numbers: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return a table of a rule: a causal table in which the drivers replace some columns.

    Rules are not filtered: the greedy trees of the filter miss just the interactions that rules are for.
    """
    X, categorical, _ = draw_causal_table(rng, rows, columns, 0)
    while True:
        u, (outcome, levels) = draw_rule(rng, rows, columns)
        if numbers:
            y, n_classes = draw_numbers_of_rule(rng, outcome, levels), 0
        else:
            y, n_classes = tidy_classes(rng, draw_classes_of_rule(rng, outcome, levels))
        if n_classes != 1 and np.ptp(outcome) > 0:
            break
    for driver, place in enumerate(rng.choice(columns, size=len(levels), replace=False)):
        X[:, place], categorical[place] = draw_driver_column(rng, u[:, driver], levels[driver])
    return X, categorical, y, n_classes
