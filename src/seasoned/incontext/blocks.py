"""Blocks of a transformer as functions of arrays: normalisation, attention and feed-forward layer.

Axes: the second last axis holds tokens, the last one holds their numbers; axes before these are batches. Each block
normalises its input and returns what is added to the residual stream. No block has a bias.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from seasoned.incontext.backend import Arrays, Backend

__all__ = [
    "attend",
    "attention_weights",
    "feed_forward",
    "feed_forward_weights",
    "keys_and_values",
    "normalise",
    "random_weights",
]

TYPICAL_ROWS = 128


def random_weights(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return normal weights with the variance 1 / inputs; the second last axis holds the inputs."""
    return np.asarray(rng.standard_normal(shape) / np.sqrt(shape[-2]), dtype=np.float32)


def attention_weights(rng: np.random.Generator, name: str, layers: int, width: int) -> dict[str, np.ndarray]:
    """Return the first weights of `attend`, stacked over layers; the last matrix is zero, so that it adds nothing."""
    out = np.zeros((layers, width, width), dtype=np.float32)
    return {f"{name}.{part}": random_weights(rng, layers, width, width) for part in "qkv"} | {f"{name}.out": out}


def feed_forward_weights(
    rng: np.random.Generator, name: str, layers: int, width: int, hidden: int
) -> dict[str, np.ndarray]:
    """Return the first weights of `feed_forward`, stacked over layers; the last matrix is zero."""
    down = np.zeros((layers, hidden, width), dtype=np.float32)
    return {f"{name}.up": random_weights(rng, layers, width, hidden), f"{name}.down": down}


def normalise(xp: Any, x: Any) -> Any:
    """Return `x` with mean square 1 over the last axis (RMSNorm)."""
    return x / xp.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-6)


def keys_and_values(xp: Any, p: Arrays, name: str, x: Any, heads: int) -> dict[str, Any]:
    """Return keys and values of tokens `x` (..., tokens, width), each (..., heads, tokens, width / heads)."""
    x = normalise(xp, x)
    return {"k": _split(x @ p[f"{name}.k"], heads), "v": _split(x @ p[f"{name}.v"], heads)}


def attend(
    backend: Backend, p: Arrays, name: str, x: Any, memory: Arrays, heads: int, *, mask: Any = None, count: Any = None
) -> Any:
    """Return attention of the tokens `x` to keys and values, `softmax(q k / sqrt(e)) v`, projected to the width.

    Args:
        backend: Array library.
        p: Weights of this layer.
        name: Prefix of the block's weights.
        x: Tokens, (..., queries, width).
        memory: Result of `keys_and_values`.
        heads: Number of heads.
        mask: 1 for a key that counts and 0 for one that is padding, (keys,).
        count: Number of keys that count, if the softmax shall sharpen with it: the scores are multiplied by
            `1 + s log(count / 128)` with a learned s, so that long contexts do not blur the attention.
    """
    xp = backend.xp
    q = _split(normalise(xp, x) @ p[f"{name}.q"], heads)
    scale = 1 / math.sqrt(q.shape[-1])
    if count is not None:
        scale = scale * (1 + p[f"{name}.sharpening"] * xp.log(xp.asarray(count, dtype=xp.float32) / TYPICAL_ROWS))
    mixed = backend.attention(q * scale, memory["k"], memory["v"], mask)
    return _merge(mixed) @ p[f"{name}.out"]


def feed_forward(xp: Any, p: Arrays, name: str, x: Any) -> Any:
    """Return `relu(x U)^2 D` of normalised tokens (So and others, 2021, arXiv 2109.08668)."""
    hidden = xp.maximum(normalise(xp, x) @ p[f"{name}.up"], 0)
    return (hidden * hidden) @ p[f"{name}.down"]


def _split(x: Any, heads: int) -> Any:
    return x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads).swapaxes(-2, -3)


def _merge(x: Any) -> Any:
    x = x.swapaxes(-2, -3)
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])
