"""Studies in a storage of Optuna's as experience. Needs the extra `optuna`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput
from seasoned.integrations.requirements import optuna
from seasoned.knowledge.experience import Experience
from seasoned.knowledge.past import Head, PastStudy, PastTrial
from seasoned.storage.addresses import hidden
from seasoned.storage.contents import contents_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optuna.trial import FrozenTrial

__all__ = ["read_studies"]


def read_studies(storage: str | optuna.storages.BaseStorage) -> Experience:
    """All studies with one objective and a finished trial, a task each; their kind is their name.

    Parameters are taken as they are, flat; complete trials bring their value, failed ones that they failed. What is
    maximised there is negated here.

    Args:
        storage: Optuna's database URL or storage.

    Raises:
        InvalidInput: If it cannot be read.

    Example:
        >>> storage = optuna.storages.InMemoryStorage()
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(storage=storage, study_name="line", direction="maximize")
        >>> study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5)
        >>> experience = read_studies(storage)
        >>> experience.heads[0].name, bool(experience.scores.min() == -study.best_value)
        ('line', True)
    """
    if isinstance(storage, str) and not contents_of(storage).optuna:  # Optuna would write its tables into it
        raise InvalidInput(
            f"{hidden(storage)!r} is no storage of Optuna's; `seasoned experience import` and "
            "`seasoned.knowledge.read_storage` read our own."
        )
    shown = hidden(storage) if isinstance(storage, str) else storage
    try:
        if isinstance(storage, str):
            storage = optuna.storages.RDBStorage(storage, skip_table_creation=True)
        summaries = optuna.study.get_all_study_summaries(storage)
    except Exception as error:
        raise InvalidInput(f"Optuna cannot read {shown!r}: {error}; give the URL of its storage.") from error
    studies = []
    for summary in summaries:
        if len(summary.directions) == 1:
            found = optuna.load_study(study_name=summary.study_name, storage=storage)
            sign = -1.0 if found.direction == optuna.study.StudyDirection.MAXIMIZE else 1.0
            trials = [trial for one in found.get_trials(deepcopy=False) if (trial := _trial(one, sign)) is not None]
            if trials:
                name = summary.study_name
                began = summary.datetime_start
                created = began.isoformat(timespec="seconds") if began else ""
                studies.append(PastStudy(Head(name, name, name, source="optuna", created=created), {}, trials))
    return Experience.of_studies(studies)


def _trial(trial: FrozenTrial, sign: float) -> PastTrial | None:
    """A finished trial; None for one that runs, waits or was pruned."""
    states = optuna.trial.TrialState
    if trial.state not in {states.COMPLETE, states.FAIL}:
        return None
    config: dict[str, Any] = dict(trial.params)
    seconds = None if trial.duration is None else trial.duration.total_seconds()
    known = trial.state == states.COMPLETE and trial.value is not None and math.isfinite(trial.value)
    known = known and all(bound <= 0.0 for bound in _constraints(trial))  # as of our own studies
    return PastTrial(config, sign * float(trial.value) if known else None, seconds, not known)  # type: ignore[arg-type]


def _constraints(trial: FrozenTrial) -> Iterable[float]:
    """Those set on the trial (Optuna 5) or by a constraints_func (all versions), which have to be at most 0."""
    named = getattr(trial, "constraints", None)
    found: Iterable[float] | None = trial.system_attrs.get("constraints") if named is None else named.values()
    return found or ()
