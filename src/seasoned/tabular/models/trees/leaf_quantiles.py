"""Quantiles of the training rows in each leaf of a tree grown for the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["leaf_quantiles"]


def leaf_quantiles(
    leaf: NDArray[np.int64], y: NDArray[np.float64], mass: NDArray[np.float64], quantile: float, nodes: int
) -> NDArray[np.float64]:
    """Weighted quantile of the targets in each leaf, shape (nodes,).

    The quantile is the smallest target at or below which a share `quantile` of the leaf's mass lies. Trees that split
    by the mean also separate rows by most causes of shifted quantiles. Source: Meinshausen 2006, who pools the leaves
    of a forest. Here the leaf quantiles are averaged instead, so that a leaf stores one number. Nodes without rows get
    the mean.

    Args:
        leaf: Leaf index of each row, shape (n,).
        y: Targets, shape (n,).
        mass: Row weights, shape (n,), above 0.
        quantile: Between 0 and 1.
        nodes: Number of nodes of the tree.

    Example:
        >>> import numpy as np
        >>> leaf_quantiles(np.array([1, 1, 1, 2]), np.array([5.0, 3, 4, 9]), np.ones(4), 0.5, 3)
        array([5.25, 4.  , 9.  ])
    """
    order = np.lexsort((y, leaf))
    leaf, y, mass = leaf[order], y[order], mass[order]
    first = np.flatnonzero(np.diff(leaf, prepend=-1))
    reached = np.cumsum(mass)
    before = np.concatenate([[0.0], reached])[first]
    total = np.add.reduceat(mass, first)
    wanted = before + quantile * total * (1 - 1e-12)
    place = np.minimum(np.searchsorted(reached, wanted), np.append(first[1:], len(y)) - 1)
    found = np.full(nodes, np.average(y, weights=mass))
    found[leaf[first]] = y[np.maximum(place, first)]
    return found
