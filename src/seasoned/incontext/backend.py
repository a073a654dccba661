"""Array library of a forward pass: numpy for predictions, JAX for training.

The network is written once. What differs between numpy and JAX is given as a `Backend`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_RANGE: Final = 40.0  # exp(-40) has full precision in float32
SCORES = 2**17
"""Number of attention scores that numpy computes at a time."""

__all__ = ["NUMPY", "Arrays", "Backend", "Masks", "Weights", "softmax_attention"]

Arrays: TypeAlias = Mapping[str, Any]
"""Arrays by name, of numpy or of JAX."""
Weights: TypeAlias = Mapping[str, Arrays]
"""Weights of a network by part and name; arrays of a part `..._layers` are stacked over its layers."""


@dataclass(frozen=True)
class Backend:
    """Array functions of one library.

    Attributes:
        xp: Module with numpy's functions: `numpy` or `jax.numpy`.
        attention: `softmax(q k^T) v` over the last two axes, from scaled queries, keys, values and a mask of the keys
            or None.
        scan: Loop over the first axis of stacked arrays, with the meaning of `jax.lax.scan`.
    """

    xp: Any
    attention: Callable[[Any, Any, Any, Any], Any]
    scan: Callable[[Callable[[Any, Any], tuple[Any, Any]], Any, Any], tuple[Any, Any]]


@dataclass(frozen=True)
class Masks:
    """Marks of rows and columns that count, for tables padded to one size; None where nothing is padded.

    Attributes:
        rows: 1 for a context row, 0 for padding, (rows,).
        columns: 1 for a column, 0 for padding, (columns,).
    """

    rows: Any = None
    columns: Any = None


def _loop(step: Callable[[Any, Any], tuple[Any, Any]], carry: Any, stacked: tuple[Arrays, ...]) -> tuple[Any, Any]:
    """Return the last carry and, by name, the list of each step's results."""
    results: dict[str, list[Any]] = {}
    for place in range(len(next(iter(stacked[0].values())))):
        carry, result = step(carry, tuple({name: part[place] for name, part in arrays.items()} for arrays in stacked))
        for name, part in result.items():
            results.setdefault(name, []).append(part)
    return carry, results


def softmax_attention(xp: Any, q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    """Return `softmax(q k^T) v`: q (..., queries, e), k and v (..., keys, e), mask (keys,) with 0 for padding."""
    scores = q @ k.swapaxes(-1, -2)
    if mask is not None:
        scores = xp.where(mask > 0, scores, -1e9)
    scores = xp.exp(scores - scores.max(axis=-1, keepdims=True))
    return (scores @ v) / scores.sum(axis=-1, keepdims=True)


def _attention(q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return the attention in blocks of queries whose scores stay in the processor's cache."""
    queries, keys = q.shape[-2], k.shape[-2]
    shape = (*k.shape[:-2], *q.shape[-2:])
    q = np.broadcast_to(q, shape)
    q, k, v = (array.reshape(-1, *array.shape[-2:]) for array in (q, k, v))
    out = np.empty_like(q)
    rows = min(queries, max(SCORES // keys, 1))
    batch = max(SCORES // (rows * keys), 1)
    for start in range(0, len(q), batch):
        part = slice(start, start + batch)
        for at in range(0, queries, rows):
            out[part, at : at + rows] = _block(q[part, at : at + rows], k[part], v[part], mask)
    return out.reshape(shape)


def _block(q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return `softmax_attention` with one shift for all scores, unless a row of exponentials could vanish.

    Maxima and sums of short rows take numpy longer than the products.
    """
    scores = q @ k.swapaxes(-1, -2)
    top = scores.max()
    if mask is not None or top - scores.min() > _RANGE:
        return np.asarray(softmax_attention(np, q, k, v, mask))
    np.exp(np.subtract(scores, top, out=scores), out=scores)
    return np.asarray((scores @ v) / (scores @ np.ones((k.shape[-2], 1), dtype=scores.dtype)))


NUMPY = Backend(np, _attention, _loop)
