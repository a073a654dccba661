"""The race: how far a configuration may lag behind the best, fold by fold, and still be given the other folds."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.trial.results import ALL
from seasoned.tabular.validation.paired_test import BEHIND, Bar
from seasoned.trials import TrialState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seasoned.tabular.trial.cross_validation import CrossValidation
    from seasoned.trials import Trial

__all__ = ["Race"]

logger = logging.getLogger("seasoned.tabular")

_DEFAULTS: Final = 0.2  # of the gap between the best trial and the baseline, while the families are first tried
_FAMILY: Final = 0.0  # lag allowed behind the best of its own family, beyond luck: more of the same must be better


@dataclass(slots=True)
class Race:
    """Keeps the bars (`bar.py`): the trial that is best over all folds, fold by fold, and the lag that is allowed.

    There is one bar for all trials and, once the families have been tried, one for each family, as in the race over
    rows (`row_race.py`): a trial of another family may be worse alone and still be worth something in the ensemble, a
    worse one of the same family hardly is. The reference is that one trial, not the best loss on each fold, which is
    luck. On few rows more luck is expected: a lag of 1/sqrt(rows of a fold), and within a family at least what its lags
    have differed by from fold to fold.

    Attributes:
        objective: What the bars apply to; workers see a change at once.
        live: Whether each finished trial may move the bar. Otherwise only `close_defaults` does, so that a search by
            trials does not depend on which trial is quicker.
        opening: Number of trials in which the families are first tried; when these have ended, a live race closes the
            defaults by itself, while other trials already run.
        share: The lag that is allowed, as a share of the gap between the best trial and the baseline.
    """

    objective: CrossValidation
    live: bool
    opening: int
    share: float = _DEFAULTS
    _best: dict[str, tuple[float, tuple[float | None, ...]]] = field(default_factory=dict)  # loss, losses of the folds
    _complete: dict[str, list[tuple[float | None, ...]]] = field(default_factory=dict)  # of each family's trials
    _baseline: tuple[float, ...] | None = None
    _met: set[int] = field(default_factory=set)
    _bars: dict[str, Bar] = field(default_factory=dict)

    def __call__(self, study: Any, trial: Trial) -> None:  # noqa: ARG002 - a callback of Study.optimize
        """A trial has finished."""
        if not self.live:
            return
        if trial.number < self.opening and trial.state is not TrialState.RUNNING:
            self._met.add(trial.number)
        if len(self._met) == self.opening and self.share != BEHIND:
            self.close_defaults([trial])
        elif self._saw(trial):
            self._place(trial.config["model"])

    def close_defaults(self, trials: Iterable[Trial]) -> None:
        """All defaults have been tried, these trials among others: from here on the bar is stricter."""
        for trial in trials:
            self._saw(trial)
        self.share = BEHIND
        self._place(self._complete)

    def _saw(self, trial: Trial) -> bool:
        """Whether the trial may change a bar: it is complete, and its losses on the folds are known."""
        if trial.value is None:
            return False
        record, limit = self.objective.records.of(trial.config), self.objective.predict_limit
        losses = record.losses
        if not losses or (limit is not None and record.predict_ms > limit):  # too slow: no rival to others
            return False
        for name in (ALL, *trial.config["model"]):
            if name not in self._best or trial.value < self._best[name][0]:
                self._best[name] = trial.value, losses
        for name in trial.config["model"]:
            self._complete.setdefault(name, []).append(losses)
        return True

    def _place(self, changed: Iterable[str]) -> None:
        """Set the bars anew: that of all, and those of the families whose trials have changed."""
        if not self._best:
            return
        if self._baseline is None:
            self._baseline = _numbers(self.objective.baseline_losses())
        few = 1 / math.sqrt(len(self.objective.data.folds[0][1]))
        self._bars[ALL] = Bar(_numbers(self._best[ALL][1]), self._baseline, self.share, few)
        for name in changed if self.share == BEHIND else ():
            known = self._complete.get(name, [])
            if len(known) > 1:
                best = _numbers(self._best[name][1])
                self._bars[name] = Bar(best, self._baseline, _FAMILY, max(few, _luck(known, best, self._baseline)))
        try:
            self.objective.records.set_bars(self._bars)
        except OSError as error:  # the bars already written stay in force, and fewer trials are stopped
            logger.info("the bars of the race could not be written: %s", error)


def _luck(known: Iterable[Iterable[float | None]], best: tuple[float, ...], baseline: tuple[float, ...]) -> float:
    """Standard deviation of a trial's lag from one fold to another, over these trials; 0 where there is none."""
    reference = np.array(best)
    gap = np.array(baseline) - reference
    with np.errstate(invalid="ignore", divide="ignore"):
        lags = (np.array([_numbers(losses) for losses in known]) - reference) / gap
    lags = lags[:, np.isfinite(lags).all(axis=0) & (gap > 0)]
    others = lags[(lags != 0.0).any(axis=1)]
    return float(np.sqrt(others.var(axis=1, ddof=1).mean())) if len(others) and others.shape[1] > 1 else 0.0


def _numbers(losses: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if loss is None else loss for loss in losses)
