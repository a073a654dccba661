"""Leaf of each row in each tree of an ensemble, computed by scikit-learn's compiled trees.

A call costs microseconds, however few rows it has. For few rows, all trees therefore hang under a router: a balanced
tree that splits on one more column, the tree number. One call then serves all trees. The router doubles the depth and
copies the rows for each tree. For many rows, a call per tree is faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from seasoned.tabular.models.trees.node_layout import Layout
from seasoned.tabular.models.trees.single_precision_rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from seasoned.tabular.models.trees.tree_arrays import Trees

__all__ = ["Compiled", "Walk"]

_BLOCK: Final = 16_384  # row copies in one call under the router; they fit into the cache
_MIN_ROWS_APART: Final = 100  # smallest number of rows with one call per tree
MAX_TWO_FORM_NODES: Final = 2_000_000  # nodes of a large ensemble, which take 150 MB in compiled form


class Compiled(Protocol):
    """Compiled trees."""

    def leaves(self, X: NDArray[np.float64]) -> Iterator[NDArray[np.int32]]:
        """Yield for some trees at a time the leaf of each row, an index into the leaves of all trees, (trees, n).

        Raises:
            InvalidInput: If X has a different number of columns than the training table.
        """
        ...


@dataclass(slots=True)
class Walk:
    """Ensemble that is compiled on demand, for few rows or for many.

    Attributes:
        source: The trees; validated by the caller, because compiled code follows them unchecked.
        trees: Number of trees.
    """

    source: Trees
    trees: int
    _together: _Together | None = None
    _apart: _Apart | None = None

    @classmethod
    def over(cls, trees: Trees) -> Walk:
        """Wrap trees without compiling them."""
        # a tree has one leaf more than splits
        return cls(trees, int(2 * np.count_nonzero(~trees.inner) - len(trees.inner)))

    def compiled(self, rows: int) -> Compiled:
        """Return the faster form for this number of rows; the leaves are the same.

        A large ensemble keeps its first form, to save memory.
        """
        known = self._together or self._apart
        if known is not None and len(self.source.inner) > MAX_TWO_FORM_NODES:
            return known
        if rows < _MIN_ROWS_APART:
            if self._together is None:
                self._together = _Together.of(self.source)
            return self._together
        if self._apart is None:
            self._apart = _Apart.of(self.source)
        return self._apart


@dataclass(frozen=True, slots=True)
class _Apart:
    """Trees compiled one by one, and the leaf index of each node of each tree."""

    rows: Rows
    trees: tuple[tuple[Any, NDArray[np.int32]], ...]

    @classmethod
    def of(cls, trees: Trees) -> _Apart:
        rows = Rows.of(trees)
        layout = Layout.of(trees, rows.threshold)
        nodes, ends = layout.nodes, [*layout.roots[1:].tolist(), len(layout.nodes)]
        first = np.repeat(layout.roots, np.diff(layout.roots, append=len(nodes)))
        inner = nodes["left_child"] >= 0
        for name in ("left_child", "right_child"):
            nodes[name][inner] -= first[inner]
        parts = [slice(root, end) for root, end in zip(layout.roots.tolist(), ends, strict=True)]
        return cls(rows, tuple((_tree(nodes[part], trees.width), layout.leaf[part]) for part in parts))

    def leaves(self, X: NDArray[np.float64]) -> Iterator[NDArray[np.int32]]:
        """See `Compiled.leaves`."""
        rows = self.rows.single(X)
        for tree, leaf in self.trees:
            yield leaf.take(tree.apply(rows))[None]


@dataclass(frozen=True, slots=True)
class _Together:
    """All trees under the router.

    Attributes:
        rows: Conversion of rows to single precision.
        tree: The router, then the nodes of all trees.
        leaf: Leaf index of each of these nodes.
        trees: Number of trees.
        width: Number of columns of the table.
    """

    rows: Rows
    tree: Any
    leaf: NDArray[np.int32]
    trees: int
    width: int

    @classmethod
    def of(cls, trees: Trees) -> _Together:
        rows = Rows.of(trees)
        layout = Layout.of(trees, rows.threshold)
        count = len(layout.roots)
        shift = count - 1  # inner nodes of the router
        nodes = np.concatenate([np.zeros(shift, dtype=layout.nodes.dtype), layout.nodes])
        inner = np.flatnonzero(layout.nodes["left_child"] >= 0) + shift
        for name in ("left_child", "right_child"):
            nodes[name][inner] += shift
        _fill_router(nodes, layout.roots + shift, trees.width)
        leaf = np.concatenate([np.zeros(shift, dtype=np.int32), layout.leaf])
        return cls(rows, _tree(nodes, trees.width + 1), leaf, count, trees.width)

    def leaves(self, X: NDArray[np.float64]) -> Iterator[NDArray[np.int32]]:
        """See `Compiled.leaves`."""
        rows = self.rows.single(X)
        together = max(1, _BLOCK // max(len(X), 1))
        for first in range(0, self.trees, together):
            count = min(together, self.trees - first)
            copies = np.empty((count, len(X), self.width + 1), dtype=np.float32)
            copies[:, :, :-1] = rows
            copies[:, :, -1] = np.arange(first, first + count)[:, None]
            yield self.leaf.take(self.tree.apply(copies.reshape(-1, self.width + 1))).reshape(count, len(X))


def _tree(nodes: NDArray[Any], width: int) -> Any:
    """Build scikit-learn's compiled form of one tree."""
    from sklearn.tree._tree import Tree

    tree = Tree(width, np.array([1], dtype=np.intp), 1)
    count = len(nodes)
    tree.__setstate__({"max_depth": 0, "node_count": count, "nodes": nodes, "values": np.zeros((count, 1, 1))})
    return tree


def _fill_router(nodes: NDArray[Any], roots: NDArray[np.int64], column: int) -> None:
    """Fill inner nodes 0 to trees - 2: each halves a range of tree numbers, and a range of one is the tree's root."""
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
