"""End times of the trials of a search, for the plot of score against time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seasoned.trials import Trial

__all__ = ["ElapsedTimes"]


@dataclass(frozen=True, slots=True)
class ElapsedTimes:
    """Callback of `Study.optimize` that records the end time of each trial.

    Attributes:
        start: Start of the fit, in seconds on the clock of `time.monotonic`.
        elapsed: Trial number -> seconds from the start of the fit to the end of the trial. Trials of an earlier, killed
            run are absent.
    """

    start: float
    elapsed: dict[int, float] = field(default_factory=dict)

    def __call__(self, study: Any, trial: Trial) -> None:  # noqa: ARG002 - the callback's signature
        """Record the end of a trial."""
        self.elapsed[trial.number] = round(time.monotonic() - self.start, 3)
