"""Learning rate schedule of the networks: four cosine cycles, each twice as long as the cycle before.

Source: Holzmüller, Grinsztajn and Steinwart 2024, "Better by default": the schedule coslog4.
"""

from __future__ import annotations

import math
from typing import Any, Final

__all__ = ["cycle", "rate_at"]

_SPAN: Final = 2**4 - 1  # four cycles of 1, 2, 4 and 8 parts


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
