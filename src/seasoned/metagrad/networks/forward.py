"""Forward passes of our networks, for numpy and JAX (`xp` is the array library), so that prediction needs no JAX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["ACTIVATIONS", "convnet", "distances", "mlp", "softmax"]

Arrays = Any
"""Arrays of the library `xp`."""

ACTIVATIONS: Final[Mapping[str, Callable[[Any, Arrays], Arrays]]] = {
    "relu": lambda xp, x: xp.where(x > 0, x, 0),
    "tanh": lambda xp, x: xp.tanh(x),
    "sigmoid": lambda xp, x: 0.5 * (xp.tanh(0.5 * x) + 1),
    "silu": lambda xp, x: x * 0.5 * (xp.tanh(0.5 * x) + 1),
}


def mlp(xp: Any, layers: Sequence[Mapping[str, Arrays]], X: Arrays, activation: str) -> Arrays:
    """Chain of dense layers with an activation between them.

    Args:
        xp: numpy or jax.numpy.
        layers: `w` [inputs, outputs] and `b` [outputs] of each layer.
        X: [rows, inputs].
        activation: A key of `ACTIVATIONS`.

    Returns:
        [rows, outputs of the last layer].
    """
    for layer in layers[:-1]:
        X = ACTIVATIONS[activation](xp, X @ layer["w"] + layer["b"])
    return X @ layers[-1]["w"] + layers[-1]["b"]


def convnet(xp: Any, params: Mapping[str, Any], images: Arrays, normalization: str) -> Arrays:
    """Blocks of a 3x3 convolution with stride 2, normalisation and ReLU; then one dense layer.

    A convolution is computed as one matrix product of nine shifted views. Each task has its own (adapted) kernel, and
    on a CPU a batched matrix product is fast where a grouped convolution is slow.

    Args:
        xp: numpy or jax.numpy.
        params: `blocks`, each with `w` [9 channels, filters], `scale` and `b` [filters]; `head` with `w` and `b`.
        images: [rows, height, width] or [rows, height, width, channels].
        normalization: `"batch"`: mean and variance over rows and places of the current batch, so a prediction depends
            on the other rows, as in the papers. `"instance"`: over the places of each row.

    Returns:
        [rows, outputs].
    """
    x = images[..., None] if images.ndim == 3 else images
    for block in params["blocks"]:
        x = _patches(xp, x) @ block["w"]  # [rows, height / 2, width / 2, filters]
        axes = (0, 1, 2) if normalization == "batch" else (1, 2)
        x = x - xp.mean(x, axis=axes, keepdims=True)
        # One factor per filter, then one pass over the places: cheaper second derivatives than a quotient.
        factor = block["scale"] / xp.sqrt(xp.mean(x * x, axis=axes, keepdims=True) + 1e-3)
        x = ACTIVATIONS["relu"](xp, x * factor + block["b"])
    x = x.reshape(x.shape[0], -1)
    return x @ params["head"]["w"] + params["head"]["b"]


def _patches(xp: Any, x: Arrays) -> Arrays:
    """Return the 3x3 neighbourhoods at every second place: [rows, h, w, c] -> [rows, ceil(h/2), ceil(w/2), 9 c]."""
    height, width = -(-x.shape[1] // 2), -(-x.shape[2] // 2)
    x = xp.pad(x, ((0, 0), (1, 2), (1, 2), (0, 0)))
    views = [x[:, i : i + 2 * height : 2, j : j + 2 * width : 2, :] for i in range(3) for j in range(3)]
    return xp.concatenate(views, axis=-1)


def distances(xp: Any, Z: Arrays, prototypes: Arrays) -> Arrays:
    """Squared Euclidean distances: [rows, size] and [classes, size] -> [rows, classes]."""
    return xp.sum((Z[:, None, :] - prototypes[None]) ** 2, axis=-1)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits [rows, classes]."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities
