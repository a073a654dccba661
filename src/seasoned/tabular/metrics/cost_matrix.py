"""Cost matrix: the user's costs of predicted labels as an array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.input.labels import code_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["cost_matrix", "costs_from_plain", "costs_to_plain"]

_MAX_COST: Final = 1e12  # largest absolute cost
_HOW: Final = "pass {(true, predicted): cost, ...}, or a square matrix costs[true][predicted] in the order of classes_"


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
