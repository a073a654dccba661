"""How fast the machine is at a moment: on one that others use it changes from run to run, and results with it."""

from __future__ import annotations

import time

__all__ = ["loop_seconds"]

LOOPS = 1_000_000


def loop_seconds() -> float:
    """Seconds that a million steps of a plain loop take on one core; on today's quick cores about .08."""
    start = time.perf_counter()
    total = 0
    for step in range(LOOPS):
        total += step * step
    return time.perf_counter() - start
