"""Which leaf each row reaches in each tree of an ensemble, by scikit-learn's compiled trees.

A call costs microseconds, however few rows there are. So for a few rows all trees of an ensemble hang under a router, a
balanced tree that splits one more column, the number of the tree wanted: one call for all. It doubles the depth, and
copies the rows for each tree; so many rows walk each tree by itself, in half the time to a fourth of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.models.trees import Trees, structure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Compiled", "Walk"]

_BLOCK: Final = 16_384  # walks in one call under the router; the copies of their rows stay in the cache
_MANY: Final = 100  # rows from which each tree has a call of its own


class Compiled(Protocol):
    """Trees that rows can walk."""

    def leaves(self, X: NDArray[np.float64]) -> Iterator[NDArray[np.int32]]:
        """For each tree in turn the leaf of each row, a number among the leaves of all trees, shape (n,).

        Raises:
            InvalidInput: If X has another number of columns than the table that was fitted.
        """
        ...


@dataclass(slots=True)
class Walk:
    """An ensemble that is compiled for few rows or for many when such come for the first time.

    Attributes:
        nodes: Of all trees, as scikit-learn has them, but their children counted from the root of each tree.
        leaf: Number of the leaf, among all leaves, of each node, shape (nodes,).
        roots: Where each tree begins.
        width: Number of columns of the table.
    """

    nodes: NDArray[Any]
    leaf: NDArray[np.int32]
    roots: NDArray[np.int64]
    width: int
    _together: _Together | None = None
    _apart: _Apart | None = None

    @classmethod
    def over(cls, trees: Trees) -> Walk:
        """Prepare; the trees must be sound, for compiled code follows them unchecked."""
        from sklearn.tree._tree import NODE_DTYPE

        right, roots = structure(trees.inner)
        nodes = np.zeros(len(trees.inner), dtype=NODE_DTYPE)
        nodes["left_child"], nodes["right_child"] = -1, -1
        parents = np.flatnonzero(trees.inner)
        root = roots[np.searchsorted(roots, parents, side="right") - 1]
        for name, values in (
            ("left_child", parents + 1 - root),
            ("right_child", right - root),
            ("feature", trees.feature),
            ("threshold", trees.threshold),
            ("missing_go_to_left", trees.missing_left),
        ):
            nodes[name][parents] = values
        return cls(nodes, np.cumsum(~trees.inner, dtype=np.int32) - np.int32(1), roots, trees.width)

    @property
    def trees(self) -> int:
        """Number of trees."""
        return len(self.roots)

    def compiled(self, rows: int) -> Compiled:
        """What so many rows walk fastest; the leaves are the same."""
        if rows < _MANY:
            if self._together is None:
                self._together = _Together.of(self)
            return self._together
        if self._apart is None:
            self._apart = _Apart.of(self)
        return self._apart


@dataclass(frozen=True, slots=True)
class _Apart:
    """Each tree by itself; of each its compiled form, and the numbers of its nodes' leaves."""

    trees: tuple[tuple[Any, NDArray[np.int32]], ...]
    width: int

    @classmethod
    def of(cls, walk: Walk) -> _Apart:
        ends = np.append(walk.roots[1:], len(walk.nodes))
        return cls(
            tuple(
                (_tree(walk.nodes[root:end], walk.width), walk.leaf[root:end])
                for root, end in zip(walk.roots.tolist(), ends.tolist(), strict=True)
            ),
            walk.width,
        )

    def leaves(self, X: NDArray[np.float64]) -> Iterator[NDArray[np.int32]]:
        """As `Compiled` has it."""
        _check(X, self.width)
        rows = np.ascontiguousarray(X, dtype=np.float32)
        for tree, leaf in self.trees:
            yield leaf.take(tree.apply(rows))


@dataclass(frozen=True, slots=True)
class _Together:
    """All trees under the router.

    Attributes:
        tree: The router, then the nodes of all trees.
        leaf: Number of the leaf of each of these nodes.
        trees: Number of trees.
        width: Number of columns of the table.
    """

    tree: Any
    leaf: NDArray[np.int32]
    trees: int
    width: int

    @classmethod
    def of(cls, walk: Walk) -> _Together:
        shift = walk.trees - 1  # inner nodes of the router
        nodes = np.concatenate([np.zeros(shift, dtype=walk.nodes.dtype), walk.nodes])
        below = nodes[shift:]
        inner = below["left_child"] >= 0
        first = np.repeat(walk.roots, np.diff(walk.roots, append=len(walk.nodes)))[inner] + shift
        for name in ("left_child", "right_child"):
            below[name][inner] += first
        _fill_router(nodes, walk.roots + shift, walk.width)
        leaf = np.concatenate([np.zeros(shift, dtype=np.int32), walk.leaf])
        return cls(_tree(nodes, walk.width + 1), leaf, walk.trees, walk.width)

    def leaves(self, X: NDArray[np.float64]) -> Iterator[NDArray[np.int32]]:
        """As `Compiled` has it."""
        _check(X, self.width)
        rows = np.empty((len(X), self.width + 1), dtype=np.float32)
        rows[:, :-1] = X
        together = max(1, _BLOCK // max(len(X), 1))
        for first in range(0, self.trees, together):
            numbers = np.arange(first, min(first + together, self.trees), dtype=np.float32)
            copies = rows if len(numbers) == 1 else np.tile(rows, (len(numbers), 1))
            copies[:, -1] = np.repeat(numbers, len(X))
            yield from self.leaf[self.tree.apply(copies)].reshape(len(numbers), len(X))


def _check(X: NDArray[np.float64], width: int) -> None:
    if X.ndim != 2 or X.shape[1] != width:
        raise InvalidInput(f"the matrix has the shape {X.shape}; the model was fitted on {width} columns.")


def _tree(nodes: NDArray[Any], width: int) -> Any:
    """scikit-learn's compiled form of one tree."""
    from sklearn.tree._tree import Tree

    tree = Tree(width, np.array([1], dtype=np.intp), 1)
    count = len(nodes)
    tree.__setstate__({"max_depth": 0, "node_count": count, "nodes": nodes, "values": np.zeros((count, 1, 1))})
    return tree


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
