"""Settings of the deep metric function. A separate module, so that the settings can be imported without JAX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from seasoned.errors import InvalidInput

__all__ = ["MOST_MEMBERS", "WIDEST", "DeepMetricSettings"]

MOST_MEMBERS: Final = 64
"""Largest number of networks in a file."""
WIDEST: Final = 4096
"""Largest number of units of a layer in a file."""


@dataclass(frozen=True, slots=True)
class DeepMetricSettings:
    """Architecture and training settings of a deep metric function.

    Attributes:
        members: Number of networks of the ensemble, 2 to 64. Each member has its own validation tasks, on which its
            weights are selected and the spread is calibrated.
        width: Width of the encodings of a configuration, a task and a trial.
        hidden: Units of a hidden layer.
        rank: Largest number of factor loadings among the inputs of a configuration.
        steps: Training steps of each member.
        lr: Learning rate, with a cosine schedule.
        listwise: Weight of the list-wise ranking loss, relative to the likelihood of the quantiles.
        decay: Weight decay.
        seed: Random seed.

    Raises:
        InvalidInput: If a value is out of range.

    Example:
        >>> DeepMetricSettings(steps=200).members
        5
    """

    members: int = 5
    width: int = 24
    hidden: int = 64
    rank: int = 8
    steps: int = 1200
    lr: float = 3e-3
    listwise: float = 0.5
    decay: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        whole = min(self.members, self.width, self.hidden, self.steps) >= 1 and self.members >= 2
        whole = whole and self.members <= MOST_MEMBERS and max(self.width, self.hidden) <= WIDEST
        if not whole or self.rank < 0 or not self.lr > 0.0 or not min(self.listwise, self.decay) >= 0.0:
            raise InvalidInput(
                f"{self} is invalid: members must be at least 2 and at most {MOST_MEMBERS}, width and hidden 1 to "
                f"{WIDEST}, steps at least 1, lr above 0, and rank, listwise and decay at least 0."
            )
