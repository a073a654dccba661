"""Distributions of single random choices, and the scaling of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_T = TypeVar("_T")

__all__ = ["gaussian", "log_integer", "log_uniform", "one_of", "ranks", "standardise"]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number whose logarithm is uniform."""
    return float(low * (high / low) ** rng.random())


def log_integer(rng: np.random.Generator, low: int, high: int) -> int:
    """Return an integer from `low` to `high` whose logarithm is about uniform."""
    return min(int(log_uniform(rng, low, high + 1)), high)


def one_of(rng: np.random.Generator, options: Sequence[_T], weights: Sequence[float] | None = None) -> _T:
    """Return one of the options, all equally likely or with probabilities in proportion to weights."""
    if weights is None:
        return options[int(rng.integers(len(options)))]
    borders = np.cumsum(weights)
    return options[int(np.searchsorted(borders, rng.random() * borders[-1], side="right"))]


def gaussian(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return standard normal numbers in float32, in which the prior computes for speed."""
    return rng.standard_normal(shape, dtype=np.float32)


def standardise(x: np.ndarray) -> np.ndarray:
    """Return columns with mean 0 and standard deviation 1; constant columns become 0.

    Example:
        >>> standardise(np.array([[1.0, 5.0], [3.0, 5.0]])).round(6).tolist()
        [[-1.0, 0.0], [1.0, 0.0]]
    """
    share = x.dtype.type(1 / len(x))
    mean = np.add.reduce(x, axis=0) * share
    centred = x - mean
    variance = np.add.reduce(centred * centred, axis=0) * share
    varies = variance > x.dtype.type(1e-12) + x.dtype.type(1e-7) * mean * mean  # else rounding in float32
    return np.asarray(centred * np.where(varies, 1 / np.sqrt(np.where(varies, variance, 1)), 0).astype(x.dtype))


def ranks(x: np.ndarray) -> np.ndarray:
    """Return the ranks within each column, scaled to [-1, 1], in float32.

    Example:
        >>> ranks(np.array([5.0, 9.0, 7.0])).tolist()
        [-1.0, 1.0, 0.0]
    """
    places = np.argsort(np.argsort(x, axis=0), axis=0).astype(np.float32)
    return np.asarray(places * np.float32(2 / max(len(x) - 1, 1)) - 1)
