"""Random graphs of cause and effect, and the values of their nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.incontext.prior.choices import gaussian, log_integer, log_uniform, one_of, standardise
from seasoned.incontext.prior.matrices import draw_matrix, draw_weights
from seasoned.incontext.prior.node_functions import combine_parents, draw_function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["ancestors", "draw_node", "draw_parents"]

MOST_PARENTS: Final = 8
_HIDDEN: Final = 4
_HEAVY_FIRST: Final = 0.5
"""Share of nodes of which columns read the values that weigh most for the children."""


def draw_parents(rng: np.random.Generator, nodes: int) -> list[list[int]]:
    """Return the parents of each node, all with smaller numbers.

    Node j is a parent of i > j with the probability `sigmoid(a + out_j + in_i)`; all three are Cauchy, so that some
    graphs are dense, some empty, and some nodes have many children. Of more than 8 parents, 8 are kept.
    """
    logits = rng.standard_cauchy() + rng.standard_cauchy(nodes)[:, None] + rng.standard_cauchy(nodes)
    edges = rng.random((nodes, nodes)) * (1 + np.exp(-np.clip(logits, -30, 30))) < 1
    return [rng.permutation(np.flatnonzero(edges[:node, node]))[:MOST_PARENTS].tolist() for node in range(nodes)]


def ancestors(parents: list[list[int]], nodes: Iterable[int]) -> set[int]:
    """Return nodes with all their direct and indirect causes.

    Example:
        >>> sorted(ancestors([[], [], [0], [2]], [3]))
        [0, 2, 3]
    """
    found = set(nodes)
    for node in range(len(parents) - 1, -1, -1):
        if node in found:
            found.update(parents[node])
    return found


def draw_node(rng: np.random.Generator, rows: int, parents: list[np.ndarray], shown: int) -> np.ndarray:
    """Return the values of a node, (rows, shown + hidden): standardised, noisy, and of different weight.

    Args:
        rng: Generator.
        rows: Number of rows.
        parents: Values of the causes, each (rows, outputs); a root has none.
        shown: Number of values that columns of the table will read; 1 to 4 further ones are seen by children only.
    """
    outputs = shown + log_integer(rng, 1, _HIDDEN)
    values = standardise(combine_parents(rng, parents, outputs) if parents else _root(rng, rows, outputs))
    values = values + np.float32(log_uniform(rng, 0.003, 0.3)) * gaussian(rng, rows, outputs)
    weights = draw_weights(rng, outputs)
    if rng.random() < _HEAVY_FIRST:
        weights = np.sort(weights)[::-1]
    return np.asarray(values * (weights / np.sqrt(np.square(weights).sum())))


def _root(rng: np.random.Generator, rows: int, outputs: int) -> np.ndarray:
    """Return independent rows, (rows, outputs); half of the roots are functions of simpler points."""
    points = one_of(rng, _POINTS)(rng, rows, outputs)
    return draw_function(rng, points, outputs) if rng.random() < 0.5 else points


def _uniform(rng: np.random.Generator, rows: int, outputs: int) -> np.ndarray:
    return rng.random((rows, outputs), dtype=np.float32) * 2 - 1


def _heavy_tailed(rng: np.random.Generator, rows: int, outputs: int) -> np.ndarray:
    """Return values of Student's distribution with 2 to 10 degrees of freedom."""
    return rng.standard_t(log_uniform(rng, 2, 10), (rows, outputs)).astype(np.float32)


def _correlated(rng: np.random.Generator, rows: int, outputs: int) -> np.ndarray:
    return np.asarray(gaussian(rng, rows, outputs) @ draw_matrix(rng, outputs, outputs))


def _clustered(rng: np.random.Generator, rows: int, outputs: int) -> np.ndarray:
    """Return a mixture of 2 to 8 normal distributions of different share and width."""
    count = int(rng.integers(2, 9))
    member = rng.choice(count, size=rows, p=rng.dirichlet(np.full(count, 2.0)))
    widths = np.exp(gaussian(rng, count, 1)) * np.float32(log_uniform(rng, 0.05, 1))
    return np.asarray(gaussian(rng, count, outputs)[member] + widths[member] * gaussian(rng, rows, outputs))


_POINTS: Final[tuple[Callable[[np.random.Generator, int, int], np.ndarray], ...]] = (
    gaussian,
    _uniform,
    _heavy_tailed,
    _correlated,
    _clustered,
)
