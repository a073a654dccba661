"""What the search can afford: how many folds, and with which configurations of the families it starts."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from seasoned.tabular.search.user_spaces import Bounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Model

__all__ = ["affordable_folds", "booster_seconds", "first_configurations", "haste"]

_MANY_ROWS: Final = 20_000  # above, 3 folds tell enough
_VERY_MANY_ROWS: Final = 100_000  # above, one held-out part does
_CELL: Final = 7e-9  # seconds a tree, row and column take in any of the boosters, on one of today's cores
_OVERHEAD: Final = 10  # columns that a tree's own bookkeeping is worth
_BRIEF: Final = 100  # rounds in which the boosters' defaults get most of what there is
_MEDIUM_ROWS: Final = 10_000  # above, fewer folds tell enough, and more trials come first
_LONG: Final = 1_000  # rounds in which, above so many rows, the boosters get nearly all of it
_AMPLE: Final = 2_000  # rounds that there is time for in each of five folds, where these cost no trials
_RATES: Final = {"lightgbm": "learning_rate", "xgboost": "eta", "catboost": "learning_rate"}
_FASTEST: Final = 4.0  # times the default learning rate
_HIGHEST: Final = 0.2  # learning rate that a default is raised to at most
_SHALLOW_ROWS: Final = 10_000  # below, CatBoost's default for numbers is less deep
_SHALLOW: Final = MappingProxyType({"depth": 7})


def booster_seconds(rows: int, columns: int, outputs: int, rounds: int) -> float:
    """Seconds that a booster's fit takes, within a factor of two on tables above some thousand rows.

    Args:
        rows: Rows trained on.
        columns: Columns of the matrix.
        outputs: Trees of a round: one, or one per class if there are more than two.
        rounds: Rounds.
    """
    return _CELL * rows * outputs * rounds * (columns + _OVERHEAD)


def affordable_folds(rows: int, columns: int, outputs: int, seconds: float | None) -> int:
    """Folds to validate by: 5, or 3 above 20,000 rows, or 1 held-out part above 100,000; fewer where time is short.

    Stopping a booster long before it has learned what there is costs more than having fewer folds. On many rows it has
    much to learn, each trial takes long, and fewer folds tell enough: on six development tables of 24,000 to 40,000
    training rows (a minute, one core, fold 2) the loss was lower on all with one part instead of 3 folds, by .02 to
    5 %, and on six of 12,000 to 17,000 (two minutes of a slow machine, two cores, fold 2) with 3 folds instead of 5, by
    .2 to 38 %.

    Args:
        rows: Rows of the table.
        columns: Columns of the table.
        outputs: Trees of a round.
        seconds: Time for all fits of a trial; None where the result must not depend on time.
    """
    most = 5 if rows <= _MANY_ROWS else 3 if rows <= _VERY_MANY_ROWS else 1
    if seconds is None:
        return most
    wanted = {5: _BRIEF, 3: _BRIEF} if rows <= _MEDIUM_ROWS else {5: _AMPLE, 3: _LONG}
    taken = {folds: folds * booster_seconds(rows, columns, outputs, rounds) for folds, rounds in wanted.items()}
    return next((folds for folds in wanted if folds <= most and taken[folds] <= seconds), 1)


def haste(rows: int, columns: int, outputs: int, seconds: float | None) -> float:
    """How many times faster boosters must learn by default to get most of what there is within the time of one fit.

    From 1 to 4: where there is time, a higher rate costs more than it brings.
    """
    if seconds is None:
        return 1.0
    return min(max(booster_seconds(rows, columns, outputs, _BRIEF) / seconds, 1.0), _FASTEST)


def first_configurations(
    models: Sequence[Model], task: Task, haste: float = 1.0, rows: int | None = None
) -> tuple[dict[str, Any], ...]:
    """Each family's default, in order of cost; boosters with so many times their learning rate.

    CatBoost's tuned default for numbers, nine levels and twenty steps a leaf, is meant for more rows than most tables
    have: on twelve of the first 41 (3,500 rows at most, loss on held-out rows) the loss of seven levels and one step,
    which is its default here for all, was 5 % lower on average, 1.4 % in the median (10 better, 2 worse, p = .009), in
    a third of the time.

    Args:
        models: The families.
        task: What they are for.
        haste: How many times faster boosters must learn.
        rows: Rows of the table; None for many.
    """
    found = []
    for model in models:
        space, usual = model.space(task), (model.family if isinstance(model, Bounded) else model).space(task).default
        changes: dict[str, Any] = {}
        if model.name in _RATES:
            rate = usual[_RATES[model.name]]
            changes[_RATES[model.name]] = max(rate, min(haste * rate, _HIGHEST))
        if model.name == "catboost" and task == "regression" and rows is not None and rows < _SHALLOW_ROWS:
            changes |= _SHALLOW
        config = space.default
        for name, value in changes.items():
            if config[name] == usual[name] and space.contains({**config, name: value}):  # else the user asked for it
                config[name] = value
        found.append({"model": {model.name: config}})
    return tuple(found)
