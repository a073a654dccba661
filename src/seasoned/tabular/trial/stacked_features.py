"""A second layer: models that learn from the columns and from other models' predictions of rows unseen by these.

Wolpert (1992), Stacked generalization, Neural Networks 5. A configuration of the second layer is one of its family with
one more setting, `stacked_on`: the configurations of the models below. For its fit, the columns beside those of the
table are what the trials of these predicted out of fold; for predictions, what they predict, fitted on all rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["BELOW", "columns_of", "split_below", "stacked", "width_of"]

BELOW: Final = "stacked_on"
"""The setting that names the models below."""


def stacked(config: Mapping[str, Any], sources: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A configuration on top of others, each `{"model": {family: {...}}}`.

    Example:
        >>> stacked({"model": {"tree": {"depth": 3}}}, [{"model": {"linear": {}}}])
        {'model': {'tree': {'depth': 3, 'stacked_on': [{'model': {'linear': {}}}]}}}
    """
    ((family, settings),) = config["model"].items()
    return {"model": {family: {**settings, BELOW: [dict(source) for source in sources]}}}


def split_below(settings: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
    """A family's settings without the models below, and these; none for a model of the first layer.

    Example:
        >>> split_below({"depth": 3, "stacked_on": [{"model": {"linear": {}}}]})
        ({'depth': 3}, ({'model': {'linear': {}}},))
    """
    rest = {name: value for name, value in settings.items() if name != BELOW}
    return rest, tuple(settings.get(BELOW, ()))


def columns_of(each: Sequence[NDArray[np.floating[Any]]]) -> NDArray[np.float64]:
    """Models' predictions as columns, shape (n, columns): numbers, or probabilities, of two classes only the second.

    Example:
        >>> columns_of([np.array([[0.25, 0.75], [0.5, 0.5]])]).tolist(), columns_of([np.ones(2), np.zeros(2)]).tolist()
        ([[0.75], [0.5]], [[1.0, 0.0], [1.0, 0.0]])
    """
    parts = [said[:, None] if said.ndim == 1 else said[:, 1:] if said.shape[1] == 2 else said for said in each]
    return np.hstack(parts).astype(np.float64)


def width_of(sources: Sequence[Any], n_classes: int) -> int:
    """How many columns the predictions of so many models make; `n_classes` is 0 for numbers."""
    return len(sources) * (n_classes if n_classes > 2 else 1)
