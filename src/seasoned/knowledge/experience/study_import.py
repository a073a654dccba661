"""Studies of one's own functions as experience: each is a task, as fits of AutoML and studies of Optuna are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.experience import Experience
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial
from seasoned.space import Space
from seasoned.storage.sql import SqlStorage, read_logs
from seasoned.storage.summary import contents_of
from seasoned.storage.url import hidden
from seasoned.study.arguments import located, open_storage
from seasoned.trials import Created, StudySpec, TrialState
from seasoned.trials.history import History

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from seasoned.storage.base import Storage
    from seasoned.study import Study
    from seasoned.trials import Event, Trial

__all__ = ["past_study", "read_storage"]


def past_study(study: Study) -> PastStudy:
    """A study as a task, by the trials that it has so far; its kind is its name.

    Complete trials count with their value, to be minimised; those that break a constraint count as failed, like failed
    ones. Pruned trials have no value of the last step, and are left out. Trials of an earlier space are included.

    Args:
        study: Of one objective, running or at its end.

    Raises:
        InvalidInput: If it has several objectives, or no trial has ended.

    Example:
        >>> from seasoned import Float, Space, Study
        >>> study = Study(Space(x=Float(0, 1)), name="line", direction="maximize", seed=0)
        >>> study.optimize(lambda config: config["x"], trials=5)
        >>> experience = Experience.of_studies([past_study(study)])
        >>> experience.heads[0].name, bool(experience.scores.min() == -study.best.value)
        ('line', True)
    """
    if len(study.directions) > 1:
        raise InvalidInput(
            f"the study {study.name!r} has {len(study.directions)} objectives, and experience supports one objective "
            "only; leave this study out."
        )
    sign = -1.0 if study.directions[0] == "maximize" else 1.0
    return _as_task(study.name, study.trials, sign)


def read_storage(storage: str | os.PathLike[str] | Storage) -> Experience:
    """All studies of a storage with one objective and an ended trial, each as a task, as `past_study` makes it.

    Args:
        storage: What `Study(storage=...)` takes: a database URL, the path of a SQLite file, or a Storage.

    Raises:
        InvalidInput: If there is no such database, or it holds no studies.
        StorageError: If it cannot be read, or was written by a newer version.

    Example:
        >>> from seasoned import Float, Space, minimize
        >>> from seasoned.storage import MemoryStorage
        >>> storage = MemoryStorage()
        >>> for name, centre in (("first", 0.2), ("second", 0.3)):
        ...     _ = minimize(
        ...         lambda config, centre=centre: abs(config["x"] - centre),
        ...         Space(x=Float(0, 1)),
        ...         trials=9,
        ...         storage=storage,
        ...         name=name,
        ...     )
        >>> [(head.name, head.source) for head in read_storage(storage).heads]
        [('first', 'study'), ('second', 'study')]
    """
    place = located(storage)
    logs = read_logs(_checked(place)) if isinstance(place, str) else _logs_of(place)
    return Experience.of_studies(task for name, events in logs if (task := _of_log(name, events)) is not None)


def _checked(url: str) -> str:
    """The URL, if the database holds studies; any other would get tables by being opened as a storage."""
    if not contents_of(url).studies:
        raise InvalidInput(f"{hidden(url)!r} holds no studies of ours; give the storage that studies were run in.")
    return url


def _logs_of(storage: Any) -> list[tuple[str, Sequence[Event]]]:
    if isinstance(storage, SqlStorage):
        return read_logs(storage.url)
    opened = open_storage(storage)
    return [(name, opened.open(name, Created(StudySpec(Space()))).read()) for name in opened.names()]


def _of_log(name: str, events: Sequence[Event]) -> PastStudy | None:
    """The study of a log, whose values are already to be minimised; None where there is nothing to learn from."""
    spec = next((event.spec for event in events if isinstance(event, Created)), None)
    if spec is None:  # it was deleted meanwhile
        return None
    history = History(spec.space)
    history.extend(events)
    if len(spec.directions) > 1 or not any(_is_told(trial) for trial in history):
        return None
    return _as_task(name, history, 1.0)


def _as_task(name: str, trials: Iterable[Trial], sign: float) -> PastStudy:
    head = Head(name, name, name, source="study")
    return PastStudy(head, {}, [_as_past(trial, sign) for trial in trials if _is_told(trial)])


def _is_told(trial: Trial) -> bool:
    return trial.state in {TrialState.COMPLETE, TrialState.FAILED}


def _as_past(trial: Trial, sign: float) -> PastTrial:
    value = trial.value if trial.feasible else None
    score = None if value is None or not math.isfinite(value) else sign * value + 0.0  # no negative zero
    return PastTrial(trial.config, score, trial.seconds, score is None)
