"""When the search ends: models must still be fitted on all rows in time, and more trials must be worth it."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any, Final

from seasoned.tabular.ensemble.fitted_model import Member
from seasoned.tabular.ensemble.light_members import light, side_by_side_seconds
from seasoned.tabular.ensemble.member_predictions import pool
from seasoned.tabular.ensemble.refit_members import choose_members, config_of, foreseen
from seasoned.tabular.ensemble.reseeded_fits import seconds_again
from seasoned.tabular.ensemble.stacking import seconds_of_layer
from seasoned.tabular.search.plateau import Plateau
from seasoned.tabular.trial.trial_row import row_of
from seasoned.trials import TrialState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.study import Study
    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.trial.cross_validation import CrossValidation
    from seasoned.trials import Trial

__all__ = ["Closing"]

logger = logging.getLogger("seasoned.tabular")

_LAST: Final = 0.05  # of the time limit, and a second at least, is kept before any trial is complete; half at most
_WARM_UP: Final = 2.0  # seconds assumed for a worker to start and import until that is measured; more on a slow machine
_CLOSING: Final = 0.5  # seconds kept for fetching the models and tidying up
_CAUTION: Final = 1.1  # times what the last fits should take
_SLACK: Final = 0.2  # of it on top, as slack; where time is kept for further fits, that is the slack
_CHOOSING: Final = 0.04  # of the time limit: the search waits while members are chosen
_SPARING: Final = 20.0  # times the seconds that choosing the members took, until they are chosen again
_ENDED: Final = frozenset({TrialState.COMPLETE, TrialState.FAILED, TrialState.PRUNED})
_NEAR: Final = 2.0  # reserves; when less is left, the members are chosen again after a quarter of that wait


class Closing:
    """A callback of `Study.optimize`, which also asks it whether to stop.

    What the last fits take changes with every trial that changes which models belong together. Until a trial is
    complete hardly any time is kept, because the models of its folds can predict where no other is ready (`spares.py`).

    Args:
        objective: Whose trials they are.
        budget: The time.
        study: The study; where a run is resumed, its earlier trials count at once.
        fresh: Seconds that a fresh worker took to load what fits need; 0 where none was waited for.
        upper: Families of a second layer, if there is to be one.

    Attributes:
        warm_up: Seconds that a fresh worker needs.
        asked: Whether a callback of the user's has ended the search.
    """

    def __init__(
        self,
        objective: CrossValidation,
        budget: Budget,
        study: Study,
        fresh: float = 0.0,
        upper: Sequence[str] = (),
    ) -> None:
        self._objective = objective
        self._budget = budget
        self._fresh = fresh
        self._upper = upper
        self._layering = 0.0
        self._again = 0.0  # on `time.monotonic`'s clock: when choosing again costs little of the time
        self._unseen = False  # whether a trial has been completed since
        self.warm_up = max(_WARM_UP, fresh)
        self._reserve = min(max(_LAST * budget.seconds, 1.0), 0.5 * budget.seconds)
        self._plateau = Plateau(objective.baseline_loss()) if budget.trials is None else None
        self._over = self.asked = False
        if any(trial.state is TrialState.COMPLETE for trial in study.trials):
            self._measure([row_of(trial) for trial in study.trials])

    def __call__(self, study: Study, trial: Trial) -> None:
        """A trial has finished."""
        complete = trial.state is TrialState.COMPLETE
        self._unseen |= complete
        if complete and time.monotonic() >= self._again:
            self._measure([row_of(found) for found in study.trials])
        if self._plateau is None or self._over:
            return
        ended = sum(found.state in _ENDED for found in study.trials)
        if self._unseen and self._plateau.reached(ended, self._elapsed):
            self._measure([row_of(found) for found in study.trials])  # what ended since may have gained something
        self._conclude(self._plateau, ended)

    def due(self) -> bool:
        """Whether to stop: the user asked, only the time for the last fits is left, or trials gain nothing any more."""
        return self._over or self._budget.stop() or self._budget.remaining <= self._reserve

    def end(self) -> None:
        """End the search as if nothing were gained any more: with all the last fits."""
        self._over = self.asked = True

    @property
    def idle(self) -> bool:
        """Whether the search has ended because its last trials gained nothing."""
        return self._over and not self.asked

    @property
    def choosing(self) -> float:
        """Seconds that choosing the members may take."""
        return _CHOOSING * self._budget.seconds

    @property
    def kept(self) -> float:
        """Seconds that are kept for the last fits."""
        return self._reserve

    def remaining(self) -> float:
        """The share of the time limit that is left for trials, from 1 to 0."""
        return min(max((self._budget.remaining - self._reserve) / self._budget.seconds, 0.0), 1.0)

    @property
    def layering(self) -> float:
        """Seconds of `kept` that are for a second layer."""
        return self._layering

    def _measure(self, rows: Sequence[Mapping[str, Any]]) -> None:
        started = time.monotonic()
        self.warm_up = self._measured_warm_up(rows)
        chosen = choose_members(self._objective, rows, self._budget, self.choosing)
        choosing = time.monotonic() - started
        complete = [config_of(row) for row in rows if row["state"] == "complete"]
        self._objective.records.forget_models(complete, but=[config_of(row) for row, _ in chosen])
        fits = [foreseen(self._objective, row) for row, _ in chosen]
        without = light(self._objective, chosen, fits, self._budget)
        needed = [took for place, took in enumerate(fits) if place not in without]
        once = self.warm_up + side_by_side_seconds(needed, self._budget.workers)
        paces = [self._objective.records.of(config_of(row)).predict_ms for row, _ in chosen]
        again = seconds_again(self._objective, [config_of(row) for row, _ in chosen], fits, paces, self._budget)
        self._layering = seconds_of_layer(self._objective, chosen, rows, self._upper, self._budget)
        caution, slack = (1.0, 0.0) if self._has_spares(chosen) else (_CAUTION, _SLACK)
        self._reserve = _CLOSING + choosing + caution * once + max(slack * once, again) + self._layering
        self._unseen = False
        if self._plateau is not None:
            self._plateau.note(
                _loss_of(self._objective, chosen), sum(row["state"] in _ENDED for row in rows), self._elapsed
            )
        took = time.monotonic() - started
        near = self._budget.remaining < _NEAR * self._reserve
        self._again = time.monotonic() + (_SPARING / 4 if near else _SPARING) * took

    def _has_spares(self, chosen: Sequence[tuple[Mapping[str, Any], float]]) -> bool:
        """Whether a fit that is not ready in time is hardly missed: each member has the single model of its trial."""
        known = self._objective.records
        return self._objective.folds == 1 and all(known.has_models(config_of(row)) for row, _ in chosen)

    @property
    def _elapsed(self) -> float:
        return self._budget.seconds - (self._budget.deadline - time.monotonic())

    def _conclude(self, plateau: Plateau, trials: int) -> None:
        """Decide whether the search is over, and log it."""
        self._over = plateau.reached(trials, self._elapsed)
        if self._over:
            logger.info("the search ends after %.0f s: its last trials gained nothing.", self._elapsed)

    def _measured_warm_up(self, rows: Sequence[Mapping[str, Any]]) -> float:
        """Seconds that a fresh worker needs before it fits: what the first trial took beyond its fits.

        Where workers were warm by then, at least what they had taken to get warm.
        """
        first = rows[0]
        if first["state"] != "complete" or first["seconds"] is None:
            return max(_WARM_UP, self._fresh)
        record = self._objective.records.of(config_of(first))
        fits: float = self._objective.folds * record.fit_seconds + record.sample_seconds
        return max(float(first["seconds"]) - fits, self._fresh, 0.2)


def _loss_of(objective: CrossValidation, chosen: Sequence[tuple[Mapping[str, Any], float]]) -> float:
    """Loss of the models that would predict together, on rows they have not seen; NaN where it is not known."""
    pooled = pool(objective, [Member(row["model"], row["config"], None, weight) for row, weight in chosen])
    if pooled is None:
        return math.nan
    try:
        return objective.metric.loss(pooled.truth, pooled.predicted, pooled.weights)
    except ValueError:  # the metric needs a class that none of these rows is of
        return math.nan
