"""Tables whose columns and target are read from the nodes of a random causal graph."""

from __future__ import annotations

from typing import Final

import numpy as np

from seasoned.incontext.prior.choices import log_integer, log_uniform
from seasoned.incontext.prior.columns import convert, draw_cardinalities, draw_width, with_irrelevant
from seasoned.incontext.prior.graph import ancestors, draw_node, draw_parents
from seasoned.incontext.prior.targets import draw_target, draw_target_width

__all__ = ["draw_causal_table"]

NEAR: Final = 4.0
"""Weight of direct causes and effects of the target in the draw of nodes that columns read; other nodes have 1."""


def draw_causal_table(
    rng: np.random.Generator, rows: int, columns: int, classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return columns (rows, columns), marks of categories (columns,) and the target (rows,).

    Columns and target are read from random nodes of one graph: a column may be a cause or an effect of the target, or
    share a hidden cause with it. Only nodes that are read, and their causes, are computed.

    Args:
        rng: Generator.
        rows: Number of rows.
        columns: Number of columns.
        classes: Number of classes, 0 for a target of numbers.
    """
    parents, node_of_column, node_of_target = _draw_places(rng, columns)
    cardinalities = draw_cardinalities(rng, columns)
    X, y = np.empty((rows, columns), dtype=np.float32), np.empty(rows)
    values: dict[int, np.ndarray] = {}
    for node in sorted(ancestors(parents, {*node_of_column.tolist(), node_of_target})):
        shown = np.flatnonzero(node_of_column == node).tolist()
        widths = [draw_width(rng, int(cardinalities[column])) for column in shown]
        if node == node_of_target:
            widths.append(draw_target_width(rng, classes))
        out = draw_node(rng, rows, [values[parent] for parent in parents[node]], sum(widths))
        ends = np.cumsum(widths)
        for column, end, width in zip(shown, ends, widths, strict=False):
            part = slice(end - width, end)
            out[:, part], X[:, column] = convert(rng, out[:, part], int(cardinalities[column]))
        if node == node_of_target:
            part = slice(ends[-1] - widths[-1], ends[-1])
            out[:, part], y = draw_target(rng, out[:, part], classes)
        values[node] = out * np.float32(log_uniform(rng, 0.1, 10))
    return with_irrelevant(rng, X), cardinalities > 0, y


def _draw_places(rng: np.random.Generator, columns: int) -> tuple[list[list[int]], np.ndarray, int]:
    """Return a graph of 2 to 32 nodes, each column's node and the target's; some column is related to the target."""
    while True:
        nodes = log_integer(rng, 2, 32)
        parents = draw_parents(rng, nodes)
        readable = rng.permutation(nodes)[: rng.integers(1, nodes + 1)]
        node_of_target = int(rng.integers(nodes))
        near = [node in parents[node_of_target] or node_of_target in parents[node] for node in readable]
        weights = np.where(near, NEAR, 1.0)
        node_of_column = rng.choice(readable, size=columns, p=weights / weights.sum())
        if _related(parents, node_of_target) & set(node_of_column.tolist()):
            return parents, node_of_column, node_of_target


def _related(parents: list[list[int]], target: int) -> set[int]:
    """Return a node's causes, its effects, and, if it has causes, itself and their other effects.

    Values of one root may be independent, so that they alone would not tell each other.
    """
    causes = set(parents[target])
    return causes | {node for node, own in enumerate(parents) if target in own or causes & set(own)}
