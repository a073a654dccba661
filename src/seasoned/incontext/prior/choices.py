"""Distributions of single random choices."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_T = TypeVar("_T")

__all__ = ["log_integer", "log_uniform", "one_of", "standardise"]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def log_integer(rng: np.random.Generator, low: int, high: int) -> int:
    """Return an integer from `low` to `high` whose logarithm is about uniform."""
    return min(int(log_uniform(rng, low, high + 1)), high)


def one_of(rng: np.random.Generator, options: Sequence[_T]) -> _T:
    """Return one of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def standardise(x: np.ndarray) -> np.ndarray:
    """Return columns with mean 0 and standard deviation 1; constant columns become 0."""
    centred = x - x.mean(axis=0)
    spread = centred.std(axis=0)
    return np.asarray(centred / np.where(spread > 1e-9, spread, 1.0))
