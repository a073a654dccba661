"""The loop of one driver: claim trials, ask for configurations, run them, store how they ended."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from seasoned.errors import AllTrialsFailed
from seasoned.execution.base import Ending, Limits
from seasoned.leases import BY_HAND, LEASE, Lease
from seasoned.objective import Verdict, verdict
from seasoned.storage.base import DETACHED
from seasoned.trials import TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seasoned.execution.base import Executor, Outcome
    from seasoned.ledger import Ledger
    from seasoned.objective import Evaluation
    from seasoned.storage.base import Claim
    from seasoned.trials import Trial

__all__ = ["MOST_ATTEMPTS", "Drive", "Plan", "causes"]

MOST_ATTEMPTS: Final = 3
"""How often a trial is begun before it counts as what kills its drivers."""

_UNLIMITED: Final = Limits()
_GLANCE: Final = 0.2  # seconds between two looks at whether to stop
_HOPELESS: Final = 20  # failures without a success after which a study stops
_log = logging.getLogger("seasoned.study")


@dataclass(frozen=True, slots=True)
class Plan:
    """How far to go.

    Attributes:
        trials: Finished trials that the study shall hold.
        time_limit: Seconds that this driver may take.
        limits: What one trial may take.
        lease: Seconds without a beat after which others may take over.
    """

    trials: int | None = None
    time_limit: float | None = None
    limits: Limits = _UNLIMITED
    lease: float = LEASE


class Drive:
    """One call of `optimize`.

    Args:
        ledger: The study, as this process sees it.
        evaluation: What to run.
        executor: Where to run it; closed at the end.
        plan: How far to go.
        on_finished: Called with each trial of this driver that finished.
        stopping: Tells whether somebody asked to stop.
        hurrying: Tells whether to stop at once, without waiting for the trials that run.
    """

    def __init__(
        self,
        ledger: Ledger,
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
        self._executor = executor
        self._plan = plan
        self._on_finished = on_finished
        self._stopping = stopping
        self._hurrying = hurrying
        self._running: dict[int, int] = {}  # task -> trial number
        self._failures = 0  # of this driver
        self._began = time.monotonic()

    def run(self) -> None:
        """Go on until the plan is fulfilled; whatever interrupts, no trial stays leased and no worker runs on."""
        self._lease = Lease(self._ledger.log, "optimize", self._plan.lease)
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
        while not (self._out_of_time() or self._hurrying()):
            stopping = self._stopping()
            if not stopping:
                self._fill()
            if self._running:
                left = self._time_left()
                for outcome in self._executor.wait(_GLANCE if left is None else min(left, _GLANCE)):
                    self._finish(outcome)
                pause = 0.01
            elif stopping or self._fulfilled():
                return
            else:  # other drivers hold the trials that are missing; one of them may die
                time.sleep(min(pause, self._time_left() or pause))
                pause = min(2 * pause, 0.5)
                self._ledger.sync()
        self._cut_off()

    def _cut_off(self) -> None:
        """Kill what still runs; a result that was written before the kill is kept."""
        for task in list(self._running):
            self._executor.cancel(task)
        while self._running:
            for outcome in self._executor.wait():
                if outcome.ending is Ending.CANCELLED:
                    del self._running[outcome.task]
                else:
                    self._finish(outcome)

    def _fill(self) -> None:
        """Start as many trials as there are free workers."""
        while (free := self._free()) > 0:
            claims = self._ledger.log.claim(
                free, self._lease.driver, limit=self._limit(), below=self._ledger.end, dead=self._lease.dead
            )
            if not claims:
                return
            self._ledger.suggest([claim.number for claim in claims], self._lease.driver)
            for claim in claims:
                self._start(claim)

    def _free(self) -> int:
        free = self._executor.workers - len(self._running)
        if self._plan.trials is not None:
            free = min(free, self._plan.trials - self._ledger.history.finished - len(self._running))
        return free

    def _limit(self) -> int | None:
        """The plan's limit in the storage's terms: it also counts trials outside the space and those asked by hand."""
        if self._plan.trials is None:
            return None
        history = self._ledger.history
        outside = sum(history[number].state is not TrialState.RUNNING for number in history.outside)
        by_hand = sum(driver.startswith(BY_HAND) for driver in history.running.values())
        return self._plan.trials + outside + by_hand

    def _start(self, claim: Claim) -> None:
        trial = self._ledger.history[claim.number]
        if trial.state is not TrialState.RUNNING:
            return  # the driver that was taken for dead told after all
        if claim.attempt > MOST_ATTEMPTS:
            reason = f"its driver died {MOST_ATTEMPTS} times while it ran"
            self._store(claim.number, Verdict(TrialState.FAILED, error=reason), None)
            return
        task = self._executor.submit(self._evaluation, trial.config, limits=self._plan.limits)
        self._running[task] = claim.number

    def _finish(self, outcome: Outcome) -> None:
        number = self._running.pop(outcome.task)
        if outcome.traceback:
            _log.debug("trial %d:\n%s", number, outcome.traceback)
        self._store(number, verdict(outcome), outcome.seconds)

    def _store(self, number: int, ended: Verdict, seconds: float | None) -> None:
        (taken,) = self._ledger.record([ended.event(number, seconds, self._ledger.spec.signs)])
        if not taken:
            _log.info("trial %d was finished by another driver first; this result is dropped", number)
            return
        if ended.state is TrialState.FAILED:
            _log.warning("trial %d failed: %s", number, ended.error)
        self._on_finished(self._ledger.history[number])
        self._give_up_if_hopeless(ended)

    def _give_up_if_hopeless(self, ended: Verdict) -> None:
        self._failures += ended.state is TrialState.FAILED
        if self._failures >= _HOPELESS and not self._ledger.history.count(TrialState.COMPLETE):
            raise AllTrialsFailed(
                f"{self._failures} trials failed and none succeeded: {causes(self._ledger.history.errors())}; "
                f"mend the objective and run again: the study is kept."
            )

    def _fulfilled(self) -> bool:
        """Whether nothing is left to do or to wait for."""
        trials = self._plan.trials
        if trials is not None and self._ledger.history.finished >= trials:
            return True
        self._lease.refresh()
        return not any(_attends(driver) for driver in self._lease.others)

    def _time_left(self) -> float | None:
        limit = self._plan.time_limit
        return None if limit is None else max(0.0, limit - (time.monotonic() - self._began))

    def _out_of_time(self) -> bool:
        return self._time_left() == 0.0


def _attends(driver: str) -> bool:
    """Whether the driver will finish its trials without being asked to."""
    return driver != DETACHED and not driver.startswith(BY_HAND)


def causes(errors: Sequence[tuple[str, int]]) -> str:
    """Reasons of failure and how often each came, in one line; the five most frequent."""
    shown = "; ".join(f"{count} x {reason}" for reason, count in errors[:5])
    return shown + (f"; and {len(errors) - 5} other reasons" if len(errors) > 5 else "")
