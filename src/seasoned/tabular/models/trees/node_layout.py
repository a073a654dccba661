"""Nodes of an ensemble in scikit-learn's format, with level sets as binary searches.

A set of level codes is a union of runs of codes. The ends of the runs are thresholds, and a binary search among them
tells a code inside the set from a code outside. The comparisons are additional nodes, stored after the nodes of their
tree. They lead to the two children of the split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.tabular.models.trees.tree_arrays import LevelSets, Trees, structure

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """All nodes, tree after tree.

    Attributes:
        nodes: scikit-learn's records; the children of a leaf are -1.
        leaf: Index of each leaf among all leaves; without meaning for inner nodes.
        roots: Root of each tree.
    """

    nodes: NDArray[Any]
    leaf: NDArray[np.int32]
    roots: NDArray[np.int64]

    @classmethod
    def of(cls, trees: Trees, threshold: NDArray[Any]) -> Layout:
        """Lay out the nodes, with these thresholds."""
        from sklearn.tree._tree import NODE_DTYPE

        right, roots = structure(trees.inner)
        parents = np.flatnonzero(trees.inner)
        leaf = np.cumsum(~trees.inner, dtype=np.int32) - np.int32(1)
        sets = trees.sets
        further = np.zeros(len(parents), dtype=np.int64)  # comparisons of each split beyond the first
        if sets is not None:
            cuts, ends = _cuts(sets)
            further[sets.split] = np.diff(ends) - 1
        sizes = np.diff(roots, append=len(trees.inner))
        tree = np.repeat(np.arange(len(roots)), sizes)  # of each node
        added = np.bincount(tree[parents], further, len(roots)).astype(np.int64)
        moved = np.cumsum(added) - added  # places by which the nodes of a tree move
        place = np.arange(len(trees.inner)) + moved[tree]
        nodes = np.zeros(len(trees.inner) + int(added.sum()), dtype=NODE_DTYPE)
        nodes["left_child"], nodes["right_child"] = -1, -1
        here = place[parents]
        children = place[parents + 1], place[right]
        for name, values in (
            ("left_child", children[0]),
            ("right_child", children[1]),
            ("feature", trees.feature),
            ("threshold", threshold),
            ("missing_go_to_left", trees.missing_left),
        ):
            nodes[name][here] = values
        if sets is not None:
            behind = (roots + sizes + moved)[tree[parents]] + _before(further, tree[parents])
            split = np.flatnonzero(sets.split)
            places = np.column_stack([here, behind, *children])[split]
            _fill_searches(nodes, cuts, ends, places)
        spread = np.zeros(len(nodes), dtype=np.int32)
        spread[place] = leaf
        return cls(nodes, spread, roots + moved)


def _before(numbers: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum of the earlier numbers of the same group; groups are ascending."""
    sums = np.cumsum(numbers) - numbers
    first = np.flatnonzero(np.diff(group, prepend=-1))
    return sums - np.repeat(sums[first], np.diff(first, append=len(group)))


def _cuts(sets: LevelSets) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Thresholds at the ends of the runs of each set, and the bounds of the sets among the thresholds."""
    levels = sets.levels.astype(np.int64)
    opens = np.ones(len(levels), dtype=np.bool_)
    opens[1:] = np.diff(levels) != 1
    opens[sets.bounds[:-1]] = True
    closes = np.append(opens[1:], True)
    cuts = np.column_stack([levels[opens] - 0.5, levels[closes] + 0.5]).ravel()
    runs = np.concatenate([[0], np.cumsum(opens)])
    return cuts, 2 * runs[sets.bounds]


def _fill_searches(
    nodes: NDArray[Any], cuts: NDArray[np.float64], ends: NDArray[np.int64], places: NDArray[np.int64]
) -> None:
    """Fill the comparisons of each set.

    Missing values go where `missing_go_to_left` of the first comparison says: left, inside the set, or right.

    Args:
        nodes: All nodes; the first comparison of each set has the split's values.
        cuts: Thresholds of all sets.
        ends: Set i has the thresholds ends[i] to ends[i + 1].
        places: Of each set the first comparison, the start of the others, and the nodes inside and outside the set.
    """
    root, behind, inside, outside = places.T
    counts = np.diff(ends)
    for count in np.unique(counts).tolist():
        some = np.flatnonzero(counts == count)
        place = np.column_stack([root[some], behind[some][:, None] + np.arange(count - 1)])  # (sets, comparisons)
        goals = np.column_stack([place, inside[some], outside[some]])  # -1 is outside, -2 is inside
        cut, left, right = _search(count)
        missing_inside = nodes["missing_go_to_left"][root[some]].astype(np.bool_)
        nodes["feature"][place] = nodes["feature"][root[some]][:, None]
        nodes["threshold"][place] = cuts[ends[some][:, None] + cut]
        nodes["left_child"][place], nodes["right_child"][place] = goals[:, left], goals[:, right]
        # below the first threshold a code is outside, between the first two it is inside
        nodes["missing_go_to_left"][place] = np.where(missing_inside[:, None], cut >= 1, True)


def _search(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Binary search among `count` thresholds: threshold, left child and right child of each comparison.

    A child is a comparison, -1 for outside the set or -2 for inside.
    """
    found: list[tuple[int, int, int]] = []

    def grow(first: int, last: int) -> int:
        if first == last:
            return -1 - first % 2
        here, middle = len(found), (first + last) // 2
        found.append((middle, 0, 0))
        found[here] = middle, grow(first, middle), grow(middle + 1, last)
        return here

    grow(0, count)
    cut, left, right = np.array(found, dtype=np.int64).T
    return cut, left, right
