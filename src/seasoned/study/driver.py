"""Loop of one driver: claim trials, suggest configurations, run them, store the results."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from functools import partial
from math import lgamma, log
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from seasoned._util.equivalents import rewritten_suggest
from seasoned.errors import AllTrialsFailed, InvalidInput, StorageError
from seasoned.execution.base import Ending, Limits
from seasoned.fidelity.base import Decision
from seasoned.fidelity.live_trial import Ticket
from seasoned.storage.base import attends
from seasoned.study.fidelity_control import RETRIES, WAITED, FidelityControl, remove_checkpoint
from seasoned.study.leases import LEASE, Lease
from seasoned.study.objective import BEGUN, Announced, Verdict, elsewhere, place_of, sentence_of, verdict
from seasoned.study.replay import MOST_ATTEMPTS
from seasoned.trials import Finished, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from seasoned.execution.base import Executor, Outcome
    from seasoned.storage.base import Claim
    from seasoned.study.objective import Evaluation
    from seasoned.study.replay import Replay
    from seasoned.trials import Trial

__all__ = ["Driver", "Plan", "causes"]

_UNLIMITED: Final = Limits()
_GLANCE: Final = 0.2  # seconds between two checks for a stop
_HOPELESS: Final = 20  # number of failures without a success, or alike in a row, after which `optimize` may stop
_AGAIN: Final = 1.0  # seconds until the next claim from an unavailable store
_LONGEST_ASK: Final = 600.0  # longest wait in seconds for another driver's suggestion
_CHANCE: Final = 1e-6  # probability below which a streak of failures is not random
_DIGITS: Final = re.compile(r"\d+")
_log = logging.getLogger("seasoned.study")


@dataclass(frozen=True, slots=True)
class Plan:
    """Limits and settings of one call of `optimize`.

    Attributes:
        trials: Number of finished trials in the study at which the call ends.
        time_limit: Time limit of this driver, in seconds.
        limits: Limits of one trial.
        lease: Seconds without a heartbeat after which other drivers may take over.
        checkpoints: Folder of the checkpoints, for objectives that take their trial.
        quiet: True if a callback logs the line of each trial.
        remaining: Returns the remaining share of the budget, which is recorded before each configuration.
    """

    trials: int | None = None
    time_limit: float | None = None
    limits: Limits = _UNLIMITED
    lease: float = LEASE
    checkpoints: Path = Path()
    quiet: bool = False
    remaining: Callable[[], float] | None = None


class Streak:
    """Detector of a broken environment, in which all trials of a driver fail for the same reason.

    Attributes:
        failures: Number of failed trials of this driver.
        alike: Length of the present run of failures with the same reason; digits in the reason are ignored.
        reason: Reason of the latest failure.
    """

    def __init__(self) -> None:
        self.failures = self.alike = 0
        self.reason = ""

    def note(self, ended: Verdict) -> None:
        """Count the end of a trial."""
        if ended.state is not TrialState.FAILED:
            self.alike = 0
            return
        self.failures += 1
        reason = (ended.error or "").partition("\n")[0]
        same = _DIGITS.sub("", reason) == _DIGITS.sub("", self.reason)
        self.alike = self.alike + 1 if same else 1
        self.reason = reason

    def is_strange(self, failed: int, finished: int) -> bool:
        """Return True if n equal failures in a row are not random after f failed and s other trials.

        The condition is

            prod_{k < n} (f + 1 + k) / (s + f + 2 + k) < 1e-6.

        The product is the probability of n failures in a row by Laplace's rule of succession. For example, n is 20
        after seven successes and no failure, and 140 after 900 failures in 1000 trials.

        Args:
            failed: Number of failed trials in the study.
            finished: Number of ended trials in the study.
        """
        if self.alike < _HOPELESS:
            return False
        before, every = failed - self.alike + 1, finished - self.alike + 2
        chance = lgamma(before + self.alike) - lgamma(before) + lgamma(every) - lgamma(every + self.alike)
        return chance < log(_CHANCE)


class Driver:
    """Driver of one call of `optimize`.

    Args:
        ledger: This process's view of the study.
        evaluation: The wrapped objective.
        executor: Executor of the trials; closed at the end.
        plan: Limits and settings of the call.
        on_finished: Called with each finished trial of this driver.
        stopping: Returns True to stop after the running trials.
        hurrying: Returns True to stop at once, without waiting for the running trials.
    """

    def __init__(
        self,
        ledger: Replay,
        evaluation: Evaluation,
        executor: Executor,
        plan: Plan,
        on_finished: Callable[[Trial], None],
        stopping: Callable[[], bool],
        *,
        hurrying: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ledger = ledger
        self._evaluation = evaluation
        self._announced = Announced(evaluation, passes=ledger.fidelity is not None)
        self._executor = executor
        self._plan = plan
        self._on_finished = on_finished
        self._stopping = stopping
        self._hurrying = hurrying
        self._running: dict[int, int] = {}  # task -> trial number
        self._budgets: dict[int, int] = {}  # trial number -> the step to reach, with a fidelity rule
        self._spent: dict[int, float] = {}  # trial number -> seconds of its runs in this driver
        has_rule = ledger.fidelity is not None
        self._pace = FidelityControl(ledger, plan.checkpoints, self._must_leave) if has_rule else None
        self._streak = Streak()
        self._lost: list[int] = []  # claimed numbers not started because the store failed; to be released
        self._away = False  # True if the store was unavailable at the last attempt
        self._alone = False  # True if no other driver had a trial at the last check; False after each launch
        self._news: list[int] = []  # stored trials that are not yet announced
        self._began = time.monotonic()
        self._ask_again = 0.0  # time of the next claim from an unavailable store
        self._asking = -1, 0.0  # number of trials in the log when a claimed one was missing, and the time since when

    def run(self) -> None:
        """Run until the plan is fulfilled; after any interruption, all leases and workers are released."""
        self._lease = Lease(self._ledger.log, "optimize", self._plan.lease)
        if self._pace is not None:
            self._pace.driver = self._lease.driver
        try:
            self._loop()
        finally:
            try:
                self._executor.close()
            finally:
                self._lease.end()
                self._ledger.sync()

    def _loop(self) -> None:
        pause = 0.01
        while not self._must_leave():
            stopping = self._stopping()
            if not stopping:
                self._begin()
                self._announce()
            if self._running:
                left = self._time_left()
                for outcome in self._executor.wait(_GLANCE if left is None else min(left, _GLANCE)):
                    self._finish(outcome)
                self._announce()
                pause = 0.01
            elif self._away and not stopping:
                continue  # the store was unavailable for a claim of the remaining trials
            elif stopping or not (self._wind_up() or not self._fulfilled()):
                return
            elif not self._running:  # other drivers have the missing trials, and may die
                time.sleep(min(pause, self._time_left() or pause))
                pause = min(2 * pause, 0.5)
                self._ledger.sync()
        self._cut_off()

    def _begin(self) -> None:
        """Start trials; while the store is briefly unavailable, the running trials go on."""
        if self._away and self._running and time.monotonic() < self._ask_again:
            return
        try:
            with self._ledger.lock:
                self._promote()
                self._fill()
        except StorageError as error:
            if not self._running or self._must_leave():
                raise
            if not self._away:
                _log.warning("no trial can be started; retrying while %d are running: %s", len(self._running), error)
            self._away, self._ask_again = True, time.monotonic() + _AGAIN
        else:
            self._away = False

    def _cut_off(self) -> None:
        """Kill the running trials; a result written before the kill is stored."""
        for task in list(self._running):
            self._executor.cancel(task)
        while self._running:
            for outcome in self._executor.wait():
                if outcome.ending is Ending.CANCELLED:
                    del self._running[outcome.task]
                else:
                    self._finish(outcome)
        self._announce()

    def _fill(self) -> None:
        """Start one trial for each free worker."""
        if self._lost:
            self._ledger.log.release(self._lease.driver, self._lost)
            self._lost = []
        while (free := self._free()) > 0:
            claims = self._ledger.log.claim(
                free, self._lease.driver, limit=self._limit(), below=self._ledger.end, dead=self._lease.dead
            )
            if not claims:
                return
            numbers = [claim.number for claim in claims]
            try:
                if any(number in self._ledger.history for number in numbers):  # numbers released by another driver
                    self._ledger.sync()
                unknown = {number for number in numbers if number not in self._ledger.history}
                self._ledger.suggest(numbers, self._lease.driver, self._plan.remaining)
            except StorageError:
                self._lost += numbers
                raise
            self._start_all(claims, unknown)

    def _start_all(self, claims: Sequence[Claim], unknown: Collection[int]) -> None:
        """Start the claimed trials; if the store fails, the next `_fill` releases the trials not started."""
        try:
            for claim in claims:
                self._start(claim, asked_here=claim.number in unknown)
        except StorageError:
            held = {*self._running.values(), *(() if self._pace is None else self._pace.paused)}
            self._lost += [claim.number for claim in claims if claim.number not in held]
            raise

    def _free(self) -> int:
        free = self._executor.workers - len(self._running)
        if self._plan.trials is not None:
            held = len(self._running) + (0 if self._pace is None else len(self._pace.paused))
            free = min(free, self._plan.trials - self._ledger.history.finished - held)
        return free

    def _limit(self) -> int | None:
        """Return the plan's limit for the storage, which also counts trials outside the space."""
        if self._plan.trials is None:
            return None
        history = self._ledger.history
        outside = sum(history[number].state is not TrialState.RUNNING for number in history.outside)
        return self._plan.trials + outside

    def _start(self, claim: Claim, *, asked_here: bool) -> None:
        trial = self._ledger.history[claim.number]
        if trial.state is not TrialState.RUNNING:
            return  # the driver presumed dead has stored the result
        if claim.number in self._running.values():  # this driver was presumed dead, its successor released the trial
            if self._pace is not None:
                self._pace.take(claim.number, self._lease.driver, asked_here=False)
            return
        if claim.number in self._ledger.history.outside:
            self._store(claim.number, elsewhere(), None)
            return
        if self._pace is not None:
            self._pace.take(claim.number, self._lease.driver, asked_here=asked_here)
        elif asked_here and self._evaluation.takes_trial:  # a deleted study of this name may have left a checkpoint
            remove_checkpoint(self._plan.checkpoints, claim.number)
        known = self._ledger.decide(claim.number)
        if self._ledger.kills(claim, known):
            reason = f"its driver died {MOST_ATTEMPTS} times while it ran"
            self._store(claim.number, Verdict(TrialState.FAILED, error=reason), None)
        elif self._pace is not None and known is not Decision.GO_ON:
            self._pace.paused.add(claim.number)  # paused by an earlier driver; `_promote` handles it
        else:
            self._launch(claim.number, again=claim.attempt > 1)

    def _launch(self, number: int, *, again: bool) -> None:
        """Run a trial; with `again`, after the death of its driver, record its beginning."""
        config, limits = self._ledger.history[number].config, self._plan.limits
        self._alone = False
        answer: Callable[[Any], Any] | None = None
        told: list[Ticket] = []
        if self._pace is not None:
            told.append(self._pace.ticket(number))
            self._budgets[number] = self._ledger.budget(number)
            answer = partial(self._pace.answer, number)
        elif self._evaluation.takes_trial:
            told.append(Ticket(number, None, 0, str(self._plan.checkpoints / str(number))))
        evaluation = self._announced if again else self._evaluation
        if again:
            answer = partial(self._hear, number, answer)
        self._running[self._executor.submit(evaluation, config, *told, limits=limits, answer=answer)] = number

    def _hear(self, number: int, answer: Callable[[Any], Any] | None, message: Any) -> Any:
        """Record the beginning of a trial; pass any other message to `answer`."""
        if message != BEGUN:
            return None if answer is None else answer(message)
        try:
            self._ledger.began(number, self._lease.driver)
        except StorageError as error:
            _log.warning("the beginning of trial %d could not be stored, and is no attempt: %s", number, error)
        return None

    def _promote(self) -> None:
        """Resume promoted trials, before any new trial starts, and end dropped ones."""
        if self._pace is None or not self._pace.paused:
            return
        running, driver = self._ledger.history.running, self._lease.driver
        self._pace.paused = {number for number in self._pace.paused if running.get(number) == driver}
        self._pace.end_dropped(lambda number, ended: self._store(number, ended, self._spent.get(number)))
        self._relaunch(self._pace.promoted()[: max(0, self._executor.workers - len(self._running))])

    def _relaunch(self, numbers: Sequence[int]) -> None:
        """Run paused trials again."""
        if numbers:
            self._ledger.relaunched(numbers, self._lease.driver)
        for number in numbers:
            self._launch(number, again=False)

    def _wind_up(self) -> bool:
        """Resume the best paused trial if no trial is complete, else end all; only if no other trials are left.

        Returns:
            True if a trial was resumed or ended, or is running.
        """
        with self._ledger.lock:
            some = self._wound_up()
        self._announce()
        return some

    def _wound_up(self) -> bool:
        if self._pace is None or not self._pace.paused:
            return False
        self._lease.refresh()
        self._ledger.sync()
        self._promote()  # trials taken over in this round may be due
        if self._running or not self._pace.paused:
            return True
        if self._somebody_asks() or not self._pace.everybody_waits(self._living):
            return False
        best = self._pace.last_resort(self._living)
        if best is not None:
            self._relaunch([best])
            return True
        for number in sorted(self._pace.paused):
            self._store(number, self._pace.give_up(number), self._spent.get(number))
        return True

    def _somebody_asks(self) -> bool:
        """Return True if another driver is computing a configuration: its number is claimed but not in the log."""
        history, limit, end = self._ledger.history, self._limit(), self._ledger.end
        counted = len(history) - sum(not attends(driver) for driver in history.running.values())
        missing = (limit is None or counted < limit) and (end is None or len(history) < end)
        if not missing or not any(map(attends, self._living)):
            return False
        if self._asking[0] != len(history):
            self._asking = len(history), time.monotonic()
        return time.monotonic() - self._asking[1] < _LONGEST_ASK  # limited: a lost number never enters the log

    @property
    def _living(self) -> frozenset[str]:
        """Other drivers with trials that are not presumed dead."""
        return self._lease.others - self._lease.dead

    def _finish(self, outcome: Outcome) -> None:
        with self._ledger.lock:
            self._take_in(outcome)

    def _take_in(self, outcome: Outcome) -> None:
        number = self._running.pop(outcome.task)
        if outcome.reason and (advice := rewritten_suggest(outcome.reason, outcome.traceback)):
            raise InvalidInput(advice)  # every trial would fail; the lease's end releases this one
        if outcome.traceback:
            _log.debug("trial %d:\n%s", number, outcome.traceback.rstrip())
        place = place_of(outcome)
        ended: Verdict | None = verdict(outcome)
        seconds = self._spent[number] = self._spent.get(number, 0.0) + outcome.seconds
        if self._pace is not None:
            ended = self._pace.judged(number, verdict(outcome), self._budgets[number])
            if ended is None and number not in self._pace.paused:  # cut off: free for the next driver
                self._ledger.log.release(self._lease.driver, [number])
        if ended is not None:
            self._store(number, ended, seconds, place)

    def _store(self, number: int, ended: Verdict, seconds: float | None, place: str = "") -> None:
        if not self._recorded(ended.event(number, seconds, self._ledger.spec.signs)):
            _log.info("trial %d was finished by another driver first; this result is dropped", number)
            return
        if self._pace is not None:
            self._pace.clear(number, ended.state)
        elif self._evaluation.takes_trial and ended.state is not TrialState.COMPLETE:
            remove_checkpoint(self._plan.checkpoints, number)
        level = logging.WARNING if ended.state is TrialState.FAILED else logging.INFO
        _log.log(logging.DEBUG if self._plan.quiet else level, "%s", sentence_of(number, ended, seconds, place))
        self._streak.note(ended)
        self._news.append(number)

    def _recorded(self, event: Finished) -> bool:
        """Store the result with retries, because it may cost hours; return True if it is the trial's result."""
        for pause in RETRIES:
            began = time.monotonic()
            try:
                return self._ledger.record([event])[0] or self._is_there(event)
            except StorageError as error:
                if self._must_leave() or time.monotonic() - began > WAITED:  # the store has waited, as for a lock
                    raise
                _log.warning(
                    "the result of trial %d could not be stored; retrying in %g s: %s",
                    *(event.number, pause, error),
                )
                time.sleep(pause)
        return self._ledger.record([event])[0] or self._is_there(event)

    def _is_there(self, event: Finished) -> bool:
        """Return True if an earlier attempt, whose answer was lost, has stored the same result."""
        known = self._ledger.history[event.number]
        return known.state is event.state and event.seconds is not None and known.seconds == event.seconds

    def _announce(self) -> None:
        """Announce the stored trials after all are stored, so that an exception in a callback loses no result."""
        while self._news:
            with self._ledger.lock:
                trial = self._ledger.history[self._news.pop(0)]
            self._on_finished(trial)
        with self._ledger.lock:
            self._give_up_if_hopeless()

    def _give_up_if_hopeless(self) -> None:
        on_its_way = any(self._ledger.history[number].reports for number in self._running.values())
        if self._pace is not None and (self._pace.paused or on_its_way):  # a reported value counts as a success
            return
        complete = self._ledger.history.count(TrialState.COMPLETE)
        if not complete and self._streak.failures >= _HOPELESS:
            raise AllTrialsFailed(
                f"{self._streak.failures} trials failed and none succeeded: {causes(self._ledger.history.errors())}; "
                f"fix the objective and run again: the study is kept."
            )
        failed, finished = self._ledger.history.count(TrialState.FAILED), self._ledger.history.finished
        strange = complete > 0 and self._streak.is_strange(failed, finished)
        if strange and self._ledger.end is None:  # a fixed plan may have its failures in a row
            raise AllTrialsFailed(
                f"the last {self._streak.alike} trials failed alike ({self._streak.reason}), while {complete} had "
                "succeeded before; fix what has changed and run again: the study is kept, and "
                "study.enqueue(*[t.config for t in study.trials if t.state == 'failed' and "
                "study.space.contains(t.config)]) tries these once more."
            )

    def _fulfilled(self) -> bool:
        """Return True if no trial is left to run or to wait for.

        Another driver may release its trials just after a claim, so "alone" must hold twice in a row.
        """
        trials = self._plan.trials
        with self._ledger.lock:
            if trials is not None and self._ledger.history.finished >= trials:
                return True
            self._lease.refresh()
            before, self._alone = self._alone, not any(attends(driver) for driver in self._living)
        return before and self._alone

    def _time_left(self) -> float | None:
        limit = self._plan.time_limit
        return None if limit is None else max(0.0, limit - (time.monotonic() - self._began))

    def _must_leave(self) -> bool:
        return self._time_left() == 0.0 or self._hurrying()


def causes(errors: Sequence[tuple[str, int]]) -> str:
    """Return the five most frequent reasons of failure with their counts, in one line."""
    shown = "; ".join(f"{count} x {reason}" for reason, count in errors[:5])
    return shown + (f"; and {len(errors) - 5} other reasons" if len(errors) > 5 else "")
