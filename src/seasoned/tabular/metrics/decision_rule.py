"""The decision: from probabilities to labels, by the lowest expected cost.

A cost matrix C holds what it costs to predict j where i is true; for a row with probabilities p the label with the
lowest sum_i p_i C_ij is predicted (Elkan 2001, The foundations of cost-sensitive learning, section 1). A threshold t on
the probability of a positive class is the matrix with costs t for a false alarm and 1 - t for a miss, and class weights
w are C_ij = w_i, so that one matrix expresses all three.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Decision", "decide"]

_LARGEST: Final = 1e12  # of a cost in a file


def decide(p: NDArray[np.floating[Any]], costs: Array) -> NDArray[np.int64]:
    """The codes with the lowest expected cost, the first of equal ones.

    Args:
        p: Probabilities, shape (..., classes).
        costs: costs[true, predicted], shape (classes, classes).
    """
    return np.asarray(np.argmin(np.asarray(p, dtype=np.float64) @ costs, axis=-1))


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """How labels are chosen where it is not just the most probable one.

    Attributes:
        costs: costs[true, predicted], shape (classes, classes).
        given: Whether the user gave the costs; otherwise they were found on out-of-fold predictions.
        asked: Whether the user chose it after the fit, which neither minimised nor measured it.
    """

    costs: Array
    given: bool = False
    asked: bool = False

    @classmethod
    def at(cls, threshold: float, positive: int = 1) -> Decision:
        """Of two classes the positive one where its probability is above the threshold."""
        if not positive:  # of equal costs the first class is predicted, but not at the threshold itself
            threshold = min(threshold + 4.0 * float(np.spacing(threshold)), 1.0)
        costs = np.zeros((2, 2))
        costs[1 - positive, positive], costs[positive, 1 - positive] = threshold, 1.0 - threshold
        return cls(costs)

    @classmethod
    def weighing(cls, weights: Array) -> Decision:
        """The class with the largest product of weight and probability."""
        return cls(np.where(np.eye(len(weights), dtype=np.bool_), 0.0, np.asarray(weights)[:, None]))

    def codes(self, p: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Class codes, shape (n,)."""
        return decide(p, self.costs)

    def threshold(self, positive: int = 1) -> float | None:
        """The probability of the positive class above which it is predicted; None if there are not two classes.

        From p (C_11 - C_10) + (1 - p) (C_01 - C_00) < 0; None too where the costs always ask for one class.
        """
        if len(self.costs) != 2:
            return None
        negative = 1 - positive
        alarm = float(self.costs[negative, positive] - self.costs[negative, negative])
        miss = float(self.costs[positive, negative] - self.costs[positive, positive])
        return alarm / (alarm + miss) if alarm >= 0 and miss >= 0 and alarm + miss > 0 else None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"costs": self.costs.tolist(), "given": self.given, "asked": self.asked}

    @classmethod
    def from_json(cls, found: Any, classes: int) -> Decision:
        """What `to_json` wrote.

        Raises:
            ValueError: If it does not fit the number of classes.
        """
        costs = np.array(found["costs"], dtype=np.float64)
        if costs.shape != (classes, classes) or not (np.abs(costs) <= _LARGEST).all():  # false for NaN
            raise ValueError("its costs are those of another model")
        return cls(costs, bool(found["given"]), bool(found.get("asked", False)))
