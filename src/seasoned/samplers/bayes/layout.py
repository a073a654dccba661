"""Layout of a search space for the surrogates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.space.grid_values import values_of
from seasoned.space.parameters import Categorical
from seasoned.surrogates.layout import Column, Layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.space import Space
    from seasoned.space.parameters import Float, Int

__all__ = ["layout_of"]

_MOST_LEVELS: Final = 256  # a numeric parameter with more values is treated as continuous


def layout_of(space: Space) -> Layout:
    """Return the layout of a space's coordinates, in the order of the space."""
    columns = []
    for dimension in space.dimensions:
        option = -1
        if dimension.parent >= 0:
            above = space.dimensions[dimension.parent].parameter
            assert isinstance(above, Categorical)
            option = list(above.choices).index(dimension.option)
        nominal = isinstance(dimension.parameter, Categorical) and not dimension.parameter.ordered
        levels = _levels(dimension.parameter)
        ends = (0.0, 1.0) if levels is not None else _ends(dimension.parameter)
        columns.append(Column(dimension.default_unit, levels, nominal, dimension.parent, option, *ends))
    return Layout(tuple(columns))


def _ends(parameter: Float | Int | Categorical) -> tuple[float, float]:
    """Coordinates of the smallest and the largest value; no trial can lie beyond them."""
    low, high = (parameter.to_unit(parameter.from_unit(end)) for end in (0.0, 1.0))  # type: ignore[arg-type]  # its own
    return low, high


def _levels(parameter: Float | Int | Categorical) -> NDArray[np.float64] | None:
    if isinstance(parameter, Categorical):
        return (np.arange(len(parameter.choices)) + 0.5) / len(parameter.choices)
    values = values_of(parameter, _MOST_LEVELS)
    return None if values is None else np.array([parameter.to_unit(value) for value in values])  # type: ignore[arg-type]  # its own
