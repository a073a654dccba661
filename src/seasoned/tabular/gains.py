"""What each family's trials have lately brought to the ensemble, and the time to keep for what follows the search.

A family's own best loss says little about what its next trial is worth: the ensemble gains by models that are good
where its members are not. So the ensemble is chosen again and again while the search goes on, and each time its gain is
credited to the families whose new trials it took.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Gains"]

_FADING: Final = 0.8  # what a gain counts after each further trial of the family
_BELIEVED: Final = 2.0  # trials that the mean over all families counts as


@dataclass(slots=True)
class Gains:
    """Follows the ensemble's loss, family by family.

    Attributes:
        first: Whether what a family's first trials have brought counts. Where little has been reached, even a poor
            model brings much, which tells nothing of its next ones; where trials are many, this soon fades.
        reserve: Seconds that what comes after the search needs, as set by whoever closes the search.

    Example:
        >>> gains = Gains()
        >>> gains.note(1.0, {"linear": 1}, {"linear": 1.0})
        >>> gains.note(0.4, {"lightgbm": 1, "tree": 1}, {"lightgbm": 0.9})
        >>> found = gains.expected()
        >>> found["lightgbm"] > found["tree"] == found["linear"]
        True
    """

    first: bool = True
    reserve: float = 0.0
    _loss: float = math.inf
    _brought: dict[str, float] = field(default_factory=dict)  # gains, faded
    _trials: dict[str, float] = field(default_factory=dict)  # number of trials, faded alike

    def note(self, loss: float, ended: Mapping[str, int], taken: Mapping[str, float]) -> None:
        """Record that the ensemble was chosen again.

        Args:
            loss: Its loss; the first one tells nothing, and one that has risen is no gain.
            ended: Family -> trials that ended since it was chosen before.
            taken: Family -> weight of these trials in the ensemble.
        """
        gain = max(self._loss - loss, 0.0) if math.isfinite(self._loss) and math.isfinite(loss) else 0.0
        total = sum(taken.values())
        for family, count in ended.items():
            fading = _FADING**count
            counts = total > 0.0 and (self.first or family in self._trials)
            share = gain * taken.get(family, 0.0) / total if counts else 0.0
            self._brought[family] = fading * self._brought.get(family, 0.0) + share
            self._trials[family] = fading * self._trials.get(family, 0.0) + (1.0 - fading) / (1.0 - _FADING)
        self._loss = loss if math.isfinite(loss) else self._loss

    def expected(self, near: Mapping[str, float] = MappingProxyType({})) -> Mapping[str, float]:
        """Family -> gain that its next trial may bring; empty where nothing was gained yet.

        Args:
            near: Family -> share of the mean over all families that its prior expectation is; 1 if left out.
        """
        mean = sum(self._brought.values()) / max(sum(self._trials.values()), 1.0)
        if not mean:
            return {}
        return {
            family: (self._brought[family] + _BELIEVED * mean * near.get(family, 1.0)) / (trials + _BELIEVED)
            for family, trials in self._trials.items()
        }
