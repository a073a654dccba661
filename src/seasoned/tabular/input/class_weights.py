"""Sample weights by class: "balanced", or a weight for each label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.input.labels import code_of
from seasoned.tabular.input.sample_roles import read_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BALANCED", "by_class", "is_by_class"]

BALANCED: Final = "balanced"
_SHOWN: Final = 20  # largest number of labels in a message


def is_by_class(sample_weight: Any) -> bool:
    """Return True if weights are by class, not by row."""
    return isinstance(sample_weight, str | Mapping)


def by_class(sample_weight: str | Mapping[Any, Any], codes: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.float64]:
    """Sample weights as shares of the largest weight, shape (n,).

    "balanced" gives all classes the same total weight: a row of a class of m rows weighs 1/m, as in scikit-learn's
    `compute_sample_weight`. Labels that a mapping omits weigh 1.

    Args:
        sample_weight: "balanced", or a mapping label -> weight.
        codes: The class code of each row, shape (n,).
        classes: The labels of the codes, shape (classes,); empty if the target is a number.

    Raises:
        InvalidInput: If the text is not "balanced", or the target is a number. If a label is unknown or repeated, or
            weights are not numbers above 0 or are too far apart.

    Example:
        >>> codes, classes = np.array([0, 1, 1, 1]), np.array(["a", "b"])
        >>> by_class("balanced", codes, classes).round(2).tolist(), by_class({"a": 5}, codes, classes).tolist()
        ([1.0, 0.33, 0.33, 0.33], [1.0, 0.2, 0.2, 0.2])
    """
    if not len(classes):
        raise InvalidInput(
            f"sample_weight is {sample_weight!r}, and the target is a number; pass a number a row, such as X['weight']."
        )
    if isinstance(sample_weight, str) and sample_weight != BALANCED:
        raise InvalidInput(
            f"sample_weight is {sample_weight!r}; pass a value a row, such as X[{sample_weight!r}], 'balanced', or "
            "{label: weight, ...}."
        )
    if isinstance(sample_weight, str):
        weights = 1.0 / np.maximum(np.bincount(codes, minlength=len(classes)), 1)
    else:
        weights = _of_mapping(sample_weight, classes)
    return read_weights(weights[codes], len(codes))


def _of_mapping(given: Mapping[Any, Any], classes: NDArray[Any]) -> NDArray[np.float64]:
    """Weight of each class, shape (classes,)."""
    weights, named = np.ones(len(classes)), set()
    for label, weight in given.items():
        code = code_of(label, classes)
        if code is None:
            known = ", ".join(map(repr, classes.tolist()[:_SHOWN])) + (" ..." if len(classes) > _SHOWN else "")
            raise InvalidInput(f"sample_weight names {label!r}, and the classes are {known}; use one of these.")
        if code in named:
            raise InvalidInput(f"sample_weight names the class {classes.tolist()[code]!r} twice; name it once.")
        named.add(code)
        weights[code] = _number(label, weight)
    return weights


def _number(label: Any, weight: Any) -> float:
    try:
        value = float(weight)
    except (OverflowError, TypeError, ValueError):
        value = np.nan
    if not 0 < value < np.inf:
        raise InvalidInput(
            f"sample_weight gives {label!r} the weight {weight!r}; pass a number above 0, and leave out the rows of a "
            "class that is not to count."
        )
    return value
