"""A fitted model together with the features that it was fitted with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seasoned.tabular.models._common.base import predict

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Given
    from seasoned.tabular.features.pipeline import Made
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["Extending", "Featured", "predict_one"]


@dataclass(frozen=True, slots=True, eq=False)
class Featured:
    """What `CrossValidation.refit` gives where features were made.

    Attributes:
        estimator: The model's own estimator, fitted on its diet with the made columns beside it.
        made: What makes these columns.
    """

    estimator: Any
    made: Made


@dataclass(slots=True)
class Extending:
    """Rows as estimators of one diet eat them, with made columns for those that were fitted on some.

    Consecutive estimators with the same `Made` share the columns that it makes.

    Attributes:
        matrix: The rows in the diet.
        diet: What the model eats.
        given: What features of the same rows are made from; None only where no estimator needs any.
    """

    matrix: NDArray[np.float64]
    diet: Diet
    given: Given | None = None
    _last: tuple[Made, NDArray[np.float64]] | None = None

    def eaten_by(self, estimator: Any) -> tuple[Any, NDArray[np.float64]]:
        """The model's own estimator, and the rows for it."""
        if not isinstance(estimator, Featured):
            return estimator, self.matrix
        assert self.given is not None, "whoever has an estimator with features has what they are made from"
        if self._last is None or self._last[0] is not estimator.made:
            self._last = None  # freed before the next is made
            self._last = estimator.made, estimator.made.extend(self.given, self.matrix, self.diet)
        return estimator.estimator, self._last[1]


def predict_one(
    estimator: Any,
    matrices: Mapping[Diet, NDArray[np.float64]],
    diet: Diet,
    n_classes: int,
    given: Given | None = None,
) -> NDArray[np.float64]:
    """As `models.base.predict`, with made columns if the estimator was fitted on some.

    Args:
        estimator: An estimator, or a `Featured` one.
        matrices: The rows in the diet `diet`.
        diet: What the model eats.
        n_classes: Number of classes; 0 for regression.
        given: What features of the same rows are made from; None only where the estimator needs none.
    """
    return predict(*Extending(matrices[diet], diet, given).eaten_by(estimator), n_classes)
