"""What a configuration must beat to be of use: the best trial, or a little less while its kind has no trial so good.

An ensemble gains by models that are almost as good as the best one and err elsewhere. So configurations may have kinds
(model families, say), and one of kind k is worth

    E[max(goal_k - z, 0)],    goal_k = min(best of kind k, best of all + room):

in the leading kind only what is still better counts, in another kind also what comes near, until that kind has come
near. With one kind, or no room, the goal of all is the best trial.
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
    """The kind of each configuration.

    Attributes:
        of: Numbers below `count`, shape (n,); None if all are of one kind.
        count: How many kinds there are; some may have no configuration here.
        room: How far behind the best a kind's first trials are still of use, in compressed units of the gap, >= 0.

    Example:
        >>> kinds = Kinds(np.array([0, 0, 1]), count=2, room=0.25)
        >>> kinds.goals(np.array([-0.8, -0.5]), np.array([0, 2])).tolist()
        [-0.8, -0.55]
    """

    of: NDArray[np.intp] | None = None
    count: int = 1
    room: float = 0.0

    def at(self, columns: NDArray[np.intp]) -> NDArray[np.intp]:
        """The kinds of some configurations, shape (m,); shape (1,), to be broadcast, if there is only one kind."""
        return np.zeros(1, dtype=np.intp) if self.of is None else self.of[columns]

    def least(self, outside: Mapping[int, float]) -> NDArray[np.float64]:
        """Scores by kind as an array, infinite where there is none, shape (count,)."""
        found = np.full(self.count, np.inf)
        found[list(outside)] = list(outside.values())
        return found

    def goals(
        self, scores: NDArray[np.float64], rows: NDArray[np.intp], others: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """What each kind must beat, at most 0, shape (..., count).

        Args:
            scores: Compressed scores of the trials, shape (..., t).
            rows: Their configurations, shape (t,).
            others: The least scores of other trials, by kind, infinite where there are none, shape (..., count).
        """
        own = np.full((*scores.shape[:-1], self.count), np.inf) if others is None else others.copy()
        of = np.broadcast_to(self.at(rows), len(rows))
        for kind in np.unique(of):
            own[..., kind] = np.minimum(own[..., kind], scores[..., of == kind].min(axis=-1))
        best = own.min(axis=-1, keepdims=True)
        return np.asarray(np.minimum(np.minimum(own, best + self.room), 0.0))
