"""Decision rule: the label with the lowest expected cost; and the user's costs of predicted labels as a matrix.

The entry C_ij of a cost matrix C is the cost of predicting j for a row of class i. For a row with probabilities p, the
rule predicts the label j with the lowest sum_i p_i C_ij (Elkan 2001, The foundations of cost-sensitive learning,
section 1). Two other rules have this form: a threshold t on the probability of the positive class is the matrix with
cost t for a false positive and 1 - t for a false negative; class weights w are C_ij = w_i for i != j.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.input.labels import code_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Decision", "cost_matrix", "costs_from_plain", "costs_to_plain", "decide"]

_HOW: Final = "pass {(true, predicted): cost, ...}, or a square matrix costs[true][predicted] in the order of classes_"
_MAX_COST: Final = 1e12  # largest absolute cost


def decide(p: NDArray[np.floating[Any]], costs: Array) -> NDArray[np.int64]:
    """Return the class codes with the lowest expected cost, shape (...); a tie goes to the lowest code.

    Args:
        p: Probabilities, shape (..., classes).
        costs: costs[true, predicted], shape (classes, classes).
    """
    return np.asarray(np.argmin(np.asarray(p, dtype=np.float64) @ costs, axis=-1))


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """Decision rule that may differ from the most probable label.

    Attributes:
        costs: costs[true, predicted], shape (classes, classes).
        given: True if the user passed the costs; False if they were learned from out-of-fold predictions.
        asked: True if the user set the rule after the fit; the fit has then neither minimised nor measured it.
    """

    costs: Array
    given: bool = False
    asked: bool = False

    @classmethod
    def at(cls, threshold: float, positive: int = 1) -> Decision:
        """Return the rule of two classes that predicts the positive class if its probability exceeds the threshold."""
        if not positive:  # a tie predicts class 0, but a probability at the threshold is not positive
            threshold = min(threshold + 4.0 * float(np.spacing(threshold)), 1.0)
        costs = np.zeros((2, 2))
        costs[1 - positive, positive], costs[positive, 1 - positive] = threshold, 1.0 - threshold
        return cls(costs)

    @classmethod
    def weighing(cls, weights: Array) -> Decision:
        """Return the rule that predicts the class with the largest product of weight and probability."""
        return cls(np.where(np.eye(len(weights), dtype=np.bool_), 0.0, np.asarray(weights)[:, None]))

    def codes(self, p: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Return class codes, shape (n,), for probabilities of shape (n, classes)."""
        return decide(p, self.costs)

    def threshold(self, positive: int = 1) -> float | None:
        """Return the threshold on the probability of the positive class; None unless there are two classes.

        The threshold follows from p (C_11 - C_10) + (1 - p) (C_01 - C_00) < 0. It is also None if the costs always
        select the same class.
        """
        if len(self.costs) != 2:
            return None
        negative = 1 - positive
        alarm = float(self.costs[negative, positive] - self.costs[negative, negative])
        miss = float(self.costs[positive, negative] - self.costs[positive, positive])
        return alarm / (alarm + miss) if alarm >= 0 and miss >= 0 and alarm + miss > 0 else None

    def to_json(self) -> dict[str, Any]:
        """Return the rule as plain data."""
        return {"costs": self.costs.tolist(), "given": self.given, "asked": self.asked}

    @classmethod
    def from_json(cls, found: Any, classes: int) -> Decision:
        """Return the rule that `to_json` wrote.

        Raises:
            ValueError: If the costs do not fit the number of classes, or are not finite.
        """
        costs = np.array(found["costs"], dtype=np.float64)
        if costs.shape != (classes, classes) or not (np.abs(costs) <= _MAX_COST).all():  # false for NaN
            raise ValueError("its costs are those of another model")
        return cls(costs, bool(found["given"]), bool(found.get("asked", False)))


def cost_matrix(costs: Any, labels: NDArray[Any]) -> NDArray[np.float64]:
    """Return costs[true, predicted] by class codes, shape (classes, classes).

    Args:
        costs: A mapping (true label, predicted label) -> cost, or a square matrix in the order of the sorted labels.
            Pairs that the mapping lacks cost 0 if right and 1 if wrong.
        labels: The user's labels by class code, shape (classes,).

    Raises:
        InvalidInput: If a label is unknown, a cost is not a finite number, or one label is never worse than any other.

    Example:
        >>> cost_matrix({("ill", "well"): 20}, np.array(["ill", "well"])).tolist()
        [[0.0, 20.0], [1.0, 0.0]]
    """
    size = len(labels)
    if isinstance(costs, Mapping):
        found = 1.0 - np.eye(size)
        for pair, cost in costs.items():
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise InvalidInput(f"costs has the key {pair!r}; {_HOW}.")
            found[_code(pair[0], labels), _code(pair[1], labels)] = _number(cost)
    else:
        found = np.array([[_number(cost) for cost in row] for row in _rows(costs)], dtype=np.float64)
        if found.shape != (size, size):
            raise InvalidInput(f"costs has the shape {found.shape}, and there are {size} classes; {_HOW}.")
    if any(bool((found[:, code] <= found.T).all()) for code in range(size)):
        # this label costs at most as much as any other label, for each true class: no decision remains
        cheap = next(code for code in range(size) if bool((found[:, code] <= found.T).all()))
        raise InvalidInput(
            f"with these costs {labels.tolist()[cheap]!r} is never worse than any other label, whatever is true, so "
            "there is nothing to learn; give that label a cost where it is wrong."
        )
    return found


def costs_to_plain(costs: Any) -> Any:
    """Return costs as plain data for JSON: a matrix as lists, pairs as triples."""
    if costs is None:
        return None
    if isinstance(costs, Mapping):
        return {"pairs": [[_plain(true), _plain(predicted), float(cost)] for (true, predicted), cost in costs.items()]}
    return [[float(cost) for cost in row] for row in costs]


def costs_from_plain(stored: Any) -> Any:
    """Return the costs that `costs_to_plain` converted."""
    if isinstance(stored, dict):
        return {(true, predicted): cost for true, predicted, cost in stored["pairs"]}
    return stored


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _rows(costs: Any) -> list[Any]:
    try:
        return [list(row) for row in costs]
    except TypeError:
        raise InvalidInput(f"costs is {costs!r}; {_HOW}.") from None


def _number(cost: Any) -> float:
    try:
        value = float(cost)
    except (TypeError, ValueError):
        raise InvalidInput(f"the cost {cost!r} is no number; {_HOW}.") from None
    if not abs(value) <= _MAX_COST:
        raise InvalidInput(f"the cost {value} is not finite, or beyond {_MAX_COST:g}; use a smaller number.")
    return value


def _code(label: Any, labels: NDArray[Any]) -> int:
    code = code_of(label, labels)
    if code is None:
        raise InvalidInput(
            f"costs names {label!r}, which is no class of the target; use {', '.join(map(repr, labels.tolist()))}."
        )
    return code
