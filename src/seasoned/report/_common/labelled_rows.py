"""Rows with a known target, and their sample weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.input.class_weights import by_class, is_by_class
from seasoned.tabular.input.sample_roles import read_weights
from seasoned.tabular.input.target import encode, read_numbers

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.ensemble.fitted_model import Fitted

__all__ = ["Known", "known_rows"]


class Known(NamedTuple):
    """Rows for the evaluation of a model.

    Attributes:
        frame: Features, with an index from 0.
        truth: Codes of classes, or numbers, shape (n,).
        weights: Sample weights, shape (n,); None for equal weights.
    """

    frame: pd.DataFrame
    truth: NDArray[Any]
    weights: NDArray[np.float64] | None


def known_rows(fitted: Fitted, frame: pd.DataFrame, target: pd.Series[Any], sample_weight: Any) -> Known:
    """Return the rows that have a target and a weight above 0.

    Args:
        fitted: The model, whose classes encode the target.
        frame: Features, n rows.
        target: Target values, n.
        sample_weight: As for `fit`; "balanced" and weights by class are computed on the rows that have a target.

    Raises:
        InvalidInput: The lengths differ; no row has a target, or none counts; a label is unknown to the model; or
            weights are negative or missing.
    """
    if len(frame) != len(target):
        raise InvalidInput(f"X has {len(frame)} rows and y has {len(target)}; pass one target per row.")
    told = is_by_class(sample_weight)
    weights = None if told or sample_weight is None else read_weights(sample_weight, len(frame))
    kept = target.notna().to_numpy(dtype=np.bool_)
    if not kept.any():
        raise InvalidInput(f"none of the {len(target)} rows has a target; pass rows whose answer is known.")
    if weights is not None:
        kept = kept & (weights > 0)
        if not kept.any():
            raise InvalidInput("all rows with a target have the weight 0; give those that count a number above 0.")
        weights = weights[kept]
    frame, target = frame[kept].reset_index(drop=True), target[kept].reset_index(drop=True)
    truth = encode(target, fitted.classes) if len(fitted.classes) else read_numbers(target)
    return Known(frame, truth, by_class(sample_weight, truth, fitted.classes) if told else weights)
