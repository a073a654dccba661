"""Fitted scikit-learn and skrub objects as bytes, without pickle: skops with a constant allow-list.

Law 12: the list below is all that a file may hold beyond skops' own defaults (scikit-learn's and numpy's public types).
It is never widened by what a file asks for.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ALLOWED", "dump", "load"]

ALLOWED: Final = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "skrub._string_encoder.StringEncoder",
    "skrub._to_str.ToStr",
)


def dump(estimator: Any) -> bytes:
    """The estimator as a deflated skops archive."""
    from skops.io import dumps

    data: bytes = dumps(estimator, compression=zipfile.ZIP_DEFLATED, compresslevel=6)
    return data


def load(data: bytes) -> Any:
    """The estimator that `dump` wrote, its trees checked.

    Raises:
        InvalidInput: If the archive is damaged, holds a type outside the list, or a tree that points outside.
    """
    from skops.io import loads
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        estimator = loads(data, trusted=list(ALLOWED))
    except UntrustedTypesFoundException as error:
        raise InvalidInput(
            f"the model file holds types that no model of this package has ({error}); refused."
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, ImportError, zipfile.BadZipFile) as error:
        raise InvalidInput(f"the model file is damaged ({error}); get another copy.") from error
    _check_trees(estimator)
    return estimator


def _check_trees(estimator: Any) -> None:
    """Compiled prediction code follows children and features unchecked, so a forged tree could crash the process."""
    for member in np.ravel(getattr(estimator, "estimators_", [])):
        tree = member.tree_
        inner = tree.children_left >= 0
        _check(tree.children_left[inner], tree.children_right[inner], tree.feature[inner], inner, tree.n_features)
    for stage in getattr(estimator, "_predictors", []):
        for predictor in stage:
            nodes = predictor.nodes
            inner = nodes["is_leaf"] == 0
            children = nodes["left"][inner].astype(np.int64), nodes["right"][inner].astype(np.int64)
            _check(*children, nodes["feature_idx"][inner], inner, estimator.n_features_in_)


def _check(
    left: NDArray[Any], right: NDArray[Any], feature: NDArray[Any], inner: NDArray[np.bool_], width: int
) -> None:
    """Children lie behind their parent (so there is no cycle) and inside the tree, features inside the table."""
    parent = np.flatnonzero(inner)
    sound = (left > parent) & (right > parent) & (left < len(inner)) & (right < len(inner))
    if not len(inner) or not sound.all() or ((feature < 0) | (feature >= width)).any():
        raise InvalidInput("the model file holds a tree that points outside itself; it was tampered with, so refused.")
