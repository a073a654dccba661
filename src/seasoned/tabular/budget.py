"""What one fit may use."""

from __future__ import annotations

import time
from dataclasses import dataclass

__all__ = ["Budget"]


@dataclass(frozen=True, slots=True)
class Budget:
    """What the search may use.

    Attributes:
        deadline: When all must be done, on `time.monotonic`'s clock.
        seconds: The time limit that leads to it.
        trials: Number of trials; as many as the time allows if None.
        workers: Trials at the same time.
        trial_memory: Bytes of memory a trial may use; None for no limit.
        members: Largest number of models that predict together.
    """

    deadline: float
    seconds: float
    trials: int | None
    workers: int
    trial_memory: int | None
    members: int = 1

    @property
    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()
