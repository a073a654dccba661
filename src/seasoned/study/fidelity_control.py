"""Fidelity control of one driver: start tickets, answers to reports, and paused trials."""

from __future__ import annotations

import logging
import shutil
import time
from typing import TYPE_CHECKING, Final

from seasoned.errors import PruneReason, StorageError
from seasoned.fidelity.base import Decision, rank_value
from seasoned.fidelity.live_trial import Ticket
from seasoned.storage.base import attends
from seasoned.study.objective import Verdict
from seasoned.trials import Config, Reported, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from seasoned.study.replay import Replay

__all__ = ["RETRIES", "WAITED", "FidelityControl", "remove_checkpoint"]

RETRIES: Final = (0.5, 2.0, 5.0)
"""Seconds before each retry of a write to an unreachable store."""
WAITED: Final = 20.0
"""Seconds of a failed write after which no retry follows, because the store has waited, as for a locked file."""
_log = logging.getLogger("seasoned.study")

_WORDS: Final = {
    Decision.GO_ON: "go on",
    Decision.STOP: "stopped",
    Decision.PAUSE: "paused",
    Decision.PROMOTE: "paused",
}
_CUT_OFF: Final = "cut off: the study's time is up"


class FidelityControl:
    """State of a driver's trials beyond the log: paused trials, and the last answers to running trials.

    A paused trial stays under this driver's lease and uses no worker. After the driver's end, its successor reads from
    the log that the trial is paused.

    Args:
        ledger: The study, with its fidelity rule.
        folder: Folder of the checkpoints, one subfolder per trial.
        leaving: Returns True if reporting trials are cut off, to run again when the study goes on.

    Attributes:
        paused: Numbers of this driver's paused trials.
        driver: Name of this driver; trials that another driver took over are cut off. None disables the check.
    """

    def __init__(self, ledger: Replay, folder: Path, leaving: Callable[[], bool]) -> None:
        self.paused: set[int] = set()
        self.driver: str | None = None
        self._ledger = ledger
        self._folder = folder
        self._leaving = leaving
        self._notes: dict[int, Config] = {}  # paused trial -> notes of its last run
        self._told: dict[int, Decision | None] = {}  # running trial -> last answer; None: cut off

    def take(self, number: int, driver: str, *, asked_here: bool) -> None:
        """Record the trial as this driver's; for a new trial, remove a checkpoint of a deleted study.

        Args:
            number: The trial's number.
            driver: This driver.
            asked_here: True if the trial was not in this driver's view of the log before.
        """
        if not self._ledger.take(number, driver) and asked_here:
            self._remove_checkpoint(number)

    def ticket(self, number: int) -> Ticket:
        """Return the start data of a trial; the trial counts as running."""
        self.paused.discard(number)
        self._told[number] = Decision.GO_ON
        reports = self._ledger.history[number].reports
        step = max((step for step, _ in reports), default=0)
        return Ticket(number, self._ledger.budget(number), step, str(self._folder / str(number)))

    def answer(self, number: int, message: tuple[str, int, float]) -> str:
        """Store a running trial's report; return "go on", or the reason of the run's end."""
        with self._ledger.lock:
            return self._answer(number, message)

    def _answer(self, number: int, message: tuple[str, int, float]) -> str:
        if self._told.get(number) is Decision.STOP:
            return _WORDS[Decision.STOP]  # the objective ignored the answer: repeat it
        _, step, value = message
        if self._is_lost(number):
            self._told[number] = None
            return _CUT_OFF
        told = self._report(number, step, value)
        if told is Decision.GO_ON and step < self._last and self._leaving():  # after the last step the trial is done
            self._told[number] = None
            return _CUT_OFF
        self._told[number] = told
        return _WORDS[told]

    def _is_lost(self, number: int) -> bool:
        """Return True if another driver presumed this driver dead and took the trial over."""
        holder = self._ledger.history.running.get(number, self.driver)
        return self.driver is not None and holder != self.driver

    def _report(self, number: int, step: int, value: float) -> Decision:
        history = self._ledger.history
        if history[number].state is not TrialState.RUNNING:
            return Decision.STOP  # another driver presumed this one dead and finished the trial
        if history.has_report(number, step):
            return Decision.GO_ON  # a restart without a checkpoint repeats its steps
        signed = self._ledger.spec.signs[0] * value + 0.0
        inside = signed if abs(signed) < float("inf") else float("nan")
        self._stored(Reported(number, step, inside))
        return self._ledger.decide(number)

    def _stored(self, report: Reported) -> None:
        """Store a report, with retries if the store is unreachable, because the whole run may be lost.

        A result has more retries: other reporting trials wait during a retry, and their time limits run on.
        """
        for pause in RETRIES[:2]:
            began = time.monotonic()
            try:
                self._ledger.record([report])
            except StorageError as error:
                if self._leaving() or time.monotonic() - began > WAITED:
                    raise
                told = "a report of trial %d could not be stored; retrying in %g s: %s"
                _log.warning(told, report.number, pause, error)
                time.sleep(pause)
            else:
                return
        self._ledger.record([report])

    def judged(self, number: int, ended: Verdict, budget: int) -> Verdict | None:
        """Return the verdict on a trial after a run; None if the trial pauses or was cut off.

        Args:
            number: The trial's number.
            ended: End of the run.
            budget: The step that the run had to reach.
        """
        if self._told.get(number, Decision.GO_ON) is None:  # cut off: the returned value does not count
            del self._told[number]
            return None
        if ended.state is TrialState.FAILED:
            return ended
        if ended.values is not None and self._told[number] is Decision.GO_ON and budget < self._last:
            known = self._ledger.history.has_report(number, budget)  # an earlier attempt's answer was lost
            decided = self._ledger.decide(number) if known else self._report(number, budget, ended.values[0])
            self._told[number] = decided  # the objective did not report this step itself
        told = self._told.pop(number)
        if told in {Decision.PAUSE, Decision.PROMOTE}:
            self.paused.add(number)
            self._notes[number] = ended.notes
            return None
        if told is not Decision.STOP:
            return ended
        return _pruned(f"stopped at step {self._step(number)}", ended.notes)

    @property
    def _last(self) -> int:
        assert self._ledger.fidelity is not None, "only a rule of fidelity paces trials"
        return self._ledger.fidelity.levels[-1]

    def _step(self, number: int) -> int:
        return max((step for step, _ in self._ledger.history[number].reports), default=0)

    def promoted(self) -> Sequence[int]:
        """Return the paused trials to be promoted, the furthest first."""
        return sorted(self._decided(Decision.PROMOTE), key=self._merit)

    def dropped(self) -> Sequence[int]:
        """Return the paused trials to be stopped."""
        return sorted(self._decided(Decision.STOP))

    def end_dropped(self, store: Callable[[int, Verdict], object]) -> None:
        """End the paused trials to be stopped; a trial whose end cannot be stored stays paused.

        Args:
            store: Called with the number and the end of each trial.

        Raises:
            StorageError: From `store`; this trial and the later ones stay paused.
        """
        for number in self.dropped():
            ended = self.give_up(number)
            try:
                store(number, ended)
            except StorageError:
                self.paused.add(number)
                raise

    def _decided(self, decision: Decision) -> list[int]:
        return [number for number in self._ledger.ready(self.paused) if self._ledger.decide(number) is decision]

    def everybody_waits(self, others: Collection[str]) -> bool:
        """Return True if all trials of other drivers are paused, too, so that no report will follow.

        Args:
            others: Other drivers with trials.
        """
        return all(self._ledger.decide(number) is Decision.PAUSE for number in self._elsewhere(others))

    def last_resort(self, others: Collection[str]) -> int | None:
        """Return the best of the furthest paused trials if it is this driver's and no trial is complete, else None.

        The trial continues when only paused trials are left, so that the study ends with a complete trial.
        """
        if self._ledger.history.best is not None:
            return None
        first = min({*self.paused, *self._elsewhere(others)}, key=self._merit)
        return first if first in self.paused else None

    def _elsewhere(self, others: Collection[str]) -> list[int]:
        living = {driver for driver in others if attends(driver)}
        return [number for number, driver in self._ledger.history.running.items() if driver in living]

    def _merit(self, number: int) -> tuple[int, float, int]:
        step, value = max(self._ledger.history[number].reports, default=(0, 0.0))
        return -step, rank_value(value), number

    def give_up(self, number: int) -> Verdict:
        """Return the verdict on a paused trial that is not promoted, and remove it from `paused`."""
        self.paused.discard(number)
        return _pruned(f"not promoted beyond step {self._step(number)}", self._notes.get(number, Config()))

    def clear(self, number: int, state: TrialState) -> None:
        """Drop the state of an ended trial, and its checkpoint unless the trial is complete."""
        self._told.pop(number, None)
        self._notes.pop(number, None)
        if state is not TrialState.COMPLETE:
            self._remove_checkpoint(number)

    def _remove_checkpoint(self, number: int) -> None:
        remove_checkpoint(self._folder, number)


def _pruned(sentence: str, notes: Config) -> Verdict:
    return Verdict(TrialState.PRUNED, error=sentence, notes=notes, prune_reason=PruneReason.FIDELITY)


def remove_checkpoint(folder: Path, number: int) -> None:
    """Remove a trial's checkpoint from a study's folder of checkpoints."""
    shutil.rmtree(folder / str(number), ignore_errors=True)
