"""Validation evidence of a report: out-of-fold predictions of the final model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.safe_files import npz

if TYPE_CHECKING:
    from numpy.typing import NDArray


__all__ = ["MOST_ROWS", "ValidationEvidence"]

MOST_ROWS: Final = 2_000  # largest number of stored rows, enough for every figure of a report
_NUMBERS: Final = "numbers"  # name of the array of predicted numbers in the file


@dataclass(frozen=True, slots=True, eq=False)
class ValidationEvidence:
    """Out-of-fold predictions of the final model: the members' predictions, combined as in the ensemble.

    Each row was predicted by models that had not seen it. But the ensemble weights were selected on these rows, so that
    the score is slightly optimistic. Only held-out rows give an unbiased score.

    Attributes:
        truth: Class codes or numbers, shape (n,), of at most 2,000 rows, fewer with many classes; without features.
        predicted: Probabilities, shape (n, classes), as float32, or numbers, shape (n,).
        loss: Loss of the metric on at most 50,000 rows; lower is better.
        weights: Row weights, shape (n,), 1 on average; None for equal weights.
        baseline: Loss of a constant prediction; None if undefined.
    """

    truth: NDArray[Any]
    predicted: NDArray[np.floating]
    loss: float
    weights: NDArray[np.float64] | None = None
    baseline: float | None = None

    def dump(self) -> bytes:
        """Return the arrays as one npz file."""
        truth = self.truth.astype(np.float64)  # exact for class codes
        arrays: dict[str, NDArray[Any]] = {"truth": truth, "loss": np.array(self.loss)}
        if self.predicted.ndim == 2:
            arrays["predicted"] = self.predicted.astype(np.float32)
        else:
            arrays[_NUMBERS] = self.predicted.astype(np.float64)
        if self.weights is not None:
            arrays["weights"] = self.weights
        if self.baseline is not None:
            arrays["baseline"] = np.array(self.baseline)
        return npz.dump(arrays)

    @classmethod
    def load(cls, data: bytes, classes: int) -> ValidationEvidence:
        """Return the evidence that `dump` wrote.

        Raises:
            InvalidInput: If the file is damaged.
            ValueError: If the file belongs to a model with another number of classes (0 for regression).
        """
        kinds = {"truth": ("float64", 1), "loss": ("float64", 0)}
        either = {"predicted": ("float32", 2 if classes else 1), _NUMBERS: ("float64", 1)}  # older files have the first
        found = npz.load(data, kinds, {"weights": ("float64", 1), "baseline": ("float64", 0), **either})
        truth, predicted = found["truth"], found.get(_NUMBERS, found.get("predicted"))
        if (
            predicted is None
            or predicted.shape != ((len(truth), classes) if classes else (len(truth),))
            or not len(truth)
        ):
            raise ValueError("its predictions in validation are those of another model")
        if classes:
            codes = truth.astype(np.int64)
            if not ((codes == truth) & (codes >= 0) & (codes < classes)).all():
                raise ValueError("its rows in validation have unknown classes")
            truth = codes
        weights = found.get("weights")
        if weights is not None and (weights.shape != truth.shape or not (weights > 0).all()):
            raise ValueError("its weights in validation are those of another model")
        baseline = float(found["baseline"]) if "baseline" in found else None
        return cls(truth, predicted, float(found["loss"]), weights, baseline)
