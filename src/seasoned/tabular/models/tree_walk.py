"""Which leaf each row reaches in each tree of an ensemble: one compiled walk for all trees.

scikit-learn's compiled tree has one root. Here all trees of an ensemble hang under a router, a balanced tree that
splits one more column, the number of the tree wanted; so that a few rows need one call rather than one for each tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.models.trees import Trees, structure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Walk"]

_BLOCK: Final = 16_384  # walks in one call; the copies of their rows stay in the cache


@dataclass(frozen=True, slots=True)
class Walk:
    """An ensemble ready to be walked.

    Attributes:
        tree: scikit-learn's compiled tree: the router, then the nodes of all trees.
        leaf: Number of the leaf, among all leaves, of each node, shape (nodes,).
        trees: Number of trees.
        width: Number of columns of the table.
    """

    tree: Any
    leaf: NDArray[np.int32]
    trees: int
    width: int

    @classmethod
    def over(cls, trees: Trees) -> Walk:
        """Compile; the trees must be sound, for compiled code follows them unchecked."""
        from sklearn.tree._tree import NODE_DTYPE, Tree

        right, roots = structure(trees.inner)
        shift = len(roots) - 1  # inner nodes of the router
        nodes = np.zeros(shift + len(trees.inner), dtype=NODE_DTYPE)
        nodes["left_child"], nodes["right_child"] = -1, -1
        _fill_router(nodes, roots + shift, trees.width)
        parents = np.flatnonzero(trees.inner) + shift
        for name, values in (
            ("left_child", parents + 1),
            ("right_child", right + shift),
            ("feature", trees.feature),
            ("threshold", trees.threshold),
            ("missing_go_to_left", trees.missing_left),
        ):
            nodes[name][parents] = values
        tree = Tree(trees.width + 1, np.array([1], dtype=np.intp), 1)
        count = len(nodes)
        tree.__setstate__({"max_depth": 0, "node_count": count, "nodes": nodes, "values": np.zeros((count, 1, 1))})
        leaf = np.zeros(count, dtype=np.int32)
        leaf[shift:] = np.cumsum(~trees.inner) - 1
        return cls(tree, leaf, len(roots), trees.width)

    def leaves(self, X: NDArray[np.float64]) -> Iterator[NDArray[np.int32]]:
        """For each tree in turn the leaf of each row, shape (n,).

        Raises:
            InvalidInput: If X has another number of columns than the table that was fitted.
        """
        if X.ndim != 2 or X.shape[1] != self.width:
            raise InvalidInput(f"the matrix has the shape {X.shape}; the model was fitted on {self.width} columns.")
        rows = np.empty((len(X), self.width + 1), dtype=np.float32)
        rows[:, :-1] = X
        together = max(1, _BLOCK // max(len(X), 1))
        for first in range(0, self.trees, together):
            numbers = np.arange(first, min(first + together, self.trees), dtype=np.float32)
            copies = rows if len(numbers) == 1 else np.tile(rows, (len(numbers), 1))
            copies[:, -1] = np.repeat(numbers, len(X))
            yield from self.leaf[self.tree.apply(copies)].reshape(len(numbers), len(X))


def _fill_router(nodes: NDArray[Any], roots: NDArray[np.int64], column: int) -> None:
    """Inner nodes 0 to trees - 2, each halving a range of tree numbers; a range of one is the tree's root."""
    waiting, free = [(0, 0, len(roots))] if len(roots) > 1 else [], 1
    while waiting:
        node, first, last = waiting.pop()
        middle = (first + last) // 2
        children = []
        for start, stop in ((first, middle), (middle, last)):
            if stop - start == 1:
                children.append(int(roots[start]))
            else:
                children.append(free)
                waiting.append((free, start, stop))
                free += 1
        nodes["left_child"][node], nodes["right_child"][node] = children
        nodes["feature"][node], nodes["threshold"][node] = column, middle - 0.5
