"""Search in one call: `minimize` and `maximize`."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypedDict

from seasoned._util.equivalents import unknown_argument
from seasoned.errors import AllTrialsFailed, SeasonedError
from seasoned.execution._system.resources import parse_memory
from seasoned.study.arguments import check_callbacks, check_ends, check_parts, check_run, check_space, inward
from seasoned.study.objective import check_takes
from seasoned.study.study import Study
from seasoned.trials import StudySpec, thawed

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Unpack

    from seasoned.execution.base import Executor
    from seasoned.fidelity.base import Fidelity
    from seasoned.samplers.base import Sampler
    from seasoned.space import Space
    from seasoned.storage.base import Storage
    from seasoned.study.objective import Objective
    from seasoned.trials import Trial

__all__ = ["Options", "StudyOptions", "maximize", "minimize"]

_log = logging.getLogger("seasoned.study")


class StudyOptions(TypedDict, total=False):
    """Arguments of `Study`, for `minimize` and `maximize`."""

    sampler: Sampler[Any] | None
    storage: str | os.PathLike[str] | Storage | None
    name: str | None
    seed: int | None
    fidelity: Fidelity[Any] | None
    budget: int | None
    checkpoints: str | Path | None


class Options(StudyOptions, total=False):
    """Arguments of `Study` and `Study.optimize`."""

    trials: int | None
    time_limit: float | None
    workers: int | Executor
    trial_time_limit: float | None
    trial_memory: float | str | None
    callbacks: Sequence[Callable[[Study, Trial], None]]
    progress: bool | None
    stop: Callable[[], bool] | None


def minimize(f: Objective, space: Space, **options: Unpack[Options]) -> Trial:
    """Search for the smallest value of `f` and return the best trial.

    Args:
        f: Objective: called with a configuration, returns a number.
        space: The search space.
        **options: Arguments of `Study` and `Study.optimize`.

    Raises:
        AllTrialsFailed: If no trial succeeded. If trials begin to fail after successes (see `Study.optimize`), a
            warning is logged and the best trial is returned.

    Example:
        >>> from seasoned import Float, Space, minimize
        >>> minimize(lambda config: (config["x"] - 1) ** 2, Space(x=Float(0, 2)), trials=50, seed=1).value < 0.01
        True
    """
    return _search(f, space, "minimize", options)


def maximize(f: Objective, space: Space, **options: Unpack[Options]) -> Trial:
    """Search for the largest value of `f` and return the best trial; see `minimize`."""
    return _search(f, space, "maximize", options)


def _search(f: Objective, space: Space, direction: str, options: Options) -> Trial:
    given: dict[str, Any] = dict(options)
    for_study = {key: given.pop(key) for key in list(given) if key in StudyOptions.__annotations__}
    _check(f, space, {"direction": direction, **for_study}, given)
    for_study.setdefault("budget", given.get("trials"))
    study = Study(space, direction=direction, **for_study)
    try:
        study.optimize(f, **given)
    except AllTrialsFailed as error:
        if not study.front:
            raise
        _log.warning("the search ends early, with the best trial so far: %s", error)
    except KeyboardInterrupt:
        with suppress(SeasonedError):  # an error of the store must not replace the interrupt
            for best in study.front[:1]:
                _log.warning("interrupted; the best so far: %s, with %s.", best.values, thawed(best.config))
        raise
    return study.best


def _check(f: Objective, space: Space, for_study: dict[str, Any], given: dict[str, Any]) -> None:
    """Check all arguments of `Study.optimize` before a study is stored."""
    if unknown := given.keys() - Options.__annotations__.keys():
        raise unknown_argument(for_study["direction"], min(unknown), Options.__annotations__)
    trials, time_limit, sampler = given.get("trials"), given.get("time_limit"), for_study.get("sampler")
    check_run(trials, time_limit, given.get("workers", 1), given.get("trial_time_limit"))
    check_callbacks(given.get("callbacks", ()))
    if given.get("trial_memory") is not None:
        parse_memory(given["trial_memory"])
    check_space(space)
    check_parts(sampler, for_study.get("fidelity"))
    if trials is None and time_limit is None:
        check_ends(None, None, ends=sampler is not None and _ends(sampler, space, for_study["direction"]))
    check_takes(f, trial=for_study.get("fidelity") is not None, names=space.parameters)


def _ends(sampler: Sampler[Any], space: Space, direction: str) -> bool:
    """Return True if the sampler has a finite plan."""
    warm = inward(sampler.warm_start, space, (direction,))
    return sampler.capacity(sampler.init(StudySpec(space, (direction,), 0, None, warm))) is not None
