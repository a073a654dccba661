"""Stacking: models of the second layer learn from the columns and from out-of-fold predictions of base models.

A configuration of the second layer has one more setting than its family, `stacked_on`: the configurations of the base
models. In a fit, the further columns are the out-of-fold predictions of the base models' trials. In predictions, they
come from the base models fitted on all rows. Source: Wolpert (1992), Stacked generalization, Neural Networks 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["STACKED_ON", "columns_of", "split_below", "stacked", "width_of"]

STACKED_ON: Final = "stacked_on"
"""Setting with the configurations of the base models."""


def stacked(config: Mapping[str, Any], sources: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a configuration that is stacked on others, each `{"model": {family: {...}}}`.

    Example:
        >>> stacked({"model": {"tree": {"depth": 3}}}, [{"model": {"linear": {}}}])
        {'model': {'tree': {'depth': 3, 'stacked_on': [{'model': {'linear': {}}}]}}}
    """
    ((family, settings),) = config["model"].items()
    return {"model": {family: {**settings, STACKED_ON: [dict(source) for source in sources]}}}


def split_below(settings: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
    """Return a family's settings without `stacked_on`, and the base models; none for a model of the first layer.

    Example:
        >>> split_below({"depth": 3, "stacked_on": [{"model": {"linear": {}}}]})
        ({'depth': 3}, ({'model': {'linear': {}}},))
    """
    rest = {name: value for name, value in settings.items() if name != STACKED_ON}
    return rest, tuple(settings.get(STACKED_ON, ()))


def columns_of(each: Sequence[NDArray[np.floating[Any]]]) -> NDArray[np.float64]:
    """Return predictions as columns, shape (n, columns): numbers, or probabilities; of two classes only the second.

    Example:
        >>> columns_of([np.array([[0.25, 0.75], [0.5, 0.5]])]).tolist(), columns_of([np.ones(2), np.zeros(2)]).tolist()
        ([[0.75], [0.5]], [[1.0, 0.0], [1.0, 0.0]])
    """
    parts = [said[:, None] if said.ndim == 1 else said[:, 1:] if said.shape[1] == 2 else said for said in each]
    return np.hstack(parts).astype(np.float64)


def width_of(sources: Sequence[Any], n_classes: int) -> int:
    """Return the number of columns of the base models' predictions; `n_classes` is 0 for numbers."""
    return len(sources) * (n_classes if n_classes > 2 else 1)
