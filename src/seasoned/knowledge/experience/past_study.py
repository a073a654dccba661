"""Past study: the description of a task and the results of its trials, without rows of the user's table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.storage.study_archive import PastRow, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["UNNAMED", "Head", "PastStudy", "PastTrial", "ends_of", "heads_of", "row_of", "textual"]


UNNAMED: Final = "unnamed:"
"""Prefix of the family of a table without column names. Only meta-features can identify such a table
(`task_weights.py`)."""


class PastTrial(NamedTuple):
    """Result of one trial of a past study.

    Attributes:
        config: The configuration.
        score: Score to be minimised; None without a score.
        seconds: Seconds of the trial; None if unknown.
        failed: True if the trial failed.
        stopped: True if the trial was stopped early for a poor score, so that score and seconds are lower bounds.
    """

    config: Mapping[str, Any]
    score: float | None
    seconds: float | None = None
    failed: bool = False
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """Description of a study.

    Attributes:
        name: Name for display; need not be unique.
        family: Group of studies with one vote together, such as the parts of one table or versions of a data set.
        kind: Form of the configurations: "pipeline" for the AutoML search, otherwise the name of a space.
        version: Version of this form.
        sort: Sort of the task: "binary", "multiclass", "regression", or "" for any other.
        metric: Name of the minimised metric.
        baseline: Loss of a constant prediction; None if unknown.
        source: Origin: "own", "shipped", "study" (a study of the user's function), "optuna", or the name of a file.
        created: Time of creation as ISO text.
        about: Sizes and settings: rows, columns, classes, folds, gains.
    """

    name: str
    family: str
    kind: str = "pipeline"
    version: int = 1
    sort: str = ""
    metric: str = ""
    baseline: float | None = None
    source: str = "own"
    created: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> Self:
        """Check the type of each value, and return the head itself.

        Raises:
            InvalidInput: If a value has the wrong type.
        """
        for name in _WORDS:
            if not isinstance(getattr(self, name), str):
                raise InvalidInput(f"{name} of a study is {getattr(self, name)!r}, which is no text.")
        if not isinstance(self.about, Mapping):
            raise InvalidInput(f"`about` of the study {self.name!r} is {self.about!r}; it must be a mapping.")
        numbers = {"version": self.version, "folds": self.about.get("folds", 2)}
        if self.baseline is not None:
            numbers["baseline"] = self.baseline
        for name, value in numbers.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidInput(f"{name} of the study {self.name!r} is {value!r}, which is no number.")
        return self


_WORDS: Final = ("name", "family", "kind", "sort", "metric", "source", "created")


@dataclass(frozen=True, slots=True)
class PastStudy:
    """Finished study.

    Attributes:
        head: Description of the study.
        metafeatures: Known meta-features of the table, by name (`describe`).
        trials: Results of the trials.

    Raises:
        InvalidInput: If the study has no trials.
    """

    head: Head
    metafeatures: Mapping[str, float]
    trials: Sequence[PastTrial]

    def __post_init__(self) -> None:
        if not self.trials:
            raise InvalidInput(f"the study {self.head.name!r} has no trials; there is nothing to learn from it.")


def textual(config: Mapping[str, Any]) -> str:
    """Canonical JSON of a configuration: equal configurations have equal texts.

    Example:
        >>> textual({"b": 1, "a": {"c": 0.5}})
        '{"a":{"c":0.5},"b":1}'
    """
    return json.dumps(config, sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    """Convert values that JSON does not support: numpy numbers and mappings."""
    return value.item() if isinstance(value, np.generic) else dict(value)


def _finite(score: float | None) -> float:
    return score if score is not None and math.isfinite(score) else math.nan


def ends_of(trials: Sequence[PastTrial]) -> NDArray[np.uint8]:
    """End codes of trials in a store: 1 for a failure, 2 for a trial that was stopped with a score, otherwise 0."""
    stopped = [trial.stopped and not math.isnan(_finite(trial.score)) and not trial.failed for trial in trials]
    return np.array([trial.failed for trial in trials], dtype=np.uint8) + 2 * np.array(stopped, dtype=np.uint8)


def row_of(study: PastStudy) -> tuple[PastRow, dict[int, str]]:
    """Convert a study to a row of a store, and the texts of its configurations by number.

    The key is a digest of family, kind, version, sort, metric, meta-features and trials. So a study that arrives again
    under another name, in a colleague's file, is stored once.
    """
    head, trials = study.head, study.trials
    words = [textual(trial.config) for trial in trials]
    numbers = [digest(word) for word in words]
    known = sorted((name, value) for name, value in study.metafeatures.items() if math.isfinite(value))
    names = ",".join(name for name, _ in known)
    arrays = (
        np.array([value for _, value in known], dtype="<f8"),
        np.array(numbers, dtype="<i8"),
        np.array([_finite(trial.score) for trial in trials], dtype="<f8"),
        np.array([np.nan if trial.seconds is None else trial.seconds for trial in trials], dtype="<f4"),
        ends_of(trials),
    )
    content = [
        head.family,
        head.kind,
        head.version,
        head.sort,
        head.metric,
        names,
        *(array.tobytes().hex() for array in arrays),
    ]
    key = f"{digest(json.dumps(content)) & (2**64 - 1):016x}"
    fields = {name: getattr(head, name) for name in Head.__slots__}
    row = PastRow(key, json.dumps(fields, default=_plain), names, *(array.tobytes() for array in arrays))
    return row, dict(zip(numbers, words, strict=True))


def heads_of(texts: Sequence[str]) -> tuple[Head, ...]:
    """Parse the texts of heads, all at once. Unknown fields of a newer version are ignored.

    Raises:
        InvalidInput: If a text does not describe a head.
    """
    known = set(Head.__slots__)
    try:
        found = json.loads(f"[{','.join(texts)}]")
        if len(found) != len(texts):  # a text is empty, or contains two heads
            raise ValueError(f"{len(texts)} texts hold {len(found)} heads")
        return tuple(Head(**(one if one.keys() <= known else {k: one[k] for k in one if k in known})) for one in found)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput(f"a study cannot be read ({error}); the store is damaged or foreign.") from error
