"""Early stopping of the search: no gain for a long time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["Plateau"]

_GAIN: Final = 1e-3  # smallest gain, as a share of the gap from a constant prediction to the best ensemble
_TRIALS: Final = 100  # number of trials without a gain
_SHARE: Final = 0.6  # share of the time so far without a gain
_LEAST: Final = 10.0  # seconds before which the search is not stopped


@dataclass(slots=True)
class Plateau:
    """Plateau detection: follows the loss of the ensemble, and reports when it has stopped falling.

    Both many trials and most of the time must have brought no gain. A slow search is therefore not stopped after few
    trials, and a fast one not after a moment.

    Attributes:
        baseline: Loss of a constant prediction; None where undefined.

    Example:
        >>> plateau = Plateau(baseline=1.0)
        >>> plateau.note(0.5, trials=20, seconds=5.0)
        >>> plateau.note(0.49999, trials=150, seconds=40.0)
        >>> plateau.reached(trials=100, seconds=40.0), plateau.reached(trials=150, seconds=40.0)
        (False, True)
    """

    baseline: float | None
    _best: float = math.inf
    _trials: int = 0
    _seconds: float = 0.0

    def note(self, loss: float, trials: int, seconds: float) -> None:
        """Record the loss after some trials and seconds. A loss that rises, as after a worse selection, is no gain."""
        if not math.isfinite(loss):
            return
        gap = abs(loss) if self.baseline is None else max(self.baseline - loss, 0.0)
        if self._best - loss > _GAIN * gap:
            self._best, self._trials, self._seconds = loss, trials, seconds

    def reached(self, trials: int, seconds: float) -> bool:
        """True if the search has had no gain for long enough, after some trials and seconds."""
        return (
            math.isfinite(self._best)
            and seconds >= _LEAST
            and trials - self._trials >= _TRIALS
            and seconds - self._seconds >= _SHARE * seconds
        )
