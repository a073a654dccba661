"""More fits of the models that predict together, as far as there is time: chance averages out.

Fits of one configuration with other *seeds* differ in initial weights, in the rows and columns of each tree, and in the
order of rows. *Models of the folds* differ more, by a fold's rows and by when they stopped early, and have seen fewer
rows. Measured on 27 of the first 41 tables (at most 3,500 rows, 70 % of them for the search, loss on the others, one to
three splits; each family's default, and greedy selection over them): with five seeds instead of one the ensemble's loss
was lower on 17 tables and higher on 10, 0.3 % lower in the median (0.9 % higher on average, all of it due to kr-vs-kp,
whose AUC is .999); a network's alone 0.5 % lower in the median (19 and 8), XGBoost's 1.3 % (22 and 5). Half fold
models, half five seeds lost less than one fit on six of the eight tables with under 1,000 rows for the search, 1.5 % in
the median; beside one seed they lost more on 12 of the 19 others, and fold models alone more on 17 of all. Where a
trial has left its models of the folds (`spares.py`), these are read and not fitted again.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import StorageError
from seasoned.execution.base import Ending, Limits
from seasoned.execution.local import LocalExecutor
from seasoned.tabular.ensemble.size_limit import MINUTE, Allowance, further_rounds, knows_paces
from seasoned.tabular.models.registry import is_seeded
from seasoned.tabular.trial.seed_average import Repeated, with_shared_makers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.ensemble.fitted_model import Member
    from seasoned.tabular.trial.cross_validation import CrossValidation

__all__ = ["fit_again", "seconds_again"]

logger = logging.getLogger("seasoned.tabular")

_SEEDS: Final = 5  # fits of each model on all rows, the first among them
_FEW_ROWS: Final = 1_000  # below, models of the folds have half of the weight
_FOLDS: Final = 0.5  # their weight together
_SHARE: Final = 0.08  # of a time limit of a minute, kept for all this; other time that is left goes to it, too
_MOST: Final = 0.25  # of a longer time limit: the share grows with its square root, as there is less left to find
_CAUTION: Final = 1.2  # times what a fit should take
_CLOSING: Final = 0.5  # seconds kept for fetching the models and for what follows
_MOST_FOLDS: Final = 5
_LEAST: Final = 0.5  # seconds that a round takes at least, transfers included
_GLANCE: Final = 0.2  # seconds between two looks at the clock


def seconds_again(
    objective: CrossValidation,
    configs: Sequence[Mapping[str, Any]],
    seconds: Sequence[float],
    paces: Sequence[float],
    budget: Budget,
) -> float:
    """Time to be kept for further fits; none where not even one would be ready in it, or predict fast enough.

    Args:
        objective: What fits.
        configs: The models; those whose fits do not depend on a seed are joined by models of the folds only, and those
            whose trial has kept these need no fit for them.
        seconds: What one fit of each model takes.
        paces: Milliseconds that predicting a row takes each of them.
        budget: The time, and how many fits run in parallel.
    """
    most = min(_SHARE * math.sqrt(max(budget.seconds / MINUTE, 1.0)), _MOST) * budget.seconds
    if not _wanted(objective, budget):
        return 0.0
    folds = _folds_of(objective)
    there = [bool(folds) and objective.records.has_models(config) for config in configs]
    seeds = [_SEEDS - 1 if _seeded(objective, config) else 0 for config in configs]
    counts = [(0 if known else len(folds)) + others for known, others in zip(there, seeds, strict=True)]
    wanted = [(count, took) for count, took in zip(counts, seconds, strict=True) if count]
    if not wanted or _CAUTION * min(took for _, took in wanted) >= most:
        return 0.0
    rounds = max(counts)
    share = min(1.0, further_rounds(paces, budget.seconds) / rounds) if knows_paces(objective) else 1.0
    total = max(sum(count * took for count, took in wanted), rounds * _LEAST)
    return min(most, share * total / budget.workers)


def fit_again(
    objective: CrossValidation,
    members: Mapping[int, Member],
    seconds: Mapping[int, float],
    budget: Budget,
    places: Collection[int] | None = None,
) -> dict[int, Member]:
    """The members, each fitted as often as time, file size and prediction time allow; the heaviest come first.

    They stay as they are where trials are counted instead of seconds, because the result would depend on time, and
    under a `predict_limit`.

    Args:
        objective: What fits them.
        members: Fitted once, by place.
        seconds: What one fit of each takes.
        budget: The time.
        places: Places of those that may be fitted again; all if None.
    """
    if not _wanted(objective, budget) or budget.stop():
        return dict(members)
    order = sorted((place for place in members if places is None or place in places), key=lambda i: -members[i].weight)
    folds = _folds_of(objective)
    queue = [_Fit(place, seconds[place], fold=fold) for place in order for fold in folds]
    chancy = [place for place in order if _seeded(objective, _config_of(members[place]))]
    queue += [_Fit(place, seconds[place], repeat) for repeat in range(1, _SEEDS) for place in chancy]
    left = budget.remaining - _CLOSING
    kept = {place for place in order if folds and objective.records.has_models(_config_of(members[place]))}
    if not (kept and left > _LEAST) and all(_CAUTION * fit.seconds >= left for fit in queue):
        return dict(members)
    allowance = Allowance.of(objective, members, budget.seconds, time.monotonic() + left)
    wanted = [fit for fit in queue if allowance.take(fit.place)]
    there = _there(objective, members, [fit for fit in wanted if fit.place in kept], budget)
    done = [*there, *_run(objective, members, [fit for fit in wanted if fit not in there], budget)]
    return {
        place: _several(member, [fit for fit in done if fit.place == place], len(folds))
        for place, member in members.items()
    }


@dataclass(frozen=True, slots=True)
class _Fit:
    """One more fit of the member at a place: a repeat on all rows, or on those of a fold; and what it gave."""

    place: int
    seconds: float
    repeat: int = 0
    fold: int | None = None
    estimator: Any = field(default=None, compare=False)


def _there(objective: CrossValidation, members: Mapping[int, Member], fits: list[_Fit], budget: Budget) -> list[_Fit]:
    """Of these, the models of folds that the members' trials have left; as many as there is time to read."""
    found: list[_Fit] = []
    for place in dict.fromkeys(fit.place for fit in fits):
        if budget.remaining <= _CLOSING or budget.full:
            break
        models = objective.fold_models(_config_of(members[place]), _folds_of(objective))
        found.extend(
            replace(fit, estimator=models[fit.fold])
            for fit in fits
            if fit.place == place and fit.fold is not None and fit.fold in models
        )
    return found


def _run(objective: CrossValidation, members: Mapping[int, Member], queue: list[_Fit], budget: Budget) -> list[_Fit]:
    """Those of the fits that are ready in time; none begins that would not be."""
    done: list[_Fit] = []
    limits, refit = Limits(memory=budget.trial_memory), objective.refit
    with LocalExecutor(budget.workers) as executor:  # as many as the search had: its workers are warm
        tasks: dict[int, _Fit] = {}
        while (left := budget.remaining - _CLOSING) > 0 and not budget.full and not budget.stop():
            waiting = [fit for fit in queue if _CAUTION * fit.seconds < left]
            for fit in waiting[: budget.workers - len(tasks)]:
                try:
                    task = executor.submit(refit, _config_of(members[fit.place]), fit.repeat, fit.fold, limits=limits)
                    tasks[task] = fit
                except StorageError as error:
                    logger.warning("models are not fitted again: %s", error)
                    queue.clear()
                    break
                queue.remove(fit)
            if not tasks:
                break
            for outcome in executor.wait(min(_GLANCE, left)):
                fit = tasks.pop(outcome.task)
                if outcome.ending is Ending.RETURNED:
                    done.append(replace(fit, estimator=outcome.value))
                else:  # it worked once; whatever is in the way now, it is not tried again
                    queue[:] = [other for other in queue if other.place != fit.place]
    return done


def _config_of(member: Member) -> dict[str, Any]:
    """What the member's trial tried."""
    return {"model": {member.name: member.config}}


def _seeded(objective: CrossValidation, config: Mapping[str, Any]) -> bool:
    """Whether another seed gives another fit of it."""
    (name,) = config["model"]
    return is_seeded(objective.fitter.model(name))


def _wanted(objective: CrossValidation, budget: Budget) -> bool:
    return budget.trials is None and objective.predict_limit is None


def _takes_folds(objective: CrossValidation) -> bool:
    """Whether models of the folds help: few rows, all of which are either trained on or validated in each fold."""
    rows, folds = len(objective.data.target), objective.data.folds
    parted = all(len(train) + len(valid) == rows for train, valid in folds)
    return rows < _FEW_ROWS and len(folds) > 1 and parted and len(objective.data.known_rows()) == rows


def _folds_of(objective: CrossValidation) -> list[int]:
    """The folds whose models predict, too: five at most, evenly spread, however many folds there are."""
    count = objective.folds if _takes_folds(objective) else 0
    kept = min(count, _MOST_FOLDS)
    return [place * count // kept for place in range(kept)]


def _several(member: Member, fits: Iterable[_Fit], folds: int) -> Member:
    """The member with further fits: the folds' get equal parts of half of the weight, the others share the rest."""
    of_folds = sorted((fit for fit in fits if fit.fold is not None), key=lambda fit: fit.fold or 0)
    repeats = sorted((fit for fit in fits if fit.fold is None), key=lambda fit: fit.repeat)
    if not of_folds and not repeats:
        return member
    each = _FOLDS / folds if of_folds else 0.0
    rest = (1.0 - each * len(of_folds)) / (1 + len(repeats))
    found = (member.estimator, *(fit.estimator for fit in (*repeats, *of_folds)))
    shares = (*([rest] * (1 + len(repeats))), *([each] * len(of_folds)))
    return replace(member, estimator=Repeated(with_shared_makers(found), shares))
