"""From what a caller gives as `random_state` to the one seed of a fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from seasoned.errors import InvalidInput

__all__ = ["seed_of"]


def seed_of(random_state: Any) -> int:
    """A seed for everything below; drawn from the generator given, never from numpy's global state.

    Raises:
        InvalidInput: If it is no whole number, Generator, RandomState or None.

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
