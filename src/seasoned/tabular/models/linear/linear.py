"""Logistic regression for classes, ridge regression for numbers, or linear quantile regression."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.space import Float, Space
from seasoned.tabular.models._common.quantile_regression import fit_line
from seasoned.tabular.safe_files import skops_file

if TYPE_CHECKING:
    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["Linear"]


@dataclass(frozen=True, slots=True)
class Linear:
    """Linear model with an L2 penalty; `penalty` is its strength, 1/C for classes and alpha for numbers."""

    name: str = "linear"
    diet: Diet = "dense"
    quantiles: bool = True
    seeded: bool = False
    readable: bool = True

    def space(self, task: Task) -> Space:  # noqa: ARG002 - the protocol's signature
        """Penalty, over seven orders of magnitude."""
        return Space(penalty=Float(1e-3, 1e4, log=True, default=1.0))

    def build(self, config: dict[str, Any], job: Job) -> Any:
        """Return an unfitted model: L-BFGS for classes, the closed form for numbers."""
        from sklearn.linear_model import LogisticRegression, QuantileRegressor, Ridge

        if job.n_classes:
            return LogisticRegression(C=1.0 / config["penalty"], max_iter=300)
        if job.quantile is not None:
            return QuantileRegressor(quantile=job.quantile, alpha=config["penalty"])
        return Ridge(alpha=config["penalty"])

    def fit(
        self,
        estimator: Any,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,  # noqa: ARG002 - the protocol's signature
        seconds: float | None = None,  # noqa: ARG002 - the protocol's signature
        weights: Weights | None = None,
    ) -> None:
        """Fit on (X, y); an early stop of the solver is a form of regularisation and raises no warning."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import QuantileRegressor

        if isinstance(estimator, QuantileRegressor):  # same model as scikit-learn's, fitted much faster
            X, y = np.asarray(train[0], dtype=np.float64), np.asarray(train[1], dtype=np.float64)
            rows = None if weights is None else weights[0]
            estimator.coef_, estimator.intercept_ = fit_line(X, y, estimator.quantile, estimator.alpha, rows)
            estimator.n_features_in_ = X.shape[1]
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", message="Ill-conditioned matrix")
            estimator.fit(*train, None if weights is None else weights[0])

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:  # noqa: ARG002 - the protocol's signature
        """Return the configuration unchanged: the model has no rounds."""
        return config

    def dump(self, estimator: Any) -> bytes:
        """Serialise as a skops archive."""
        return skops_file.dump(estimator)

    def load(self, data: bytes) -> Any:
        """Deserialise a skops archive."""
        return skops_file.load(data, ("LogisticRegression", "QuantileRegressor", "Ridge"))
