"""Data of the search figures as plain numbers; without plotting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.report._common.data import Importance, ReportData, TrialRow

__all__ = ["Bars", "Family", "Progress", "families", "importance_bars", "progress", "score_range", "weights"]

_SPAN: Final = 10.0  # the axis ends where a score is worse than the median by this many times |best - median|


class Progress(NamedTuple):
    """Scores in the order of the search.

    Attributes:
        when: Seconds from the start, or the trial's number if seconds are unknown.
        in_seconds: True if `when` is in seconds.
        trials: The trial of each point.
        best: Best score up to and including each point.
    """

    when: tuple[float, ...]
    in_seconds: bool
    trials: tuple[TrialRow, ...]
    best: tuple[float, ...]


class Family(NamedTuple):
    """Trials of one model family: those with a score, the best first, and the numbers of trials without a score."""

    model: str
    trials: tuple[TrialRow, ...]
    failed: int
    stopped: int


class Bars(NamedTuple):
    """Named values with a spread, the largest first."""

    names: tuple[str, ...]
    values: tuple[float, ...]
    spread: tuple[float, ...]


def progress(data: ReportData) -> Progress:
    """Return the score of each complete trial and the best score so far, against time or the trial's number."""
    in_seconds = bool(data.complete) and all(trial.elapsed is not None for trial in data.complete)
    points = sorted((_when(trial, in_seconds), trial.number, trial) for trial in data.complete)
    trials = tuple(trial for _, _, trial in points)
    scores = np.array([trial.score for trial in trials], dtype=np.float64)
    better = np.maximum if data.greater_is_better else np.minimum
    best = better.accumulate(scores) if len(scores) else scores
    return Progress(tuple(when for when, _, _ in points), in_seconds, trials, tuple(best.tolist()))


def _when(trial: TrialRow, in_seconds: bool) -> float:
    return float(trial.elapsed) if in_seconds and trial.elapsed is not None else float(trial.number)


def families(data: ReportData) -> tuple[Family, ...]:
    """Return the trials of each model family, ordered by the best score; families without a score come last."""
    scored: dict[str, list[TrialRow]] = {trial.model: [] for trial in (*data.complete, *data.trials)}
    for trial in data.complete:
        scored[trial.model].append(trial)
    return tuple(
        Family(model, tuple(trials), _count(model, data.failed), _count(model, data.unfinished))
        for model, trials in scored.items()
    )


def _count(model: str, trials: Sequence[TrialRow]) -> int:
    return sum(trial.model == model for trial in trials)


def score_range(scores: Sequence[float], *, greater_is_better: bool) -> tuple[float, float]:
    """Return the limits of a score axis that exclude very bad scores, so that the other scores stay distinguishable.

    The range extends from the best score to the worst score within 10 |median - best| of the median, with a margin of 5
    %.

    Example:
        >>> low, high = score_range([0.90, 0.89, 0.88, 0.10], greater_is_better=True)
        >>> bool(0.80 < low < 0.88), bool(high > 0.90)
        (True, True)
    """
    losses = np.sort(-np.asarray(scores) if greater_is_better else np.asarray(scores))
    median = float(np.median(losses))
    far = median + _SPAN * (median - losses[0]) if median > losses[0] else losses[-1]
    worst = float(losses[losses <= far].max())
    margin = 0.05 * (worst - losses[0]) or 0.05 * max(abs(worst), 1e-3)
    low, high = float(losses[0] - margin), worst + margin
    return (-high, -low) if greater_is_better else (low, high)


def weights(data: ReportData) -> Bars:
    """Return the ensemble members ordered by weight, each with the number of its trial."""
    members = sorted(data.members, key=lambda member: -member.weight)
    names = tuple(m.model if m.number is None else f"{m.model} #{m.number}" for m in members)
    return Bars(names, tuple(member.weight for member in members), (0.0,) * len(members))


def importance_bars(importance: Importance, most: int = 25) -> Bars:
    """Return the most important columns, in descending order."""
    order = np.argsort(-np.asarray(importance.mean), kind="stable")[:most]
    return Bars(
        tuple(importance.names[index] for index in order),
        tuple(importance.mean[index] for index in order),
        tuple(importance.spread[index] for index in order),
    )
