"""What one fit may use."""

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

_TRIAL_SHARE: Final = 0.25  # of the time limit
_FIT_SHARE: Final = 0.75  # of a trial's time; the rest is for predictions
_GROWTH: Final = 0.05  # of the memory; for what this process has yet to load, and the guard
_LEAST: Final = 2**27  # bytes; below, a worker cannot even import what models need


@dataclass(frozen=True, slots=True)
class Budget:
    """What the search may use.

    Attributes:
        deadline: When all must be done, on `time.monotonic`'s clock.
        seconds: The time limit that leads to it.
        trials: Number of trials; as many as the time allows if None.
        workers: Trials at the same time.
        memory: Bytes for this process and all its workers; None for no limit.
        members: Largest number of models that predict together.
        layers: How many layers of them there may be.
        stop: Whether the user has asked the fit to stop.
        told: Whether the user said how many workers there are to be.
    """

    deadline: float
    seconds: float
    trials: int | None
    workers: int
    memory: int | None
    members: int = 1
    layers: int = 1
    stop: Stop = field(default_factory=Stop)
    told: bool = False

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, or until whoever asked to stop has waited long enough."""
        return min(self.deadline, self.stop.deadline) - time.monotonic()

    @property
    def trial_seconds(self) -> float:
        """Seconds for one trial once a worker has started, so that one slow configuration cannot take more."""
        return _TRIAL_SHARE * self.seconds

    @property
    def fits_seconds(self) -> float | None:
        """Seconds for the fits of all folds of a trial; None where the result must not depend on time."""
        return _FIT_SHARE * self.trial_seconds if self.trials is None else None

    @property
    def trial_memory(self) -> int | None:
        """Bytes that a task in a worker may use from now on; None for no limit.

        What this process does not hold, and will not need, is divided among the search's workers and the one that
        fits the early model. A share too small for any model is still a limit: the tasks then fail and say why.
        """
        return None if self.memory is None else max(self._share(), _LEAST // 2)

    @property
    def full(self) -> bool:
        """Whether this process and its workers now use more memory than they may."""
        return self.memory is not None and tree_memory(os.getpid()) > self.memory

    @property
    def has_memory(self) -> bool:
        """Whether the memory limit leaves a worker the least that it needs."""
        return self.memory is None or self._share() >= _LEAST

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
        """The reason of a failed trial, with the setting to change where it ran out of memory."""
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
