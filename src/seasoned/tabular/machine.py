"""How fast a core of this machine is at the moment, beside the one on which constants in seconds were measured."""

from __future__ import annotations

import time
from typing import Final

import numpy as np

__all__ = ["slowness"]

_ROWS: Final = 50_000
_BINS: Final = 64
_TIMES: Final = 5  # of which the fastest counts: whatever else happens only slows it down
_USUAL: Final = 1e-4  # seconds of processor time that a histogram of so many rows takes on one of today's cores


def slowness() -> float:
    """How many times longer than on one of today's cores a histogram takes, which is what boosters do all the time.

    Processor time counts, so that it does not matter what else runs meanwhile; some milliseconds.

    Example:
        >>> 0.01 < slowness() < 100.0
        True
    """
    codes = np.arange(_ROWS) * 40_503 % _BINS
    weights = np.ones(_ROWS)
    taken = []
    for _ in range(_TIMES):
        start = time.thread_time()
        np.bincount(codes, weights, minlength=_BINS)
        taken.append(time.thread_time() - start)
    return max(min(taken), 1e-6) / _USUAL
