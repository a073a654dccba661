"""A second look at the best trials on few rows: the rows are split into folds in other ways, too.

Of hundreds of trials on one split of few rows, the best are so partly by luck: the split's, and that of each fold's
seed. So where the search has ended before its time, as it does on few rows, the best ones are cross-validated anew on
further splits (repeated cross-validation), and what each predicted for a row is averaged over the splits. Each family's
best is among them, because an ensemble gains by models that differ. The models are then chosen, weighted and given
their rounds by these means. The leaderboard, calibration and intervals keep to the first split, which all trials have:
a mean over several models is better than the one that predicts in the end.

It takes only time that nothing else needs. On twelve development tables (26 fits of a minute on one core, other folds
than those of the comparisons; the best twenty of any family) the loss of ensembles chosen with it was lower in 12 fits
and higher in 13, .1 % higher in the median. With each family's best among the trials it was not measured.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.execution.local import LocalExecutor
from seasoned.tabular.refit import once, ranked
from seasoned.tabular.side_by_side import side_by_side

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.budget import Budget
    from seasoned.tabular.objective import CrossValidation

__all__ = ["look_again"]

logger = logging.getLogger("seasoned.tabular")

_TRIALS: Final = 20  # that are looked at again, at most
_BEST: Final = _TRIALS // 2  # of them whatever their family
_LEAST: Final = 8  # trials from which on it is worth it
_CAUTION: Final = 1.3  # times what the first split took
_START: Final = 2.0  # seconds on top of that, because a worker whose trial was cut off begins anew


def _foreseen(
    objective: CrossValidation, rows: Sequence[Mapping[str, Any]], workers: int, seconds: float
) -> tuple[int, int]:
    """How many trials can be looked at in so many seconds, and on how many splits: more trials come before more splits.

    Args:
        objective: What validates, and how many further splits it has.
        rows: Trials, the most important first.
        workers: How many are validated in parallel.
        seconds: The time there is.
    """
    allowed = (seconds - _START) * workers / _CAUTION
    trials = min(_TRIALS, len(rows))
    while trials >= _LEAST and _seconds(rows[:trials]) > allowed:
        trials -= 1
    if trials < _LEAST or not objective.data.splits or allowed <= 0:
        return 0, 0
    return trials, min(objective.data.splits, int(allowed / max(_seconds(rows[:trials]), 1e-9)))


def _seconds(rows: Sequence[Mapping[str, Any]]) -> float:
    return sum(float(row["seconds"] or 0.0) for row in rows)


def look_again(
    objective: CrossValidation, rows: Sequence[Mapping[str, Any]], budget: Budget, kept: float
) -> list[Mapping[str, Any]]:
    """The trials to choose from: those that were validated on equally many splits, as many as there was time for.

    Their records then hold the mean over these splits, too, and their loss here is that of the mean. A split that is
    not ready for all of them does not count.

    Args:
        objective: What validates.
        rows: Complete trials, the best first.
        budget: The time.
        kept: Seconds that what follows needs.
    """
    rows, left = once(rows), budget.remaining - kept
    order = _families_early(rows)
    trials, splits = _foreseen(objective, order, budget.workers, left)
    best = ranked(order[:trials])
    if not splits:
        return list(rows)
    end = time.monotonic() + left
    seen = [one for row in best if (one := _Seen.first(objective, row)) is not None]
    with LocalExecutor(budget.workers) as executor:  # as many as the search had: its workers are warm
        for split in range(1, splits + 1):
            found = _split(executor, objective, [one.config for one in seen], split, budget, end)
            if found is None:
                break
            seen = [one.with_split(found[place]) for place, one in enumerate(seen) if place in found]
            if len(seen) < 2:  # whatever was in the way, the first split counts
                return list(rows)
    if not seen or seen[0].splits == 1:
        return list(rows)
    judged = [(one, loss) for one in seen if (loss := _loss(objective, one)) is not None]
    if len(judged) < 2:
        return list(rows)
    try:
        for one, _ in judged:
            objective.records.write_mean(one.config, one.predicted, one.rounds)
    except OSError as error:  # nothing is missing without it
        logger.warning("a second look at the best trials is left out, for it could not be written: %s", error)
        objective.records.forget_means()
        return list(rows)
    losses = [(one.config, loss) for one, loss in judged]
    return [
        {**row, "loss": loss}
        for row in best
        for config, loss in losses
        if config == {"model": {row["model"]: row["config"]}}
    ]


def _families_early(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The best ones, then the best of each family that is not among them, then the others, each as they came."""
    best = list(rows[:_BEST])
    known = {row["model"] for row in best}
    others: list[Mapping[str, Any]] = []
    rest: list[Mapping[str, Any]] = []
    for row in rows[_BEST:]:
        (rest if row["model"] in known else others).append(row)
        known.add(row["model"])
    return [*best, *others, *rest]


def _loss(objective: CrossValidation, one: _Seen) -> float | None:
    """The loss of the mean over the splits; None where the metric is not defined on it, though it was on each."""
    try:
        return objective.loss_of(one.predicted)
    except ValueError as error:
        logger.info("a trial is not looked at again: %s", error)
        return None


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A trial: its configuration, the mean of its predictions over so many splits, and of its rounds."""

    config: dict[str, Any]
    predicted: NDArray[np.float64]
    rounds: float | None
    splits: int = 1

    @classmethod
    def first(cls, objective: CrossValidation, row: Mapping[str, Any]) -> _Seen | None:
        config = {"model": {row["model"]: row["config"]}}
        predicted, rounds = objective.records.out_of_fold(config), objective.records.of(config).rounds
        if predicted is None:  # somebody emptied the run's folder
            return None
        return cls(config, predicted.astype(np.float64), None if rounds is None else float(rounds))

    def with_split(self, found: tuple[NDArray[np.float64], float | None]) -> _Seen:
        predicted, rounds = found
        share = 1 / (self.splits + 1)
        both = None if rounds is None or self.rounds is None else self.rounds + share * (rounds - self.rounds)
        mean = self.predicted + share * (predicted - self.predicted)
        return replace(self, predicted=mean, rounds=both, splits=self.splits + 1)


def _split(
    executor: LocalExecutor,
    objective: CrossValidation,
    configs: Sequence[Mapping[str, Any]],
    split: int,
    budget: Budget,
    end: float,
) -> dict[int, tuple[NDArray[np.float64], float | None]] | None:
    """What the trials predicted on this split, by place, without those that failed; None if the time was too short."""
    found = side_by_side(executor, objective.on_split, [(config, split) for config in configs], budget, end)
    return None if found is None else {place: one for place, one in found.items() if np.isfinite(one[0]).all()}
