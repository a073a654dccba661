"""Import of studies of the user's own functions into experience; each study becomes a task."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.experience import Experience
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial
from seasoned.space import Space
from seasoned.storage.sql import SqlStorage, read_logs
from seasoned.storage.summary import contents_of
from seasoned.storage.url import mask_password
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
    """Convert a study with its current trials to a past study; its kind is the name of the study.

    A complete trial has its value as score, with the sign changed if the study maximises. Failed trials, and complete
    trials that violate a constraint, count as failed. Pruned trials have no final value and are excluded. Trials of an
    earlier space are included.

    Args:
        study: Study with one objective, running or finished.

    Raises:
        InvalidInput: If the study has several objectives, or no complete or failed trial.

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
    """Read all studies of a storage as experience, each converted as in `past_study`.

    Studies with several objectives, or without a complete or failed trial, are skipped.

    Args:
        storage: Storage as in `Study(storage=...)`: a database URL, the path of a SQLite file, or a Storage.

    Raises:
        InvalidInput: If the database does not exist or contains no studies.
        StorageError: If the database cannot be read, or a newer version wrote it.

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
    """Return the URL if the database contains studies. Opening any other database would create tables in it."""
    if not contents_of(url).studies:
        raise InvalidInput(
            f"{mask_password(url)!r} holds no studies of ours; give the storage that studies were run in."
        )
    return url


def _logs_of(storage: Any) -> list[tuple[str, Sequence[Event]]]:
    if isinstance(storage, SqlStorage):
        return read_logs(storage.url)
    opened = open_storage(storage)
    return [(name, opened.open(name, Created(StudySpec(Space()))).read()) for name in opened.names()]


def _of_log(name: str, events: Sequence[Event]) -> PastStudy | None:
    """Convert the log of a study, whose values are already minimised; None without a usable trial."""
    spec = next((event.spec for event in events if isinstance(event, Created)), None)
    if spec is None:  # the study was deleted in the meantime
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
    score = None if value is None or not math.isfinite(value) else sign * value + 0.0  # + 0.0 avoids negative zero
    return PastTrial(trial.config, score, trial.seconds, score is None)
