"""Budget of a fit: limits of time, trials, workers and memory."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Final

from seasoned.errors import InvalidInput
from seasoned.execution._system.process_tree import resident
from seasoned.execution._system.resources import tree_memory
from seasoned.tabular.budget.interrupt import Stop

__all__ = ["Budget"]

_TRIAL_SHARE: Final = 0.25  # time limit of one trial, as a share of the time limit of the fit
_FIT_SHARE: Final = 0.75  # time of a trial's fits, as a share of the trial's time; predictions take the rest
_GROWTH: Final = 0.05  # share of the memory limit that stays free for the memory guard and for later imports
_MIN_WORKER_BYTES: Final = 2**27  # bytes; smallest memory of a worker, because the import of the models takes as much


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one fit.

    Attributes:
        deadline: End of the fit, in seconds on the clock of `time.monotonic`.
        seconds: Time limit of the fit in seconds.
        trials: Number of trials; None for as many as the time allows.
        workers: Number of trials that run at the same time.
        memory: Memory limit in bytes of this process and all its workers together; None for no limit.
        members: Largest number of ensemble members.
        layers: Largest number of stacking layers.
        simple: True for the simplest model among the statistically equal ones.
        stop: The user's request to stop the fit.
        explicit_workers: True if the user set the number of workers.
    """

    deadline: float
    seconds: float
    trials: int | None
    workers: int
    memory: int | None
    members: int = 1
    layers: int = 1
    simple: bool = False
    stop: Stop = field(default_factory=Stop)
    explicit_workers: bool = False

    @property
    def remaining(self) -> float:
        """Seconds until the deadline of the fit, or until the deadline of a stop request if that is earlier."""
        return min(self.deadline, self.stop.deadline) - time.monotonic()

    @property
    def trial_seconds(self) -> float:
        """Time limit in seconds of one trial, from the start of its worker; it bounds slow configurations."""
        return _TRIAL_SHARE * self.seconds

    @property
    def fits_seconds(self) -> float | None:
        """Time limit in seconds of all fold fits of a trial; None if the result must not depend on time."""
        return _FIT_SHARE * self.trial_seconds if self.trials is None else None

    @property
    def trial_memory(self) -> int | None:
        """Memory limit in bytes of a task that starts now in a worker; None for no limit.

        The memory that this process does not need is divided among the workers of the search and one worker for the
        early model. A share that is too small for any model is still a limit: the tasks then fail with a clear error.
        """
        return None if self.memory is None else max(self._share(), _MIN_WORKER_BYTES // 2)

    @property
    def full(self) -> bool:
        """True if this process and its workers together exceed the memory limit now."""
        return self.memory is not None and tree_memory(os.getpid()) > self.memory

    def until(self, end: float) -> float:
        """Seconds until `end` on the clock of `time.monotonic`; 0 at a stop request or above the memory limit."""
        return 0.0 if self.full or self.stop() else end - time.monotonic()

    @property
    def has_memory(self) -> bool:
        """True if the memory limit leaves each worker the smallest usable memory."""
        return self.memory is None or self._share() >= _MIN_WORKER_BYTES

    def check_memory(self) -> None:
        """Refuse a memory limit under which no model can be fitted.

        Raises:
            InvalidInput: If a worker's share is below 134 MB.
        """
        if self.memory is not None and not self.has_memory:
            share = self._share()
            raise InvalidInput(
                f"memory_limit is {self.memory / 1e6:.0f} MB and this process already uses "
                f"{resident(os.getpid()) / 1e6:.0f} MB, which leaves {max(share, 0) / 1e6:.0f} MB for each of "
                f"{self.workers} worker(s) and one more, for the first model of a fit; raise it, or use fewer workers."
            )

    def explain(self, error: str | None) -> str | None:
        """Return the error of a failed trial; if the trial ran out of memory, the setting to change is added."""
        if (
            self.memory is None
            or error is None
            or not error.startswith(("the task was killed using", "the task ran out"))
        ):
            return error
        return (
            f"{error}, its share of memory_limit ({self.memory / 1e6:.0f} MB for this process and {self.workers} "
            "worker(s)); raise it, or use fewer workers"
        )

    def _share(self) -> int:
        memory = self.memory or 0
        return int(memory * (1 - _GROWTH) - resident(os.getpid())) // (self.workers + 1)
