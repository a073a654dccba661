"""Check of an XGBoost model from a file: only models of the form that this package writes are accepted.

The check precedes XGBoost's own reader, because XGBoost follows children and features unchecked. It covers every array
of every tree; unknown keys are refused.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.safe_files.tree_structure import check_finite, check_nodes, check_thresholds, forged
from seasoned.tabular.safe_files.ubjson import read

__all__ = ["check_model"]

_QUANTILE: Final = re.compile(r"\[?([0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)\]?")
_ROOT: Final = 2**31 - 1  # parent index of a root
_MOST_LEVELS: Final = 2**20  # upper bound of the level codes of a split; XGBoost allocates a bit for each level
_REALS: Final = ("base_weights", "loss_changes", "sum_hessian", "split_conditions")
_SETS: Final = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_WHOLES: Final = ("default_left", "left_children", "right_children", "parents", "split_indices", "split_type")
_NO_CATEGORIES: Final[dict[str, list[Any]]] = {"enc": [], "feature_segments": [], "sorted_idx": []}


def check_model(data: bytes) -> int:
    """Check a model; return its number of classes, 0 for regression.

    Raises:
        InvalidInput: If a part is missing, unknown, out of range or of the wrong length.
    """
    try:
        return _check(read(data))
    except InvalidInput:
        raise
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
        raise forged(f"an incomplete XGBoost model ({error!r})") from error


def _check(model: Any) -> int:
    _keys(model, {"learner", "version"})
    learner = model["learner"]
    parts = {"feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective"}
    _keys(learner, parts, optional=frozenset({"attributes"}))
    width, groups = _parameters(learner["learner_model_param"])
    objective = learner["objective"]["name"]
    if objective == "reg:quantileerror":
        _check_quantile(learner["objective"])
    n_classes = {"reg:squarederror": 0, "reg:quantileerror": 0, "binary:logistic": 2, "multi:softprob": groups}[
        objective
    ]
    if (objective == "multi:softprob") != (groups > 1):
        raise forged("an XGBoost model for another task")
    if list(learner["feature_names"]) or len(learner["feature_types"]) not in {0, width}:
        raise forged("an XGBoost model whose columns are unclear")
    if not set(learner["feature_types"]) <= {"c", "q"}:
        raise forged("an XGBoost model with columns of an unknown type")
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree":
        raise forged("an XGBoost model of another kind")
    _check_trees(booster["model"], width, groups)
    return n_classes


def _check_quantile(objective: dict[str, Any]) -> None:
    """Check the quantile: a single plain number between 0 and 1."""
    _keys(objective, {"name", "quantile_loss_param"})
    _keys(objective["quantile_loss_param"], {"quantile_alpha"})
    found = _QUANTILE.fullmatch(objective["quantile_loss_param"]["quantile_alpha"])
    if found is None or not 0 < float(found[1]) < 1:
        raise forged("an XGBoost model of an unknown quantile")


def _parameters(values: dict[str, str]) -> tuple[int, int]:
    """Check the parameters; return the number of columns and the number of trees per round."""
    _keys(values, {"base_score", "num_class", "num_feature", "num_target"}, optional=frozenset({"boost_from_average"}))
    width, classes = _count(values["num_feature"]), _count(values["num_class"])
    groups = max(classes, 1)
    scores = [float(score) for score in values["base_score"].strip("[]").split(",")]
    if (
        values["num_target"] != "1"
        or width < 1
        or len(scores) not in {1, groups}
        or not all(map(math.isfinite, scores))
    ):
        raise forged("a base score that is no finite number")
    return width, groups


def _check_trees(model: dict[str, Any], width: int, groups: int) -> None:
    _keys(model, {"gbtree_model_param", "tree_info", "trees"}, optional=frozenset({"cats", "iteration_indptr"}))
    trees = model["trees"]
    count = len(trees)
    parameters = model["gbtree_model_param"]
    if _count(parameters["num_trees"]) != count or parameters["num_parallel_tree"] != "1" or count % groups:
        raise forged("an incomplete round")
    if list(model["tree_info"]) != [index % groups for index in range(count)]:
        raise forged("trees of unknown classes")
    if list(model.get("iteration_indptr", [])) not in ([], list(range(0, count + 1, groups))):
        raise forged("rounds that do not match the trees")
    if {key: list(value) for key, value in model.get("cats", _NO_CATEGORIES).items()} != _NO_CATEGORIES:
        raise forged("category names, which no model of this package has")
    for index, tree in enumerate(trees):
        _check_tree(tree, index, width)


def _check_tree(tree: dict[str, Any], index: int, width: int) -> None:
    _keys(tree, {"id", "tree_param", *_REALS, *_WHOLES, *_SETS})
    parameters = tree["tree_param"]
    count = _count(parameters["num_nodes"])
    single = parameters["num_deleted"] == "0" and parameters["size_leaf_vector"] in {"0", "1"}
    if tree["id"] != index or not single or _count(parameters["num_feature"]) != width:
        raise forged("a tree of another kind")
    for key in (*_REALS, *_WHOLES):
        values = np.asarray(tree[key])
        if values.shape != (count,) or (values.dtype.kind == "f") != (key in _REALS):
            raise forged(f"the array {key!r} of the wrong length or type")
    left, right, parents = (np.asarray(tree[key]) for key in ("left_children", "right_children", "parents"))
    inner = (left != -1) | (right != -1)
    check_nodes(left[inner], right[inner], np.asarray(tree["split_indices"])[inner], inner, width)
    expected = np.full(count, _ROOT, dtype=np.int64)
    for children in (left, right):
        expected[children[inner]] = np.flatnonzero(inner)
    if (parents != expected).any() or not inner.sum() * 2 + 1 == count:
        raise forged("a tree whose nodes do not hang together")
    kinds = np.asarray(tree["split_type"])
    if not np.isin(kinds, (0, 1)).all() or not np.isin(tree["default_left"], (0, 1)).all():
        raise forged("a split of an unknown kind")
    conditions = np.asarray(tree["split_conditions"])  # thresholds of inner nodes, values of leaves
    check_thresholds(conditions[inner])
    check_finite("leaf values", conditions[~inner])
    _check_sets(tree, np.flatnonzero(kinds == 1), inner)


def _check_sets(tree: dict[str, Any], nodes: Any, inner: Any) -> None:
    """Check category splits: node i goes right on the levels `categories[segment_i : segment_i + size_i]`."""
    levels, found, starts, sizes = (np.asarray(tree[key], dtype=np.int64).reshape(-1) for key in _SETS)
    if len(starts) != len(nodes) or len(sizes) != len(nodes) or (found != nodes).any() or not inner[nodes].all():
        raise forged("category splits without their levels")
    if (sizes < 1).any() or (starts != np.cumsum(sizes) - sizes).any() or sizes.sum() != len(levels):
        raise forged("category splits that point outside")
    if ((levels < 0) | (levels >= _MOST_LEVELS)).any():
        raise forged("category splits on impossible levels")


def _keys(found: Any, needed: set[str], optional: frozenset[str] = frozenset()) -> None:
    if not isinstance(found, dict) or not needed <= found.keys() <= needed | optional:
        raise forged(f"something else than {', '.join(sorted(needed))}")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise forged(f"{text[:20]!r} where a number belongs")
    return int(text)
