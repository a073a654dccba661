"""Random search: uniform, on the declared scales."""

# ruff: noqa: D101, D102  # the shape is described in worker.py
from __future__ import annotations

from typing import Any

import numpy as np
from units import config_at

PACKAGES = ("numpy",)


class Optimiser:
    def __init__(self, space: list[dict[str, Any]], seed: int, trials: int, options: dict[str, Any]) -> None:
        self._space, self._rng = space, np.random.default_rng((3, seed))

    def ask(self) -> dict[str, Any]:
        return config_at(self._space, self._rng.random(len(self._space)).tolist())

    def tell(self, value: float) -> None:
        pass
