"""Settings common to boosters: rounds, patience, largest leaf value, and number of histogram bins.

Rounds and patience are in units of 1 / learning rate, because a slower booster needs proportionally more rounds. A
fixed number of rounds ends a slow booster while it still improves, and a fixed patience ends it by noise.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BYTE", "LEAF_STEP", "bins", "most_rounds", "oblivious_bins", "patience"]

LEAF_STEP: Final = 5.0
"""Largest leaf value of a classifier in logits, before the learning rate.

A leaf of a classifier is a Newton step, -gradient / curvature. The step is unbounded where the curvature vanishes: rows
that are predicted with certainty, and next to no penalty. A refit has no validation rows that would stop such a fit.
"""
BYTE: Final = 255
"""Number of bins that fit into a byte, without the bin for missing values."""

_LEARNED: Final = 80.0  # largest number of rounds times the learning rate
_MAX_ROUNDS: Final = 5_000
_PATIENT: Final = 2.0  # patience times the learning rate: rounds without a lower validation loss
_MIN_PATIENCE: Final = 20
_SOME_ROWS: Final = 8_000  # number of training rows up to which bins are coarsest
_MANY_ROWS: Final = 20_000  # number of training rows above which bins are finest
_WIDE: Final = 20  # number of columns times number of outputs


def most_rounds(rate: float) -> int:
    """Largest number of rounds of a booster."""
    return min(_MAX_ROUNDS, round(_LEARNED / rate))


def patience(rate: float) -> int:
    """Patience of early stopping: consecutive rounds without a lower validation loss."""
    return max(_MIN_PATIENCE, round(_PATIENT / rate))


def bins(rows: int) -> int:
    """Number of histogram bins for `rows` training rows.

    On few rows, the bins dominate the time of a tree, and coarse bins have no higher loss. On many rows, finer bins
    lower the loss.
    """
    return 128 if rows <= _SOME_ROWS else BYTE if rows <= _MANY_ROWS else 511


def oblivious_bins(rows: int, columns: int) -> int:
    """Number of histogram bins for CatBoost, whose time depends more on bins, and on columns (times outputs)."""
    if rows > _MANY_ROWS:
        return BYTE
    return 64 if columns > _WIDE else 128
