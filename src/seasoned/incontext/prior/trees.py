"""Random oblivious trees and nearest centres: the drawn functions that are constant by pieces."""

from __future__ import annotations

import numpy as np

from seasoned.incontext.prior.choices import gaussian, log_integer
from seasoned.incontext.prior.matrices import draw_matrix

__all__ = ["MOST_LEAVES", "nearest_centre", "sum_of_trees"]

MOST_LEAVES = 4096
"""Largest number of leaves of all trees of a function."""


def sum_of_trees(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return a sum of oblivious trees, (rows, outputs).

    All nodes of a level ask the same question `x_j > t`, where t is a value of column j in the data; columns of large
    spread are asked more often. Depths are 1 to 7, the number of trees is log-uniform.
    """
    rows, inputs = x.shape
    depth = int(rng.integers(1, 8))
    trees = log_integer(rng, 1, min(64, MOST_LEAVES >> depth))
    spread = x.std(axis=0) + 1e-6
    column = np.searchsorted(np.cumsum(spread), rng.random((depth, trees)) * spread.sum()).clip(max=inputs - 1)
    threshold = x[rng.integers(rows, size=(depth, trees)), column]
    leaf = np.zeros((rows, trees), dtype=np.int64)
    for level in range(depth):
        leaf = 2 * leaf + (x[:, column[level]] > threshold[level])
    values = gaussian(rng, trees, 1 << depth, outputs)
    total = np.zeros((rows, outputs), dtype=np.float32)
    for tree in range(trees):
        total += values[tree, leaf[:, tree]]
    return total


def nearest_centre(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return a linear function of the nearest of some centres, which are rows of the data, (rows, outputs)."""
    centres = x[rng.choice(len(x), size=log_integer(rng, 2, min(len(x), 128)), replace=False)]
    squares = np.square(centres).sum(axis=1) - 2 * (x @ centres.T)
    return np.asarray((centres @ draw_matrix(rng, x.shape[1], outputs))[squares.argmin(axis=1)])
