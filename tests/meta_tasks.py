"""Tasks for meta-learners: pairs of a support and a query set."""

from __future__ import annotations

import numpy as np

__all__ = ["lines", "pairs"]

_RNG = np.random.default_rng(0)


def pairs(labels, count=8):
    """Tasks of three numbers a row, all with the same labels."""
    X = _RNG.normal(size=(count, 2, len(labels), 3))
    return [((left, np.array(labels)), (right, np.array(labels))) for left, right in X]


def lines(sizes=(8,) * 6, *, width=2, kind=float):
    """Tasks that are lines, or labels by their sign: of each so many support rows, and eight query rows."""
    found = []
    for rows in sizes:
        slope = _RNG.normal(size=width)
        X = _RNG.normal(size=(rows + 8, width))
        y = X @ slope
        y = y if kind is float else (y > 0).astype(kind)
        found.append(((X[:rows], y[:rows]), (X[rows:], y[rows:])))
    return found
