"""Export of a `Study` to Optuna, for its dashboard and plots."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput, StudyConflict
from seasoned.integrations.requirements import optuna
from seasoned.space import Categorical, Dimension, Float
from seasoned.trials import TrialState, thawed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import BaseDistribution

    from seasoned.study import Study
    from seasoned.trials import Trial

__all__ = ["export"]

_THEIRS: Final = {
    TrialState.COMPLETE: optuna.trial.TrialState.COMPLETE,
    TrialState.PRUNED: optuna.trial.TrialState.PRUNED,
    TrialState.FAILED: optuna.trial.TrialState.FAIL,
    TrialState.RUNNING: optuna.trial.TrialState.RUNNING,
}
_PLAIN: Final = (str, int, float, bool, type(None))


def export(
    study: Study, storage: str | optuna.storages.BaseStorage, name: str | None = None, *, replace: bool = False
) -> optuna.Study:
    """Write a study into an Optuna storage.

    Parameters keep their dotted names and steps; a `Choice` becomes a categorical of its options. Values, states,
    reported steps, constraints and durations are exported. The reason of a failed trial becomes the user attribute
    `error`. The log of a study stores durations and no start times: exported trials follow one another, and the last
    one ends now. Trials that are not valid in the study's present space are left out.

    Args:
        study: The study to export; it stays unchanged.
        storage: Optuna's database URL or storage.
        name: Name of the Optuna study; the name of `study` if omitted.
        replace: True to delete an Optuna study of this name first, for a repeated export.

    Returns:
        The Optuna study.

    Raises:
        StudyConflict: If the storage has a study of that name already, and `replace` is False.
        InvalidInput: If two categories are equal in Optuna (1 and 1.0).

    Example:
        >>> import optuna
        >>> from seasoned import Float, Space, Study
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> ours = Study(Space(x=Float(0, 1)), name="line", seed=0)
        >>> ours.optimize(lambda config: config["x"], trials=3)
        >>> theirs = export(ours, optuna.storages.InMemoryStorage())
        >>> theirs.study_name, len(theirs.trials), theirs.best_value == ours.best.value
        ('line', 3, True)
    """
    name = study.name if name is None else name
    distributions = {d.name: _distribution(d) for d in study.space.dimensions}
    outside = study._ledger.history.outside  # noqa: SLF001 - the log is not public
    trials = [trial for trial in study.trials if trial.number not in outside]
    directions: list[Any] = list(study.directions)
    start = dt.datetime.now() - dt.timedelta(seconds=sum(trial.seconds or 0.0 for trial in trials))  # noqa: DTZ005 - Optuna's own are naive
    frozen = []
    for trial in trials:
        end = start + dt.timedelta(seconds=trial.seconds or 0.0)
        frozen.append(_frozen(study, trial, distributions, (start, end)))
        start = end
    _without_fine_steps(frozen, distributions)
    try:
        if replace:
            with contextlib.suppress(KeyError):  # no study has this name
                optuna.delete_study(study_name=name, storage=storage)
        made = optuna.create_study(study_name=name, storage=storage, directions=directions)
    except optuna.exceptions.DuplicatedStudyError as error:
        raise StudyConflict(
            f"the storage has a study {name!r} already; give another name, or replace=True to delete that one first."
        ) from error
    try:
        made.add_trials(frozen)
    except Exception:
        optuna.delete_study(study_name=name, storage=storage)  # an incomplete study would block the name
        raise
    return made


def _without_fine_steps(
    frozen: Sequence[optuna.trial.FrozenTrial], distributions: Mapping[str, BaseDistribution]
) -> None:
    """Drop the step of a float parameter if it is too fine: Optuna then rejects its values for rounding errors."""
    for name, given in distributions.items():
        if not isinstance(given, optuna.distributions.FloatDistribution) or given.step is None:
            continue
        holding = [trial for trial in frozen if name in trial.params]
        plain = optuna.distributions.FloatDistribution(given.low, given.high)
        if not all(given._contains(given.to_internal_repr(trial.params[name])) for trial in holding):  # noqa: SLF001 - as Optuna asks
            for trial in holding:
                trial.distributions = {**trial.distributions, name: plain}


def _frozen(
    study: Study,
    trial: Trial,
    distributions: dict[str, BaseDistribution],
    times: tuple[dt.datetime, dt.datetime],
) -> optuna.trial.FrozenTrial:
    flat = {name: _value(value) for name, value in study.space.flat(trial.config).items()}
    return optuna.trial.FrozenTrial(
        number=trial.number,
        trial_id=-1,  # the storage assigns the id
        state=_THEIRS[trial.state],
        value=None,
        values=None if trial.values is None else list(trial.values),
        datetime_start=times[0],
        datetime_complete=None if trial.state is TrialState.RUNNING else times[1],
        params=flat,
        distributions={key: distributions[key] for key in flat},
        user_attrs={**thawed(trial.notes), **({} if trial.error is None else {"error": trial.error})},
        system_attrs={"constraints": list(trial.constraints)} if trial.constraints else {},
        intermediate_values=dict(trial.reports),
    )


def _distribution(dimension: Dimension) -> BaseDistribution:
    parameter = dimension.parameter
    if isinstance(parameter, Categorical):
        choices = [_value(choice) for choice in parameter.choices]
        if any(choice in choices[:place] for place, choice in enumerate(choices)):
            raise InvalidInput(
                f"the categories {list(parameter.choices)} of {dimension.name!r} hold two that are equal in Optuna; "
                f"name them with strings."
            )
        return optuna.distributions.CategoricalDistribution(choices)
    if isinstance(parameter, Float):
        return optuna.distributions.FloatDistribution(parameter.low, parameter.high, parameter.log, parameter.step)
    return optuna.distributions.IntDistribution(parameter.low, parameter.high, parameter.log, parameter.step)


def _value(value: Any) -> Any:
    """Value that Optuna can store: tuples become JSON text."""
    return value if isinstance(value, _PLAIN) else json.dumps(value)
