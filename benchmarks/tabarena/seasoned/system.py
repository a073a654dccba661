"""Fit and predictions of seasoned for TabArena's runner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from tabarena.benchmark.exec_models import ExternalSystemModel

if TYPE_CHECKING:
    from autogluon.core.metrics import Scorer
    from tabarena.benchmark.task.metadata import ValidationMetadata

METRICS = {"root_mean_squared_error": "rmse", "mean_absolute_error": "mae"}
"""TabArena's names of metrics that have another name in seasoned."""
DEFAULT_SECONDS = 3600.0  # time limit without a limit of the runner


class SeasonedSystemModel(ExternalSystemModel):
    """AutoClassifier or AutoRegressor with its defaults, under the runner's limits.

    Args:
        experience: Past tasks that guide the search; see `AutoClassifier`.
        kwargs: Arguments of the base class.
    """

    def __init__(self, *, experience: str | None = "shipped", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.experience = experience
        self._estimator: Any = None

    def _fit_system(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        *,
        target_name: str,
        problem_type: str,
        eval_metric: Scorer,
        validation_metadata: ValidationMetadata,
        num_cpus: int | None,
        num_gpus: int | None,
        memory_limit: float | None,
        time_limit: float | None,
        random_state: int | None,
    ) -> SeasonedSystemModel:
        from seasoned import AutoClassifier, AutoRegressor

        kind = AutoRegressor if problem_type == "regression" else AutoClassifier
        self._estimator = kind(
            METRICS.get(eval_metric.name, eval_metric.name),
            time_limit=DEFAULT_SECONDS if time_limit is None else time_limit,
            memory_limit=None if memory_limit is None else int(memory_limit * 1e9),
            workers=num_cpus,
            validation=validation_metadata.time_on,
            experience=self.experience,
            random_state=0 if random_state is None else random_state,
        )
        self._estimator.fit(X, y.rename(target_name), groups=_groups(X, validation_metadata.group_on))
        return self

    def _predict(self, X: pd.DataFrame) -> pd.Series:
        return pd.Series(self._estimator.predict(X), index=X.index)

    def _predict_proba(self, X: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(self._estimator.predict_proba(X), index=X.index, columns=self._estimator.classes_)


def _groups(X: pd.DataFrame, columns: str | list[str] | None) -> pd.Series | None:
    """Group of each row; several columns are joined. None without groups."""
    if not columns:
        return None
    names = [columns] if isinstance(columns, str) else columns
    return X[names].astype(str).agg("\x1f".join, axis=1)
