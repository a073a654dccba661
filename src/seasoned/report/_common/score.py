"""Metric of a model on rows, if the metric is defined for the rows."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.tabular.metrics.metric import FUNCTION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.ensemble.fitted_model import Fitted

__all__ = ["is_lost", "score_on"]

logger = logging.getLogger("seasoned.report")


def is_lost(fitted: Fitted) -> bool:
    """Return True if the metric is a function that the file of the model did not contain."""
    return fitted.metric.scorer == FUNCTION and fitted.metric.function is None


def score_on(
    fitted: Fitted, truth: NDArray[Any], predicted: NDArray[np.floating[Any]], weights: NDArray[np.float64] | None
) -> float | None:
    """Return the metric on these rows; None if it is lost or undefined, like roc_auc for rows of one class."""
    if is_lost(fitted):
        return None
    exact = predicted.astype(np.float64)
    if exact.ndim == 2:
        exact = exact / exact.sum(axis=1, keepdims=True)  # float32 in the bundle: the sums differ from 1 by rounding
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an undefined score is handled below
        try:
            score = fitted.metric.score(fitted.loss(truth, exact, weights))
        except ValueError as error:  # raised by scikit-learn for rows without some class
            if fitted.metric.scorer == FUNCTION:
                logger.warning("the metric could not be computed on the rows given: %s", error)
            return None
    return None if np.isnan(score) else score
