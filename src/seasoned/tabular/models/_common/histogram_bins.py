"""Number of histogram bins of a booster.

On few rows, the bins dominate the time of a tree, and coarse bins have no higher loss. On many rows, finer bins lower
the loss. CatBoost has fewer bins than other boosters because its time depends more on their number.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BYTE", "bins", "oblivious_bins"]

BYTE: Final = 255
"""Number of bins that fit into a byte, without the bin for missing values."""

_SOME_ROWS: Final = 8_000
_MANY_ROWS: Final = 20_000
_WIDE: Final = 20  # number of columns times number of outputs


def bins(rows: int) -> int:
    """Number of bins for `rows` training rows."""
    return 128 if rows <= _SOME_ROWS else BYTE if rows <= _MANY_ROWS else 511


def oblivious_bins(rows: int, columns: int) -> int:
    """Number of bins for CatBoost, whose time depends more on bins, and on columns (times outputs)."""
    if rows > _MANY_ROWS:
        return BYTE
    return 64 if columns > _WIDE else 128
