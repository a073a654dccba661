"""Racing over folds: a trial whose first folds lag too far behind the best trial does not get the other folds."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.trial.results import ALL
from seasoned.tabular.validation.paired_test import MAX_LAG, PairedTest
from seasoned.trials import TrialState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seasoned.tabular.trial.cross_validation import CrossValidation
    from seasoned.trials import Trial

__all__ = ["Race"]

logger = logging.getLogger("seasoned.tabular")

_DEFAULTS: Final = 0.2  # allowed lag during the first configurations, as a share of the gap from best trial to baseline
_FAMILY: Final = 0.0  # allowed lag behind the best of the same family, beyond chance: another trial must be better


@dataclass(slots=True)
class Race:
    """Racing over folds: updates the bars (`validation/paired_test.py`): a best trial's fold losses and an allowed lag.

    One bar applies to all trials. After the first configurations, each family also has a bar, as in `row_racing.py`. A
    trial of another family can help the ensemble even if it is worse alone; a worse trial of the same family hardly
    can. The reference is one trial, not the best loss on each fold, which is luck. The noise of a lag is assumed to be
    1/sqrt(rows of a fold). Within a family, the noise is at least the spread of its lags over the folds.

    Attributes:
        objective: Cross-validation to which the bars apply. Workers read a change at once.
        live: True if each finished trial may move the bars. Otherwise only `close_defaults` does, so that a search with
            a trial budget does not depend on which trial is faster.
        opening: Number of trials of the first configurations. When these trials have ended, a live race calls
            `close_defaults` itself, while other trials already run.
        share: Allowed lag, as a share of the gap between the best trial and the baseline.
    """

    objective: CrossValidation
    live: bool
    opening: int
    share: float = _DEFAULTS
    _best: dict[str, tuple[float, tuple[float | None, ...]]] = field(default_factory=dict)  # bar name -> loss, on folds
    _complete: dict[str, list[tuple[float | None, ...]]] = field(default_factory=dict)  # family -> fold losses by trial
    _baseline: tuple[float, ...] | None = None
    _met: set[int] = field(default_factory=set)
    _bars: dict[str, PairedTest] = field(default_factory=dict)

    def __call__(self, study: Any, trial: Trial) -> None:  # noqa: ARG002 - a callback of Study.optimize
        """Update the bars after a trial."""
        if not self.live:
            return
        if trial.number < self.opening and trial.state is not TrialState.RUNNING:
            self._met.add(trial.number)
        if len(self._met) == self.opening and self.share != MAX_LAG:
            self.close_defaults([trial])
        elif self.record_trial(trial):
            self._place(trial.config["model"])

    def close_defaults(self, trials: Iterable[Trial]) -> None:
        """End the first configurations, with these trials among them. The bars are stricter from here on."""
        for trial in trials:
            self.record_trial(trial)
        self.share = MAX_LAG
        self._place(self._complete)

    def record_trial(self, trial: Trial) -> bool:
        """Record a trial. Return True if it may change a bar: it is complete, and its fold losses are known."""
        if trial.value is None:
            return False
        record, limit = self.objective.records.of(trial.config), self.objective.predict_limit
        losses = record.losses
        if not losses or (limit is not None and record.predict_ms > limit):  # too slow: no reference for others
            return False
        for name in (ALL, *trial.config["model"]):
            if name not in self._best or trial.value < self._best[name][0]:
                self._best[name] = trial.value, losses
        for name in trial.config["model"]:
            self._complete.setdefault(name, []).append(losses)
        return True

    def _place(self, changed: Iterable[str]) -> None:
        """Set the bar of all trials, and the bars of the changed families."""
        if not self._best:
            return
        if self._baseline is None:
            self._baseline = _numbers(self.objective.baseline_losses())
        few = 1 / math.sqrt(len(self.objective.data.folds[0][1]))
        self._bars[ALL] = PairedTest(_numbers(self._best[ALL][1]), self._baseline, self.share, few)
        for name in changed if self.share == MAX_LAG else ():
            known = self._complete.get(name, [])
            if len(known) > 1:
                best = _numbers(self._best[name][1])
                self._bars[name] = PairedTest(
                    best, self._baseline, _FAMILY, max(few, lag_deviation(known, best, self._baseline))
                )
        try:
            self.objective.records.set_bars(self._bars)
        except OSError as error:  # the bars already written stay in force, and fewer trials are stopped
            logger.info("the bars of the race could not be written: %s", error)


def lag_deviation(
    known: Iterable[Iterable[float | None]], best: tuple[float, ...], baseline: tuple[float, ...]
) -> float:
    """Standard deviation of a trial's lag over the folds, pooled over these trials; 0 if it cannot be estimated."""
    reference = np.array(best)
    gap = np.array(baseline) - reference
    with np.errstate(invalid="ignore", divide="ignore"):
        lags = (np.array([_numbers(losses) for losses in known]) - reference) / gap
    lags = lags[:, np.isfinite(lags).all(axis=0) & (gap > 0)]
    others = lags[(lags != 0.0).any(axis=1)]
    return float(np.sqrt(others.var(axis=1, ddof=1).mean())) if len(others) and others.shape[1] > 1 else 0.0


def _numbers(losses: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if loss is None else loss for loss in losses)
