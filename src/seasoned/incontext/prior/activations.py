"""Activations of the drawn functions: elementwise maps of standardised columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ACTIVATIONS", "ranks"]


def ranks(x: np.ndarray) -> np.ndarray:
    """Return the ranks of each column, scaled to [-1, 1]."""
    return np.asarray(2 * np.argsort(np.argsort(x, axis=0), axis=0) / max(len(x) - 1, 1) - 1)


ACTIVATIONS: Final[tuple[Callable[[np.ndarray], np.ndarray], ...]] = (
    lambda x: x,
    np.tanh,
    lambda x: np.maximum(x, 0),
    lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    lambda x: x / (1 + np.exp(-np.clip(x, -30, 30))),
    lambda x: np.log1p(np.exp(np.clip(x, -30, 30))),
    lambda x: np.sin(2 * x),
    lambda x: np.cos(3 * x),
    np.abs,
    np.square,
    lambda x: np.sign(x) * np.sqrt(np.abs(x)),
    lambda x: np.sign(x) * np.abs(x) ** 1.5,
    lambda x: np.exp(np.clip(x, -4, 3)),
    lambda x: np.exp(-np.square(x)),
    lambda x: np.log(np.abs(x) + 0.05),
    np.sign,
    lambda x: (x > 0.5) * 1.0,
    np.round,
    lambda x: np.clip(x, -1, 1),
    ranks,
    lambda x: 1 / (np.abs(x) + 0.3),
    lambda x: np.mod(x, 1.0),
)
