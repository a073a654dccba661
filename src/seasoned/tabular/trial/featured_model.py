"""Fitted model with the feature pipeline of its fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seasoned.tabular.models._common.base import predict

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Given
    from seasoned.tabular.features.pipeline import FeaturePipeline
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["Extending", "Featured", "predict_one"]


@dataclass(frozen=True, slots=True, eq=False)
class Featured:
    """Fitted model with features, the result of `CrossValidation.refit` for a configuration with features.

    Attributes:
        estimator: The model's own estimator, fitted on the output of the feature pipeline.
        made: Fitted feature pipeline.
    """

    estimator: Any
    made: FeaturePipeline


@dataclass(slots=True)
class Extending:
    """Input rows of estimators with one input encoding, extended by features for `Featured` estimators.

    Consecutive estimators with the same `FeaturePipeline` object share its columns.

    Attributes:
        matrix: The rows in the input encoding, shape (n, columns).
        diet: Input encoding of the model.
        given: Inputs of the feature pipeline for the same rows; None only if no estimator has features.
    """

    matrix: NDArray[np.float64]
    diet: Diet
    given: Given | None = None
    _last: tuple[FeaturePipeline, NDArray[np.float64]] | None = None

    def eaten_by(self, estimator: Any) -> tuple[Any, NDArray[np.float64]]:
        """Return the model's own estimator and its input rows."""
        if not isinstance(estimator, Featured):
            return estimator, self.matrix
        assert self.given is not None, "whoever has an estimator with features has what they are made from"
        if self._last is None or self._last[0] is not estimator.made:
            self._last = None  # frees the old columns before the new ones are computed
            self._last = estimator.made, estimator.made.extend(self.given, self.matrix, self.diet)
        return estimator.estimator, self._last[1]


def predict_one(
    estimator: Any,
    matrices: Mapping[Diet, NDArray[np.float64]],
    diet: Diet,
    n_classes: int,
    given: Given | None = None,
) -> NDArray[np.float64]:
    """Return the predictions of one estimator, with its features if it has any, as `models._common.base.predict`.

    Args:
        estimator: An estimator, or a `Featured` one.
        matrices: The rows by input encoding; `diet` is required.
        diet: Input encoding of the model.
        n_classes: Number of classes; 0 for regression.
        given: Inputs of the feature pipeline for the same rows; None only if the estimator has no features.
    """
    return predict(*Extending(matrices[diet], diet, given).eaten_by(estimator), n_classes)
