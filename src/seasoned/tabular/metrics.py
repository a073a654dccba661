"""Metrics: one number for a set of predictions, and the loss that the search minimises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.target import Task

__all__ = ["Metric", "resolve"]

_DEFAULTS: dict[str, str] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
_SHORT = {
    "log_loss": "neg_log_loss",
    "brier": "neg_brier_score",
    "rmse": "neg_root_mean_squared_error",
    "mae": "neg_mean_absolute_error",
}
_MULTICLASS = {"roc_auc": "roc_auc_ovr", "f1": "f1_macro"}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric by its scikit-learn scorer.

    Attributes:
        name: As the user calls it.
        scorer: The scorer's name; scorers grow with quality, so errors are negated in them.
        n_classes: Number of classes; 0 for regression.
    """

    name: str
    scorer: str
    n_classes: int

    @property
    def greater_is_better(self) -> bool:
        """Whether `score` grows with quality."""
        return not self.scorer.startswith("neg_")

    def loss(self, y: NDArray[Any], predicted: NDArray[np.float64]) -> float:
        """What the search minimises: the error itself, or the negative score.

        Args:
            y: Class codes or numbers, shape (n,).
            predicted: Probabilities, shape (n, classes), or numbers, shape (n,).
        """
        from sklearn.metrics import get_scorer

        return -float(get_scorer(self.scorer)(_answers(predicted, self.n_classes), np.zeros((len(y), 1)), y))

    def score(self, loss: float) -> float:
        """The metric in its usual sign, from the loss."""
        return -loss if self.greater_is_better else loss


def resolve(metric: str | None, task: Task, n_classes: int) -> Metric:
    """The metric of that name; by default roc_auc (binary), log_loss (multiclass) or rmse (regression).

    Raises:
        InvalidInput: If there is no such metric, or it does not fit the task.

    Example:
        >>> resolve(None, "regression", 0).name
        'rmse'
    """
    from sklearn.metrics import get_scorer_names

    name = _DEFAULTS[task] if metric is None else metric
    scorer = _SHORT.get(name, name)
    if task == "multiclass":
        scorer = _MULTICLASS.get(scorer, scorer)
    if scorer not in get_scorer_names():
        raise InvalidInput(
            f"there is no metric {metric!r}; use roc_auc, log_loss, accuracy, balanced_accuracy, f1, rmse, mae, r2 or "
            "the name of a scikit-learn scorer."
        )
    found = Metric(name, scorer, n_classes)
    _try(found, task)
    return found


def _try(metric: Metric, task: Task) -> None:
    """Refuse at once what would fail in every trial, such as rmse for classes."""
    y = np.arange(max(metric.n_classes, 2) * 2) % max(metric.n_classes, 2)
    predicted = np.asarray(y + 0.5, dtype=np.float64)
    if metric.n_classes:
        predicted = np.full((len(y), metric.n_classes), 1 / metric.n_classes)
    fits_task = metric.scorer not in _errors_of_regression() or task == "regression"
    try:
        if not fits_task:
            raise ValueError("it measures numbers")
        metric.loss(y if metric.n_classes else y.astype(np.float64), predicted)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"the metric {metric.name!r} does not fit a {task} target ({error}); choose another."
        ) from None


def _errors_of_regression() -> frozenset[str]:
    return frozenset({"neg_root_mean_squared_error", "neg_mean_absolute_error", "neg_mean_squared_error", "r2"})


def _answers(predicted: NDArray[np.float64], n_classes: int) -> Any:
    """An object that scorers take for a fitted estimator and that answers with stored predictions."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Regressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: ARG002 - the scorer's signature
            return predicted

    class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
        classes_ = np.arange(n_classes)

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, X: Any) -> NDArray[np.int64]:  # noqa: ARG002 - the scorer's signature
            return np.asarray(np.argmax(predicted, axis=1))

        def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: ARG002 - the scorer's signature
            return predicted

    return Classifier() if n_classes else Regressor()
