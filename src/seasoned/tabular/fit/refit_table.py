"""The same models on other rows: what a search found, fitted again without a search."""

from __future__ import annotations

import logging
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.execution.local import LocalExecutor
from seasoned.tabular.budget.parallel_map import side_by_side
from seasoned.tabular.budget.worker_count import with_room_for
from seasoned.tabular.ensemble.fitted_model import standing
from seasoned.tabular.ensemble.refit_members import fit_all
from seasoned.tabular.ensemble.reseeded_fits import fit_again
from seasoned.tabular.features.inputs import save_texts
from seasoned.tabular.features.pipeline import split_features
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models._common.log_target import Exponential, Logarithm
from seasoned.tabular.preprocessing.matrix_files import store
from seasoned.tabular.trial.arrays import Arrays, write_arrays
from seasoned.tabular.trial.configuration import textual
from seasoned.tabular.trial.cross_validation import CrossValidation
from seasoned.tabular.trial.featured_model import Featured
from seasoned.tabular.trial.results import TrialRecord
from seasoned.tabular.trial.seed_average import fits_of
from seasoned.tabular.validation.declared import declared_folds
from seasoned.tabular.validation.folds import make_folds

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.ensemble.fitted_model import Fitted, Member
    from seasoned.tabular.input.sample_roles import Roles
    from seasoned.tabular.input.target import Target
    from seasoned.tabular.preprocessing.column_plan import Diet
    from seasoned.tabular.validation.folds import Fold

__all__ = ["refit_table"]

logger = logging.getLogger("seasoned.tabular")

_BELOW: Final = 0.5  # of the time, for predictions out of fold that a second layer learns from


def refit_table(
    fitted: Fitted,
    frame: pd.DataFrame,
    target: Target,
    roles: Roles,
    seed: int,
    budget: Budget,
    *,
    validation: Any = None,
    parts: int | None = None,
) -> Fitted:
    """The members with the same settings, rounds and weights on these rows; all that follows their mean stays.

    A learned pool stays, too, unless a member is not ready in time: it was learned for all members, so the mean of
    those that are ready takes its place.

    Columns are read as the fit read them, so a level that it had not seen stays unknown. What is known of validation
    (scores, thresholds, calibration, intervals) is still that of the search. Members that were fitted with several
    seeds are fitted so again while there is time; models of the search's folds are left out: there are no folds here.

    Args:
        fitted: What the search found.
        frame: The rows, one per target value.
        target: Their target.
        roles: How much each row counts, and which rows belong together.
        seed: Seed of the models.
        budget: Time, workers and memory; members that are not ready in time are left out.
        validation: As the search had it. A second layer learns from what the models below it predict for rows that they
            have not seen, so the new rows are split into folds by it again.
        parts: Number of these folds, if `validation` does not say.

    Raises:
        InvalidInput: If the target has other classes, a column is missing, no member was ready in time, or the bundle
            that the model comes from does not hold how a member is fitted, or how long.
    """
    _check_known(fitted)
    scale = _logarithm(fitted)
    _check_target(fitted, target, scale)
    started = time.monotonic()
    job, canonical = _job(fitted, seed, scale), fitted.plan.schema.apply(frame)
    own = {member.name: member.own for member in fitted.members if member.own is not None}
    with tempfile.TemporaryDirectory(prefix="seasoned-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _store(fitted, canonical, folder)
        del canonical  # of a long table, the matrices on the disk are all that is needed from here on

        def objective_of(folds: Sequence[Fold]) -> CrossValidation:
            write_arrays(folder, target.values, folds, {}, roles.weights, together=roles.groups)
            return CrossValidation(Arrays(folder), job, fitted.metric, own=tuple(own.values()))

        every = [{"model": {member.name: member.config}} for member in fitted.members]
        budget = with_room_for(budget, list(map(objective_of([]).needs, every)))
        if below := {textual(source): source for member in fitted.members for source in member.below}:
            folds = _parted(validation, parts, frame, target, roles, seed)
            _foretell(objective_of(folds), list(below.values()), budget)
        objective = objective_of([])
        for member, config in zip(fitted.members, every, strict=True):
            objective.records.note(config, _record(fitted, member))
        waiting = {place: (_row(fitted, place), member.weight) for place, member in enumerate(fitted.members)}
        several = {place for place, member in enumerate(fitted.members) if _several(member)}
        ready = standing(_fitted(objective, waiting, budget, several))
    if not ready:
        raise InvalidInput(
            "no model could be fitted to these rows within time_limit and memory_limit; the log says why for each."
        )
    total = sum(member.weight for member in ready.values())
    members = tuple(
        replace(ready[place], weight=ready[place].weight / total, own=fitted.members[place].own)
        for place in sorted(ready)
    )
    finish = fitted.finish
    if len(members) < len(fitted.members) and finish.blend is not None:
        logger.warning("not all models were ready in time; those that were are averaged, and no longer pooled.")
        finish = replace(finish, blend=None, blended=None)
    return replace(
        fitted,
        members=members,
        finish=finish,
        rows=len(frame),
        refitted=time.monotonic() - started,
        grouped=roles.groups is not None,
    )


def _store(fitted: Fitted, canonical: pd.DataFrame, folder: Path) -> None:
    """Store what the members' fits read, in the form of each diet."""
    (folder / "trials").mkdir()
    diets: set[Diet] = {"codes", *(member.model.diet for member in fitted.members)}
    store(fitted.plan, canonical, folder, sorted(diets))
    if any(split_features(member.config)[1] is not None for member in fitted.members):  # even if none was made
        save_texts(folder, fitted.plan, canonical)


def _job(fitted: Fitted, seed: int, scale: Logarithm | None) -> Job:
    return Job(
        fitted.task,
        len(fitted.classes),
        seed,
        categorical=fitted.plan.categorical,
        many=fitted.plan.many,
        cyclic=fitted.plan.cyclic,
        quantile=fitted.metric.quantile,
        relative=fitted.metric.relative,
        logarithm=scale,
    )


def _fitted(
    objective: CrossValidation,
    waiting: Mapping[int, tuple[Mapping[str, Any], float]],
    budget: Budget,
    several: Collection[int],
) -> dict[int, Member]:
    """The members that are ready in time, those at the places in `several` fitted more than once, as they were."""
    began = time.monotonic()
    ready = fit_all(objective, waiting, budget)
    if not several or not ready:
        return ready
    each = (time.monotonic() - began) * budget.workers / len(ready)  # seconds of a fit, on average
    return fit_again(objective, ready, dict.fromkeys(ready, each), budget, several)


def _parted(
    validation: Any, parts: int | None, frame: pd.DataFrame, target: Target, roles: Roles, seed: int
) -> list[Fold]:
    """Folds that partition these rows: those declared where they do, else the usual ones, with a warning."""
    if validation is not None:
        try:
            folds = make_folds(declared_folds(validation, parts, frame, target, roles), target, seed)
        except InvalidInput as error:
            why = str(error)
        else:
            told = np.concatenate([valid for _, valid in folds])
            if len(told) == len(frame) == len(np.unique(told)):
                return folds
            why = f"it leaves {len(frame) - len(np.unique(told))} of {len(frame)} rows out, or names some twice"
        logger.warning("validation= does not partition these rows, so the usual folds are used: %s", why)
    return make_folds(declared_folds(None, parts, frame, target, roles), target, seed)


def _foretell(objective: CrossValidation, configs: Sequence[Mapping[str, Any]], budget: Budget) -> None:
    """Store what the models below a second layer predict out of fold; if some is not ready, its reader fails."""
    with LocalExecutor(budget.workers) as executor:
        end = time.monotonic() + _BELOW * budget.remaining
        side_by_side(executor, objective.unraced, [(config,) for config in configs], budget, end)


def _several(member: Member) -> bool:
    return len(fits_of(member.estimator)) > 1


def _check_known(fitted: Fitted) -> None:
    """Refuse members of which only the fitted model is known, not how to fit it."""
    for member in fitted.members:
        if not getattr(member.own, "fits", True):
            raise InvalidInput(f"the file does not hold how {member.name!r} is fitted; fit again.")


def _check_target(fitted: Fitted, target: Target, scale: Logarithm | None) -> None:
    """Refuse a target that the models cannot learn as they learned the first one."""
    if scale is not None and not target.values.min() + scale.offset > 0:
        raise InvalidInput(
            f"the target holds {target.values.min():.6g}, and the model was found on numbers that all have a "
            "logarithm; fit again."
        )
    if len(fitted.classes) and not np.array_equal(target.classes, fitted.classes):
        raise InvalidInput(
            f"the rows have the classes {target.classes.tolist()}, and the model knows {fitted.classes.tolist()}; its "
            "thresholds are for these alone, so fit again."
        )


def _row(fitted: Fitted, place: int) -> dict[str, Any]:
    """The member as the trial that it comes from; one that replaces a search comes from none."""
    member = fitted.members[place]
    return {"number": _trial(fitted, member).get("number", place), "model": member.name, "config": member.config}


def _trial(fitted: Fitted, member: Member) -> Mapping[str, Any]:
    """The member's trial, a complete one if the configuration was tried several times; empty if there is none."""
    same = [t for t in fitted.trials if (t["model"], t["config"]) == (member.name, member.config)]
    return next((t for t in same if t["state"] == "complete"), same[0] if same else {})


def _record(fitted: Fitted, member: Member) -> TrialRecord:
    """The rounds that the member's trial took on average over folds, none for models without, and its pace."""
    trial = _trial(fitted, member)
    pace, scale = float(trial.get("predict_ms") or 0.0), _scale(member)
    record = TrialRecord(None, 0.0, predict_ms=pace, factor=1.0 if scale is None else scale.factor)
    if member.model.with_rounds(member.config, 1) == member.config:
        return record
    if "rounds" not in trial:
        raise InvalidInput(
            f"it is not known how long {member.name!r} trained, as the model was saved by an older version; fit again."
        )
    return replace(record, rounds=None if trial["rounds"] is None else int(trial["rounds"]))


def _scale(member: Member) -> Exponential | None:
    """How the member turns logarithms into numbers; None if it has not learned any."""
    fit = fits_of(member.estimator)[0]
    inner = fit.estimator if isinstance(fit, Featured) else fit
    return inner if isinstance(inner, Exponential) else None


def _logarithm(fitted: Fitted) -> Logarithm | None:
    """The scale of the members that learn logarithms; its factor is the one that the search found."""
    scales = [scale for member in fitted.members if (scale := _scale(member)) is not None]
    return Logarithm.of(fitted.metric, scales[0].offset) if scales else None
