"""Branches of a conditional space: groups of parameters that are in use together."""

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

_MOST_LEVELS: Final = 1000  # a numeric parameter with more values is treated as continuous


class Branch(NamedTuple):
    """Branch: the parameters directly under one option of one choice, or at the root.

    Attributes:
        columns: Coordinates of the parameters, shape (k,).
        parent: Coordinate of the choice; -1 at the root.
        option: Index of the option.
    """

    columns: NDArray[np.intp]
    parent: int = -1
    option: int = -1


@dataclass(frozen=True, slots=True)
class Branches:
    """All branches of a space that contain parameters, parents before children.

    Attributes:
        branches: The branches.
        levels: Number of equal bins of each coordinate; 0 for a continuous coordinate or unequal bins; shape (d,).
        nominal: True for coordinates without order, shape (d,), bool.
        defaults: Coordinates of the default configuration, shape (d,).
    """

    branches: tuple[Branch, ...]
    levels: NDArray[np.intp]
    nominal: NDArray[np.bool_]
    defaults: NDArray[np.float64]

    @staticmethod
    def of(space: Space) -> Branches:
        """Return the branches of a space."""
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
        """Return one mask per branch, shape (n,), True for the points in the branch; `points` has shape (n, d)."""
        inside: dict[int, NDArray[np.bool_]] = {}  # coordinate -> mask of its branch, for nested choices
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
