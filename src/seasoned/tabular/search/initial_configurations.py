"""Initial configurations and number of folds, by the size of the table and the time limit."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from seasoned.tabular.search.user_spaces import Bounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Model

__all__ = ["affordable_folds", "booster_seconds", "first_configurations", "haste"]

_MANY_ROWS: Final = 20_000  # number of rows above which 3 folds are sufficient
_VERY_MANY_ROWS: Final = 100_000  # number of rows above which one held-out part is sufficient
_CELL: Final = 7e-9  # seconds per tree, row and column in any of the boosters, on one present-day core
_OVERHEAD: Final = 10  # fixed cost of a tree, in columns
_BRIEF: Final = 100  # rounds in which a booster's default reaches most of its quality
_MEDIUM_ROWS: Final = 10_000  # number of rows above which more trials are worth more than more folds
_AFFORDED_ROUNDS: Final = (
    1_000  # rounds that 3 folds must have time for, above that number of rows: nearly all of the quality
)
_AMPLE: Final = 2_000  # rounds that 5 folds must have time for, above that number of rows, so that folds cost no trials
_RATES: Final = {"lightgbm": "learning_rate", "xgboost": "eta", "catboost": "learning_rate"}
_FASTEST: Final = 4.0  # largest factor on the default learning rate
_MAX_LEARNING_RATE: Final = 0.2  # largest learning rate to which a default is raised
_SHALLOW_ROWS: Final = 10_000  # number of rows below which CatBoost's default for regression is less deep
_SHALLOW: Final = MappingProxyType({"depth": 7})


def booster_seconds(rows: int, columns: int, outputs: int, rounds: int) -> float:
    """Seconds of a booster's fit, within a factor of two on tables above some thousand rows.

    Args:
        rows: Training rows.
        columns: Columns of the matrix.
        outputs: Trees per round: one, or one per class for more than two classes.
        rounds: Rounds.
    """
    return _CELL * rows * outputs * rounds * (columns + _OVERHEAD)


def affordable_folds(rows: int, columns: int, outputs: int, seconds: float | None) -> int:
    """Number of folds: 5, or 3 above 20,000 rows, or 1 held-out part above 100,000; fewer if time is short.

    A booster stopped long before convergence costs more than fewer folds do. On many rows a booster needs long, each
    trial takes long, and fewer folds are sufficient.

    Args:
        rows: Rows of the table.
        columns: Columns of the table.
        outputs: Trees per round.
        seconds: Time for all fits of a trial; None if the result must not depend on time.
    """
    most = 5 if rows <= _MANY_ROWS else 3 if rows <= _VERY_MANY_ROWS else 1
    if seconds is None:
        return most
    wanted = {5: _BRIEF, 3: _BRIEF} if rows <= _MEDIUM_ROWS else {5: _AMPLE, 3: _AFFORDED_ROUNDS}
    taken = {folds: folds * booster_seconds(rows, columns, outputs, rounds) for folds, rounds in wanted.items()}
    return next((folds for folds in wanted if folds <= most and taken[folds] <= seconds), 1)


def haste(rows: int, columns: int, outputs: int, seconds: float | None) -> float:
    """Factor on the boosters' learning rates, so that one fit reaches most of the quality in time.

    The factor is from 1 to 4. If time is sufficient, a higher rate costs more than it gains.
    """
    if seconds is None:
        return 1.0
    return min(max(booster_seconds(rows, columns, outputs, _BRIEF) / seconds, 1.0), _FASTEST)


def first_configurations(
    models: Sequence[Model], task: Task, haste: float = 1.0, rows: int | None = None
) -> tuple[dict[str, Any], ...]:
    """Initial configuration of each family: its default, with the boosters' learning rates scaled.

    CatBoost's default for regression has nine levels, which suits more rows than most tables have. Below 10,000 rows,
    seven levels have a lower loss and take less time.

    Args:
        models: The families. The configurations have the same order.
        task: Type of the task.
        haste: Factor on the boosters' learning rates.
        rows: Rows of the table; None for many.
    """
    found = []
    for model in models:
        space, usual = model.space(task), (model.family if isinstance(model, Bounded) else model).space(task).default
        changes: dict[str, Any] = {}
        if model.name in _RATES:
            rate = usual[_RATES[model.name]]
            changes[_RATES[model.name]] = max(rate, min(haste * rate, _MAX_LEARNING_RATE))
        if model.name == "catboost" and task == "regression" and rows is not None and rows < _SHALLOW_ROWS:
            changes |= _SHALLOW
        config = space.default
        for name, value in changes.items():
            if config[name] == usual[name] and space.contains({**config, name: value}):  # otherwise set by the user
                config[name] = value
        found.append({"model": {model.name: config}})
    return tuple(found)
