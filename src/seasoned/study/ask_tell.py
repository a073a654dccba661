"""Ask and tell: trials that the user's own code runs and whose results it passes to the study."""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from seasoned._util.locking import locked
from seasoned.errors import InvalidInput, StorageError, StudyConflict
from seasoned.fidelity.base import Decision
from seasoned.fidelity.live_trial import LiveTrial
from seasoned.storage.base import ASK_TELL, DETACHED
from seasoned.study.fidelity_control import FidelityControl, remove_checkpoint
from seasoned.study.leases import Lease
from seasoned.study.objective import Verdict, elsewhere
from seasoned.study.replay import MOST_ATTEMPTS
from seasoned.trials import Config, Suggested, TrialState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.fidelity.checkpoints import Checkpoints
    from seasoned.storage.base import Claim
    from seasoned.study.replay import Replay
    from seasoned.trials import Event, Trial

__all__ = ["AskTell"]


class AskTell:
    """Trials of a study that this process runs by ask and tell, including trials paused at a rung.

    Several threads may ask and tell; calls run one at a time.

    Args:
        ledger: This process's view of the study.
        checkpoints: Folder of the study's checkpoints.
    """

    def __init__(self, ledger: Replay, checkpoints: Checkpoints) -> None:
        self.lock = ledger.lock
        self._ledger = ledger
        self._checkpoints = checkpoints
        self._lease: Lease | None = None  # exists while trials are open
        self._holder = os.getpid()  # process that owns the lease; a forked process needs its own lease
        self._pace: FidelityControl | None = None  # created at the first trial, if the study has a fidelity rule
        self._budgets: dict[int, int] = {}  # live trial -> the step to reach
        self._verdicts: dict[int, Verdict] = {}  # verdicts that are judged but not yet stored
        self._live: dict[int, LiveTrial] = {}  # trials returned by `live`, with their notes
        self._began: dict[int, tuple[float, int | None]] = {}  # start time, and _moves at the start (None: live)
        self._moves = 0  # number of asks and tells; the time of a trial is unknown if another call came in between
        self._spent: dict[int, float] = {}  # seconds of earlier runs in this process

    @locked
    def ask(self, *, detached: bool) -> Trial:
        """Return the next trial: a promoted one, one of a dead driver, or a new one; see `Study.ask`."""
        self._ledger.settle()
        if self._lease is None or self._holder != os.getpid():
            self._lease, self._holder = Lease(self._ledger.log, ASK_TELL), os.getpid()
        driver = DETACHED if detached else self._lease.driver
        while True:
            number = self._promoted(driver)
            if number is None:
                claims = self._ledger.log.claim(1, driver, below=self._ledger.end, dead=self._lease.dead)
                if not claims:
                    raise self._exhausted()
                if not self._chosen(claims[0], driver):
                    continue
                number = claims[0].number
            self._moves += 1
            self._began[number] = time.monotonic(), self._moves
            return self._ledger.history[number]

    def _chosen(self, claim: Claim, driver: str) -> bool:
        """Return `_may_run`; if the call is interrupted or the store fails, release the number."""
        try:
            return self._may_run(claim, driver)
        except BaseException:
            with contextlib.suppress(StorageError):
                self._ledger.log.release(driver, [claim.number])
            raise

    def _exhausted(self) -> StudyConflict:
        waiting = 0 if self._pace is None else len(self._pace.paused)
        more = (
            f"; {waiting} are paused at a rung; tell the results of any running trials first, or prune the paused ones"
            if waiting
            else ""
        )
        return StudyConflict(f"the sampler's {self._ledger.end} trials have all been asked; nothing is left{more}.")

    @locked
    def enqueue(self, waiting: Sequence[Config]) -> list[Trial]:
        """Assign the configurations to the next numbers, for the next ask of any driver; see `Study.enqueue`."""
        return self._insert(waiting, None)

    @locked
    def known(self, config: Config, ended: Verdict, seconds: float | None) -> Trial:
        """Record a configuration that was tried outside the study, with its result; see `Study.tell`."""
        (found,) = self._insert([config], (ended, seconds))
        return found

    def _insert(self, waiting: Sequence[Config], ended: tuple[Verdict, float | None] | None) -> list[Trial]:
        """Assign the configurations to the next numbers, and record their results, if any.

        Unasked configurations of the warm start are queued after them, because their numbers are now taken.
        """
        self._ledger.settle()
        self._ledger.sync()
        spec, history = self._ledger.spec, self._ledger.history
        first = enumerate(spec.warm_start.configurations, start=spec.first)
        later = [Config(config) for number, config in first if number not in history]
        found = self._put(waiting, all_of_them=True, ended=ended)
        if waiting and later:
            self._put(later, all_of_them=False)
        return [self._ledger.history[number] for number in found]

    def _put(
        self, waiting: Sequence[Config], *, all_of_them: bool, ended: tuple[Verdict, float | None] | None = None
    ) -> list[int]:
        """Assign numbers and return them; if too few are left, raise if `all_of_them`, else assign those available."""
        lease = Lease(self._ledger.log, ASK_TELL)
        fresh: list[int] = []
        try:
            while len(fresh) < len(waiting):
                claims = self._ledger.log.claim(len(waiting) - len(fresh), lease.driver, below=self._ledger.end)
                if not claims:
                    break
                self._ledger.sync()
                fresh += [number for number, _ in claims if number not in self._ledger.history]
            if len(fresh) < len(waiting) and all_of_them:
                raise self._too_many(len(waiting), len(fresh))
            pairs = zip(fresh, waiting, strict=False)
            events: list[Event] = [Suggested(number, config, None, lease.driver) for number, config in pairs]
            if ended is not None:  # in the same append, so that no driver starts the trial
                verdict, seconds = ended
                events += [verdict.event(number, seconds, self._ledger.spec.signs) for number in fresh]
            self._ledger.record(events)
            if self._ledger.fidelity is not None:
                for number in fresh:  # a deleted study of this name may have left a checkpoint
                    remove_checkpoint(self._checkpoints.folder, number)
        finally:
            lease.end()  # releases all its numbers for the next ask
        return fresh

    def _too_many(self, wanted: int, left: int) -> StudyConflict:
        if not left:
            return self._exhausted()
        return StudyConflict(
            f"{wanted} configurations are to be queued and {left} of the sampler's {self._ledger.end} trials are left; "
            "none was queued: give fewer."
        )

    def _promoted(self, driver: str) -> int | None:
        """Resume a promoted trial of this driver and return its number, or None; dropped trials are ended first."""
        if self._pace is None or not self._pace.paused:
            return None
        self._ledger.sync()
        self._pace.end_dropped(self._end)
        running = self._ledger.history.running
        found = next((number for number in self._pace.promoted() if running.get(number) == driver), None)
        if found is not None:
            self._ledger.relaunched([found], driver)
            self._pace.paused.discard(found)
        return found

    def _end(self, number: int, ended: Verdict) -> None:
        """Store the end of a paused trial and drop its data in memory."""
        self._store(number, ended, self._spent.get(number))
        self._forget(number)

    def _may_run(self, claim: Claim, driver: str) -> bool:
        """Return True if a reserved trial can run now: not ended, not paused, and not the cause of driver deaths."""
        number = claim.number
        self._ledger.sync()
        fresh = number not in self._ledger.history
        self._ledger.suggest([number], driver)
        if self._ledger.history[number].state is not TrialState.RUNNING:
            return False  # the driver presumed dead has stored the result
        if number in self._ledger.history.outside:
            self._store(number, elsewhere())
            return False
        pace = self._paced() if self._ledger.fidelity is not None else None
        if pace is not None:
            pace.take(number, driver, asked_here=fresh)
        known = self._ledger.decide(number)
        if self._ledger.kills(claim, known):
            reason = f"its driver died {MOST_ATTEMPTS} times while it ran"
            self._store(number, Verdict(TrialState.FAILED, error=reason))
            return False
        if pace is not None and known is not Decision.GO_ON:
            pace.paused.add(number)  # paused by an earlier driver; `_promoted` handles it
            return False
        if claim.attempt > 1:
            self._ledger.began(number, driver)
        return True

    def _paced(self) -> FidelityControl:
        if self._pace is None:
            self._pace = FidelityControl(self._ledger, self._checkpoints.folder, lambda: False)
        return self._pace

    @locked
    def live(self, number: int) -> LiveTrial:
        """Return the trial in the form of an objective's argument; see `Study.live`."""
        if self._ledger.fidelity is None:
            raise InvalidInput("the study has no rule of fidelity; give Study(..., fidelity=ASHA()), or only tell.")
        self._ledger.sync()
        trial = self._ledger.history[number]
        if trial.state is not TrialState.RUNNING:
            raise StudyConflict(f"trial {number} is {trial.state} already; ask for another.")
        if self._ledger.decide(number) in {Decision.STOP, Decision.PAUSE}:
            raise StudyConflict(f"trial {number} is stopped or paused at step {trial.reports[-1][0]}; ask for another.")
        ticket = self._paced().ticket(number)
        self._budgets[number] = self._ledger.budget(number)
        self._began[number] = time.monotonic(), None  # the run begins
        self._live[number] = live = LiveTrial(ticket, trial.config, partial(self._hear, number))
        return live

    @locked
    def _hear(self, number: int, message: tuple[str, int, float]) -> str:
        self._ledger.sync()
        return self._paced().answer(number, message)

    @locked
    def tell(self, number: int, ended: Verdict, seconds: float | None = None) -> Trial:
        """Store the end of a trial; the fidelity rule judges the end of a live trial. See `Study.tell`."""
        self._ledger.sync()
        known = self._ledger.history[number]
        if known.state is not TrialState.RUNNING:
            raise StudyConflict(f"trial {number} is {known.state} already; the first result is kept.")
        if number in self._live:
            ended = ended._replace(notes=Config({**self._live[number].notes, **ended.notes}))
        judged = self._verdicts.get(number) or self._judged(number, ended)
        took = self._seconds(number) if seconds is None else seconds
        if judged is None:  # the trial pauses; `ask` returns it again after its promotion
            if took is not None:
                self._spent[number] = took
            return self._ledger.history[number]
        if judged is not ended:  # the rule's verdict is final, even if storing fails and the user calls again
            self._verdicts[number] = judged
        stored = self._store(number, judged, took)
        self._forget(number)
        self._moves += 1
        if not stored:
            raise StudyConflict(f"trial {number} was told by another process just now; that result is kept.")
        return self._ledger.history[number]

    def _judged(self, number: int, ended: Verdict) -> Verdict | None:
        """Verdict on a run, or None if the trial pauses; the budget of the run is dropped."""
        budget = self._budgets.get(number)
        judged = ended if budget is None else self._paced().judged(number, ended, budget)
        self._budgets.pop(number, None)
        return judged

    def _seconds(self, number: int) -> float | None:
        """Seconds of a trial in this process.

        After an ask or tell of another trial meanwhile, only the seconds of earlier runs are known, or None.
        """
        began, moves = self._began.get(number, (None, None))
        if began is None or moves not in {None, self._moves}:
            return self._spent.get(number)
        return self._spent.get(number, 0.0) + time.monotonic() - began

    def _store(self, number: int, ended: Verdict, seconds: float | None = None) -> bool:
        (taken,) = self._ledger.record([ended.event(number, seconds, self._ledger.spec.signs)])
        if self._pace is not None:
            self._pace.paused.discard(number)
            if taken:
                self._pace.clear(number, ended.state)
        return taken

    def _forget(self, number: int) -> None:
        """Drop the data in memory of an ended trial."""
        for held in self._held:
            held.pop(number, None)

    @property
    def _held(self) -> tuple[dict[int, Any], ...]:
        return self._budgets, self._verdicts, self._live, self._began, self._spent

    @locked
    def end(self) -> None:
        """Release all trials that have not ended."""
        if self._lease is not None and self._holder == os.getpid():
            self._lease.end()
        self._lease = self._pace = None
        for held in self._held:
            held.clear()
