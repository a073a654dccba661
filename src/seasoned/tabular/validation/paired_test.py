"""Paired test of fold racing: it stops a trial whose first folds are too far behind the best trial."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MAX_LAG", "TOO_SLOW", "PairedTest"]

MAX_LAG: Final = 0.1
"""Largest useful lag, as a share of the gap between best trial and baseline.

Trials further behind hardly ever enter the ensemble.
"""

TOO_SLOW: Final = "its predictions take too long"
"""First words of the reason for which a trial that exceeds `predict_limit` is pruned, regardless of its loss."""
_PRIOR_FOLDS: Final = 2.0  # weight of the prior spread, in folds


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Paired test of a trial against the best trial, fold by fold.

    On fold i the lag of a trial is g_i = (its loss - best loss) / (baseline loss - best loss). A lag of 0 is as good as
    the best trial, a lag of 1 as good as a constant prediction. Both trials have the same training and validation rows,
    so that the difficulty of a fold cancels out. A trial is stopped after k folds if

        mean(g) - s / sqrt(k) > share,    s^2 = (2 slack^2 + sum (g_i - mean(g))^2) / (2 + k - 1):

    that is, if the mean lag less one standard error is too large. After one fold, the spread is its prior, the slack.

    Attributes:
        best: Loss of the best trial on each fold; NaN if undefined.
        baseline: Loss of a constant prediction on each fold.
        share: Largest lag that is worth the other folds.
        slack: Prior standard deviation of the lag on one fold.

    Example:
        >>> bar = PairedTest(best=(0.2, 0.3, 0.25), baseline=(1.0, 1.1, 1.05), share=0.1, slack=0.1)
        >>> bar.stops([0.34]), bar.stops([0.40])
        (False, True)
        >>> bar.stops([0.34, 0.45]), bar.stops([0.34, 0.31])
        (True, False)
    """

    best: tuple[float, ...]
    baseline: tuple[float, ...]
    share: float
    slack: float

    def stops(self, losses: Sequence[float]) -> bool:
        """Return True if a trial with these losses on its first folds is not worth the others; NaN is ignored."""
        own = np.array(losses, dtype=np.float64)
        best, baseline = np.array(self.best[: len(own)]), np.array(self.baseline[: len(own)])
        gap = baseline - best
        with np.errstate(invalid="ignore", divide="ignore"):
            lags = (own - best) / gap
        lags = lags[np.isfinite(lags) & (gap > 0)]
        if not len(lags):
            return False
        mean = float(lags.mean())
        spread = (_PRIOR_FOLDS * self.slack**2 + float(((lags - mean) ** 2).sum())) / (_PRIOR_FOLDS + len(lags) - 1)
        return mean - math.sqrt(spread / len(lags)) > self.share

    def to_dict(self) -> dict[str, Any]:
        """Return the test as plain data for `from_dict`."""
        return {"best": self.best, "baseline": self.baseline, "share": self.share, "slack": self.slack}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PairedTest:
        """Return the test that `to_dict` wrote."""
        return cls(tuple(data["best"]), tuple(data["baseline"]), float(data["share"]), float(data["slack"]))
