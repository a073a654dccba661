"""Leaf of each row in each tree of an ensemble, computed by scikit-learn's compiled trees.

A call costs microseconds, however few rows it has. For few rows, all trees therefore hang under a router: a balanced
tree that splits on one more column, the tree number. One call then serves all trees. The router doubles the depth and
copies the rows for each tree. For many rows, a call per tree is faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.models.trees.tree_arrays import Trees, structure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Compiled", "Walk"]

_BLOCK: Final = 16_384  # row copies in one call under the router; they fit into the cache
_MANY: Final = 100  # smallest number of rows with one call per tree
_LARGE: Final = 2_000_000  # nodes of a large ensemble, which take 150 MB in compiled form


class Compiled(Protocol):
    """Compiled trees."""

    def leaves(self, X: NDArray[np.float64]) -> Iterator[NDArray[np.int32]]:
        """Yield for each tree the leaf of each row, an index into the leaves of all trees, shape (n,).

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
        if known is not None and len(self.source.inner) > _LARGE:
            return known
        if rows < _MANY:
            if self._together is None:
                self._together = _Together.of(self.source)
            return self._together
        if self._apart is None:
            self._apart = _Apart.of(self.source)
        return self._apart


@dataclass(frozen=True, slots=True)
class _Apart:
    """Trees compiled one by one, and the leaf index of each node of each tree."""

    trees: tuple[tuple[Any, NDArray[np.int32]], ...]
    width: int

    @classmethod
    def of(cls, trees: Trees) -> _Apart:
        right, roots = structure(trees.inner)
        first = np.repeat(roots, np.diff(roots, append=len(trees.inner)))[trees.inner]
        nodes = _nodes(trees, right - first)
        nodes["left_child"][trees.inner] -= first
        leaf = _leaves(trees)
        ends = [*roots[1:].tolist(), len(nodes)]
        parts = (slice(root, end) for root, end in zip(roots.tolist(), ends, strict=True))
        return cls(tuple((_tree(nodes[part], trees.width), leaf[part]) for part in parts), trees.width)

    def leaves(self, X: NDArray[np.float64]) -> Iterator[NDArray[np.int32]]:
        """See `Compiled.leaves`."""
        _check(X, self.width)
        rows = np.ascontiguousarray(X, dtype=np.float32)
        for tree, leaf in self.trees:
            yield leaf.take(tree.apply(rows))


@dataclass(frozen=True, slots=True)
class _Together:
    """All trees under the router.

    Attributes:
        tree: The router, then the nodes of all trees.
        leaf: Leaf index of each of these nodes.
        trees: Number of trees.
        width: Number of columns of the table.
    """

    tree: Any
    leaf: NDArray[np.int32]
    trees: int
    width: int

    @classmethod
    def of(cls, trees: Trees) -> _Together:
        right, roots = structure(trees.inner)
        shift = len(roots) - 1  # inner nodes of the router
        nodes = _nodes(trees, right, shift)
        _fill_router(nodes, roots + shift, trees.width)
        leaf = np.concatenate([np.zeros(shift, dtype=np.int32), _leaves(trees)])
        return cls(_tree(nodes, trees.width + 1), leaf, len(roots), trees.width)

    def leaves(self, X: NDArray[np.float64]) -> Iterator[NDArray[np.int32]]:
        """See `Compiled.leaves`."""
        _check(X, self.width)
        rows = np.empty((len(X), self.width + 1), dtype=np.float32)
        rows[:, :-1] = X
        together = max(1, _BLOCK // max(len(X), 1))
        for first in range(0, self.trees, together):
            numbers = np.arange(first, min(first + together, self.trees), dtype=np.float32)
            copies = rows if len(numbers) == 1 else np.tile(rows, (len(numbers), 1))
            copies[:, -1] = np.repeat(numbers, len(X))
            yield from self.leaf[self.tree.apply(copies)].reshape(len(numbers), len(X))


def _nodes(trees: Trees, right: NDArray[np.int64], shift: int = 0) -> NDArray[Any]:
    """Nodes of all trees in scikit-learn's format, after `shift` other nodes; a left child is the next node."""
    from sklearn.tree._tree import NODE_DTYPE

    nodes = np.zeros(shift + len(trees.inner), dtype=NODE_DTYPE)
    nodes["left_child"], nodes["right_child"] = -1, -1
    parents = np.flatnonzero(trees.inner) + shift
    for name, values in (
        ("left_child", parents + 1),
        ("right_child", right + shift),
        ("feature", trees.feature),
        ("threshold", trees.threshold),
        ("missing_go_to_left", trees.missing_left),
    ):
        nodes[name][parents] = values
    return nodes


def _leaves(trees: Trees) -> NDArray[np.int32]:
    """Index of each leaf among all leaves, for each node; meaningless for inner nodes."""
    return np.cumsum(~trees.inner, dtype=np.int32) - np.int32(1)


def _check(X: NDArray[np.float64], width: int) -> None:
    if X.ndim != 2 or X.shape[1] != width:
        raise InvalidInput(f"the matrix has the shape {X.shape}; the model was fitted on {width} columns.")


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
