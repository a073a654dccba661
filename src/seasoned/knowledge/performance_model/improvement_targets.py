"""Improvement target of a configuration: the best score, relaxed for kinds that have no score near it yet.

An ensemble gains from models that are almost as good as the best model and make other errors. Therefore configurations
may have kinds, such as model families. The value of a configuration of kind k is

    E[max(goal_k - z, 0)],    goal_k = min(best of kind k, best of all + room).

In the leading kind, only an improvement on the best score counts. In another kind, a score near the best also counts,
until this kind has such a score. With one kind, or without room, the target is the best score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Kinds"]


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """Kinds of the configurations.

    Attributes:
        of: Kind of each configuration, 0 to count - 1, shape (n,); None if all are of one kind.
        count: Number of kinds; a kind may have no configuration.
        room: Relaxation of the target for kinds without a good score, in compressed units of the gap, at least 0.

    Example:
        >>> kinds = Kinds(np.array([0, 0, 1]), count=2, room=0.25)
        >>> kinds.goals(np.array([-0.8, -0.5]), np.array([0, 2])).tolist()
        [-0.8, -0.55]
    """

    of: NDArray[np.intp] | None = None
    count: int = 1
    room: float = 0.0

    def at(self, columns: NDArray[np.intp]) -> NDArray[np.intp]:
        """Kinds of configurations, shape (m,); with only one kind, shape (1,) for broadcasting."""
        return np.zeros(1, dtype=np.intp) if self.of is None else self.of[columns]

    def least(self, outside: Mapping[int, float]) -> NDArray[np.float64]:
        """Convert scores by kind to an array, infinite for kinds without a score, shape (count,)."""
        found = np.full(self.count, np.inf)
        found[list(outside)] = list(outside.values())
        return found

    def goals(
        self, scores: NDArray[np.float64], rows: NDArray[np.intp], others: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Improvement target of each kind, at most 0, shape (..., count).

        Args:
            scores: Compressed scores of the trials, shape (..., t).
            rows: Configurations of the trials, shape (t,).
            others: Lowest scores of further trials by kind, infinite for none, shape (..., count).
        """
        own = np.full((*scores.shape[:-1], self.count), np.inf) if others is None else others.copy()
        of = np.broadcast_to(self.at(rows), len(rows))
        for kind in np.unique(of):
            own[..., kind] = np.minimum(own[..., kind], scores[..., of == kind].min(axis=-1))
        best = own.min(axis=-1, keepdims=True)
        return np.asarray(np.minimum(np.minimum(own, best + self.room), 0.0))
