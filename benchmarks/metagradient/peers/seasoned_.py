"""Ours: many meta-steps in one compiled loop; it draws the tasks itself, the same ones as the others are given."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from metagradient import problems


class Loop:
    """`MAML.fit`, resumed for every block."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self._family, self._learner = problems.make(problem["name"], problem.get("folder"))
        self._done = 0

    def advance(self, count: int) -> None:
        """Takes meta-steps."""
        self._done += count
        resume = self._learner.fitted is not None
        self._learner = self._learner.fit(self._family, resume=resume, stop_at=self._done, progress=False)

    def weights(self) -> list[np.ndarray]:
        """The meta-parameters now."""
        return [np.asarray(leaf) for leaf in problems.flat(jax.device_get(self._learner.theta["params"]))]
