"""Metric of a loaded model: a metric function is in no file, and the user sets it again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seasoned.tabular.metrics.metric import FUNCTION
from seasoned.tabular.metrics.registry import resolve

if TYPE_CHECKING:
    from seasoned.tabular.ensemble.fitted_model import Fitted

__all__ = ["with_metric"]


def with_metric(estimator: Any) -> Fitted:
    """Fitted model of an estimator, with a metric that can score predictions.

    Args:
        estimator: A fitted estimator. After loading, `set_params(metric=...)` sets a metric function again.
    """
    fitted: Fitted = estimator.fitted_
    lacks = fitted.metric.scorer == FUNCTION and fitted.metric.function is None
    if not lacks or estimator.metric is None:
        return fitted
    return replace(fitted, metric=resolve(estimator.metric, fitted.task, len(fitted.classes), fitted.classes))
