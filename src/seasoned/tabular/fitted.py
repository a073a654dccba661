"""What a finished fit leaves behind: all that prediction, the leaderboard and the bundle need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seasoned.tabular.models.base import predict
from seasoned.tabular.models.registry import find
from seasoned.tabular.tables import to_frame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seasoned.tabular.columns.plan import ColumnPlan
    from seasoned.tabular.metrics import Metric
    from seasoned.tabular.target import Task

__all__ = ["Fitted", "Member"]


@dataclass(frozen=True, slots=True)
class Member:
    """One fitted model: its family, its configuration, and the estimator."""

    name: str
    config: dict[str, Any]
    estimator: Any


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted model with everything around it.

    Attributes:
        task: binary, multiclass or regression.
        classes: The labels, sorted; empty for regression.
        metric: What was optimised.
        plan: From a table to matrices.
        member: The model that predicts.
        trials: What was tried, a dict a trial: number, model, state, loss, seconds, error, config.
    """

    task: Task
    classes: NDArray[Any]
    metric: Metric
    plan: ColumnPlan
    member: Member
    trials: tuple[dict[str, Any], ...]

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Probabilities, shape (n, classes), or numbers, shape (n,).

        Raises:
            InvalidInput: If X is no table or lacks a column.
        """
        matrix = self.plan.transform(to_frame(X), find(self.member.name).diet)
        return predict(self.member.estimator, matrix, len(self.classes))
