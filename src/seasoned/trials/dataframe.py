"""Summaries of trials: table, Pareto front and hypervolume."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.trials.pareto import hypervolume, pareto_front
from seasoned.trials.trial import TrialState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from seasoned.space import Space
    from seasoned.trials.trial import Trial

__all__ = ["flat", "frame_of", "front_of", "outward", "volume_of"]


def outward(trial: Trial, signs: Sequence[int]) -> Trial:
    """Return a trial with its objectives in the user's directions."""
    if all(sign == 1 for sign in signs):
        return trial
    reports = tuple((step, signs[0] * value + 0.0) for step, value in trial.reports)
    if trial.values is None:
        return replace(trial, reports=reports)
    values = tuple(sign * value + 0.0 for sign, value in zip(signs, trial.values, strict=True))
    return replace(trial, values=values, reports=reports)


def frame_of(trials: Sequence[Trial], space: Space, objectives: int) -> pd.DataFrame:
    """Return a table with one row per trial: number, state, values, constraints, seconds, error, parameters, notes.

    Only failed trials have an error; the reason of pruning is in `Trial.error`. A parameter that shares its name with
    another column gets the prefix `config.`. A note has the prefix `note.`.
    """
    import pandas as pd

    constraints = max((len(trial.constraints) for trial in trials), default=0)
    named = [*_names(objectives), *(f"constraint_{index}" for index in range(constraints))]
    told = ["number", "state", *named, "seconds", "error"]
    noted = list(dict.fromkeys(f"note.{name}" for trial in trials for name in trial.notes))

    def column(parameter: str) -> str:
        return f"config.{parameter}" if parameter in told or parameter in noted else parameter

    rows = [
        _row(trial, objectives, constraints)
        | {column(name): value for name, value in flat(trial.config).items()}
        | {f"note.{name}": value for name, value in trial.notes.items()}
        for trial in trials
    ]
    return pd.DataFrame(rows, columns=[*told, *(column(dimension.name) for dimension in space.dimensions), *noted])


def _names(objectives: int) -> list[str]:
    return ["value"] if objectives == 1 else [f"value_{index}" for index in range(objectives)]


def _row(trial: Trial, objectives: int, constraints: int) -> dict[str, Any]:
    values = trial.values or (None,) * objectives
    kept = [*trial.constraints, *[None] * (constraints - len(trial.constraints))]
    return {
        "number": trial.number,
        "state": trial.state.value,
        **dict(zip(_names(objectives), values, strict=True)),
        **{f"constraint_{index}": value for index, value in enumerate(kept)},
        "seconds": trial.seconds,
        "error": trial.error if trial.state is TrialState.FAILED else None,
    }


def flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return dotted name -> value without a space, also for earlier spaces; the value of a choice is its option."""
    row: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            option, inner = next(iter(value.items()))
            row |= {prefix + name: option, **flat(inner, f"{prefix}{name}.{option}.")}
        else:
            row[prefix + name] = value
    return row


def front_of(trials: Iterable[Trial]) -> list[Trial]:
    """Return the complete trials that no other trial dominates, by number; objectives are minimised.

    Feasible trials rank before infeasible ones. If no trial is feasible, the front contains trials of smallest
    violation (Deb 2000).
    """
    complete = [trial for trial in trials if trial.values is not None]
    least = min((trial.violation for trial in complete), default=0.0)
    rivals = [trial for trial in complete if trial.violation == least]
    if not rivals:
        return []
    mask = pareto_front(np.array([trial.values for trial in rivals]))
    return [trial for trial, on_front in zip(rivals, mask.tolist(), strict=True) if on_front]


def volume_of(trials: Iterable[Trial], reference: Sequence[float], objectives: int) -> float:
    """Return the hypervolume between the feasible trials and the reference point; objectives are minimised."""
    values = [trial.values for trial in trials if trial.feasible]
    return hypervolume(np.reshape(np.array(values, dtype=np.float64), (-1, objectives)), reference)
