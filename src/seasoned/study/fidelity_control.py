"""How far one driver runs its trials: tickets at their start, answers to their reports, which of them pause."""

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

    from seasoned.study.replay import Ledger

__all__ = ["RETRIES", "WAITED", "Pace", "remove_checkpoint"]

RETRIES: Final = (0.5, 2.0, 5.0)
"""Seconds before something is stored once more, where the store could not be reached."""
WAITED: Final = 20.0
"""Seconds of a try that has waited enough by itself, as for somebody who holds a file."""
_log = logging.getLogger("seasoned.study")

_WORDS: Final = {
    Decision.GO_ON: "go on",
    Decision.STOP: "stopped",
    Decision.PAUSE: "paused",
    Decision.PROMOTE: "paused",
}
_CUT_OFF: Final = "cut off: the study's time is up"


class Pace:
    """What a driver knows of its trials beyond the log: which are paused, and what the running ones were told.

    A paused trial stays this driver's, under its lease, and takes no worker. If the driver ends, whoever takes over
    finds in the log that it is paused.

    Args:
        ledger: The study, with its rule of fidelity.
        folder: Where checkpoints are kept, one folder per trial.
        leaving: Tells whether trials that report are to be cut off, and run again when the study goes on.

    Attributes:
        paused: Numbers of this driver's paused trials.
        driver: This driver's name, if it is to leave trials that another has taken over; None if that is not checked.
    """

    def __init__(self, ledger: Ledger, folder: Path, leaving: Callable[[], bool]) -> None:
        self.paused: set[int] = set()
        self.driver: str | None = None
        self._ledger = ledger
        self._folder = folder
        self._leaving = leaving
        self._notes: dict[int, Config] = {}  # of paused trials, from their last run here
        self._told: dict[
            int, Decision | None
        ] = {}  # the last answer to a running trial; None: leave, go on another time

    def take(self, number: int, driver: str, *, asked_here: bool) -> None:
        """Begin to hold a trial: tell all drivers, and remove a checkpoint that a deleted study left for a new trial.

        Args:
            number: The trial's number.
            driver: This driver.
            asked_here: Whether this driver has just asked for it, as far as it knew.
        """
        if not self._ledger.take(number, driver) and asked_here:
            self._remove_checkpoint(number)

    def ticket(self, number: int) -> Ticket:
        """What a trial is told at its start; from here on it runs."""
        self.paused.discard(number)
        self._told[number] = Decision.GO_ON
        reports = self._ledger.history[number].reports
        step = max((step for step, _ in reports), default=0)
        return Ticket(number, self._ledger.budget(number), step, str(self._folder / str(number)))

    def answer(self, number: int, message: tuple[str, int, float]) -> str:
        """Store a running trial's report, and return "go on", or why its run must end."""
        with self._ledger.lock:
            return self._answer(number, message)

    def _answer(self, number: int, message: tuple[str, int, float]) -> str:
        if self._told.get(number) is Decision.STOP:
            return _WORDS[Decision.STOP]  # an objective that ignored the answer hears it again
        _, step, value = message
        if self._is_lost(number):
            self._told[number] = None
            return _CUT_OFF
        told = self._report(number, step, value)
        if told is Decision.GO_ON and step < self._last and self._leaving():  # after the last step nothing is left
            self._told[number] = None
            return _CUT_OFF
        self._told[number] = told
        return _WORDS[told]

    def _is_lost(self, number: int) -> bool:
        """Whether another driver has taken this one for dead, and runs the trial now."""
        holder = self._ledger.history.running.get(number, self.driver)
        return self.driver is not None and holder != self.driver

    def _report(self, number: int, step: int, value: float) -> Decision:
        history = self._ledger.history
        if history[number].state is not TrialState.RUNNING:
            return Decision.STOP  # another driver took this one for dead and finished the trial
        if history.has_report(number, step):
            return Decision.GO_ON  # it began anew without a checkpoint, and has been here before
        signed = self._ledger.spec.signs[0] * value + 0.0
        inside = signed if abs(signed) < float("inf") else float("nan")
        self._stored(Reported(number, step, inside))
        return self._ledger.decide(number)

    def _stored(self, report: Reported) -> None:
        """Store a report. If the store cannot be reached it is retried, as the trial's whole run may be lost.

        There are fewer retries than for a result, as trials that report meanwhile wait while their time limits run on.
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
        """The verdict on a trial whose run has ended; None if the trial has not finished with it.

        Args:
            number: The trial's number.
            ended: How the run ended.
            budget: The step that it was to reach.
        """
        if self._told.get(number, Decision.GO_ON) is None:  # it was cut off, whatever it returned then
            del self._told[number]
            return None
        if ended.state is TrialState.FAILED:
            return ended
        if ended.values is not None and self._told[number] is Decision.GO_ON and budget < self._last:
            known = self._ledger.history.has_report(number, budget)  # by an earlier attempt whose answer was lost
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
        """Paused trials that shall go on, the furthest first."""
        return sorted(self._decided(Decision.PROMOTE), key=self._merit)

    def dropped(self) -> Sequence[int]:
        """Paused trials that shall not go on."""
        return sorted(self._decided(Decision.STOP))

    def end_dropped(self, store: Callable[[int, Verdict], object]) -> None:
        """End the paused trials that shall not go on; one whose end cannot be stored waits on.

        Args:
            store: Called with each number and how that trial ended.

        Raises:
            StorageError: From `store`; the trials after that one are still paused.
        """
        for number in self.dropped():
            ended = self.give_up(number)
            try:
                store(number, ended)
            except StorageError:
                self.paused.add(number)
                raise

    def _decided(self, decision: Decision) -> list[int]:
        return [number for number in self._ledger.due(self.paused) if self._ledger.decide(number) is decision]

    def everybody_waits(self, others: Collection[str]) -> bool:
        """Whether all trials that other drivers run are paused, too: then no report will come.

        Args:
            others: The drivers that hold trials, this one left out.
        """
        return all(self._ledger.decide(number) is Decision.PAUSE for number in self._elsewhere(others))

    def last_resort(self, others: Collection[str]) -> int | None:
        """Of all trials that pause, the one that has come furthest and is best there, if it is this driver's.

        It goes on when nothing else is left to do and no trial is complete, so that the study ends with an answer.
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
        """The end of a paused trial that is not promoted."""
        self.paused.discard(number)
        return _pruned(f"not promoted beyond step {self._step(number)}", self._notes.get(number, Config()))

    def clear(self, number: int, state: TrialState) -> None:
        """Remove the checkpoint of a trial that ended without a value."""
        self._told.pop(number, None)
        self._notes.pop(number, None)
        if state is not TrialState.COMPLETE:
            self._remove_checkpoint(number)

    def _remove_checkpoint(self, number: int) -> None:
        remove_checkpoint(self._folder, number)


def _pruned(sentence: str, notes: Config) -> Verdict:
    return Verdict(TrialState.PRUNED, error=sentence, notes=notes, prune_reason=PruneReason.FIDELITY)


def remove_checkpoint(folder: Path, number: int) -> None:
    """Remove what a trial has left below a study's folder of checkpoints."""
    shutil.rmtree(folder / str(number), ignore_errors=True)
