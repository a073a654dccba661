"""Arguments of a study: checks and conversions."""

from __future__ import annotations

import logging
import math
import operator
import os
from dataclasses import replace
from typing import TYPE_CHECKING, SupportsFloat, SupportsIndex

import seasoned.storage
from seasoned.errors import InvalidInput, StudyConflict
from seasoned.execution.base import Limits
from seasoned.execution.borrowed import BorrowedExecutor
from seasoned.execution.local import LocalExecutor
from seasoned.execution.workers.inline import InlineExecutor, describe
from seasoned.space import Space
from seasoned.storage.memory import MemoryStorage
from seasoned.trials import StudySpec, TrialState, WarmStart

if TYPE_CHECKING:
    from seasoned.execution.base import Executor
    from seasoned.storage.base import Storage

__all__ = [
    "check_agrees",
    "check_callbacks",
    "check_ends",
    "check_exists",
    "check_parts",
    "check_run",
    "check_seconds",
    "check_space",
    "executor_for",
    "inward",
    "located",
    "open_storage",
    "reason_of",
    "warn_of_others",
]

_log = logging.getLogger("seasoned.study")


def located(storage: str | os.PathLike[str] | Storage | None) -> str | Storage | None:
    """Return a path as the URL of its SQLite file, and any other value unchanged."""
    return seasoned.storage.url_of(storage) if isinstance(storage, str | os.PathLike) else storage


def check_exists(storage: str | Storage | None, name: str) -> None:
    """Raise StudyConflict for a SQLite file that is absent or has no studies: opening would create or change it."""
    if not isinstance(storage, str):
        return
    there = seasoned.storage.store_exists(storage)
    if not (there and seasoned.storage.may_hold_studies(storage)):
        raise StudyConflict(
            f"the file of the storage {storage!r} {'holds no studies' if there else 'does not exist'}, so there is no "
            f"study {name!r}; give the storage that holds it, or create it with Study(space, storage=..., name=...)."
        )


def open_storage(storage: str | Storage | None) -> Storage:
    """Return the storage of a URL; a storage in memory for None."""
    if storage is None:
        return MemoryStorage()
    if isinstance(storage, str):
        return seasoned.storage.SqlStorage(storage)
    if not (hasattr(storage, "open") and hasattr(storage, "names")):
        raise InvalidInput(f"storage is {storage!r}; give a URL such as 'sqlite:///runs.db', a path, or a Storage.")
    return storage


def inward(warm: WarmStart, space: Space, directions: tuple[str, ...]) -> WarmStart:
    """Return the warm start for samplers: configurations are checked, values are minimised."""
    warm.check()
    row = next((row for row in (*warm.points, *warm.population) if len(row) != len(space)), None)
    if row is not None:
        raise InvalidInput(
            f"a point of the WarmStart has {len(row)} coordinates, and the space {len(space)}; encode configurations "
            "of this space by space.encode."
        )
    configs = tuple(space.check(config) for config in warm.configurations)
    turned = directions[:1] == ("maximize",) and not warm.relative
    return replace(warm, configurations=configs, values=tuple(-v for v in warm.values) if turned else warm.values)


def warn_of_others(stored: StudySpec, given: StudySpec, name: str) -> None:
    """Log a warning if a stored study began with another warm start or budget; the new ones are not used."""
    if not stored.first and given.warm_start not in (WarmStart(), stored.warm_start):
        _log.warning("the stored study %r began without this warm start, which is not used; see Study.enqueue.", name)
    if given.budget not in {None, stored.budget}:
        planned = "without a budget" if stored.budget is None else f"for {stored.budget} trials"
        text = "the stored study %r was planned %s, and its sampler goes on by that: budget=%d is not used."
        _log.warning(text, name, planned, given.budget)


def executor_for(workers: int | Executor, limits: Limits) -> Executor:
    """Return the executor of the trials: this process for one worker without limits, else worker processes."""
    if not isinstance(workers, SupportsIndex):
        return BorrowedExecutor(workers)
    workers = operator.index(workers)
    in_here = workers == 1 and limits == Limits()
    return InlineExecutor() if in_here else LocalExecutor(workers)


def check_agrees(stored: StudySpec, directions: tuple[str, ...], seed: int | None, name: str) -> None:
    """Raise StudyConflict for a direction or seed other than the stored study's."""
    if stored.directions != directions:
        raise StudyConflict(f"the stored study {name!r} has the direction {stored.directions}, not {directions}.")
    if seed is not None and stored.seed != seed:
        raise StudyConflict(f"the stored study {name!r} has the seed {stored.seed}, not {seed}; leave seed out.")


def check_space(space: object) -> None:
    """Raise InvalidInput for anything but a Space."""
    if callable(space) and not isinstance(space, type):
        name = getattr(space, "__name__", repr(space))
        raise InvalidInput(
            f"the space is the function {name}; a study is made of a space and optimizes the function: write "
            f"Study(space).optimize({name}, trials=100), or minimize({name}, space, trials=100)."
        )
    if not isinstance(space, Space):
        raise InvalidInput(f"the space is {space!r}; give a Space, such as Space(x=Float(0, 1)).")


def check_parts(sampler: object, fidelity: object) -> None:
    """Raise InvalidInput for a value that is no sampler or fidelity rule, such as a name, or a class."""
    given = (("sampler", sampler, "TPE()", "ask"), ("fidelity", fidelity, "ASHA()", "levels"))
    for name, part, example, needed in given:
        if part is not None and (isinstance(part, type) or not hasattr(part, needed)):
            raise InvalidInput(f"{name} is {part!r}; give an instance, such as {example}.")


def reason_of(given: object, state: TrialState) -> str:
    """Return the reason of a trial's end without values, in one line, from text or an exception.

    Raises:
        InvalidInput: If the reason is neither text nor an exception.
    """
    if isinstance(given, BaseException):
        return describe(given)
    if not isinstance(given, str):
        name = "pruned" if state is TrialState.PRUNED else "error"
        raise InvalidInput(f"{name} is {given!r}; give the reason as text, or the exception.")
    return given or str(state)


def check_seconds(seconds: float) -> float:
    """Return the seconds of a trial as a float.

    Raises:
        InvalidInput: If the value is not a finite number of at least 0.
    """
    if not isinstance(seconds, SupportsFloat) or not 0 <= float(seconds) < math.inf:
        raise InvalidInput(f"seconds is {seconds!r}; give what the trial took, a number of at least 0.")
    return float(seconds)


def check_run(
    trials: int | None,
    time_limit: float | None,
    workers: int | Executor,
    trial_time_limit: float | None,
) -> None:
    """Raise InvalidInput for invalid limits or workers."""
    if trials is not None and not (isinstance(trials, SupportsIndex) and operator.index(trials) >= 1):
        raise InvalidInput(f"trials is {trials!r}; give a whole number of at least 1, or None for no limit.")
    is_executor = all(hasattr(workers, name) for name in ("submit", "wait", "cancel", "workers"))
    if not is_executor and not (isinstance(workers, SupportsIndex) and operator.index(workers) >= 1):
        raise InvalidInput(
            f"workers is {workers!r}; give at least 1, or an executor of seasoned.execution, not another pool."
        )
    for name, limit in {"time_limit": time_limit, "trial_time_limit": trial_time_limit}.items():
        if limit is not None and not (isinstance(limit, SupportsFloat) and float(limit) > 0):
            raise InvalidInput(f"{name} is {limit!r}; give a positive number of seconds, or None for no limit.")


def check_ends(trials: int | None, time_limit: float | None, *, ends: bool) -> None:
    """Raise InvalidInput for a search without any limit, unless its sampler has a finite plan."""
    if trials is None and time_limit is None and not ends:
        raise InvalidInput("neither trials nor time_limit is given, and the sampler has no end; give one of them.")


def check_callbacks(callbacks: object) -> None:
    """Raise InvalidInput for a single function instead of a list."""
    if callable(callbacks):
        raise InvalidInput(f"callbacks is {callbacks!r}; give a list of functions, even of one.")
