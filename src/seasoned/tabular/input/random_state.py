"""Conversion of `random_state` to the integer seed of a fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from seasoned.errors import InvalidInput

__all__ = ["seed_of"]


def seed_of(random_state: Any) -> int:
    """Integer seed from 0 to 2**31 - 2. A passed generator draws it; numpy's global state is never used.

    Raises:
        InvalidInput: If `random_state` is no whole number, Generator, RandomState or None.

    Example:
        >>> seed_of(7), seed_of(-1)
        (7, 2147483646)
    """
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, int | np.integer):
        return int(random_state) % (2**31 - 1)
    try:
        return int(np.random.default_rng(random_state).integers(2**31 - 1))
    except (TypeError, ValueError):
        raise InvalidInput(
            f"random_state is {random_state!r}; pass a whole number, a numpy Generator or RandomState, or None."
        ) from None
