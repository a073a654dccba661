"""Import of Optuna studies as experience, or as the beginning of a `Study`. Needs the extra `optuna`."""

from __future__ import annotations

import logging
import math
import weakref
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput, StudyConflict
from seasoned.integrations.requirements import optuna
from seasoned.knowledge.experience.experience import Experience
from seasoned.knowledge.experience.nested_configurations import nested
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial
from seasoned.storage.summary import contents_of
from seasoned.storage.url import mask_password
from seasoned.study import Study
from seasoned.trials import Config, TrialState
from seasoned.trials.notes import as_notes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from optuna.trial import FrozenTrial

    from seasoned.space import Space

__all__ = ["bounded", "read_studies", "seconds_of", "study_of"]

_log = logging.getLogger("seasoned.integrations")

_FINITE_INFINITY: Final = 1e100  # finite value that replaces an infinite constraint


def read_studies(storage: str | optuna.storages.BaseStorage) -> Experience:
    """Read all single-objective studies with a finished trial as experience. Each is a task, with its name as kind.

    Parameters are read flat. Complete trials contribute their value, failed trials the fact that they failed.
    Maximised values are negated.

    Args:
        storage: Optuna's database URL or storage.

    Raises:
        InvalidInput: If the storage cannot be read.

    Example:
        >>> storage = optuna.storages.InMemoryStorage()
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(storage=storage, study_name="line", direction="maximize")
        >>> study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5)
        >>> experience = read_studies(storage)
        >>> experience.heads[0].name, bool(experience.scores.min() == -study.best_value)
        ('line', True)
    """
    opened, summaries = _opened(storage)
    studies = []
    for summary in summaries:
        if len(summary.directions) == 1:
            found = optuna.load_study(study_name=summary.study_name, storage=opened)
            sign = -1.0 if found.direction == optuna.study.StudyDirection.MAXIMIZE else 1.0
            trials = [trial for one in found.get_trials(deepcopy=False) if (trial := _trial(one, sign)) is not None]
            if trials:
                name = summary.study_name
                began = summary.datetime_start
                created = began.isoformat(timespec="seconds") if began else ""
                studies.append(PastStudy(Head(name, name, name, source="optuna", created=created), {}, trials))
    return Experience.of_studies(studies)


def _trial(trial: FrozenTrial, sign: float) -> PastTrial | None:
    """Finished trial; None if the trial is running, waiting or pruned."""
    states = optuna.trial.TrialState
    if trial.state not in {states.COMPLETE, states.FAIL}:
        return None
    config: dict[str, Any] = dict(trial.params)
    known = trial.state == states.COMPLETE and trial.value is not None and math.isfinite(trial.value)
    known = known and all(bound <= 0.0 for bound in _constraints(trial))  # infeasible counts as failed, as in `Study`
    return PastTrial(config, sign * float(trial.value) if known else None, seconds_of(trial), not known)  # type: ignore[arg-type]


def _constraints(trial: FrozenTrial) -> Iterable[float]:
    """Constraint values, feasible up to 0, from the trial (Optuna 5) or a constraints_func (all versions)."""
    named = getattr(trial, "constraints", None)
    found: Iterable[float] | None = trial.system_attrs.get("constraints") if named is None else named.values()
    return found or ()


def study_of(theirs: str | optuna.storages.BaseStorage, study: str, space: Space, **options: Any) -> Study:
    """Continue an Optuna study as a new `Study`.

    Complete, failed and pruned trials that are valid in the space are imported, with their seconds, constraints and
    user attributes (as notes). A warning counts the invalid trials. If the new study is stored, the same call opens it
    again and imports only new trials. Parameters are matched by dotted name, or by its last part where that is unique.

    Args:
        theirs: Optuna's database URL or storage.
        study: Name of the Optuna study.
        space: Space of the further search.
        **options: Arguments of `Study`, such as the sampler or the storage. The default of `name` is the name of the
            Optuna study.

    Raises:
        InvalidInput: If the storage cannot be read, or lacks the study.
        StudyConflict: If the new study is stored already and begins with another trial.

    Example:
        >>> from seasoned.space import Float, Space
        >>> storage = optuna.storages.InMemoryStorage()
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> line = optuna.create_study(storage=storage, study_name="line")
        >>> line.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5)
        >>> ours = study_of(storage, "line", Space(x=Float(0, 1)), seed=0)
        >>> ours.best.value == line.best_value
        True
    """
    opened, summaries = _opened(theirs)
    if study not in (names := [summary.study_name for summary in summaries]):
        raise InvalidInput(f"Optuna's storage has no study {study!r}; its names are {names}.")
    found = optuna.load_study(study_name=study, storage=opened)
    directions = tuple(direction.name.lower() for direction in found.directions)
    ours = Study(space, direction=directions, **{"name": study, **options})
    states = optuna.trial.TrialState
    trials = found.get_trials(deepcopy=False, states=(states.COMPLETE, states.FAIL, states.PRUNED))
    told = [(Config(config), trial) for trial in trials if (config := nested(trial.params, space)) is not None]
    if len(told) < len(trials):
        _log.warning("%d trial(s) of %r are not valid in the space, and are left out.", len(trials) - len(told), study)
    names = sorted({name for _, trial in told for name in getattr(trial, "constraints", None) or ()}, key=_place)
    for config, trial in _untold(ours, told):
        ours.tell(config, **_end_of(trial, names))
    return ours


def _place(name: str) -> tuple[bool, int, str]:
    """Sort key of constraint names. Numbered names, as of a `constraints_func`, come first, by number."""
    return (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)


def _untold(ours: Study, told: Sequence[tuple[Config, FrozenTrial]]) -> list[tuple[Config, FrozenTrial]]:
    """Trials that no earlier call imported. A new trial may stand between imported ones, as it may have ended later.

    Raises:
        StudyConflict: If the first trial of the study is none of the trials.
    """
    trials = ours.trials
    ends = [(config, _values(trial)) for config, trial in told]
    if trials and told and (trials[0].config, trials[0].values) not in ends:
        raise StudyConflict(f"the study {ours.name!r} exists already, with other trials; give another name=.")
    there = Counter((trial.config, trial.values) for trial in trials if trial.state is not TrialState.RUNNING)
    left = []
    for end, one in zip(ends, told, strict=True):
        if there[end] > 0:
            there[end] -= 1
        else:
            left.append(one)
    return left


def _values(trial: FrozenTrial) -> tuple[float, ...] | None:
    """Values of a trial as `Study.tell` stores them; None if the trial is not complete."""
    if trial.state is not optuna.trial.TrialState.COMPLETE or any(map(math.isnan, _constraints(trial))):
        return None
    return tuple(map(float, trial.values)) if all(map(math.isfinite, trial.values)) else None


def seconds_of(trial: FrozenTrial) -> float | None:
    """Seconds of a trial; None if unknown or negative. Optuna stores local times, and a clock may be set back."""
    took = math.nan if trial.duration is None else trial.duration.total_seconds()
    return took if took >= 0.0 else None


def _end_of(trial: FrozenTrial, names: Sequence[str]) -> dict[str, Any]:
    """Result of a trial as arguments of `Study.tell`. Each named constraint has a fixed place, with 0 if not set."""
    told = {name: value for name, value in trial.user_attrs.items() if name != "error"}
    found: dict[str, Any] = {"seconds": seconds_of(trial), "notes": _storable(told)}
    if trial.state == optuna.trial.TrialState.COMPLETE:
        named = getattr(trial, "constraints", None)
        bounds = _constraints(trial) if named is None else (named.get(name, 0.0) for name in names)
        constraints = tuple(bounded(float(bound)) for bound in bounds)
        return {**found, "values": tuple(trial.values), "constraints": constraints}
    key = "pruned" if trial.state == optuna.trial.TrialState.PRUNED else "error"
    return {**found, key: str(trial.user_attrs.get("error") or f"it was {key} in Optuna")}


def bounded(constraint: float) -> float:
    """Constraint value with infinities replaced by -1e100 and 1e100. NaN stays, because its feasibility is unknown."""
    return constraint if math.isnan(constraint) else min(max(constraint, -_FINITE_INFINITY), _FINITE_INFINITY)


def _storable(told: dict[str, Any]) -> dict[str, Any]:
    """User attributes that a log can store; Optuna's in-memory storage holds any object."""
    kept: dict[str, Any] = {}
    for name, value in told.items():
        try:
            kept |= as_notes({name: value})
        except InvalidInput as error:
            _log.warning("The attribute %r of a trial is left out: %s", name, error)
    return kept


def _opened(storage: str | optuna.storages.BaseStorage) -> tuple[Any, list[Any]]:
    """Optuna's storage, and the summaries of its studies.

    Raises:
        InvalidInput: If the storage cannot be read.
    """
    if isinstance(storage, str) and not contents_of(storage).optuna:  # Optuna would write tables into it
        raise InvalidInput(
            f"{mask_password(storage)!r} is no storage of Optuna's; `seasoned experience import` and "
            "`seasoned.knowledge.read_storage` read our own."
        )
    shown = mask_password(storage) if isinstance(storage, str) else storage
    try:
        opened = storage
        if isinstance(storage, str):
            opened = optuna.storages.RDBStorage(storage, skip_table_creation=True)
            weakref.finalize(opened, opened.engine.dispose)
        return opened, list(optuna.study.get_all_study_summaries(opened))
    except Exception as error:
        raise InvalidInput(f"Optuna cannot read {shown!r}: {error}; give the URL of its storage.") from error
