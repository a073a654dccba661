"""Sample of validation rows for the loss after each epoch, for large validation sets."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

__all__ = ["watched"]

_MAX_ROWS: Final = 10_000


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
