"""Number of rounds, patience, and largest leaf value of boosters.

Rounds and patience are in units of 1 / learning rate, because a slower booster needs proportionally more rounds. A
fixed number of rounds ends a slow booster while it still improves, and a fixed patience ends it by noise.

A leaf of a classifier is a Newton step, -gradient / curvature. The step is unbounded where the curvature vanishes: rows
that are predicted with certainty, and next to no penalty. A refit has no validation rows that would stop such a fit. A
step is therefore at most five logits before the learning rate.
"""

from __future__ import annotations

from typing import Final

__all__ = ["STEP", "most_rounds", "patience"]

STEP: Final = 5.0
"""Largest leaf value of a classifier in logits, before the learning rate."""

_LEARNED: Final = 80.0  # largest number of rounds times the learning rate
_MAX_ROUNDS: Final = 5_000
_PATIENT: Final = 2.0  # patience times the learning rate: rounds without a lower validation loss
_MIN_PATIENCE: Final = 20


def most_rounds(rate: float) -> int:
    """Largest number of rounds of a booster."""
    return min(_MAX_ROUNDS, round(_LEARNED / rate))


def patience(rate: float) -> int:
    """Patience of early stopping: consecutive rounds without a lower validation loss."""
    return max(_MIN_PATIENCE, round(_PATIENT / rate))
