"""The race: what a configuration must reach on the first fold for the other folds to be worth their time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seasoned.tabular.objective import CrossValidation
    from seasoned.trials import Trial

__all__ = ["Race"]

_DEFAULTS: Final = 0.2  # of the gap between the best trial and the baseline, while the families are first met
_SAMPLES: Final = 0.1  # of it, for all that comes later: what is worse hardly ever enters the ensemble


@dataclass(slots=True)
class Race:
    """Keeps the bar on the first fold, between the best trial's loss there and that of predicting the same for all.

    The reference is the first fold of the trial that is best over all folds, not the best first fold: that is luck.
    On few rows the bar is laxer, by 1/sqrt(rows of the fold) of the gap.

    Attributes:
        objective: Whose bar it is; workers see a change at once.
        live: Whether each finished trial may move the bar. Otherwise only `close_defaults` does, so that a search by
            trials does not depend on which trial is quicker.
        share: How far from the best to the baseline the bar stands.
    """

    objective: CrossValidation
    live: bool
    share: float = _DEFAULTS
    _best: tuple[float, float] = (math.inf, math.inf)  # the best loss over all folds, and the same trial's on the first
    _baseline: float | None = None

    def __call__(self, study: Any, trial: Trial) -> None:  # noqa: ARG002 - a callback of Study.optimize
        """A trial has finished."""
        if self.live and self._saw(trial):
            self._place()

    def close_defaults(self, trials: Iterable[Trial]) -> None:
        """All defaults have been tried, these trials among others: from here on the bar is stricter."""
        for trial in trials:
            self._saw(trial)
        self.share = _SAMPLES
        self._place()

    def _saw(self, trial: Trial) -> bool:
        """Whether the trial is the best so far."""
        if trial.value is None or trial.value >= self._best[0]:
            return False
        first = self.objective.record(trial.config).first_loss
        if first is not None:
            self._best = trial.value, first
        return first is not None

    def _place(self) -> None:
        if self._baseline is None:
            found = self.objective.baseline_first_loss()
            self._baseline = math.nan if found is None else found
        best = self._best[1]
        if self._baseline > best:  # false where the baseline's loss is undefined
            share = self.share + 1 / math.sqrt(self.objective.first_fold_rows())
            self.objective.set_bar(best + share * (self._baseline - best))
