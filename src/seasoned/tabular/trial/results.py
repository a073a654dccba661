"""Records of trials in the run folder, for the refit, the ensemble and later trials."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.trial.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["MAX_LAG", "Records", "TrialRecord", "as_kept"]

MAX_LAG: Final = 0.1
"""Largest useful lag, as a share of the gap between best trial and baseline.

Trials further behind hardly ever enter the ensemble.
"""
_QUICK = "quick.json"


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """Record of a trial, in addition to its predictions.

    Attributes:
        rounds: Boosting rounds, the mean over folds; None for models without rounds.
        fit_seconds: Seconds of one fit, the median over folds, because the first fit may import a library.
        losses: Loss on each fold; None if undefined.
        predict_ms: Prediction time in milliseconds a row, features included: the minimum over folds.
        sample_seconds: Seconds of the fits on samples of the rows, for a large table.
        factor: Factor of the predictions, if the logarithm of the target was learned.
    """

    rounds: int | None
    fit_seconds: float
    losses: tuple[float | None, ...] = ()
    predict_ms: float = 0.0
    sample_seconds: float = 0.0
    factor: float = 1.0


def as_kept(predicted: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return probabilities in single precision, but numbers unchanged: seven digits cannot resolve units at 1.7e9.

    Args:
        predicted: Shape (n, classes), or (n,) for numbers.

    Example:
        >>> as_kept(np.ones((2, 2))).dtype.name, as_kept(np.ones(2)).dtype.name
        ('float32', 'float64')
    """
    return predicted if predicted.ndim == 1 else predicted.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Records:
    """Trial records of a run folder, by configuration.

    Attributes:
        folder: The run folder.
    """

    folder: Path

    def write(self, config: Mapping[str, Any], predicted: NDArray[np.float64], record: TrialRecord) -> None:
        """Write the record of a trial and its predictions for the rows that some fold validates, in ascending order."""
        self.note(config, record)
        RunFolder(self.folder).write_array(_predictions(config), as_kept(predicted))

    def note(self, config: Mapping[str, Any], record: TrialRecord) -> None:
        """Write only the record of a trial."""
        RunFolder(self.folder).write_json(_name(config), asdict(record))

    def of(self, config: Mapping[str, Any]) -> TrialRecord:
        """Return the record of a configuration's trial; an empty record if there is none."""
        found = RunFolder(self.folder).read_json(_name(config))
        if found is None:
            return TrialRecord(None, 0.0)
        found = {name: value for name, value in found.items() if name in TrialRecord.__slots__}  # known fields only
        return TrialRecord(**{**found, "losses": tuple(found.get("losses", ()))})

    def out_of_fold(self, config: Mapping[str, Any]) -> NDArray[np.floating] | None:
        """Return the predictions for the rows that some fold validates, shape (n, classes) or (n,); None if lost.

        The array is memory-mapped, so that only requested rows are read.
        """
        path = self.folder / _predictions(config)
        return np.load(path, mmap_mode="r") if path.is_file() else None

    @property
    def any(self) -> bool:
        """True if some trial has finished."""
        with os.scandir(self.folder / "trials") as files:  # reads only a few of possibly thousands of names
            return any(file.name.endswith(".npy") for file in files)

    def models(self, config: Mapping[str, Any]) -> Path:
        """Return the path of the trial's fold models (`fold_models.py`), which may be absent."""
        return self.folder / _name(config).replace(".json", ".models")

    def has_models(self, config: Mapping[str, Any]) -> bool:
        """Return True if the fold models of the trial are stored."""
        return self.models(config).exists()

    def forget_models(self, configs: Iterable[Mapping[str, Any]], but: Iterable[Mapping[str, Any]]) -> None:
        """Delete the fold models of `configs` that are not in `but`; a repeated configuration may be in both."""
        there = set(self.folder.glob("trials/*.models"))
        if there:
            for path in there & {self.models(one) for one in configs} - {self.models(one) for one in but}:
                path.unlink(missing_ok=True)

    @property
    def has_quick(self) -> bool:
        """True if some trial keeps the limit of the prediction time."""
        return RunFolder(self.folder).read_json(_QUICK) is not None

    def note_quick(self, predict_ms: float) -> None:
        """Record that a trial keeps the limit of the prediction time, with its milliseconds a row."""
        RunFolder(self.folder).write_json(_QUICK, predict_ms)


def _predictions(config: Mapping[str, Any]) -> str:
    return _name(config).replace(".json", ".npy")


def _name(config: Mapping[str, Any]) -> str:
    text = json.dumps(config, sort_keys=True, default=dict)
    return f"trials/{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}.json"
