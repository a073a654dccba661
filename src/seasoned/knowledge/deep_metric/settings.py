"""Settings of the deep metric function, in a module of their own, so that they can be read without JAX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from seasoned.errors import InvalidInput

__all__ = ["MOST_MEMBERS", "WIDEST", "DeepMetricSettings"]

MOST_MEMBERS: Final = 64
"""Networks that a file may hold."""
WIDEST: Final = 4096
"""Units of a layer that a file may hold."""


@dataclass(frozen=True, slots=True)
class DeepMetricSettings:
    """How a deep metric function is built and trained.

    Attributes:
        members: Number of networks of the ensemble; each leaves out another share of the past tasks, by which its
            weights are selected and its spread is calibrated.
        width: Size of the encoding of a configuration, of a task, and of a trial.
        hidden: Units of the hidden layers.
        rank: Largest number of factors of the past tasks' table in the input of a configuration that they know.
        steps: Of training, for each member.
        lr: Learning rate, with a cosine schedule.
        listwise: Weight of the list-wise ranking loss beside the likelihood of the quantiles.
        decay: Weight decay.
        seed: Of everything random.

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
