"""What trials leave in the run folder: for the refit, for the ensemble, for later trials."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.tabular.trial.run_folder import RunFolder
from seasoned.tabular.validation.paired_test import Bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["ALL", "Records", "TrialRecord", "as_kept"]

ALL = ""
"""The place of the bar for trials of all families."""
_BARS = "bars.json"
_QUICK = "quick.json"


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """What a trial leaves besides its predictions.

    Attributes:
        rounds: Boosting rounds, the mean over folds; None for models without.
        fit_seconds: Seconds of one fit, the median over folds, because the first may have to load a library.
        losses: Loss on each fold alone; None where it is undefined.
        predict_ms: Milliseconds that predicting a row took, made features included: the least over folds.
        sample_seconds: Seconds that fits on samples of the rows took before, on a large table.
        factor: What predictions are multiplied by, where the logarithm of the target was learned.
    """

    rounds: int | None
    fit_seconds: float
    losses: tuple[float | None, ...] = ()
    predict_ms: float = 0.0
    sample_seconds: float = 0.0
    factor: float = 1.0


def as_kept(predicted: NDArray[np.floating]) -> NDArray[np.floating]:
    """Probabilities in single precision; numbers as they are: its seven digits cannot resolve units of, say, 1.7e9.

    Args:
        predicted: Shape (n, classes), or (n,) for numbers.

    Example:
        >>> as_kept(np.ones((2, 2))).dtype.name, as_kept(np.ones(2)).dtype.name
        ('float32', 'float64')
    """
    return predicted if predicted.ndim == 1 else predicted.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a run folder, by configuration.

    Attributes:
        folder: The run folder.
    """

    folder: Path

    def write(self, config: Mapping[str, Any], predicted: NDArray[np.float64], record: TrialRecord) -> None:
        """Leave what a trial predicted for the rows that some fold validates, in their order, and how it went."""
        self.note(config, record)
        RunFolder(self.folder).write_array(_predictions(config), as_kept(predicted))

    def note(self, config: Mapping[str, Any], record: TrialRecord) -> None:
        """Write only the record."""
        RunFolder(self.folder).write_json(_name(config), asdict(record))

    def of(self, config: Mapping[str, Any]) -> TrialRecord:
        """What the trial of this configuration left; empty if it left nothing."""
        found = RunFolder(self.folder).read_json(_name(config))
        if found is None:
            return TrialRecord(None, 0.0)
        found = {name: value for name, value in found.items() if name in TrialRecord.__slots__}  # of other versions
        return TrialRecord(**{**found, "losses": tuple(found.get("losses", ()))})

    def out_of_fold(self, config: Mapping[str, Any]) -> NDArray[np.floating] | None:
        """What the trial predicted for the rows that some fold validates, shape (n, classes) or (n,); None if lost.

        It stays in its file, of which only the rows are read that are asked for.
        """
        path = self.folder / _predictions(config)
        return np.load(path, mmap_mode="r") if path.is_file() else None

    @property
    def any(self) -> bool:
        """Whether some trial has come to its end."""
        with os.scandir(self.folder / "trials") as files:  # reads only a few of what may be thousands
            return any(file.name.endswith(".npy") for file in files)

    def models(self, config: Mapping[str, Any]) -> Path:
        """Where the models of the trial's folds are kept, if they are (`spares.py`)."""
        return self.folder / _name(config).replace(".json", ".models")

    def has_models(self, config: Mapping[str, Any]) -> bool:
        """Whether these are kept."""
        return self.models(config).exists()

    def forget_models(self, configs: Iterable[Mapping[str, Any]], but: Iterable[Mapping[str, Any]]) -> None:
        """Delete the models of `configs`, except those of `but`; one that was tried twice may be in both."""
        there = set(self.folder.glob("trials/*.models"))
        if there:
            for path in there & {self.models(one) for one in configs} - {self.models(one) for one in but}:
                path.unlink(missing_ok=True)

    def bars(self, family: str) -> list[Bar]:
        """What stops trials of a family that lag too far behind: the best of all, and the best of their own."""
        told = RunFolder(self.folder).read_json(_BARS) or {}
        return [Bar.from_dict(told[name]) for name in (ALL, family) if name in told]

    def set_bars(self, bars: Mapping[str, Bar]) -> None:
        """Put these bars in force, in all workers: by family, and one for all."""
        RunFolder(self.folder).write_json(_BARS, {name: bar.to_dict() for name, bar in bars.items()})

    @property
    def has_quick(self) -> bool:
        """Whether some trial's models predict as fast as was asked for."""
        return RunFolder(self.folder).read_json(_QUICK) is not None

    def note_quick(self, predict_ms: float) -> None:
        """Record that one does."""
        RunFolder(self.folder).write_json(_QUICK, predict_ms)


def _predictions(config: Mapping[str, Any]) -> str:
    return _name(config).replace(".json", ".npy")


def _name(config: Mapping[str, Any]) -> str:
    text = json.dumps(config, sort_keys=True, default=dict)
    return f"trials/{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}.json"
