"""scikit-learn's gradient boosting on histograms."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.space import Float, Int, Space
from seasoned.tabular.models import sklearn_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.columns.plan import Diet
    from seasoned.tabular.models.base import Job
    from seasoned.tabular.target import Task

__all__ = ["Histogram"]

_MOST_ROUNDS = 500
_PATIENCE = 20
_PROBE = 10


@dataclass(frozen=True, slots=True)
class Histogram:
    """HistGradientBoosting on ordinal codes; the number of rounds comes from early stopping."""

    name: str = "histogram"
    diet: Diet = "codes"

    def space(self, task: Task) -> Space:
        """Learning rate, tree size and penalties."""
        return Space(
            learning_rate=Float(0.01, 0.3, log=True, default=0.08),
            max_leaf_nodes=Int(4, 128, log=True, default=31),
            min_samples_leaf=Int(1, 100, log=True, default=20 if task != "regression" else 10),
            l2_regularization=Float(1e-4, 10.0, log=True, default=1e-3),
            max_features=Float(0.3, 1.0, default=0.7),
        )

    def build(self, config: dict[str, Any], job: Job) -> Any:
        """Rounds are fixed where the configuration brings them, and stopped early otherwise."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        settings = dict(config)
        rounds = settings.pop("rounds", None)
        kind = HistGradientBoostingClassifier if job.n_classes else HistGradientBoostingRegressor
        return kind(
            max_iter=rounds or _MOST_ROUNDS,
            early_stopping=rounds is None,
            n_iter_no_change=_PATIENCE,
            categorical_features=None,
            random_state=job.seed,
            **settings,
        )

    def fit(
        self, estimator: Any, train: tuple[Any, Any], valid: tuple[Any, Any] | None, seconds: float | None = None
    ) -> int | None:
        """Fit on (X, y), watching the loss of the validation rows; returns the rounds taken."""
        X, y = _without_empty_columns(train[0]), train[1]
        if valid is None or not estimator.early_stopping:
            estimator.fit(X, y)
            return None
        X_valid, y_valid = valid
        if hasattr(estimator, "predict_proba"):  # it refuses classes that are only among the validation rows
            known = np.isin(y_valid, y)
            X_valid, y_valid = (X_valid[known], y_valid[known]) if known.any() else (X, y)
        if seconds is not None:
            estimator.set_params(max_iter=_rounds_in(seconds, estimator, X, y))
        estimator.fit(X, y, X_val=X_valid, y_val=y_valid)
        return int(estimator.n_iter_)

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:
        """The configuration with its rounds fixed."""
        return config if rounds is None else {**config, "rounds": rounds}

    def dump(self, estimator: Any) -> bytes:
        """As a skops archive."""
        return sklearn_file.dump(estimator)

    def load(self, data: bytes) -> Any:
        """From a skops archive."""
        return sklearn_file.load(data, ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"))


def _rounds_in(seconds: float, estimator: Any, X: NDArray[np.float64], y: NDArray[Any]) -> int:
    """Rounds that the time allows, by a probe: this library has no callback that could stop it."""
    from sklearn.base import clone

    start = time.monotonic()
    clone(estimator).set_params(max_iter=_PROBE, early_stopping=False).fit(X, y)
    spent = time.monotonic() - start
    return int(np.clip(_PROBE * (seconds - spent) / spent, _PROBE, estimator.max_iter))


def _without_empty_columns(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Zeros for columns without any value, which scikit-learn cannot bin; no tree can split on them either way."""
    empty = np.isnan(X).all(axis=0)
    return np.where(empty, 0.0, X) if empty.any() else X
