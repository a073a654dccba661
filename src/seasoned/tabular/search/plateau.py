"""When to stop searching: nothing has been gained for a long time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["Plateau"]

_GAIN: Final = 1e-3  # of the gap between predicting the same for all rows and the best model: less is no gain
_TRIALS: Final = 100  # without a gain
_SHARE: Final = 0.6  # of the time spent so far, without a gain
_LEAST: Final = 10.0  # seconds before which nothing is concluded


@dataclass(slots=True)
class Plateau:
    """Follows the loss of the models that would predict together, and tells when it has stopped falling.

    Both many trials and most of the time must have brought nothing: a slow search is not given up after few trials, nor
    a fast one in a moment.

    Attributes:
        baseline: Loss of predicting the same for all rows; None where it is undefined.

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
        """Note the loss after so many trials and seconds; one that rises, as after a worse choice, is no gain."""
        if not math.isfinite(loss):
            return
        gap = abs(loss) if self.baseline is None else max(self.baseline - loss, 0.0)
        if self._best - loss > _GAIN * gap:
            self._best, self._trials, self._seconds = loss, trials, seconds

    def reached(self, trials: int, seconds: float) -> bool:
        """Whether, after so many trials and seconds, the search has gained nothing for long enough."""
        return (
            math.isfinite(self._best)
            and seconds >= _LEAST
            and trials - self._trials >= _TRIALS
            and seconds - self._seconds >= _SHARE * seconds
        )
