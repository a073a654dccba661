"""Structure check of trees from a file: compiled prediction code follows trees unchecked; a forged tree could crash it.

Law 12: children lie inside the tree and after their parent, so that no walk is endless; features are columns of the
table; thresholds are not NaN; leaf values are finite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_estimator", "check_finite", "check_nodes", "check_thresholds", "forged"]


def forged(what: str) -> InvalidInput:
    """Return the error for a file that no `dump` of this package has written."""
    return InvalidInput(f"the model file holds {what}; it was damaged or tampered with, so refused.")


def check_nodes(
    left: NDArray[Any], right: NDArray[Any], feature: NDArray[Any], inner: NDArray[np.bool_], width: int
) -> None:
    """Check the inner nodes of one tree.

    Args:
        left: Left child of each inner node, shape (inner nodes,).
        right: Right child of each inner node, shape (inner nodes,).
        feature: Split column of each inner node, shape (inner nodes,).
        inner: Mask of the inner nodes, shape (nodes,).
        width: Number of columns of the table.

    Raises:
        InvalidInput: If a child is outside the tree, not after its parent, or has two parents, or if a feature is
            outside the table.
    """
    parent = np.flatnonzero(inner)
    if not len(inner) or ((left <= parent) | (right <= parent) | (left >= len(inner)) | (right >= len(inner))).any():
        raise forged("a tree that points outside itself")
    if len(np.unique(np.concatenate([left, right]))) != 2 * len(parent):
        raise forged("a tree in which a node has two parents")
    if ((feature < 0) | (feature >= width)).any():
        raise forged("a tree that splits a column outside the table")


def check_finite(name: str, *arrays: Any) -> None:
    """Raise InvalidInput if an array contains anything but finite numbers."""
    for array in arrays:
        values = np.asarray(array)
        if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
            raise forged(f"{name} that are no finite numbers")


def check_estimator(estimator: Any) -> None:
    """Check the trees, coefficients and widths of a fitted scikit-learn estimator.

    Raises:
        InvalidInput: If a part is missing, invalid, or inconsistent with the other parts.
    """
    try:
        if hasattr(estimator, "_predictors"):
            _check_histogram(estimator)
        elif hasattr(estimator, "estimators_"):
            _check_forest(estimator)
        elif hasattr(estimator, "tree_"):
            _check_tree(estimator, estimator.n_features_in_)
        elif hasattr(estimator, "coef_"):
            check_finite("coefficients", estimator.coef_, estimator.intercept_)
            if np.shape(estimator.coef_)[-1] != estimator.n_features_in_:
                raise forged("coefficients for another table")
    except InvalidInput:
        raise
    except (AttributeError, TypeError, IndexError, KeyError, ValueError) as error:
        raise forged(f"an incomplete {type(estimator).__name__} ({error})") from error


def _check_forest(forest: Any) -> None:
    """Check a forest; each tree needs its width, because only the forest checks a table's width at prediction."""
    from sklearn.tree import BaseDecisionTree

    members = list(np.ravel(np.asarray(forest.estimators_, dtype=object)))
    if not members or not all(isinstance(member, BaseDecisionTree) for member in members):
        raise forged("a forest of something else than trees")
    for member in members:
        _check_tree(member, forest.n_features_in_)


def _check_tree(member: Any, width: int) -> None:
    from sklearn.tree._tree import Tree

    tree = member.tree_
    if type(tree) is not Tree or tree.n_features != width or member.n_features_in_ != width:
        raise forged("a tree for another table")
    left, right = tree.children_left, tree.children_right
    inner = (left != -1) | (right != -1)  # scikit-learn follows every child that is not -1
    check_nodes(left[inner], right[inner], tree.feature[inner], inner, width)
    check_thresholds(tree.threshold[inner])
    check_finite("leaf values", tree.value)


def _check_histogram(estimator: Any) -> None:
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    width = estimator.n_features_in_
    if estimator._preprocessor is not None or estimator.is_categorical_ is not None:  # noqa: SLF001
        raise forged("a preprocessor, which no model of this package has")
    if np.any(estimator._bin_mapper.is_categorical_):  # noqa: SLF001
        raise forged("category splits, which no model of this package has")
    check_finite("a baseline", estimator._baseline_prediction)  # noqa: SLF001
    for stage in estimator._predictors:  # noqa: SLF001
        if len(stage) != estimator.n_trees_per_iteration_:
            raise forged("an incomplete round")
        for predictor in stage:
            nodes = predictor.nodes
            if type(predictor) is not TreePredictor or nodes.dtype != PREDICTOR_RECORD_DTYPE or nodes.ndim != 1:
                raise forged("a tree of another kind")
            if nodes["is_categorical"].any():
                raise forged("category splits, which no model of this package has")
            inner = nodes["is_leaf"] == 0
            children = nodes["left"][inner].astype(np.int64), nodes["right"][inner].astype(np.int64)
            check_nodes(*children, nodes["feature_idx"][inner], inner, width)
            check_finite("leaf values", nodes["value"])
            check_thresholds(nodes["num_threshold"][inner])


def check_thresholds(thresholds: NDArray[np.float64]) -> None:
    """Refuse NaN; infinity is a valid threshold, which separates missing values from all others."""
    if np.isnan(thresholds).any():
        raise forged("thresholds that are no numbers")
