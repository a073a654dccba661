"""Second layer: stacked models join the ensemble if they help on rows that are held out of everything.

Two models learn from the table's columns and the members' out-of-fold predictions (`trial/stacked_features.py`). They
get half of the weight if they help. An out-of-fold prediction of a row comes from a model fitted on all other folds.
Stacked columns of training rows therefore leak some of the validation targets, and cross-validation of the second layer
is optimistic. Hence two tests:

1. The out-of-fold loss must fall by more than a standard error over the folds. Otherwise the second test is skipped.
2. The loss must fall on a fold that is held out of everything. The base models predict all other rows by inner folds,
   without this fold. The second layer learns from these predictions and predicts the fold. One fold is needed; more
   folds are tested while time is left.
"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.space import Choice
from seasoned.tabular.ensemble.refit_members import predicted_refit_seconds
from seasoned.tabular.trial.stacked_features import stacked
from seasoned.tabular.trial.trial_row import TrialRow

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.space import Space
    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.budget.worker_pool import WorkerPool
    from seasoned.tabular.trial.cross_validation import CrossValidation

    Chosen = Sequence[tuple[TrialRow, float]]
    Array = NDArray[np.float64]

__all__ = ["Layered", "add_layer", "seconds_of_layer", "upper_settings"]

logger = logging.getLogger("seasoned.tabular")

_FAMILIES: Final = (("lightgbm", "histogram"), ("extra_trees", "forest"))  # the first of each pair that takes part
_NAMES: Final = ", ".join(name for pair in _FAMILIES for name in pair)
_LAYER_WEIGHT: Final = 0.5  # weight of the second layer in the ensemble
_BELOW: Final = 8  # largest number of base models: the heaviest members
_LEAST_FOLDS: Final = 3
_LEAST_ROWS: Final = 500  # smallest number of rows; the tests need as many
_TIME_SHARE: Final = 0.15  # largest time of the second layer, as a share of the time limit
_CAUTION: Final = 1.3  # safety factor on predicted times
_ROUND: Final = 0.3  # smallest time of a round of fits in seconds
_HEAVIER: Final = 1.5  # time of a stacked fit, as a multiple of a fit of the family without stacked columns


class Layered(NamedTuple):
    """Result of stacking: members with their weights, leaderboard rows of the second layer's trials, and the decision.

    `notes` contains the decision as a sentence; it is empty if no second layer was requested.
    """

    chosen: list[tuple[TrialRow, float]]
    rows: list[TrialRow]
    notes: tuple[str, ...] = ()


def upper_settings(space: Space) -> dict[str, dict[str, Any]]:
    """Families of a second layer with their default settings; empty if no such family takes part.

    Args:
        space: The joint space.
    """
    families = space.parameters["model"]
    assert isinstance(families, Choice), "the joint space has no other parameter"
    names = [next((name for name in pair if name in families.options), None) for pair in _FAMILIES]
    return {name: dict(families.options[name].default) for name in names if name is not None}


def _obstacle(objective: CrossValidation, chosen: Chosen, budget: Budget) -> str | None:
    """Reason why no second layer is possible; None if one is possible."""
    rows, folds = len(objective.data.target), objective.data.folds
    parted = sum(len(valid) for _, valid in folds) == len(objective.data.known_rows()) == rows
    reasons = {
        "no configuration was completed": not chosen,
        f"it needs an ensemble of more than {len(_FAMILIES)} models": budget.members <= len(_FAMILIES),
        "it would predict too slowly for predict_limit": objective.predict_limit is not None,
        f"{rows} rows are fewer than the {_LEAST_ROWS} that tell if it helps": rows < _LEAST_ROWS,
        f"it needs at least {_LEAST_FOLDS} folds, and there are {len(folds)}": len(folds) < _LEAST_FOLDS,
        "it needs folds that hold out each row once": not parted,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


class _Cost(NamedTuple):
    """Seconds of parallel fits: a trial of the layer with the test on one fold, and the final fits."""

    asking: float
    fitting: float


def _cost(
    objective: CrossValidation,
    chosen: Chosen,
    trials: Sequence[TrialRow],
    families: Collection[str],
    budget: Budget,
) -> _Cost:
    below = [predicted_refit_seconds(objective, row) for row, _ in chosen[:_BELOW]]
    known = {row.model: predicted_refit_seconds(objective, row) for row in reversed(trials) if row.is_complete}
    upper = sum(_HEAVIER * known.get(family, max(below)) for family in families)
    asking = (objective.folds + 1) * upper + (objective.folds - 1) * sum(below)
    return _Cost(3 * _ROUND + _CAUTION * asking / budget.workers, _CAUTION * upper / budget.workers)


def seconds_of_layer(
    objective: CrossValidation,
    chosen: Chosen,
    trials: Sequence[TrialRow],
    families: Collection[str],
    budget: Budget,
) -> float:
    """Time reserve for a second layer in seconds; 0 if no layer is possible or it takes too large a share of the time.

    Args:
        objective: Cross-validation of the trials.
        chosen: The members with their weights, the heaviest first.
        trials: The trials, the earlier first.
        families: Families of the second layer.
        budget: Time and number of parallel fits.
    """
    if not families or _obstacle(objective, chosen, budget) is not None:
        return 0.0
    found = sum(_cost(objective, chosen, trials, families, budget))
    return found if found <= _TIME_SHARE * budget.seconds else 0.0


def add_layer(
    objective: CrossValidation,
    chosen: Chosen,
    trials: Sequence[TrialRow],
    settings: Mapping[str, Mapping[str, Any]],
    pool: WorkerPool,
    seconds: float,
) -> Layered:
    """Add a second layer to the members if it helps.

    Args:
        objective: Cross-validation of the trials.
        chosen: The members with their weights, the heaviest first.
        trials: The trials.
        settings: Family -> its settings in the second layer. Other families take no part.
        pool: The workers, and the time.
        seconds: Largest number of seconds, including the final fits of the second layer.
    """
    budget = pool.budget
    if budget.layers < 2:
        return Layered(list(chosen), [])
    obstacle = (
        _obstacle(objective, chosen, budget) if settings else f"none of {_NAMES}, of which it is made, takes part"
    )
    if obstacle is not None:
        return _without(chosen, obstacle)
    cost = _cost(objective, chosen, trials, settings, budget)
    if sum(cost) > seconds:
        return _without(chosen, _late(sum(cost), seconds, budget))
    end = time.monotonic() + seconds - cost.fitting
    lower = _heaviest(chosen, budget.members - len(_FAMILIES))
    sources = [row.configuration for row, _ in lower[:_BELOW]]
    known = [objective.records.out_of_fold(row.configuration) for row, _ in lower]
    if any(found is None for found in known):
        return _without(chosen, "somebody emptied the run's folder")
    base = _mean([found for found in known if found is not None], [weight for _, weight in lower])
    configs = [stacked({"model": {name: own}}, sources) for name, own in settings.items()]
    tried = pool.map(objective.full_loss, [(config,) for config in configs], end)
    if not tried:
        return _without(chosen, "none of its models was ready in time")
    rows = _rows([(configs[place], loss) for place, loss in tried.items()], objective, trials)
    best = best_layer(objective, base, [configs[place] for place in tried])
    if best is None:
        return Layered(list(chosen), rows, ("layers: a second layer was tried, and does not help",))
    gains = gains_on_held_out_folds(objective, pool, base, best, sources, end)
    if not sum(gains) > 0:
        unseen = "layers: a second layer was tried, and does not help on rows that are held out of everything"
        return Layered(list(chosen), rows, (unseen,))
    upper = [(row, _LAYER_WEIGHT / len(best)) for row in rows if row.configuration in best]
    note = f"layers: a second layer of {len(best)} model(s) gets half of the weight"
    return Layered([*((row, (1.0 - _LAYER_WEIGHT) * weight) for row, weight in lower), *upper], rows, (note,))


def _without(chosen: Chosen, reason: str) -> Layered:
    """First layer alone, with the reason."""
    return Layered(list(chosen), [], (f"layers: no second layer was tried: {reason}",))


def _late(cost: float, seconds: float, budget: Budget) -> str:
    """Reason for a second layer that takes too long, with the time limit that would suffice."""
    most = _TIME_SHARE * budget.seconds
    if cost <= most:
        return f"it takes about {cost:.0f} s, and {max(seconds, 0):.0f} s were left"
    share = f"more than {_TIME_SHARE:.0%} of the limit of {budget.seconds:g} s"
    return f"it takes about {cost:.0f} s, {share}; a limit of {math.ceil(cost / _TIME_SHARE)} s has room for it"


def _heaviest(chosen: Chosen, most: int) -> Chosen:
    """First `most` members, with weights rescaled to sum to 1."""
    total = sum(weight for _, weight in chosen[:most])
    return [(row, weight / total) for row, weight in chosen[:most]]


def best_layer(
    objective: CrossValidation, base: Array, configs: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]] | None:
    """Second layer with the lowest out-of-fold loss; None if its gain is within a standard error."""
    found = (objective.records.out_of_fold(config) for config in configs)
    said = [one for one in found if one is not None]
    if len(said) < len(configs):  # the run folder was emptied
        return None
    options: list[tuple[float, list[Mapping[str, Any]], Array]] = []
    for places in _some(len(configs)):
        upper = _mean([said[place] for place in places], [1.0 / len(places)] * len(places))
        both = _mean([base, upper], [1.0 - _LAYER_WEIGHT, _LAYER_WEIGHT])
        try:
            options.append((objective.loss_of(both), [configs[place] for place in places], both))
        except ValueError as error:  # the metric can fail on the mean alone
            logger.info("a second layer is left out: %s", error)
    if not options:
        return None
    _, best, both = min(options, key=lambda option: option[0])
    before, after = objective.fold_losses(base), objective.fold_losses(both)
    gains = np.array([b - a for b, a in zip(before, after, strict=True) if a is not None and b is not None])
    if len(gains) < _LEAST_FOLDS or not gains.mean() > gains.std(ddof=1) / math.sqrt(len(gains)):
        return None
    return best


def _mean(each: Sequence[NDArray[Any]], weights: Sequence[float]) -> Array:
    """Weighted mean. Probabilities are normalised, because stored ones sum to 1 only up to rounding."""
    found = np.zeros(each[0].shape)
    for one, weight in zip(each, weights, strict=True):
        found += weight * one
    return found / found.sum(axis=1, keepdims=True) if found.ndim == 2 else found


def _some(count: int) -> list[list[int]]:
    """Subsets of the models: each alone, and all together."""
    alone = [[place] for place in range(count)]
    return alone if count < 2 else [*alone, list(range(count))]


def gains_on_held_out_folds(
    objective: CrossValidation,
    pool: WorkerPool,
    base: Array,
    configs: Sequence[Mapping[str, Any]],
    sources: Sequence[Mapping[str, Any]],
    end: float,
) -> list[float]:
    """Gain in loss on each tested fold, held out of everything; as many folds as time allows."""
    gains: list[float] = []
    for outer, (_, rows) in enumerate(objective.data.folds):
        began = time.monotonic()
        within = pool.map(objective.nested_predictions, [(source, outer) for source in sources], end)
        if within is None or len(within) < len(sources):
            break
        told = [within[place] for place in range(len(sources))]
        said = pool.map(objective.stacked_predictions, [(config, outer, told) for config in configs], end)
        if said is None or len(said) < len(configs):
            break
        upper = _mean(list(said.values()), [1.0 / len(said)] * len(said))
        both = _mean([base[rows], upper], [1.0 - _LAYER_WEIGHT, _LAYER_WEIGHT])
        before, after = (objective.loss_on(rows, found) for found in (base[rows], both))
        if before is not None and after is not None:
            gains.append(before - after)
        if time.monotonic() + _CAUTION * (time.monotonic() - began) > end:
            break
    return gains


def _rows(
    tried: Sequence[tuple[Mapping[str, Any], float]],
    objective: CrossValidation,
    trials: Sequence[TrialRow],
) -> list[TrialRow]:
    """Leaderboard rows of the second layer's trials, numbered after the other trials."""
    first = 1 + max((row.number for row in trials), default=-1)
    rows = []
    for place, (config, loss) in enumerate(tried):
        ((family, settings),) = config["model"].items()
        record = objective.records.of(config)
        rows.append(
            TrialRow(
                first + place,
                family,
                settings,
                loss=loss,
                seconds=record.fit_seconds * objective.folds,
                rounds=record.rounds,
                predict_ms=record.predict_ms,
            )
        )
    return rows
