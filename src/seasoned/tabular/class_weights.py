"""Weights of rows told by their class: "balanced", or a weight for each label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.cells import absent
from seasoned.tabular.labels import code_of
from seasoned.tabular.tables import to_series

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BALANCED", "by_class", "known_by_class"]

BALANCED: Final = "balanced"
_SHOWN: Final = 20  # labels in a sentence
_HOW: Final = "pass a value a row, 'balanced', or {label: weight, ...}"


def by_class(
    sample_weight: Any, y: Any, kind: Literal["classification", "regression"], known: NDArray[Any] | None = None
) -> Any:
    """The weights of rows as numbers, where they were told by class; anything else as it was given.

    "balanced" gives all classes the same mass: a row of a class of m of the n rows in k classes weighs n / (k m), as
    scikit-learn's `compute_sample_weight` has it. In a mapping, labels that are not named weigh 1. Rows without a
    target weigh 1; they are left out anyway.

    Args:
        sample_weight: What the user gave.
        y: The target, a value a row.
        kind: What the target asks for.
        known: The classes of a fitted model, which a mapping may name though these rows have none of them.

    Raises:
        InvalidInput: If the word is another, the target holds no classes, a label is not among them, or a weight is no
            number above 0.

    Example:
        >>> by_class("balanced", ["a", "b", "b", "b"], "classification").round(2).tolist()
        [2.0, 0.67, 0.67, 0.67]
        >>> by_class({"a": 5}, ["a", "b", "b", "b"], "classification").tolist()
        [5.0, 1.0, 1.0, 1.0]
    """
    if not isinstance(sample_weight, str | Mapping):
        return sample_weight
    if isinstance(sample_weight, str) and sample_weight != BALANCED:
        raise InvalidInput(f"sample_weight is {sample_weight!r}; {_HOW}, such as X[{sample_weight!r}].")
    if kind == "regression":
        raise InvalidInput(f"sample_weight is {sample_weight!r}, and the target is a number; pass a value a row.")
    codes, labels = _codes(y)
    if isinstance(sample_weight, str):
        counts = np.bincount(codes[codes >= 0], minlength=len(labels))
        weights = counts.sum() / (len(labels) * np.maximum(counts, 1))
    else:
        weights = np.ones(len(labels))
        for label, weight in sample_weight.items():
            value, code = _number(label, weight), code_of(label, labels)
            if code is not None:
                weights[code] = value
            elif known is None or code_of(label, known) is None:
                raise InvalidInput(_unknown(label, labels if known is None else known))
    return np.append(weights, 1.0)[codes]  # the code of a row without a target is -1


def known_by_class(sample_weight: Any, y: Any, classes: NDArray[Any]) -> Any:
    """The same for rows that a fitted model is judged on; a mapping may name classes that none of these rows has.

    Args:
        sample_weight: What the user gave.
        y: The rows' target.
        classes: The labels that the model knows; none if it predicts numbers.
    """
    return by_class(sample_weight, y, "classification" if len(classes) else "regression", classes)


def _codes(y: Any) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Class codes, -1 where there is none, and the labels behind them."""
    import pandas as pd

    series = to_series(y)
    try:
        codes, labels = pd.factorize(series.where(~absent(series, "the target"), None))
    except TypeError:
        raise InvalidInput(
            f"the target holds {series.iloc[0]!r}, which names no class; pass a number or text a row."
        ) from None
    return codes.astype(np.int64), np.asarray(labels)


def _unknown(label: Any, labels: NDArray[Any]) -> str:
    named = ", ".join(map(repr, labels.tolist()[:_SHOWN])) + (" ..." if len(labels) > _SHOWN else "")
    return f"sample_weight names {label!r}, which is no class of the target; use {named}."


def _number(label: Any, weight: Any) -> float:
    try:
        value = float(weight)
    except (TypeError, ValueError):
        value = np.nan
    if not 0 < value < np.inf:
        raise InvalidInput(
            f"sample_weight gives {label!r} the weight {weight!r}; pass a number above 0, and leave out the rows of a "
            "class that is not to count."
        )
    return value
