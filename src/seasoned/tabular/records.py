"""What trials leave in the run folder: for the refit, for the ensemble, for later trials."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.tabular.bar import Bar
from seasoned.tabular.runs import RunFolder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Records", "TrialRecord"]

_BAR = "bar.json"
_QUICK = "quick.json"


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """What a trial leaves beside its predictions.

    Attributes:
        rounds: Boosting rounds, the mean over folds; None for models without.
        fit_seconds: Seconds of one fit, the median over folds, for the first may have to load a library.
        losses: Loss on each fold alone; None where it is undefined.
        predict_ms: Milliseconds that predicting a row took, made features included: the least over folds.
        sample_seconds: What fits on samples of the rows took before, on a large table.
    """

    rounds: int | None
    fit_seconds: float
    losses: tuple[float | None, ...] = ()
    predict_ms: float = 0.0
    sample_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a run folder, by configuration.

    Attributes:
        folder: The run folder.
    """

    folder: Path

    def write(self, config: Mapping[str, Any], predicted: NDArray[np.float64], record: TrialRecord) -> None:
        """Leave what a trial predicted for all rows, NaN where no fold validates, and how it went."""
        self.note(config, record)
        RunFolder(self.folder).write_array(_predictions(config), predicted.astype(np.float32))

    def note(self, config: Mapping[str, Any], record: TrialRecord) -> None:
        """Leave the record alone."""
        RunFolder(self.folder).write_json(_name(config), asdict(record))

    def of(self, config: Mapping[str, Any]) -> TrialRecord:
        """What the trial of this configuration left; an empty record if it left nothing."""
        found = RunFolder(self.folder).read_json(_name(config))
        if found is None:
            return TrialRecord(None, 0.0)
        found = {name: value for name, value in found.items() if name in TrialRecord.__slots__}  # others are of before
        return TrialRecord(**{**found, "losses": tuple(found.get("losses", ()))})

    def out_of_fold(self, config: Mapping[str, Any]) -> NDArray[np.float32] | None:
        """What the trial predicted, shape (n, classes) or (n,), NaN where nothing was; None if it is lost."""
        path = self.folder / _predictions(config)
        return np.load(path) if path.is_file() else None

    @property
    def bar(self) -> Bar | None:
        """What stops trials that lag too far behind."""
        told = RunFolder(self.folder).read_json(_BAR)
        return None if told is None else Bar.from_dict(told)

    def set_bar(self, bar: Bar) -> None:
        """From now on it holds, in all workers."""
        RunFolder(self.folder).write_json(_BAR, bar.to_dict())

    @property
    def has_quick(self) -> bool:
        """Whether some trial's models predict as fast as was asked for."""
        return RunFolder(self.folder).read_json(_QUICK) is not None

    def note_quick(self, predict_ms: float) -> None:
        """One does."""
        RunFolder(self.folder).write_json(_QUICK, predict_ms)


def _predictions(config: Mapping[str, Any]) -> str:
    return _name(config).replace(".json", ".npy")


def _name(config: Mapping[str, Any]) -> str:
    text = json.dumps(config, sort_keys=True, default=dict)
    return f"trials/{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}.json"
