"""Check of a LightGBM text model from a file: only models of the form that this package writes are accepted.

The check precedes LightGBM's own reader, which trusts the text. It covers every line by its key, every array by its
length, and children, features, category sets and sizes by their range. The text after the trees (importances, training
parameters) is removed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.safe_files.tree_structure import check_finite, check_nodes, check_thresholds, forged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["as_regression", "check_text", "without_appendix"]

_END: Final = "end of trees\n"
_HEADER: Final = frozenset(
    {
        "version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective",
        "feature_names", "feature_infos", "tree_sizes",
    }
)  # fmt: skip
_PER_NODE: Final = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child")
_PER_LEAF: Final = ("leaf_value", "leaf_weight", "leaf_count")
_INTERNAL: Final = ("internal_value", "internal_weight", "internal_count")
_CATEGORIES: Final = ("cat_boundaries", "cat_threshold")
_SINGLE: Final = ("num_leaves", "num_cat", "is_linear", "shrinkage")
_OBJECTIVES: Final = {0: "regression", 2: "binary sigmoid:1"}
_QUANTILE: Final = re.compile(r"^objective=quantile\b.*$", re.MULTILINE)
_INTEGERS: Final = re.compile(r"[-0-9 ]*")  # int() accepts "1_0" and " 1 ", which LightGBM reads differently
_NUMBER: Final = r"-?(?:[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?|inf|nan)"
_NUMBERS: Final = re.compile(rf"(?:{_NUMBER}(?: {_NUMBER})*)?")  # LightGBM ends the process at any other token
_NAMES: Final = re.compile(r"Column_[0-9]+(?: Column_[0-9]+)*")
_INFOS: Final = re.compile(r"[-+0-9.e:\[\]infnoa ]+")


def without_appendix(text: str) -> str:
    """Return the text up to the end of the trees; predictions need no more."""
    head, end, _ = text.partition(_END)
    return head + end


def as_regression(text: str) -> str:
    """Return the text of a quantile model with the objective of the mean, which predicts the same."""
    return _QUANTILE.sub("objective=regression", text, count=1)


def check_text(text: str, n_classes: int) -> None:
    """Check a model of `n_classes` classes, 0 for regression.

    Raises:
        InvalidInput: If a part is missing, unknown, out of range or of the wrong length.
    """
    try:
        _check(text, n_classes)
    except InvalidInput:
        raise
    except (KeyError, IndexError, OverflowError, ValueError) as error:
        raise forged(f"an incomplete LightGBM model ({error!r})") from error


def _check(text: str, n_classes: int) -> None:
    if not text.isascii() or "\x00" in text or "\r" in text:
        raise forged("characters that no LightGBM model has")
    first, found, rest = text.partition("Tree=0\n")
    if not found or not rest.endswith("\n\n" + _END):
        raise forged("a LightGBM model without trees or an end")
    header = _pairs(first.removeprefix("tree\n").rstrip("\n").split("\n"), _HEADER)
    groups = n_classes if n_classes > 2 else 1
    if [header["num_class"], header["num_tree_per_iteration"]] != [str(groups)] * 2 or header["version"] != "v4":
        raise forged("a LightGBM model for another number of classes")
    if header["objective"] != _OBJECTIVES.get(n_classes, f"multiclass num_class:{n_classes}"):
        raise forged("a LightGBM model for another task")
    width = int(_integers(header["max_feature_idx"])[0]) + 1
    if width < 1 or any(len(header[key].split(" ")) != width for key in ("feature_names", "feature_infos")):
        raise forged("a LightGBM model whose columns are unclear")
    if not _NAMES.fullmatch(header["feature_names"]) or not _INFOS.fullmatch(header["feature_infos"]):
        raise forged("a LightGBM model whose columns are unclear")
    if header["label_index"] != "0":
        raise forged("a LightGBM model of another kind")
    trees = _trees(found + rest.removesuffix(_END), _integers(header["tree_sizes"]))
    if len(trees) % groups:
        raise forged("an incomplete round")
    for index, tree in enumerate(trees):
        _check_tree(tree, index, width)


def _trees(text: str, sizes: NDArray[np.int64]) -> list[str]:
    """Return the text of each tree; LightGBM jumps by the sizes in the header, so that they must be exact."""
    data = text.rstrip("\n").encode() + b"\n\n\n"
    ends = np.cumsum(sizes)
    if not len(sizes) or (sizes < 1).any() or ends[-1] != len(data):
        raise forged("tree sizes that do not match the trees")
    return [data[end - size : end].decode() for size, end in zip(sizes.tolist(), ends.tolist(), strict=True)]


def _check_tree(text: str, index: int, width: int) -> None:
    lines = text.rstrip("\n").split("\n")
    if lines[0] != f"Tree={index}" or not text.endswith("\n\n\n"):
        raise forged("tree sizes that do not match the trees")
    tree = _pairs(lines[1:], frozenset(_PER_NODE + _PER_LEAF + _INTERNAL + _CATEGORIES + _SINGLE))
    leaves, categories = int(_integers(tree["num_leaves"])[0]), int(_integers(tree["num_cat"])[0])
    if leaves < 1 or categories < 0 or tree["is_linear"] != "0":
        raise forged("a tree of another kind")
    check_finite("shrinkages", _floats(tree["shrinkage"]))
    if not all(_NUMBERS.fullmatch(value) for value in tree.values()):
        raise forged("words where numbers belong")
    if leaves == 1:  # a constant; its arrays are empty or have one value
        check_finite("leaf values", _sized(_floats(tree["leaf_value"]), 1))
        return
    for key in _PER_NODE + _INTERNAL:
        _sized(tree[key].split(" "), leaves - 1)
    for key in _PER_LEAF:
        check_finite("leaf values", _sized(_floats(tree[key]), leaves))
    threshold = _floats(tree["threshold"])
    check_thresholds(threshold)
    _check_shape(tree, leaves, width)
    kind = _integers(tree["decision_type"])
    if ((kind < 0) | (kind > 11)).any():  # bit 0: categories; bit 1: default left; bits 2 and 3: missing type
        raise forged("a split of an unknown kind")
    _check_categories(tree, categories, threshold[kind % 2 == 1])


def _check_shape(tree: dict[str, str], leaves: int, width: int) -> None:
    """Check the children and features; LightGBM writes leaf i as the child -1 - i, here leaves follow the nodes."""
    children = [_integers(tree[key]) for key in ("left_child", "right_child")]
    if any(((child < -leaves) | (child >= leaves - 1)).any() for child in children):
        raise forged("a tree that points outside itself")
    left, right = (np.where(child < 0, leaves - 2 - child, child) for child in children)
    inner = np.arange(2 * leaves - 1) < leaves - 1
    check_nodes(left, right, _integers(tree["split_feature"]), inner, width)


def _check_categories(tree: dict[str, str], count: int, used: NDArray[np.float64]) -> None:
    """Check category splits: a threshold is the index of a set of levels; set i is the words b[i] to b[i + 1]."""
    if not count:
        if len(used) or tree.keys() & set(_CATEGORIES):
            raise forged("category splits without categories")
        return
    bounds, words = _integers(tree["cat_boundaries"]), _integers(tree["cat_threshold"])
    if len(bounds) != count + 1 or bounds[0] != 0 or (np.diff(bounds) < 1).any() or bounds[-1] != len(words):
        raise forged("category sets that point outside")
    if ((words < 0) | (words >= 2**32)).any() or (used != np.round(used)).any() or ((used < 0) | (used >= count)).any():
        raise forged("category splits that point outside")


def _pairs(lines: list[str], known: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals or key not in known or key in found:
            raise forged(f"the line {line[:40]!r}, unknown or for the second time,")
        found[key] = value
    return found


def _sized(values: Any, length: int) -> Any:
    if len(values) != length:
        raise forged(f"an array of {len(values)} values where {length} belong")
    return values


def _integers(text: str) -> NDArray[np.int64]:
    try:
        if not _INTEGERS.fullmatch(text):
            raise ValueError
        values = [int(word) for word in text.split(" ")]
    except ValueError:
        raise forged(f"{text[:40]!r} where integers belong") from None
    return np.array(values, dtype=np.int64)


def _floats(text: str) -> NDArray[np.float64]:
    try:
        if not _NUMBERS.fullmatch(text):
            raise ValueError
        return np.array(text.split(" "), dtype=np.float64)
    except ValueError:
        raise forged(f"{text[:40]!r} where numbers belong") from None
