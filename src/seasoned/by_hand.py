"""Trials that a user runs: asked for, perhaps reporting on their way, told how they ended."""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput, StorageError, StudyConflict
from seasoned.fidelity.base import Decision
from seasoned.fidelity.live import LiveTrial
from seasoned.leases import Lease
from seasoned.ledger import MOST_ATTEMPTS
from seasoned.objective import Verdict, elsewhere
from seasoned.pacing import Pace, remove_checkpoint
from seasoned.storage.base import BY_HAND, DETACHED
from seasoned.trials import Asked, Config, TrialState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.fidelity.checkpoints import Checkpoints
    from seasoned.ledger import Ledger
    from seasoned.storage.base import Claim
    from seasoned.trials import Event, Trial

__all__ = ["ByHand"]


class ByHand:
    """The trials of a study that this process runs by hand. Those that pause at a rung wait here for their promotion.

    Args:
        ledger: The study, as this process sees it.
        checkpoints: Where checkpoints lie.
    """

    def __init__(self, ledger: Ledger, checkpoints: Checkpoints) -> None:
        self._ledger = ledger
        self._checkpoints = checkpoints
        self._lease: Lease | None = None  # held while trials are open
        self._holder = os.getpid()  # whose the lease is: a forked child needs one of its own
        self._pace: Pace | None = None  # from the first trial on, if there is a rule of fidelity
        self._budgets: dict[int, int] = {}  # live trial -> the step that it shall reach
        self._verdicts: dict[int, Verdict] = {}  # judged, and not stored yet
        self._live: dict[int, LiveTrial] = {}  # those that were asked for, with what they have noted
        self._began: dict[int, tuple[float, int | None]] = {}  # when this process got them, and after how many moves
        self._moves = 0  # how often a trial was asked for or told: what is between may be of another trial
        self._spent: dict[int, float] = {}  # seconds of earlier runs here

    def ask(self, *, detached: bool) -> Trial:
        """The next trial: one that is promoted, one that a dead driver left, or a new one; see `Study.ask`."""
        self._ledger.settle()
        if self._lease is None or self._holder != os.getpid():
            self._lease, self._holder = Lease(self._ledger.log, BY_HAND), os.getpid()
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
        """`_may_run`; where that is interrupted, or the store fails, the number is free for the next who asks."""
        try:
            return self._may_run(claim, driver)
        except BaseException:
            with contextlib.suppress(StorageError):
                self._ledger.log.release(driver, [claim.number])
            raise

    def _exhausted(self) -> StudyConflict:
        waiting = 0 if self._pace is None else len(self._pace.paused)
        more = f"; {waiting} wait at a rung, tell those that run" if waiting else ""
        return StudyConflict(f"the sampler's {self._ledger.end} trials have all been asked; nothing is left{more}.")

    def enqueue(self, waiting: Sequence[Config]) -> list[Trial]:
        """Give the next numbers these configurations, and leave them to whoever asks next; see `Study.enqueue`."""
        return self._insert(waiting, None)

    def known(self, config: Config, ended: Verdict, seconds: float | None) -> Trial:
        """Give the next number a configuration that was tried elsewhere, with how it ended; see `Study.tell`."""
        (found,) = self._insert([config], (ended, seconds))
        return found

    def _insert(self, waiting: Sequence[Config], ended: tuple[Verdict, float | None] | None) -> list[Trial]:
        """Give the next numbers these configurations, and how they ended, if they have.

        Those of the warm start that were not asked yet come after them: their places are numbers, which are gone now.
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
        """The numbers that they get; where numbers run out, an error if all of them need one."""
        lease = Lease(self._ledger.log, BY_HAND)
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
            events: list[Event] = [Asked(number, config, None, lease.driver) for number, config in pairs]
            if ended is not None:  # at once, so that nobody begins one
                verdict, seconds = ended
                events += [verdict.event(number, seconds, self._ledger.spec.signs) for number in fresh]
            self._ledger.record(events)
            if self._ledger.fidelity is not None:
                for number in fresh:  # of a study of this name that was deleted
                    remove_checkpoint(self._checkpoints.folder, number)
        finally:
            lease.end()  # all that it holds is free for the next who asks
        return fresh

    def _too_many(self, wanted: int, left: int) -> StudyConflict:
        if not left:
            return self._exhausted()
        return StudyConflict(
            f"{wanted} configurations are to be queued and {left} of the sampler's {self._ledger.end} trials are left; "
            "none was queued: give fewer."
        )

    def _promoted(self, driver: str) -> int | None:
        """Of the paused trials the one that goes on next, once those are ended that do not."""
        if self._pace is None or not self._pace.paused:
            return None
        self._ledger.sync()
        for number in self._pace.dropped():
            self._store(number, self._pace.give_up(number), self._spent.get(number))
            self._forget(number)
        running = self._ledger.history.running
        found = next((number for number in self._pace.promoted() if running.get(number) == driver), None)
        if found is not None:
            self._ledger.relaunched([found], driver)
            self._pace.paused.discard(found)
        return found

    def _may_run(self, claim: Claim, driver: str) -> bool:
        """Whether a reserved trial is to be run now: it has not ended, does not pause, and kills no drivers."""
        number = claim.number
        self._ledger.sync()
        fresh = number not in self._ledger.history
        self._ledger.suggest([number], driver)
        if self._ledger.history[number].state is not TrialState.RUNNING:
            return False  # the driver that was taken for dead told after all
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
            pace.paused.add(number)  # what an earlier driver left; `_promoted` sees to it
            return False
        return True

    def _paced(self) -> Pace:
        if self._pace is None:
            self._pace = Pace(self._ledger, self._checkpoints.folder, lambda: False)
        return self._pace

    def live(self, number: int) -> LiveTrial:
        """The trial as an objective sees it; see `Study.live`."""
        if self._ledger.fidelity is None:
            raise InvalidInput("the study has no rule of fidelity; give Study(..., fidelity=ASHA()), or only tell.")
        self._ledger.sync()
        trial = self._ledger.history[number]
        if trial.state is not TrialState.RUNNING:
            raise StudyConflict(f"trial {number} is {trial.state} already; ask for another.")
        if self._ledger.decide(number) in {Decision.STOP, Decision.PAUSE}:
            raise StudyConflict(
                f"trial {number} shall not go on from step {trial.reports[-1][0]} now; ask for another."
            )
        ticket = self._paced().ticket(number)
        self._budgets[number] = self._ledger.budget(number)
        self._began[number] = time.monotonic(), None  # from here on it runs
        self._live[number] = live = LiveTrial(ticket, trial.config, partial(self._hear, number))
        return live

    def _hear(self, number: int, message: tuple[str, int, float]) -> str:
        self._ledger.sync()
        return self._paced().answer(number, message)

    def tell(self, number: int, ended: Verdict, seconds: float | None = None) -> Trial:
        """Store how a trial ended; where it was live, as far as the rule agrees. See `Study.tell`."""
        self._ledger.sync()
        known = self._ledger.history[number]
        if known.state is not TrialState.RUNNING:
            raise StudyConflict(f"trial {number} is {known.state} already; the first result is kept.")
        if number in self._live:
            ended = ended._replace(notes=Config({**self._live[number].notes, **ended.notes}))
        judged = self._verdicts.get(number) or self._judged(number, ended)
        took = self._seconds(number) if seconds is None else seconds
        if judged is None:  # it pauses, and is asked for again when it is promoted
            if took is not None:
                self._spent[number] = took
            return self._ledger.history[number]
        if judged is not ended:  # the rule has the last word, also where it cannot be stored now and is told once more
            self._verdicts[number] = judged
        stored = self._store(number, judged, took)
        self._forget(number)
        self._moves += 1
        if not stored:
            raise StudyConflict(f"trial {number} was told by another process just now; that result is kept.")
        return self._ledger.history[number]

    def _judged(self, number: int, ended: Verdict) -> Verdict | None:
        """How a run's end counts; None if the trial pauses. Its budget is forgotten only once that is known."""
        budget = self._budgets.get(number)
        judged = ended if budget is None else self._paced().judged(number, ended, budget)
        self._budgets.pop(number, None)
        return judged

    def _seconds(self, number: int) -> float | None:
        """What a trial took here; None where others were asked for or told meanwhile: whose the time was is unknown."""
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
        """Drop what is held of a trial that has ended."""
        for held in self._held:
            held.pop(number, None)

    @property
    def _held(self) -> tuple[dict[int, Any], ...]:
        return self._budgets, self._verdicts, self._live, self._began, self._spent

    def end(self) -> None:
        """Give back all trials that have not ended."""
        if self._lease is not None and self._holder == os.getpid():
            self._lease.end()
        self._lease = self._pace = None
        for held in self._held:
            held.clear()
