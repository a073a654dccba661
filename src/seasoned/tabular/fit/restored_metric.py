"""What was fitted, with its metric given again where that is a function, which no file holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seasoned.tabular.metrics.metric import FUNCTION
from seasoned.tabular.metrics.registry import resolve

if TYPE_CHECKING:
    from seasoned.tabular.ensemble.fitted_model import Fitted

__all__ = ["judging"]


def judging(estimator: Any) -> Fitted:
    """What an estimator fitted or loaded, able to judge predictions.

    Args:
        estimator: A fitted one; loaded, it may have been given its function by `set_params(metric=...)`.
    """
    fitted: Fitted = estimator.fitted_
    lacks = fitted.metric.scorer == FUNCTION and fitted.metric.function is None
    if not lacks or estimator.metric is None:
        return fitted
    return replace(fitted, metric=resolve(estimator.metric, fitted.task, len(fitted.classes), fitted.classes))
