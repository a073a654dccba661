"""Decision rule for labels that the user sets after the fit."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.metrics.decision_rule import Decision, cost_matrix
from seasoned.tabular.metrics.vectorized import TUNABLE

if TYPE_CHECKING:
    from seasoned.tabular.ensemble.fitted_model import Fitted

__all__ = ["decision_of"]


def decision_of(fitted: Fitted, threshold: Any, costs: Any) -> Decision | None:
    """Decision rule of a threshold or of costs; None for the most probable label.

    Raises:
        InvalidInput: As in `AutoClassifier.decide`.
    """
    if fitted.metric.costs is not None:
        raise InvalidInput(
            "the model was fitted for costs, which decide its labels and its scores; fit again with other costs, or "
            "choose labels from predict_proba."
        )
    if threshold is not None and costs is not None:
        raise InvalidInput("threshold and costs are both given; give one of them.")
    if costs is not None:
        return Decision(cost_matrix(costs, fitted.classes), asked=True)
    if threshold is None:
        other = fitted.postprocessor.of_validation is not None and fitted.metric.scorer in TUNABLE
        return Decision(1.0 - np.eye(len(fitted.classes)), asked=True) if other else None
    if len(fitted.classes) != 2:
        raise InvalidInput(f"a threshold is for two classes, and there are {len(fitted.classes)}; give costs instead.")
    if isinstance(threshold, bool) or not isinstance(threshold, Real) or not 0 < float(threshold) < 1:
        raise InvalidInput(f"threshold is {threshold!r}; give a probability between 0 and 1.")
    return replace(Decision.at(float(threshold), fitted.metric.positive), asked=True)
