"""Arrays of a run folder for its trials: target, folds, weights, groups, and a matrix for each input encoding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.tabular.features.inputs import load_feature_inputs
from seasoned.tabular.validation.row_samples import nested

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Given
    from seasoned.tabular.preprocessing.column_plan import Diet
    from seasoned.tabular.validation.folds import Fold

__all__ = ["Arrays", "stored_folds", "write_arrays"]

_TARGET = "y.npy"
_FOLDS = "folds.npz"
_WEIGHTS = "weights.npy"
_TOGETHER = "together.npy"


def write_arrays(
    folder: Path,
    y: NDArray[Any],
    folds: Sequence[Fold],
    matrices: Mapping[str, NDArray[np.float64]],
    weights: NDArray[np.float64] | None = None,
    *,
    together: NDArray[np.int64] | None = None,
) -> None:
    """Write the arrays of a run folder, for `Arrays`.

    Args:
        folder: The run folder.
        y: The target, shape (n,).
        folds: (train, validation) row indices of each fold.
        matrices: Input matrix for each input encoding, shape (n, columns).
        weights: Row weights, shape (n,); None for equal weights.
        together: Group of each row, shape (n,), as in `Arrays.together`; None without groups.
    """
    np.save(folder / _TARGET, y)
    for name, rows in ((_WEIGHTS, weights), (_TOGETHER, together)):
        if rows is not None:
            np.save(folder / name, rows)
    pairs: dict[str, Any] = {
        f"{part}{index}": some for index, fold in enumerate(folds) for part, some in zip("tv", fold, strict=True)
    }
    partial = folder / f".{_FOLDS}"
    np.savez(partial, **pairs)
    partial.replace(folder / _FOLDS)  # atomic, because a resumed run reads the file
    for diet, matrix in matrices.items():
        np.save(folder / f"{diet}.npy", matrix)


def stored_folds(folder: Path) -> list[Fold] | None:
    """Return the folds in a run folder; None if the folder contains none."""
    return Arrays(folder).folds if (folder / _FOLDS).is_file() else None


@dataclass(slots=True)
class Arrays:
    """Arrays of a run folder; a process reads each array once, and memory-maps the matrices.

    Attributes:
        folder: The run folder, the only attribute that is sent to a worker.
    """

    folder: Path
    _read: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> Path:
        return self.folder

    def __setstate__(self, folder: Path) -> None:
        self.folder, self._read = folder, {}

    @property
    def target(self) -> NDArray[Any]:
        """Class codes or numbers, shape (n,)."""
        if "y" not in self._read:
            self._read["y"] = np.load(self.folder / _TARGET)
        y: NDArray[Any] = self._read["y"]
        return y

    @property
    def folds(self) -> list[Fold]:
        """(train, validation) row indices of each fold."""
        if "folds" not in self._read:
            with np.load(self.folder / _FOLDS) as stored:
                self._read["folds"] = [(stored[f"t{i}"], stored[f"v{i}"]) for i in range(len(stored.files) // 2)]
        folds: list[Fold] = self._read["folds"]
        return folds

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """Row weights, shape (n,), greater than 0; None for equal weights."""
        if "weights" not in self._read:
            path = self.folder / _WEIGHTS
            self._read["weights"] = np.load(path) if path.is_file() else None
        weights: NDArray[np.float64] | None = self._read["weights"]
        return weights

    @property
    def together(self) -> NDArray[np.int64] | None:
        """Group of each row, shape (n,); all rows of a group are held out, or none. None without groups."""
        if "together" not in self._read:
            path = self.folder / _TOGETHER
            self._read["together"] = np.load(path) if path.is_file() else None
        together: NDArray[np.int64] | None = self._read["together"]
        return together

    def weights_of(self, rows: NDArray[Any]) -> NDArray[np.float64] | None:
        """Return the weights of some rows, 1 on average, so that penalties have the same strength in each fold."""
        weights = self.weights
        return None if weights is None else weights[rows] / weights[rows].mean()

    def matrix(self, diet: Diet) -> NDArray[np.float64]:
        """Return all rows in an input encoding, shape (n, columns)."""
        if diet not in self._read:
            self._read[diet] = np.load(self.folder / f"{diet}.npy", mmap_mode="r")
        matrix: NDArray[np.float64] = self._read[diet]
        return matrix

    def given(self, *, texts: bool) -> Given:
        """Return the inputs of the feature steps for all rows, with or without the texts."""
        name = "given with texts" if texts else "given"
        if name not in self._read:
            self._read[name] = load_feature_inputs(self.folder, self.matrix("codes"), texts=texts)
        given: Given = self._read[name]
        return given

    def known_rows(self) -> NDArray[np.int64]:
        """Return the rows that some fold validates, ascending: the rows with out-of-fold predictions."""
        if "known" not in self._read:
            self._read["known"] = np.unique(np.concatenate([valid for _, valid in self.folds]))
        known: NDArray[np.int64] = self._read["known"]
        return known

    def places_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the positions of `rows` in `known_rows`."""
        return np.searchsorted(self.known_rows(), rows)

    def fold_of_rows(self) -> NDArray[np.int64]:
        """Return the fold that validates each row, shape (n,): the last of several folds, -1 for none."""
        found = np.full(len(self.target), -1)
        for place, (_, valid) in enumerate(self.folds):
            found[valid] = place
        return found

    def nested_first_fold(self, seed: int, *, classes: bool) -> Fold:
        """Return the rows of the first fold in an order whose every prefix is a sample (`row_samples.nested`)."""
        if "nested" not in self._read:
            y = self.target
            self._read["nested"] = tuple(
                part[nested(y[part] if classes else None, len(part), seed)] for part in self.folds[0]
            )
        fold: Fold = self._read["nested"]
        return fold

    @property
    def train_share(self) -> float:
        """Share of the rows that a fold trains on, the mean over folds; early folds of a time series have few rows."""
        return float(np.mean([len(train) for train, _ in self.folds])) / len(self.target)
