"""One finished study as experience: what its task was like, and what each configuration did on it; never any rows."""

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
"""How the family of a table begins whose columns have no names of their own: which other table it is shows in its
meta-features alone (`recall.py`)."""


class PastTrial(NamedTuple):
    """What a configuration did.

    Attributes:
        config: The configuration.
        score: To be minimised; None where there is none.
        seconds: How long it took; None if unknown.
        failed: Whether it failed.
        stopped: Whether it was stopped before its end for being too poor, so that its score and its seconds are lower
            bounds.
    """

    config: Mapping[str, Any]
    score: float | None
    seconds: float | None = None
    failed: bool = False
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """What a study was about.

    Attributes:
        name: For people; need not be unique.
        family: Group that counts once, however many studies it has: the blocks of one table, the forms of one data set.
        kind: Form of the configurations: "pipeline" for those of the AutoML search, else the name of a space.
        version: Of that form.
        sort: Of the task: "binary", "multiclass", "regression", or "" where it is none of these.
        metric: What was minimised.
        baseline: The metric's loss of a constant prediction; None if unknown.
        source: Where it comes from: "own", "shipped", "study" (of a function of one's own), "optuna", a file.
        created: When, as ISO text.
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
        """This head, if each value is of its type.

        Raises:
            InvalidInput: If one is not.
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
    """A finished study.

    Attributes:
        head: What it was about.
        metafeatures: Of its table (`metafeatures.describe`), as far as they are known.
        trials: What was tried.
    """

    head: Head
    metafeatures: Mapping[str, float]
    trials: Sequence[PastTrial]

    def __post_init__(self) -> None:
        if not self.trials:
            raise InvalidInput(f"the study {self.head.name!r} has no trials; there is nothing to learn from it.")


def textual(config: Mapping[str, Any]) -> str:
    """A configuration as JSON, the same for the same configuration.

    Example:
        >>> textual({"b": 1, "a": {"c": 0.5}})
        '{"a":{"c":0.5},"b":1}'
    """
    return json.dumps(config, sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    """What JSON does not know: numpy's numbers, and mappings."""
    return value.item() if isinstance(value, np.generic) else dict(value)


def _finite(score: float | None) -> float:
    return score if score is not None and math.isfinite(score) else math.nan


def ends_of(trials: Sequence[PastTrial]) -> NDArray[np.uint8]:
    """How trials ended, as a store keeps it: 1 for a failure, 2 for what was stopped with a score, else 0."""
    stopped = [trial.stopped and not math.isnan(_finite(trial.score)) and not trial.failed for trial in trials]
    return np.array([trial.failed for trial in trials], dtype=np.uint8) + 2 * np.array(stopped, dtype=np.uint8)


def row_of(study: PastStudy) -> tuple[PastRow, dict[int, str]]:
    """The study as a store keeps it, and the texts of its configurations.

    Its key is a digest of its family, sort, metric, meta-features and trials, so that a study that arrives twice, by
    way of a colleague's file and under another name, is kept once.
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
    """The heads that a store's texts describe, parsed in one go; fields that a newer version added are ignored.

    Raises:
        InvalidInput: If a text holds no head.
    """
    known = set(Head.__slots__)
    try:
        found = json.loads(f"[{','.join(texts)}]")
        if len(found) != len(texts):  # a text is empty, or holds two
            raise ValueError(f"{len(texts)} texts hold {len(found)} heads")
        return tuple(Head(**(one if one.keys() <= known else {k: one[k] for k in one if k in known})) for one in found)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput(f"a study cannot be read ({error}); the store is damaged or foreign.") from error
