"""Racing: trials that lag too far behind the best trial get no more folds and, on a large table, no more rows.

Both races use the test of `validation/paired_test.py`. A trial is compared with the best trial of all families, and
more strictly with the best trial of its own family. A trial of another family can help the ensemble even if it is worse
alone; a worse trial of the same family hardly can.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.fidelity.base import Decision, Fidelity, rank_value
from seasoned.tabular.trial.results import ALL
from seasoned.tabular.validation.paired_test import MAX_LAG, PairedTest
from seasoned.trials import Finished, Reported, Suggested, TrialState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from seasoned.tabular.trial.cross_validation import CrossValidation
    from seasoned.trials import Event, StudySpec, Trial

__all__ = ["FoldRace", "RowRace", "RowRaceState"]

logger = logging.getLogger("seasoned.tabular")

_OPENING_LAG: Final = 0.2  # allowed lag in the first configurations, as a share of the gap from best trial to baseline
_FAMILY: Final = 0.0  # allowed lag behind the best of the same family, beyond chance: another trial must be better


@dataclass(slots=True)
class FoldRace:
    """Racing over folds: a trial whose first folds lag too far behind the best trial does not get the other folds.

    The race updates the bars: a best trial's fold losses and an allowed lag. One bar applies to all trials. After the
    first configurations, each family also has a bar. The reference is one trial, not the best loss on each fold, which
    is luck. The noise of a lag is assumed to be 1/sqrt(rows of a fold). Within a family, the noise is at least the
    spread of its lags over the folds.

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
    share: float = _OPENING_LAG
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


@dataclass(frozen=True, slots=True)
class RowRaceState:
    """State of the race over rows: losses on samples.

    Attributes:
        start: Number of the study's first trial.
        families: Trial -> its family.
        losses: Running or complete trial -> rows -> loss; infinite if it is not finite.
        verdicts: Running trial -> decision on its latest report.
    """

    start: int = 0
    families: Mapping[int, str] = field(default_factory=dict)
    losses: Mapping[int, Mapping[int, float]] = field(default_factory=dict)
    verdicts: Mapping[int, Decision] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowRace(Fidelity[RowRaceState]):
    """Racing over rows: trials are compared after the same training rows, on the same held-out rows.

    A trial is stopped if it lags too far behind the best of all families, beyond the chance of these rows. It is also
    stopped if it lags at all behind the best of its own family. The first few trials are never stopped, because the
    others are compared with them. In the opening, trials are compared with these first trials alone. A search with a
    trial budget then does not depend on which trial is faster.

    Attributes:
        rows: Training rows of each level, ascending; the last is all rows.
        baseline: Loss of a constant prediction on the held-out rows. None where undefined; no trial is stopped then.
        slack: Standard deviation of a lag by chance.
        first: Number of trials that are never stopped.
        opening: Number of trials that are compared with the first ones alone.

    Example:
        >>> RowRace((1_000, 3_000, 9_000), baseline=1.0, slack=0.01).levels
        (1000, 3000, 9000)
    """

    rows: tuple[int, ...]
    baseline: float | None
    slack: float
    first: int = 2
    opening: int = 0

    @property
    def levels(self) -> tuple[int, ...]:
        """Training rows at which trials are compared; the last level is all rows."""
        return self.rows

    def init(self, spec: StudySpec) -> RowRaceState:
        """Initial state without trials."""
        return RowRaceState(spec.first)

    def tell(self, state: RowRaceState, events: Sequence[Event]) -> RowRaceState:
        """Record reports, and judge each one at its place in the log."""
        families, losses, verdicts = dict(state.families), dict(state.losses), dict(state.verdicts)
        so_far = RowRaceState(state.start, families, losses, verdicts)  # its mappings grow with the events
        for event in events:
            if isinstance(event, Suggested):
                families[event.number], losses[event.number] = _family(event.config), {}
                verdicts[event.number] = Decision.GO_ON
            elif isinstance(event, Reported) and event.number in verdicts and event.step not in losses[event.number]:
                losses[event.number] = {**losses[event.number], event.step: rank_value(event.value)}
                verdicts[event.number] = self._judge(so_far, event.number, event.step)
            elif isinstance(event, Finished) and event.number in verdicts:
                del verdicts[event.number]
                if event.state is not TrialState.COMPLETE:
                    del losses[event.number]  # a stopped or failed trial is no reference
        return so_far

    def _judge(self, state: RowRaceState, number: int, step: int) -> Decision:
        place = number - state.start
        if place < self.first or step not in self.rows[:-1]:
            return Decision.GO_ON
        rivals = range(state.start, state.start + self.first) if place < self.opening else state.losses
        known = {
            other: state.losses[other][step]
            for other in rivals
            if other != number and step in state.losses.get(other, {})
        }
        own, family = state.losses[number][step], state.families[number]
        related = [loss for other, loss in known.items() if state.families[other] == family]
        behind = self._lags(own, known.values(), MAX_LAG) or self._lags(own, related, _FAMILY)
        return Decision.STOP if behind else Decision.GO_ON

    def _lags(self, own: float, rivals: Any, share: float) -> bool:
        """True if the loss is behind the best of the rivals by more than the share and chance allow."""
        best = min(rivals, default=math.inf)
        if not math.isfinite(best) or self.baseline is None:
            return False
        if not math.isfinite(own):
            return True
        return PairedTest((best,), (self.baseline,), share, self.slack).stops([own])

    def decide(self, state: RowRaceState, number: int, step: int) -> Decision:  # noqa: ARG002 - `tell` has judged it
        """See `Fidelity.decide`."""
        return state.verdicts.get(number, Decision.GO_ON)

    def budget(self, state: RowRaceState, number: int) -> int:  # noqa: ARG002 - no trial pauses
        """All rows."""
        return self.rows[-1]


def _family(config: Mapping[str, Any]) -> str:
    return str(next(iter(config.get("model", ())), ""))
