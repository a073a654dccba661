"""A space by branches: which parameters are in use together, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.space.parameters import Categorical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.space import Space
    from seasoned.space.parameters import Float, Int

__all__ = ["Branch", "Branches"]

_MOST_LEVELS: Final = 1000  # a number with more values is treated as a continuum


class Branch(NamedTuple):
    """The parameters directly under one option of one choice, or at the root.

    Attributes:
        columns: Their coordinates, shape (k,).
        parent: Coordinate of the choice; -1 at the root.
        option: Index of the option.
    """

    columns: NDArray[np.intp]
    parent: int = -1
    option: int = -1


@dataclass(frozen=True, slots=True)
class Branches:
    """The branches that hold parameters, parents before children.

    Attributes:
        branches: The branches.
        levels: Number of values in equal bins of each coordinate, 0 for a continuum or unequal bins, shape (d,).
        nominal: Which coordinates have no order, shape (d,), bool.
        defaults: Coordinates of the default, shape (d,).
    """

    branches: tuple[Branch, ...]
    levels: NDArray[np.intp]
    nominal: NDArray[np.bool_]
    defaults: NDArray[np.float64]

    @staticmethod
    def of(space: Space) -> Branches:
        """The branches of a space."""
        dimensions = space.dimensions
        columns: dict[tuple[int, str], list[int]] = {}
        for index, dimension in enumerate(dimensions):
            columns.setdefault((dimension.parent, dimension.option), []).append(index)
        nominal = [isinstance(d.parameter, Categorical) and not d.parameter.ordered for d in dimensions]
        return Branches(
            tuple(Branch(np.array(c, dtype=np.intp), p, _place(space, p, o)) for (p, o), c in columns.items()),
            np.array([_levels(d.parameter) for d in dimensions], dtype=np.intp),
            np.array(nominal, dtype=np.bool_),
            np.array([d.default_unit for d in dimensions], dtype=np.float64),
        )

    def masks(self, points: NDArray[np.float64]) -> Sequence[NDArray[np.bool_]]:
        """For each branch, which of the points are in it; points of shape (n, d), masks of shape (n,)."""
        inside: dict[int, NDArray[np.bool_]] = {}  # by coordinate, for nested choices
        masks = []
        for branch in self.branches:
            mask = np.ones(len(points), dtype=np.bool_)
            if branch.parent >= 0:
                chosen = (points[:, branch.parent] * self.levels[branch.parent]).astype(np.intp)
                mask = inside[branch.parent] & (chosen == branch.option)
            masks.append(mask)
            inside.update(dict.fromkeys(branch.columns.tolist(), mask))
        return masks


def _place(space: Space, parent: int, option: str) -> int:
    if parent < 0:
        return -1
    selector = space.dimensions[parent].parameter
    assert isinstance(selector, Categorical), "what a parameter hangs under selects a branch"
    return selector.choices.index(option)


def _levels(parameter: Float | Int | Categorical) -> int:
    if isinstance(parameter, Categorical):
        return parameter.count
    if parameter.count is None or parameter.count > _MOST_LEVELS or parameter.log:
        return 0
    return parameter.count
