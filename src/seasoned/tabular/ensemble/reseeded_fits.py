"""Seed averaging: further fits of each ensemble member while time is left, with other seeds and as fold models.

Fits of one configuration with other *seeds* differ in initial weights, in the rows and columns of each tree, and in the
order of rows. *Fold models* differ more: by the rows of a fold and by early stopping. They have also seen fewer rows.
On small tables, fold models get half of the weight. On larger tables only seeds are averaged, because fold models would
increase the loss. Fold models that a trial has stored are read, not fitted again (`trial/fold_models.py`).

Five fits of each model make an ensemble five times as large and as slow, for a small gain. Further fits are added only
while the ensemble stays small for its table, and fast (`SizeBudget`). The limits aim at a fifth of the size and a third
of the latency of AutoGluon's best_quality; above a minute they grow in proportion to the time limit.
"""

from __future__ import annotations

import json
import logging
import math
import time
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from seasoned.execution.base import Ending
from seasoned.tabular.models._common.log_target import bare
from seasoned.tabular.models.registry import MODELS, is_seeded
from seasoned.tabular.trial.featured_model import Featured
from seasoned.tabular.trial.seed_average import Repeated, fits_of, with_shared_makers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.budget.worker_pool import WorkerPool
    from seasoned.tabular.ensemble.fitted_model import Member
    from seasoned.tabular.models._common.base import Model
    from seasoned.tabular.trial.cross_validation import CrossValidation

__all__ = ["MINUTE", "SizeBudget", "fit_more_seeds", "further_rounds", "reseeding_seconds"]


MAX_BYTES: Final = 4_000_000.0  # largest size of all models in a bundle, in bytes, before the addition per row
BYTES_PER_ROW: Final = 300.0  # addition to this size per row of the table, in bytes
MAX_MILLISECONDS: Final = 0.15  # largest latency of the ensemble, in milliseconds per row
MINUTE: Final = 60.0
"""Time limit in seconds up to which the limits are not scaled."""
_MOST_SIZE_LIMIT: Final = 10.0  # largest factor on the limits


@dataclass(slots=True)
class SizeBudget:
    """Remaining size and latency for further fits.

    Attributes:
        size: Remaining bytes.
        pace: Remaining milliseconds per row.
        each: Position of a model -> bytes and milliseconds per row of one more fit.

    Example:
        >>> allowance = SizeBudget(1_000, 0.05, {0: (400.0, 0.02), 1: (900.0, 0.01)})
        >>> [allowance.take(place) for place in (0, 1, 0, 0)]
        [True, False, True, False]
    """

    size: float
    pace: float
    each: Mapping[int, tuple[float, float]]

    @classmethod
    def of(cls, objective: CrossValidation, members: Mapping[int, Member], seconds: float, end: float) -> SizeBudget:
        """Remaining size and latency after the members as fitted now.

        Args:
            objective: Cross-validation whose records contain the trials' latencies.
            members: The members by position.
            seconds: The time limit of the whole fit.
            end: Deadline for further fits, on `time.monotonic`'s clock. Large forests take seconds to measure; past the
                deadline nothing remains.
        """
        fitter = objective.fitter  # holds the user's own families, which members lack until later
        each: dict[int, tuple[float, float]] = {}
        for place, member in members.items():
            if time.monotonic() >= end:
                return cls(0.0, 0.0, dict.fromkeys(members, (math.inf, math.inf)))
            family = fitter.model(member.name)
            record = objective.records.of({"model": {member.name: member.config}})
            each[place] = (bytes_per_fit(member, family), float(record.predict_ms))
        fits = {place: len(fits_of(member.estimator)) for place, member in members.items()}  # several for fold models
        size, pace = (sum(fits[place] * one[part] for place, one in each.items()) for part in (0, 1))
        times = _times(seconds)
        most = MAX_BYTES + BYTES_PER_ROW * len(objective.data.target)
        return cls(times * most - size, times * MAX_MILLISECONDS - pace, each)

    def take(self, place: int) -> bool:
        """Reserve one more fit of the model at a position. Return False, with no change, if it exceeds the budget."""
        size, pace = self.each[place]
        if size > self.size or pace > self.pace:
            return False
        self.size -= size
        self.pace -= pace
        return True


def further_rounds(paces: Sequence[float], seconds: float) -> float:
    """Number of further fits of all members within the latency limit, a float, computed before any fit.

    Args:
        paces: Latency of each member in milliseconds per row.
        seconds: The time limit of the whole fit.

    Example:
        >>> further_rounds([0.04, 0.02], 60.0), further_rounds([0.04, 0.02], 120.0), further_rounds([0.2], 60.0)
        (1.5, 4.0, 0.0)
    """
    total = sum(paces)
    return round(max(_times(seconds) * MAX_MILLISECONDS - total, 0.0) / total, 9) if total else math.inf


def _times(seconds: float) -> float:
    """Factor on the limits for one minute."""
    return min(max(seconds / MINUTE, 1.0), _MOST_SIZE_LIMIT)


def bytes_per_fit(member: Member, family: Model) -> float:
    """Compressed bytes of one fit of the member in a bundle.

    0 for a user's own family that cannot be stored, because no bundle holds it. Infinite for a built-in family whose
    model is too large for a bundle, so that it gets no further fit.
    """
    fit: Any = fits_of(member.estimator)[0]
    made = json.dumps(fit.made.to_json()).encode() if isinstance(fit, Featured) else b""
    try:
        data = family.dump(bare(fit.estimator if isinstance(fit, Featured) else fit))
    except Exception as error:  # noqa: BLE001 - whatever a user's own family's `dump` does, the fit goes on
        logger.debug("how large %s is in a file is not known: %s", member.name, error)
        return math.inf if family.name in MODELS else 0.0
    return float(len(zlib.compress(made, 1)) + len(zlib.compress(data, 1)))


logger = logging.getLogger("seasoned.tabular")

_SEEDS: Final = 5  # fits of each model on all rows, the first included
_FEW_ROWS: Final = 1_000  # number of rows below which fold models get half of the weight
_FOLDS: Final = 0.5  # total weight of the fold models
_RESERVE_SHARE: Final = 0.08  # time reserve as a share of a one-minute limit; other time left is used, too
MAX_RESERVE_SHARE: Final = (
    0.25  # largest time reserve as a share; it grows with the square root of the limit, as gains shrink
)
_CAUTION: Final = 1.2  # safety factor on the predicted time of a fit
_CLOSING: Final = 0.5  # seconds reserved to fetch the models and to finish the fit
_MOST_FOLDS: Final = 5
_MIN_ROUND_SECONDS: Final = 0.5  # smallest time of a round of fits in seconds, transfers included


def reseeding_seconds(
    objective: CrossValidation,
    configs: Sequence[Mapping[str, Any]],
    seconds: Sequence[float],
    paces: Sequence[float],
    budget: Budget,
) -> float:
    """Time reserve for further fits in seconds; 0 if no fit would be ready in time, or the ensemble too slow.

    Args:
        objective: Cross-validation that fits the models.
        configs: Configurations of the members. A model that does not depend on a seed gets fold models only. Stored
            fold models need no time.
        seconds: Seconds of one fit of each model.
        paces: Latency of each model in milliseconds per row.
        budget: Time and number of parallel fits.
    """
    most = min(_RESERVE_SHARE * math.sqrt(max(budget.seconds / MINUTE, 1.0)), MAX_RESERVE_SHARE) * budget.seconds
    if not is_worthwhile(objective, budget):
        return 0.0
    folds = folds_of(objective)
    there = [bool(folds) and objective.records.has_models(config) for config in configs]
    seeds = [_SEEDS - 1 if _seeded(objective, config) else 0 for config in configs]
    counts = [(0 if known else len(folds)) + others for known, others in zip(there, seeds, strict=True)]
    wanted = [(count, took) for count, took in zip(counts, seconds, strict=True) if count]
    if not wanted or _CAUTION * min(took for _, took in wanted) >= most:
        return 0.0
    rounds = max(counts)
    share = min(1.0, further_rounds(paces, budget.seconds) / rounds)
    total = max(sum(count * took for count, took in wanted), rounds * _MIN_ROUND_SECONDS)
    return min(most, share * total / budget.workers)


def fit_more_seeds(
    objective: CrossValidation,
    members: Mapping[int, Member],
    seconds: Mapping[int, float],
    pool: WorkerPool,
    places: Collection[int] | None = None,
) -> dict[int, Member]:
    """Fit each member as often as time, file size and latency allow, the heaviest first. Return all members.

    The members stay unchanged with a trial budget, because the result would depend on time, with a `predict_limit`, and
    with `prefer="simple"`.

    Args:
        objective: Cross-validation that fits the models.
        members: Members by position, each fitted once.
        seconds: Seconds of one fit of each member, by position.
        pool: The workers, and the time.
        places: Positions of the members that may be fitted again; None for all.
    """
    budget = pool.budget
    if not is_worthwhile(objective, budget) or budget.stop():
        return dict(members)
    order = sorted((place for place in members if places is None or place in places), key=lambda i: -members[i].weight)
    folds = folds_of(objective)
    queue = [ReseededFit(place, seconds[place], fold=fold) for place in order for fold in folds]
    chancy = [place for place in order if _seeded(objective, _config_of(members[place]))]
    queue += [ReseededFit(place, seconds[place], repeat) for repeat in range(1, _SEEDS) for place in chancy]
    left = budget.remaining - _CLOSING
    kept = {place for place in order if folds and objective.records.has_models(_config_of(members[place]))}
    if not (kept and left > _MIN_ROUND_SECONDS) and all(_CAUTION * fit.seconds >= left for fit in queue):
        return dict(members)
    allowance = SizeBudget.of(objective, members, budget.seconds, time.monotonic() + left)
    wanted = [fit for fit in queue if allowance.take(fit.place)]
    there = stored_fold_models(objective, members, [fit for fit in wanted if fit.place in kept], budget)
    done = [*there, *_run(objective, members, [fit for fit in wanted if fit not in there], pool)]
    return {
        place: _several(member, [fit for fit in done if fit.place == place], len(folds))
        for place, member in members.items()
    }


@dataclass(frozen=True, slots=True)
class ReseededFit:
    """Further fit of the member at a position: a repeat on all rows, or a fold model. `estimator` is its result."""

    place: int
    seconds: float
    repeat: int = 0
    fold: int | None = None
    estimator: Any = field(default=None, compare=False)


def stored_fold_models(
    objective: CrossValidation, members: Mapping[int, Member], fits: list[ReseededFit], budget: Budget
) -> list[ReseededFit]:
    """Fold models among `fits` that the members' trials have stored, as many as can be read in time."""
    found: list[ReseededFit] = []
    for place in dict.fromkeys(fit.place for fit in fits):
        if budget.remaining <= _CLOSING or budget.full:
            break
        models = objective.fold_models(_config_of(members[place]), folds_of(objective))
        found.extend(
            replace(fit, estimator=models[fit.fold])
            for fit in fits
            if fit.place == place and fit.fold is not None and fit.fold in models
        )
    return found


def _run(
    objective: CrossValidation, members: Mapping[int, Member], queue: list[ReseededFit], pool: WorkerPool
) -> list[ReseededFit]:
    """Run the fits, and return those that are ready in time. A fit that would be late is not started."""
    end = time.monotonic() + pool.budget.remaining - _CLOSING
    started: list[ReseededFit] = []
    done: list[ReseededFit] = []

    def calls() -> Iterator[tuple[Any, ...]]:
        while early := [fit for fit in queue if _CAUTION * fit.seconds < pool.budget.until(end)]:
            started.append(early[0])
            queue.remove(early[0])
            yield _config_of(members[early[0].place]), early[0].repeat, early[0].fold

    for index, outcome in pool.run_all(objective.refit, calls(), lambda: pool.budget.until(end)):
        fit = started[index]
        if outcome.ending is Ending.RETURNED:
            done.append(replace(fit, estimator=outcome.value))
        else:  # a member with a failed fit is not tried again
            queue[:] = [other for other in queue if other.place != fit.place]
    return done


def _config_of(member: Member) -> dict[str, Any]:
    """Configuration of the member's trial."""
    return {"model": {member.name: member.config}}


def _seeded(objective: CrossValidation, config: Mapping[str, Any]) -> bool:
    """True if the fits of a configuration depend on the seed."""
    (name,) = config["model"]
    return is_seeded(objective.fitter.model(name))


def is_worthwhile(objective: CrossValidation, budget: Budget) -> bool:
    return budget.trials is None and objective.predict_limit is None and not budget.simple


def _takes_folds(objective: CrossValidation) -> bool:
    """True if fold models help: few rows, each of which is validated, and all of which are used in each fold."""
    rows, folds = len(objective.data.target), objective.data.folds
    parted = all(len(train) + len(valid) == rows for train, valid in folds)
    return rows < _FEW_ROWS and len(folds) > 1 and parted and len(objective.data.known_rows()) == rows


def folds_of(objective: CrossValidation) -> list[int]:
    """Folds whose models join the average: at most five, evenly spaced."""
    count = objective.folds if _takes_folds(objective) else 0
    kept = min(count, _MOST_FOLDS)
    return [place * count // kept for place in range(kept)]


def _several(member: Member, fits: Iterable[ReseededFit], folds: int) -> Member:
    """Member with further fits. Each fold model gets an equal part of half of the weight; the others share the rest."""
    of_folds = sorted((fit for fit in fits if fit.fold is not None), key=lambda fit: fit.fold or 0)
    repeats = sorted((fit for fit in fits if fit.fold is None), key=lambda fit: fit.repeat)
    if not of_folds and not repeats:
        return member
    each = _FOLDS / folds if of_folds else 0.0
    rest = (1.0 - each * len(of_folds)) / (1 + len(repeats))
    found = (member.estimator, *(fit.estimator for fit in (*repeats, *of_folds)))
    shares = (*([rest] * (1 + len(repeats))), *([each] * len(of_folds)))
    return replace(member, estimator=Repeated(with_shared_makers(found), shares))
