"""Stopping rule of the search: enough time must be left for the final fits, and more trials must be worth it."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from seasoned.tabular.ensemble.fitted_model import Member
from seasoned.tabular.ensemble.member_predictions import pool_out_of_fold
from seasoned.tabular.ensemble.refit_members import (
    choose_members,
    members_without_refit,
    predicted_refit_seconds,
    side_by_side_seconds,
)
from seasoned.tabular.ensemble.reseeded_fits import reseeding_seconds
from seasoned.tabular.ensemble.stacking import seconds_of_layer
from seasoned.tabular.trial.trial_row import TrialRow
from seasoned.trials import TrialState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.study import Study
    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.trial.cross_validation import CrossValidation
    from seasoned.trials import Trial

__all__ = ["Plateau", "StoppingRule"]

_GAIN: Final = 1e-3  # smallest gain, as a share of the gap from a constant prediction to the best ensemble
_TRIALS: Final = 100  # number of trials without a gain
_PLATEAU_SHARE: Final = 0.6  # share of the time so far without a gain
_MIN_SEARCH_SECONDS: Final = 10.0  # seconds before which the search is not stopped


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
            and seconds >= _MIN_SEARCH_SECONDS
            and trials - self._trials >= _TRIALS
            and seconds - self._seconds >= _PLATEAU_SHARE * seconds
        )


logger = logging.getLogger("seasoned.tabular")

_LAST: Final = 0.05  # time reserve before any trial is complete, as a share of the time limit; from 1 s to half
_WARM_UP: Final = 2.0  # seconds assumed for a worker to start and import, until measured; more on a slow machine
_CLOSING: Final = 0.5  # seconds reserved to fetch the models and to clean up
_CAUTION: Final = 1.1  # safety factor on the predicted time of the final fits
_RESERVE_SLACK: Final = 0.2  # extra share of the time reserve; 0 where the reserve for seed averaging is larger
_CHOOSING: Final = 0.04  # largest time of a selection, as a share of the time limit: the search waits for it
_SELECTION_WAIT: Final = 20.0  # wait until the next selection, as a multiple of the time of the last selection
_ENDED: Final = frozenset({TrialState.COMPLETE, TrialState.FAILED, TrialState.PRUNED})
_NEAR_RESERVE: Final = 2.0  # multiple of the time reserve; with less time left, the wait is a quarter as long


class StoppingRule:
    """Stopping rule: a callback of `Study.optimize`, which also polls it.

    The time of the final fits changes with every trial that changes the selection of members. Before a trial is
    complete, little time is reserved, because the fold models of a trial can predict instead (`trial/fold_models.py`).

    Args:
        objective: Cross-validation of the trials.
        budget: The time.
        study: The study. The earlier trials of a resumed run count at once.
        upper: Families of a second layer; empty for none.

    Attributes:
        warm_up: Seconds that a fresh worker needs.
        asked: True if a user's callback has ended the search.
    """

    def __init__(
        self,
        objective: CrossValidation,
        budget: Budget,
        study: Study,
        upper: Sequence[str] = (),
    ) -> None:
        self._objective = objective
        self._budget = budget
        self._fresh = 0.0  # seconds that a fresh worker took to load packages; 0 if this was not measured
        self._upper = upper
        self._layering = 0.0
        self.next_selection = 0.0  # earliest time of the next selection, on `time.monotonic`'s clock
        self._unseen = False  # True if a trial completed after the last selection
        self.warm_up = _WARM_UP
        self._reserve = min(max(_LAST * budget.seconds, 1.0), 0.5 * budget.seconds)
        self._plateau = Plateau(objective.baseline_loss()) if budget.trials is None else None
        self._over = self.asked = False
        if any(trial.state is TrialState.COMPLETE for trial in study.trials):
            self._measure([TrialRow.of(trial) for trial in study.trials])

    def __call__(self, study: Study, trial: Trial) -> None:
        """Update the time reserve and the plateau after a trial."""
        complete = trial.state is TrialState.COMPLETE
        self._unseen |= complete
        if complete and time.monotonic() >= self.next_selection:
            self._measure([TrialRow.of(found) for found in study.trials])
        if self._plateau is None or self._over:
            return
        ended = sum(found.state in _ENDED for found in study.trials)
        if self._unseen and self._plateau.reached(ended, self._elapsed):
            self._measure([TrialRow.of(found) for found in study.trials])  # recent trials may have brought a gain
        self._conclude(self._plateau, ended)

    def know_warm_up(self, seconds: float) -> None:
        """Note the seconds in which a fresh worker loaded its packages; 0 if no worker did."""
        self._fresh, self.warm_up = seconds, max(self.warm_up, seconds)

    def should_end(self) -> bool:
        """True if the search must end: by request, for lack of time beyond the reserve, or for lack of gains."""
        return self._over or self._budget.stop() or self._budget.remaining <= self._reserve

    def end(self) -> None:
        """End the search as at a plateau: with all final fits."""
        self._over = self.asked = True

    @property
    def idle(self) -> bool:
        """True if the search ended because its last trials brought no gain."""
        return self._over and not self.asked

    @property
    def choosing(self) -> float:
        """Largest number of seconds of a selection of the members."""
        return _CHOOSING * self._budget.seconds

    @property
    def reserve(self) -> float:
        """Time reserve for the final fits, in seconds."""
        return self._reserve

    def remaining(self) -> float:
        """Share of the time limit left for trials, from 1 to 0."""
        return min(max((self._budget.remaining - self._reserve) / self._budget.seconds, 0.0), 1.0)

    @property
    def second_layer_reserve(self) -> float:
        """Seconds of the time reserve for a second layer."""
        return self._layering

    def _measure(self, rows: Sequence[TrialRow]) -> None:
        started = time.monotonic()
        self.warm_up = self._measured_warm_up(rows)
        chosen = choose_members(self._objective, rows, self._budget, self.choosing)
        choosing = time.monotonic() - started
        complete = [row.configuration for row in rows if row.is_complete]
        self._objective.records.forget_models(complete, but=[row.configuration for row, _ in chosen])
        fits = [predicted_refit_seconds(self._objective, row) for row, _ in chosen]
        without = members_without_refit(self._objective, chosen, fits, self._budget)
        needed = [took for place, took in enumerate(fits) if place not in without]
        once = self.warm_up + side_by_side_seconds(needed, self._budget.workers)
        paces = [self._objective.records.of(row.configuration).predict_ms for row, _ in chosen]
        again = reseeding_seconds(self._objective, [row.configuration for row, _ in chosen], fits, paces, self._budget)
        self._layering = seconds_of_layer(self._objective, chosen, rows, self._upper, self._budget)
        caution, slack = (1.0, 0.0) if self._has_spares(chosen) else (_CAUTION, _RESERVE_SLACK)
        self._reserve = _CLOSING + choosing + caution * once + max(slack * once, again) + self._layering
        self._unseen = False
        if self._plateau is not None:
            self._plateau.note(
                ensemble_loss(self._objective, chosen), sum(row.state in _ENDED for row in rows), self._elapsed
            )
        took = time.monotonic() - started
        near = self._budget.remaining < _NEAR_RESERVE * self._reserve
        self.next_selection = time.monotonic() + (_SELECTION_WAIT / 4 if near else _SELECTION_WAIT) * took

    def _has_spares(self, chosen: Sequence[tuple[TrialRow, float]]) -> bool:
        """True if each member has the single model of its trial, so that a late refit is hardly missed."""
        known = self._objective.records
        return self._objective.folds == 1 and all(known.has_models(row.configuration) for row, _ in chosen)

    @property
    def _elapsed(self) -> float:
        return self._budget.seconds - (self._budget.deadline - time.monotonic())

    def _conclude(self, plateau: Plateau, trials: int) -> None:
        """Decide whether the search is over, and log it."""
        self._over = plateau.reached(trials, self._elapsed)
        if self._over:
            logger.info("the search ends after %.0f s: its last trials gained nothing.", self._elapsed)

    def _measured_warm_up(self, rows: Sequence[TrialRow]) -> float:
        """Seconds that a fresh worker needs before it fits: the first trial's seconds without its fits.

        If the workers were already warm, it is at least the time of their warm-up.
        """
        first = rows[0]
        if not first.is_complete or first.seconds is None:
            return max(_WARM_UP, self._fresh)
        record = self._objective.records.of(first.configuration)
        fits: float = self._objective.folds * record.fit_seconds + record.sample_seconds
        return max(first.seconds - fits, self._fresh, 0.2)


def ensemble_loss(objective: CrossValidation, chosen: Sequence[tuple[TrialRow, float]]) -> float:
    """Out-of-fold loss of the ensemble; NaN if it is not known."""
    pooled = pool_out_of_fold(objective, [Member(row.model, row.config, None, weight) for row, weight in chosen])
    if pooled is None:
        return math.nan
    try:
        return objective.metric.loss(pooled.truth, pooled.predicted, pooled.weights)
    except ValueError:  # the metric needs a class that these rows lack
        return math.nan
