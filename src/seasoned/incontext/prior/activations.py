"""Activations of the drawn functions: elementwise maps of standardised columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.incontext.prior.choices import log_uniform, one_of, ranks, standardise

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ACTIVATIONS", "activate"]

LIMIT: Final = 20.0
"""Largest absolute input of an activation, so that squares, exponentials and powers stay finite in float32."""

ACTIVATIONS: Final[dict[str, Callable[[np.ndarray], np.ndarray]]] = {
    "identity": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "leaky relu": lambda x: np.where(x > 0, x, 0.1 * x),
    "relu6": lambda x: np.clip(x, 0, 6),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "clip": lambda x: np.clip(x, -1, 1),
    "sine": np.sin,
    "absolute": np.abs,
    "square": np.square,
    "exponential": np.exp,
    "logarithm": lambda x: np.log(np.abs(x) + 1e-3),
    "bell": lambda x: np.exp(-np.square(x)),
    "window": lambda x: (np.abs(x) <= 1).astype(x.dtype),
    "sign": np.sign,
    "step": lambda x: (x >= 0).astype(x.dtype),
    "round": np.round,
    "remainder": lambda x: x - np.floor(x),
    "rank": ranks,
}

_POWERS: Final = 0.15
"""Share of activations that are powers."""


def activate(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Return a random activation of columns, standardised before and after, (rows, columns).

    The origin of each column is one of its values, so that kinks and steps lie within the data; the scale is
    log-uniform from 1 to 10.
    """
    rows, columns = x.shape
    z = standardise(x)
    z = z - z[rng.integers(rows, size=columns), np.arange(columns)]
    z = np.clip(z * np.float32(log_uniform(rng, 1, 10)), -LIMIT, LIMIT)
    return standardise(_power(rng, z) if rng.random() < _POWERS else one_of(rng, list(ACTIVATIONS.values()))(z))


def _power(rng: np.random.Generator, z: np.ndarray) -> np.ndarray:
    """Return `sign(z) |z|^p`, or its positive part, with a log-uniform exponent."""
    power = np.abs(z) ** np.float32(log_uniform(rng, 0.1, 6))
    return np.asarray(np.where(z > 0, power, 0 if rng.random() < 0.5 else -power))
