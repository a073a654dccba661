"""Refit: the members of a fitted model, fitted again on other rows without a search."""

from __future__ import annotations

import logging
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.budget.worker_count import with_room_for
from seasoned.tabular.budget.worker_pool import WorkerPool
from seasoned.tabular.ensemble.fitted_model import with_base_models
from seasoned.tabular.ensemble.refit_members import fit_all
from seasoned.tabular.ensemble.reseeded_fits import fit_more_seeds
from seasoned.tabular.features.inputs import save_texts
from seasoned.tabular.features.pipeline import split_features
from seasoned.tabular.fit.score_texts import learn_scores
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models._common.log_target import Exponential, Logarithm
from seasoned.tabular.preprocessing.matrix_files import store
from seasoned.tabular.trial.arrays import Arrays, write_arrays
from seasoned.tabular.trial.configuration import textual
from seasoned.tabular.trial.cross_validation import CrossValidation
from seasoned.tabular.trial.featured_model import Featured
from seasoned.tabular.trial.results import TrialRecord
from seasoned.tabular.trial.seed_average import fits_of
from seasoned.tabular.trial.trial_row import TrialRow
from seasoned.tabular.validation.declared import declared_folds
from seasoned.tabular.validation.folds import make_folds

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.ensemble.fitted_model import Fitted, Member
    from seasoned.tabular.input.sample_roles import Roles
    from seasoned.tabular.input.target import Target
    from seasoned.tabular.postprocessing.postprocessor import Postprocessor
    from seasoned.tabular.preprocessing.column_plan import ColumnPlan, Diet
    from seasoned.tabular.validation.folds import Fold

__all__ = ["refit_table"]

logger = logging.getLogger("seasoned.tabular")

_BELOW: Final = 0.5  # largest time for out-of-fold predictions of base models, as a share of the time left


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
    """Refit the members with the same settings, rounds and weights on other rows. The postprocessing stays.

    A learned pool stays, too, unless a member is not ready in time. The pool was learned for all members, so the
    weighted mean of the ready members then replaces it.

    Columns are read as in the first fit, so a level unknown to that fit stays unknown. Validation results (scores,
    thresholds, calibration, intervals) remain those of the search. Members with several seeds get several seeds again
    while time is left. Fold models are left out, because a refit does not have the search's folds.

    Args:
        fitted: The fitted model.
        frame: The rows, one per target value.
        target: The target of the rows.
        roles: Weights and groups of the rows.
        seed: Seed of the models.
        budget: Time, workers and memory. Members that are not ready in time are left out.
        validation: The `validation` of the search. A second layer needs out-of-fold predictions of its base models, so
            the new rows are split into folds again.
        parts: Number of these folds, if `validation` does not state it.

    Raises:
        InvalidInput: If the target has other classes, a column is missing, or no member was ready in time. Also if the
            file of the model does not contain how a member is fitted, or for how many rounds.
    """
    _check_known(fitted)
    scale = _logarithm(fitted)
    _check_target(fitted, target, scale)
    started = time.monotonic()
    job, canonical = _job(fitted, seed, scale), fitted.plan.schema.apply(frame)
    own = {member.name: member.own for member in fitted.members if member.own is not None}
    with tempfile.TemporaryDirectory(prefix="seasoned-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folds = [] if fitted.plan.scores is None else _parted(validation, parts, frame, target, roles, seed)
        write_arrays(folder, target.values, folds, {}, roles.weights, together=roles.groups)
        plan = _store(fitted, canonical, folder, seed, WorkerPool(budget))
        del canonical  # frees memory: only the matrices on disk are needed from here on

        def objective_of(folds: Sequence[Fold]) -> CrossValidation:
            write_arrays(folder, target.values, folds, {}, roles.weights, together=roles.groups)
            return CrossValidation(Arrays(folder), job, fitted.metric, own=tuple(own.values()))

        every = [{"model": {member.name: member.config}} for member in fitted.members]
        pool = WorkerPool(with_room_for(budget, list(map(objective_of([]).memory_bytes, every))))
        if below := {textual(source): source for member in fitted.members for source in member.base_configurations}:
            folds = folds or _parted(validation, parts, frame, target, roles, seed)
            _foretell(objective_of(folds), list(below.values()), pool)
        objective = objective_of([])
        for member, config in zip(fitted.members, every, strict=True):
            objective.records.note(config, _record(fitted, member))
        waiting = {place: (_row(fitted, place), member.weight) for place, member in enumerate(fitted.members)}
        several = {place for place, member in enumerate(fitted.members) if _several(member)}
        ready = with_base_models(fit_in_time(objective, waiting, pool, several))
    if not ready:
        raise InvalidInput(
            "no model could be fitted to these rows within time_limit and memory_limit; the log says why for each."
        )
    total = sum(member.weight for member in ready.values())
    members = tuple(
        replace(ready[place], weight=ready[place].weight / total, own=fitted.members[place].own)
        for place in sorted(ready)
    )
    return replace(
        fitted,
        plan=plan,
        members=members,
        postprocessor=_postprocessor(fitted, whole=len(members) == len(fitted.members)),
        rows=len(frame),
        refitted=time.monotonic() - started,
        grouped=roles.groups is not None,
    )


def _postprocessor(fitted: Fitted, *, whole: bool) -> Postprocessor:
    """Postprocessing of the first fit; without its pool if not all members are there."""
    if whole or fitted.postprocessor.blend is None:
        return fitted.postprocessor
    logger.warning("not all models were ready in time; those that were are averaged, and no longer pooled.")
    return replace(fitted.postprocessor, blend=None, blended=None)


def _store(fitted: Fitted, canonical: pd.DataFrame, folder: Path, seed: int, pool: WorkerPool) -> ColumnPlan:
    """Store the inputs of the members' fits, in each input format; return the plan with new scores of texts.

    Without time for new scores, the rows get those of the first fit.
    """
    (folder / "trials").mkdir()
    plan, values = fitted.plan, None
    diets: set[Diet] = {"codes", *(member.model.diet for member in fitted.members)}
    features = any(split_features(member.config)[1] is not None for member in fitted.members)  # even with no columns
    if features or plan.scores is not None:
        save_texts(folder, plan, canonical)
    if plan.scores is not None and (found := learn_scores(folder, len(fitted.classes), seed, pool)) is not None:
        plan, values = replace(plan, scores=found[0]), found[1]
    store(plan, canonical, folder, sorted(diets), values)
    return plan


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


def fit_in_time(
    objective: CrossValidation,
    waiting: Mapping[int, tuple[TrialRow, float]],
    pool: WorkerPool,
    several: Collection[int],
) -> dict[int, Member]:
    """Members that are ready in time. Those at the positions in `several` are fitted several times, as before."""
    began = time.monotonic()
    ready = fit_all(objective, waiting, pool)
    if not several or not ready:
        return ready
    each = (time.monotonic() - began) * pool.budget.workers / len(ready)  # mean seconds of a fit
    return fit_more_seeds(objective, ready, dict.fromkeys(ready, each), pool, several)


def _parted(
    validation: Any, parts: int | None, frame: pd.DataFrame, target: Target, roles: Roles, seed: int
) -> list[Fold]:
    """Folds that partition the rows: the declared ones if they do so, else the default ones, with a warning."""
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


def _foretell(objective: CrossValidation, configs: Sequence[Mapping[str, Any]], pool: WorkerPool) -> None:
    """Store the out-of-fold predictions of base models. If some are not ready, the stacked fits fail."""
    pool.map(objective.full_loss, [(config,) for config in configs], time.monotonic() + _BELOW * pool.budget.remaining)


def _several(member: Member) -> bool:
    return len(fits_of(member.estimator)) > 1


def _check_known(fitted: Fitted) -> None:
    """Refuse members whose file contains the fitted model, but not the way to fit it."""
    for member in fitted.members:
        if not getattr(member.own, "fits", True):
            raise InvalidInput(f"the file does not hold how {member.name!r} is fitted; fit again.")


def _check_target(fitted: Fitted, target: Target, scale: Logarithm | None) -> None:
    """Refuse a target that the models cannot learn like the first one."""
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


def _row(fitted: Fitted, place: int) -> TrialRow:
    """Member as a row of its trial. A member without a trial, such as the baseline, gets its position as the number."""
    member = fitted.members[place]
    trial = trial_of(fitted, member)
    return TrialRow(place if trial is None else trial.number, member.name, member.config)


def trial_of(fitted: Fitted, member: Member) -> TrialRow | None:
    """Trial of the member, a complete one if the configuration was tried several times; None without a trial."""
    same = [t for t in fitted.trials if (t.model, t.config) == (member.name, member.config)]
    return next((t for t in same if t.is_complete), same[0] if same else None)


def _record(fitted: Fitted, member: Member) -> TrialRecord:
    """Record of the member's trial: mean rounds over folds (None for models without), latency, and log-scale factor."""
    trial = trial_of(fitted, member)
    pace, scale = 0.0 if trial is None else trial.predict_ms or 0.0, _scale(member)
    record = TrialRecord(None, 0.0, predict_ms=pace, factor=1.0 if scale is None else scale.factor)
    if member.model.with_rounds(member.config, 1) == member.config:
        return record
    if trial is None:
        raise InvalidInput(f"it is not known how long {member.name!r} trained, as its trial is missing; fit again.")
    return replace(record, rounds=trial.rounds)


def _scale(member: Member) -> Exponential | None:
    """Inverse log transform of the member; None if it did not learn logarithms."""
    fit = fits_of(member.estimator)[0]
    inner = fit.estimator if isinstance(fit, Featured) else fit
    return inner if isinstance(inner, Exponential) else None


def _logarithm(fitted: Fitted) -> Logarithm | None:
    """Log scale of the members that learned logarithms; None without such members."""
    scales = [scale for member in fitted.members if (scale := _scale(member)) is not None]
    return Logarithm.of(fitted.metric, scales[0].offset) if scales else None
