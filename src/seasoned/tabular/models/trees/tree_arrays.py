"""Trees as arrays: an ensemble of binary decision trees in a few arrays, small in memory and on disk.

All trees lie one after the other, the nodes of each tree in preorder: a node, its left branch, its right branch. One
bit per node (inner or leaf) determines a full binary tree in preorder. No child index is stored that could point
outside, form a cycle or have two parents (law 12).

Two precisions: scikit-learn and XGBoost compare single-precision rows, LightGBM compares double-precision rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.safe_files.tree_structure import forged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["LevelSets", "Nodes", "Trees", "from_nodes", "rounded", "shortened", "structure"]

_BITS: Final = (1, 2, 3, 5, 7, 9, 11, 13, 15, 17, 19)  # mantissa bits to try, shortest first


@dataclass(frozen=True, slots=True)
class Nodes:
    """One tree of a library, every array with one row per node; the children of a leaf are -1.

    `sets` contains the level codes that go left, for each split on level codes; the threshold of such a split has no
    meaning.
    """

    left: NDArray[Any]
    right: NDArray[Any]
    feature: NDArray[Any]
    threshold: NDArray[np.float64]
    missing_left: NDArray[Any]
    value: NDArray[Any]
    sets: Mapping[int, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LevelSets:
    """Splits on level codes: a row goes left if its code is in the set of the split.

    Attributes:
        split: True for the inner nodes with a set, shape (splits,).
        bounds: Set i is `levels[bounds[i] : bounds[i + 1]]`, shape (sets + 1,).
        levels: Level codes, ascending inside a set.
    """

    split: NDArray[np.bool_]
    bounds: NDArray[np.int64]
    levels: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Trees:
    """Ensemble of trees.

    Row x goes left at an inner node if `x[feature] <= threshold` in the precision of the thresholds, if the code
    x[feature] is in the node's level set, or if x[feature] is missing and `missing_left` is True.

    Attributes:
        inner: True for an inner node, shape (nodes,), all trees in preorder, one after the other.
        feature: Split column of each inner node, int32.
        threshold: Threshold of each inner node, float32 or float64; 0 for a level set.
        missing_left: True for inner nodes that send missing values left.
        value: Values of each leaf, shape (leaves, outputs), in the precision of the thresholds.
        width: Number of columns of the table.
        sets: Splits on level codes; None without one.
    """

    inner: NDArray[np.bool_]
    feature: NDArray[np.int32]
    threshold: NDArray[Any]
    missing_left: NDArray[np.bool_]
    value: NDArray[Any]
    width: int
    sets: LevelSets | None = None


def structure(inner: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Compute the right child of each inner node and the root of each tree, from the bits alone.

    With s_i the inner nodes minus the leaves up to node i, tree t ends where s first reaches -t. An inner node raises
    its tree's s from h to h + 1. Its left branch ends with the next leaf that lowers s from h + 1 to h, and the right
    child comes next. Raises and drops at one height alternate, so that sorting both by height pairs them.

    Raises:
        InvalidInput: If the last tree has no end, or there are no nodes.

    Example:
        >>> structure(np.array([True, False, False, False, True, True, False, False, False]))
        (array([2, 8, 7]), array([0, 3, 4]))
    """
    sums = np.cumsum(np.where(inner, np.int32(1), np.int32(-1)), dtype=np.int32)
    lowest = np.minimum(np.minimum.accumulate(sums), 0) if len(sums) else sums
    ends = np.flatnonzero(np.diff(lowest, prepend=np.int32(0)) < 0)
    if not len(ends) or ends[-1] != len(inner) - 1:
        raise forged("a tree without an end")
    roots = np.concatenate([[0], ends[:-1] + 1])
    heights = sums + np.repeat(np.arange(len(roots), dtype=np.int32), np.diff(roots, append=len(inner)))
    kind: Any = np.int16 if heights.max() < 2**15 - 1 else np.int32  # numpy sorts 16-bit keys by radix
    parents = np.flatnonzero(inner)
    drops = np.flatnonzero(~inner & (heights >= 0))  # the last leaf of a tree ends no left branch
    by_height = np.argsort(heights[parents].astype(kind), kind="stable")
    right = np.empty(len(parents), dtype=np.int64)
    right[by_height] = drops[np.argsort(heights[drops].astype(kind), kind="stable")] + 1
    return right, roots


def from_nodes(found: Iterable[Nodes], width: int, *, double: bool = False) -> Trees:
    """Convert trees of a library to arrays.

    In single precision, thresholds are rounded down to float32, which splits float32 rows alike.
    """
    trees = [_in_preorder(nodes) for nodes in found]
    inner = np.concatenate([nodes.left >= 0 for nodes in trees])
    parts = {
        name: np.concatenate([getattr(nodes, name) for nodes in trees])
        for name in ("feature", "threshold", "missing_left", "value")
    }
    sets = _level_sets(trees, inner)
    threshold = parts["threshold"][inner]
    if sets is not None:
        threshold = np.where(sets.split, 0.0, threshold)
    return Trees(
        inner,
        parts["feature"][inner].astype(np.int32),
        threshold.astype(np.float64) if double else _rounded_down(threshold),
        parts["missing_left"][inner].astype(np.bool_),
        parts["value"][~inner].astype(np.float64 if double else np.float32),
        width,
        sets,
    )


def _level_sets(trees: Sequence[Nodes], inner: NDArray[np.bool_]) -> LevelSets | None:
    if not any(nodes.sets for nodes in trees):
        return None
    starts = np.cumsum([0, *(len(nodes.left) for nodes in trees)]).tolist()
    found = {
        start + node: sorted(nodes.sets[node])
        for start, nodes in zip(starts, trees, strict=False)
        for node in sorted(nodes.sets)
    }
    split = np.zeros(len(inner), dtype=np.bool_)
    split[list(found)] = True
    bounds = np.cumsum([0, *map(len, found.values())], dtype=np.int64)
    return LevelSets(split[inner], bounds, np.fromiter(chain.from_iterable(found.values()), dtype=np.int32))


def _in_preorder(nodes: Nodes) -> Nodes:
    inner = nodes.left >= 0
    parents = np.flatnonzero(inner)
    if (nodes.left[parents] == parents + 1).all():
        right, roots = structure(inner)
        if len(roots) == 1 and np.array_equal(nodes.right[parents], right):
            return nodes
    order = np.fromiter(_preorder(nodes.left.tolist(), nodes.right.tolist()), dtype=np.int64)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    children = [np.where(child[order] >= 0, place[child[order]], -1) for child in (nodes.left, nodes.right)]
    feature, threshold, missing_left, value = (
        getattr(nodes, name)[order] for name in ("feature", "threshold", "missing_left", "value")
    )
    sets = {int(place[node]): levels for node, levels in nodes.sets.items()}
    return Nodes(children[0], children[1], feature, threshold, missing_left, value, sets)


def _preorder(left: list[int], right: list[int]) -> Iterator[int]:
    """Yield nodes in preorder, for trees grown in another order such as best first."""
    waiting = [0]
    while waiting:
        node = waiting.pop()
        yield node
        if left[node] >= 0:
            waiting += [right[node], left[node]]


def _rounded_down(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
    return np.where(near.astype(np.float64) > threshold, np.nextafter(near, np.float32(-np.inf)), near)


def shortened(trees: Trees, X: NDArray[np.float32]) -> Trees:
    """Shorten the mantissas of the thresholds, so that they compress better.

    Every threshold moves to the number with the shortest mantissa within half the distance to the nearest value of X on
    either side. Every row of X takes the same branch as before.

    Args:
        trees: Trees grown on X.
        X: The rows, shape (n, width).
    """
    threshold = trees.threshold.copy()
    for column in np.unique(trees.feature):
        here = trees.feature == column
        threshold[here] = _shortest(trees.threshold[here], np.unique(X[:, column]))
    return replace(trees, threshold=threshold)


def _shortest(threshold: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Thresholds shortened between sorted `values` (NaN may come last); a threshold outside the values is unchanged."""
    values = values[~np.isnan(values)]
    above = np.searchsorted(values, threshold, side="right")
    between = np.flatnonzero((above > 0) & (above < len(values)))
    exact = threshold[between].astype(np.float64)
    gaps = np.minimum(exact - values[above[between] - 1], values[above[between]] - exact)
    found = threshold.copy()
    for bits in _BITS:
        short = rounded(threshold[between], bits)
        near = np.abs(short - exact) <= gaps / 2
        found[between[near]] = short[near]
        between, exact, gaps = between[~near], exact[~near], gaps[~near]  # the rest needs more digits
    return found


def rounded(values: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Round mantissas to this number of bits after the point, half away from zero."""
    step = 1 << (23 - bits)
    raw = values.view(np.uint32) + np.uint32(step >> 1)
    found: NDArray[np.float32] = (raw & np.uint32(2**32 - step)).view(np.float32)
    return found
