"""Epochs of the networks' training: learning rate schedule, and validation rows for the loss after each epoch.

The schedule has four cosine cycles, each twice as long as the cycle before. Source: Holzmüller, Grinsztajn and
Steinwart 2024, "Better by default": the schedule coslog4.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

__all__ = ["cycle", "rate_at", "watched"]

_SPAN: Final = 2**4 - 1  # four cycles of 1, 2, 4 and 8 parts
_MAX_ROWS: Final = 10_000  # largest number of validation rows for the loss after an epoch


def cycle(t: float) -> int:
    """Index of the cycle after a share t of the training.

    Example:
        >>> cycle(0.0), cycle(0.1), cycle(0.3), cycle(0.9)
        (0, 1, 2, 3)
    """
    return int(math.log2(1 + _SPAN * min(t, 1.0)))


def rate_at(t: Any, xp: Any = math) -> Any:
    """Factor of the learning rate after a share t of the training: (1 - cos(2 pi log2(1 + 15 t))) / 2.

    Args:
        t: From 0 to 1.
        xp: Module with `cos` and `log2`: math, numpy or jax.numpy.

    Example:
        >>> round(rate_at(0.0), 6), round(rate_at((2**0.5 - 1) / 15), 6)
        (0.0, 1.0)
    """
    return 0.5 * (1 - xp.cos(2 * math.pi * xp.log2(1 + _SPAN * t)))


def watched(rows: tuple[Any, ...], most: int = _MAX_ROWS) -> tuple[Any, ...]:
    """Return at most `most` evenly spaced rows of every part (None or n rows); the first rows may be similar.

    Example:
        >>> watched((np.arange(9), None), 3)
        (array([0, 4, 8]), None)
    """
    count = len(rows[0])
    if count <= most:
        return rows
    places = np.linspace(0, count - 1, most).astype(np.int64)
    return tuple(None if part is None else part[places] for part in rows)
