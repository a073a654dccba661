"""What a configuration must reach, fold by fold, for the other folds to be worth their time: a paired test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["BEHIND", "SLOW", "Bar"]

BEHIND: Final = 0.1
"""Of the gap between the best trial and the baseline: what is further behind hardly ever enters the ensemble."""

SLOW: Final = "its predictions take too long"
"""How the reason begins for which a trial is given up that cannot keep `predict_limit`, whatever it loses."""
_BELIEVED: Final = 2.0  # folds that the prior spread counts as


@dataclass(frozen=True, slots=True)
class Bar:
    """The best trial, fold by fold, and how far behind it another may stay.

    On fold i a trial's lag is g_i = (its loss - the best's) / (the baseline's loss - the best's): 0 is as good as the
    best trial, 1 no better than predicting the same for all rows. Both trials were fitted on the same rows and judged
    on the same, so that what is easy or hard in a fold cancels out. A trial is stopped after k folds if

        mean(g) - s / sqrt(k) > share,    s^2 = (2 slack^2 + sum (g_i - mean(g))^2) / (2 + k - 1):

    that is, if even one standard error below its mean the lag is too large. After one fold nothing is known of the
    spread but its prior, the slack.

    Attributes:
        best: Loss of the best trial on each fold; NaN where it is undefined.
        baseline: Loss of predicting the same for all rows of each fold.
        share: Largest lag that is still worth the other folds.
        slack: Prior standard deviation of one fold's lag, before any is seen.

    Example:
        >>> bar = Bar(best=(0.2, 0.3, 0.25), baseline=(1.0, 1.1, 1.05), share=0.1, slack=0.1)
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
        """Whether a trial with these losses on the first folds is not worth the others; NaN losses are ignored."""
        own = np.array(losses, dtype=np.float64)
        best, baseline = np.array(self.best[: len(own)]), np.array(self.baseline[: len(own)])
        gap = baseline - best
        with np.errstate(invalid="ignore", divide="ignore"):
            lags = (own - best) / gap
        lags = lags[np.isfinite(lags) & (gap > 0)]
        if not len(lags):
            return False
        mean = float(lags.mean())
        spread = (_BELIEVED * self.slack**2 + float(((lags - mean) ** 2).sum())) / (_BELIEVED + len(lags) - 1)
        return mean - math.sqrt(spread / len(lags)) > self.share

    def to_dict(self) -> dict[str, Any]:
        """Plain data, from which `from_dict` makes it again."""
        return {"best": self.best, "baseline": self.baseline, "share": self.share, "slack": self.slack}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Bar:
        """The bar of `to_dict`."""
        return cls(tuple(data["best"]), tuple(data["baseline"]), float(data["share"]), float(data["slack"]))
