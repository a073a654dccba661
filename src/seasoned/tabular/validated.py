"""What the final model did on rows that its models had not seen: the evidence that a report shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.models import arrays_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.fitted import Member
    from seasoned.tabular.objective import CrossValidation

__all__ = ["MOST_ROWS", "Validated", "validated"]

MOST_ROWS: Final = 2_000  # kept: enough for every figure of a report
_MOST_VALUES: Final = 100_000  # kept, so that many classes do not swell the bundle: 400 kB
_SCORED: Final = 50_000  # rows that the score is taken on; its standard error is far below what a report prints


@dataclass(frozen=True, slots=True, eq=False)
class Validated:
    """Out-of-fold predictions of the final model: the weighted mean of what its members' trials predicted.

    Each row was predicted by models that had not seen it. The weights, though, were chosen on these rows, so that the
    score is a little too good; held-out rows have the last word.

    Attributes:
        truth: Class codes or numbers, shape (n,), of at most 2,000 rows, fewer with many classes. No features are kept.
        predicted: Probabilities, shape (n, classes), or numbers, shape (n,), as float32.
        loss: The metric's loss on at most 50,000 rows; lower is better.
        weights: How much each row counts, shape (n,), 1 on average; None if all count the same.
    """

    truth: NDArray[Any]
    predicted: NDArray[np.float32]
    loss: float
    weights: NDArray[np.float64] | None = None

    def dump(self) -> bytes:
        """The arrays as one npz file."""
        truth = self.truth.astype(np.float64)  # class codes are whole numbers, so they survive
        arrays: dict[str, NDArray[Any]] = {"truth": truth, "predicted": self.predicted, "loss": np.array(self.loss)}
        return arrays_file.dump(arrays if self.weights is None else {**arrays, "weights": self.weights})

    @classmethod
    def load(cls, data: bytes, classes: int) -> Validated:
        """What `dump` wrote.

        Raises:
            InvalidInput: If it is damaged.
            ValueError: If it belongs to a model with another number of classes (0 for regression).
        """
        kinds = {"truth": ("float64", 1), "predicted": ("float32", 2 if classes else 1), "loss": ("float64", 0)}
        found = arrays_file.load(data, kinds, {"weights": ("float64", 1)})
        truth, predicted = found["truth"], found["predicted"]
        if predicted.shape != ((len(truth), classes) if classes else (len(truth),)) or not len(truth):
            raise ValueError("its predictions in validation are those of another model")
        if classes:
            codes = truth.astype(np.int64)
            if not ((codes == truth) & (codes >= 0) & (codes < classes)).all():
                raise ValueError("its rows in validation have unknown classes")
            truth = codes
        weights = found.get("weights")
        if weights is not None and (weights.shape != truth.shape or not (weights > 0).all()):
            raise ValueError("its weights in validation are those of another model")
        return cls(truth, predicted, float(found["loss"]), weights)


def validated(objective: CrossValidation, members: Sequence[Member]) -> Validated | None:
    """Put the members' out-of-fold predictions together; None where those of one are not known.

    Args:
        objective: Knows what every trial predicted.
        members: The models that predict together.

    Raises:
        ValueError: If the metric is not defined on the rows.
    """
    rng = np.random.default_rng(objective.job.seed)
    known = objective.known_rows()
    chosen = np.sort(rng.permutation(known)[:_SCORED])
    mean: NDArray[np.float64] | None = None
    for member in members:
        found = objective.out_of_fold({"model": {member.name: member.config}})
        if found is None:
            return None
        part = member.weight * found[chosen].astype(np.float64)
        mean = part if mean is None else mean + part
    if mean is None or not np.isfinite(mean).all():
        return None
    if mean.ndim == 2:
        mean = mean / mean.sum(axis=1, keepdims=True)  # float32 on disk: the sums are 1 but for rounding
    truth = objective.target()[chosen]
    weights = objective.weights()
    most = min(MOST_ROWS, max(_MOST_VALUES // max(objective.job.n_classes, 1), 100))
    shown = np.sort(rng.permutation(len(chosen))[:most])
    weights = None if weights is None else weights[chosen] / weights[chosen].mean()
    loss = float(objective.metric.loss(truth, mean, weights))
    kept = None if weights is None else weights[shown] / weights[shown].mean()
    return Validated(truth[shown], mean[shown].astype(np.float32), loss, kept)
