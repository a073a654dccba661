"""When each trial of a search ended, for the plot of score against time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seasoned.trials import Trial

__all__ = ["Clock"]


@dataclass(frozen=True, slots=True)
class Clock:
    """A callback of `Study.optimize` that notes the time.

    Attributes:
        start: When the fit began, on `time.monotonic`'s clock.
        elapsed: Trial number -> seconds from then to its end; trials of an earlier, killed run are not in it.
    """

    start: float
    elapsed: dict[int, float] = field(default_factory=dict)

    def __call__(self, study: Any, trial: Trial) -> None:  # noqa: ARG002 - the callback's signature
        """A trial has ended."""
        self.elapsed[trial.number] = round(time.monotonic() - self.start, 3)
