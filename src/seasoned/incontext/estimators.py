"""Estimators of scikit-learn's kind: a network reads the training rows once and predicts without being fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from seasoned.errors import InvalidInput
from seasoned.incontext.canonical import class_order, column_order, row_order
from seasoned.incontext.many_classes import classify
from seasoned.incontext.network import LEVELS, Network
from seasoned.incontext.shipped import shipped_network
from seasoned.incontext.views import Limits, Views

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

__all__ = ["InContextClassifier", "InContextRegressor"]


class _InContext(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Parameters, checks and canonical order of both estimators."""

    def __init__(
        self,
        network: Network | str | os.PathLike[str] | None = None,
        *,
        categorical: Sequence[int] = (),
        views: int = 4,
        max_context: int = 2000,
        random_state: int = 0,
    ) -> None:
        """Keep the parameters."""
        self.network = network
        self.categorical = categorical
        self.views = views
        self.max_context = max_context
        self.random_state = random_state

    def _read(self, features: ArrayLike, target: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return checked rows with columns in canonical order, the target, and the marks of categories."""
        X, y = validate_data(
            self, features, target, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        marks = np.zeros(X.shape[1], dtype=bool)
        places = np.asarray(self.categorical, dtype=np.int64)
        if places.size and not (-X.shape[1] <= places.min() and places.max() < X.shape[1]):
            raise InvalidInput(
                f"categorical={self.categorical!r} names a column beyond the {X.shape[1]} columns of the table: give "
                "places from 0 on."
            )
        marks[places] = True
        self.columns_ = column_order(X)
        return X[:, self.columns_], y, marks[self.columns_]

    def _views(self, X: np.ndarray, y: np.ndarray, categorical: np.ndarray, n_classes: int) -> Views:
        network = self.network if isinstance(self.network, Network) else _network(self.network)
        order = row_order(X, y)
        limits = Limits(rows=self.max_context)
        return Views.of(
            network, X[order], y[order], categorical, n_classes, count=self.views, seed=self.random_state, limits=limits
        )

    def _queries(self, features: ArrayLike) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, features, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return np.asarray(X[:, self.columns_])

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: gaps are allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _network(file: str | os.PathLike[str] | None) -> Network:
    return shipped_network() if file is None else Network.load(file)


class InContextClassifier(ClassifierMixin, _InContext):  # type: ignore[misc]  # scikit-learn is untyped
    """Classifier that reads the training rows as context of a trained network, beside a linear model.

    The probabilities are those of the network, `p(y | x, D)` with the training rows D, averaged over some orders of the
    columns and classes. Half of the orders read the log-odds of a logistic regression as further columns. The order of
    rows, columns and classes in the table does not matter. More than 10 classes are predicted by groups of classes, and
    of more than `max_context` rows or 100 columns each view has its own sample.

    Args:
        network: Trained network, or its file; None for the network that ships with the package.
        categorical: Places of columns that hold codes of categories.
        views: Number of orders.
        max_context: Largest number of context rows.
        random_state: Seed of the orders and samples.

    Attributes:
        classes_: Class labels.

    The fitted estimator holds the training rows.

    Source: prior-data fitted networks (Mueller and others, 2022, arXiv 2112.10510).
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> InContextClassifier:
        """Read labelled rows, (rows, columns) with NaN for gaps, and their classes, (rows,)."""
        rows, labels, categorical = self._read(X, y)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        order = class_order(rows, codes, len(self.classes_))
        self.slots_ = np.argsort(order)

        def views(X: np.ndarray, y: np.ndarray, n_classes: int) -> Views:
            return self._views(X, y, categorical, n_classes)

        self.predictor_ = classify(views, rows, self.slots_[codes], len(self.classes_))
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return probabilities of `classes_`, (rows, classes)."""
        predicted = self.predictor_.predict(self._queries(X))[:, self.slots_].astype(np.float64)
        return np.asarray(predicted / predicted.sum(axis=1, keepdims=True))  # exact in double precision

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class of each row, (rows,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


class InContextRegressor(RegressorMixin, _InContext):  # type: ignore[misc]  # scikit-learn is untyped
    """Regressor that reads the training rows as context of a trained network, beside a linear model.

    The network predicts the quantiles 0.01 ... 0.99 of the target; `predict` returns their mean. Half of the views read
    the prediction of a ridge regression as a column, and half predict its residuals. Parameters, limits and
    source are those of `InContextClassifier`. The fitted estimator holds the training rows.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> InContextRegressor:
        """Read labelled rows, (rows, columns) with NaN for gaps, and their numbers, (rows,)."""
        rows, numbers, categorical = self._read(X, y)
        self.predictor_ = self._views(rows, np.asarray(numbers, dtype=np.float64), categorical, 0)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the mean of the predicted distribution of each row, (rows,)."""
        return np.asarray(self.predictor_.predict(self._queries(X)).mean(axis=1))

    def predict_quantiles(self, X: ArrayLike, levels: Sequence[float]) -> np.ndarray:
        """Return quantiles at levels from 0.01 to 0.99, interpolated linearly, (rows, levels)."""
        asked = np.asarray(levels, dtype=np.float64)
        if not ((asked >= LEVELS[0]) & (asked <= LEVELS[-1])).all():
            raise InvalidInput(f"levels={levels!r} has a level outside 0.01 to 0.99: give levels within.")
        quantiles = self.predictor_.predict(self._queries(X))
        return np.stack([np.interp(asked, LEVELS, row) for row in quantiles])
