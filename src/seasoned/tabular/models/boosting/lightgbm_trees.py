"""Trees of a LightGBM booster, read from its text.

Reference: LightGBM 4, `include/LightGBM/tree.h` (`NumericalDecision`, `CategoricalDecision`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.models.trees.tree_arrays import Nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["lightgbm_nodes"]

_CATEGORICAL: Final = 1  # bits of a decision type
_DEFAULT_LEFT: Final = 2
_MISSING_NAN: Final = 8


def lightgbm_nodes(text: str) -> Iterator[Nodes]:
    """Yield the trees of a model text (`Booster.model_to_string`), round after round."""
    head, _, _ = text.partition("end of trees")
    for block in head.split("\nTree=")[1:]:
        yield _nodes(dict(line.partition("=")[::2] for line in block.split("\n")))


def _nodes(tree: dict[str, str]) -> Nodes:
    splits = int(tree["num_leaves"]) - 1
    value = np.concatenate([np.zeros(splits), _reals(tree["leaf_value"])])[:, None]
    count = 2 * splits + 1
    left, right, feature, kind = (np.full(count, -1), np.full(count, -1), *np.zeros((2, count), dtype=np.int64))
    threshold = np.zeros(count)
    if not splits:
        return Nodes(left, right, feature, threshold, feature, value)
    for name, child in (("left_child", left), ("right_child", right)):
        found = _whole(tree[name])
        child[:splits] = np.where(found < 0, splits + ~found, found)  # leaf i is written as ~i
    feature[:splits], kind[:splits] = _whole(tree["split_feature"]), _whole(tree["decision_type"])
    threshold[:splits] = _reals(tree["threshold"])
    # without missing values in a column of the training rows, a missing value counts as 0
    missing_left = np.where(kind & _MISSING_NAN, kind & _DEFAULT_LEFT, threshold >= 0) > 0
    categorical = np.flatnonzero(kind & _CATEGORICAL)
    missing_left[categorical] = False
    sets = _sets(tree, threshold[categorical].astype(np.int64)) if len(categorical) else ()
    return Nodes(
        left, right, feature, threshold, missing_left, value, dict(zip(categorical.tolist(), sets, strict=True))
    )


def _sets(tree: dict[str, str], which: NDArray[np.int64]) -> list[list[int]]:
    """Level codes of the sets: set i is a bitset in the 32-bit words from boundary i to boundary i + 1."""
    bounds = _whole(tree["cat_boundaries"])
    words = np.array(tree["cat_threshold"].split(" "), dtype="<u4")
    parts = (words[bounds[one] : bounds[one + 1]] for one in which)
    return [np.flatnonzero(np.unpackbits(part.view(np.uint8), bitorder="little")).tolist() for part in parts]


def _whole(text: str) -> NDArray[Any]:
    return np.array(text.split(" "), dtype=np.int64)


def _reals(text: str) -> NDArray[np.float64]:
    return np.array(text.split(" "), dtype=np.float64)
