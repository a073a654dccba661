"""A fitted model together with the features that it was fitted with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seasoned.tabular.models.base import predict

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from seasoned.tabular.columns.plan import Diet
    from seasoned.tabular.features.base import Given
    from seasoned.tabular.features.made import Made

__all__ = ["Featured", "predict_one"]


@dataclass(frozen=True, slots=True, eq=False)
class Featured:
    """What `CrossValidation.refit` gives where features were made.

    Attributes:
        estimator: The model's own estimator, fitted on its diet with the made columns beside it.
        made: What makes these columns.
    """

    estimator: Any
    made: Made


def predict_one(
    estimator: Any,
    matrices: Mapping[Diet, NDArray[np.float64]],
    diet: Diet,
    n_classes: int,
    given: Given | None = None,
) -> NDArray[np.float64]:
    """As `models.base.predict`, with made columns where the estimator was fitted on such.

    Args:
        estimator: An estimator, or a `Featured` one.
        matrices: The rows in the diet `diet`.
        diet: What the model eats.
        n_classes: Number of classes; 0 for regression.
        given: What features of the same rows are made from; None only where the estimator needs none.
    """
    if not isinstance(estimator, Featured):
        return predict(estimator, matrices[diet], n_classes)
    assert given is not None, "whoever has an estimator with features has what they are made from"
    extended = estimator.made.extend(given, matrices[diet], diet)
    return predict(estimator.estimator, extended, n_classes)
