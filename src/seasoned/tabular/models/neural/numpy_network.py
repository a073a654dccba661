"""Small multilayer perceptron in numpy: forward pass, gradient, loss.

All parameters lie in one float32 vector, and the layers are views into the vector. An optimiser step is therefore a few
passes over one array (`numpy_training.py`). The code avoids branches on signs, such as `where`: in layers of this size
they cost more than the matrix products.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Rows = tuple[Array, Array, Array | None]

__all__ = ["Dropout", "Loss", "Shape", "forward", "gradient", "initial", "loss_of"]

_CORNER: Final = 0.05  # smoothing width of the pinball loss in spreads of the target
_ALPHA, _LAMBDA = 1.6732632, 1.0507010  # constants of SELU
_BELOW, _STEP = np.float32(_LAMBDA * _ALPHA), np.float32(_LAMBDA * _ALPHA - _LAMBDA)
_PARTS: Final = 256  # denominator of the dropout share: a random byte decides for each activation


@dataclass(frozen=True, slots=True)
class Shape:
    """Widths of all layers, including input and output, and the layout of their parameters in the vector."""

    widths: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.widths[0] + sum((a + 1) * b for a, b in self._pairs())

    def views(self, vector: Array) -> tuple[Array, list[tuple[Array, Array]]]:
        """Input scales, shape (p,), and weights (a, b) with biases (b,) of each layer, as views into the vector."""
        place = self.widths[0]
        layers = []
        for a, b in self._pairs():
            weights = vector[place : place + a * b].reshape(a, b)
            layers.append((weights, vector[place + a * b : place + (a + 1) * b]))
            place += (a + 1) * b
        return vector[: self.widths[0]], layers

    def _pairs(self) -> Iterator[tuple[int, int]]:
        return zip(self.widths[:-1], self.widths[1:], strict=True)


@dataclass(frozen=True, slots=True)
class Loss:
    """Training loss: softmax cross-entropy, squared error, or pinball loss.

    Attributes:
        kind: `"classes"` (outputs are logits), `"squares"` or `"quantile"`.
        quantile: Quantile of the pinball loss, for targets scaled to unit spread.
    """

    kind: Literal["classes", "squares", "quantile"]
    quantile: float = 0.5


class Dropout(NamedTuple):
    """Dropout rate of hidden activations, rounded to 256ths, and its random generator."""

    share: float
    rng: np.random.Generator

    def factors(self, shape: tuple[int, ...]) -> Array | None:
        """Return 0 for a dropped activation and 1 / (1 - share) for the others; None if none is dropped."""
        out = round(self.share * _PARTS)
        if not out:
            return None
        count = math.prod(shape)
        drawn = self.rng.bit_generator.random_raw(-(-count // 8)).view(np.uint8)[:count].reshape(shape)
        return (drawn >= out) * np.float32(_PARTS / (_PARTS - out))


def initial(shape: Shape, rng: np.random.Generator) -> Array:
    """Initialise: scales 1, weights and biases N(0, 1), last layer 0; the forward pass divides by sqrt(fan-in)."""
    vector = rng.standard_normal(shape.size, dtype=np.float32)
    scales, layers = shape.views(vector)
    scales[:] = 1.0
    for part in layers[-1]:
        part[:] = 0.0
    return vector


def forward(shape: Shape, vector: Array, X: Array) -> Array:
    """Outputs (logits or numbers), shape (n, outputs): h_0 = s x; h_i = selu(h_{i-1} W_i / sqrt(fan_in) + b_i).

    The last layer has no SELU.
    """
    scales, layers = shape.views(vector)
    found = X * scales
    for index, layer in enumerate(layers):
        found = _affine(found, layer)
        if index < len(layers) - 1:
            found = _selu(found, np.expm1(np.minimum(found, 0)))
    return found


def gradient(shape: Shape, vector: Array, batch: Rows, loss: Loss, dropout: Dropout) -> Array:
    """Gradient of the mean loss of a batch (X, y, weights) in all parameters, shape (shape.size,)."""
    X, y, weight = batch
    scales, layers = shape.views(vector)
    seen, slopes = [X * scales], []
    for layer in layers[:-1]:
        active, slope = _activation(_affine(seen[-1], layer), dropout)
        seen.append(active)
        slopes.append(slope)
    back = _slope(_affine(seen[-1], layers[-1]), y, loss)
    back *= np.float32(1.0 / len(X)) if weight is None else weight[:, None] / np.float32(len(X))
    found = np.empty_like(vector)
    of_scales, slots = shape.views(found)
    for index in range(len(layers) - 1, -1, -1):
        weights, (of_weights, of_bias) = layers[index][0], slots[index]
        back.sum(axis=0, out=of_bias)
        back *= _scale(weights)
        np.matmul(seen[index].T, back, out=of_weights)
        back = back @ weights.T
        if index:
            back *= slopes[index - 1]
    back *= X
    back.sum(axis=0, out=of_scales)
    return found


def loss_of(outputs: Array, targets: Array, weight: Array | None, loss: Loss) -> float:
    """Mean loss of rows with optional weights: cross-entropy, squared error, or pinball loss."""
    if loss.kind == "squares":
        return float(np.average(np.mean((outputs - targets) ** 2, axis=1), weights=weight))
    if loss.kind == "quantile":
        gap = (targets - outputs)[:, 0]
        pinball = np.maximum(np.float32(loss.quantile) * gap, np.float32(loss.quantile - 1.0) * gap)
        return float(np.average(pinball, weights=weight))
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-np.average((logs * targets).sum(axis=1), weights=weight))


def _affine(seen: Array, layer: tuple[Array, Array]) -> Array:
    weights, bias = layer
    found: Array = seen @ weights
    found *= _scale(weights)
    found += bias
    return found


def _scale(weights: Array) -> np.float32:
    return np.float32(1.0 / math.sqrt(len(weights)))


def _selu(z: Array, below: Array) -> Array:
    """selu(z) = lambda max(z, 0) + lambda alpha below, with below = exp(min(z, 0)) - 1; overwrites both arguments."""
    np.maximum(z, 0, out=z)
    z *= np.float32(_LAMBDA)
    below *= _BELOW
    z += below
    return z


def _activation(z: Array, dropout: Dropout) -> tuple[Array, Array]:
    """SELU with dropout, and its derivative: lambda above 0, lambda alpha exp(z) below 0, and 0 where dropped."""
    below = np.expm1(np.minimum(z, 0))
    slope = below * _BELOW
    slope += _BELOW
    slope -= (z > 0) * _STEP
    active = _selu(z, below)
    factors = dropout.factors(z.shape)
    if factors is not None:
        active *= factors
        slope *= factors
    return active, slope


def _slope(outputs: Array, y: Array, loss: Loss) -> Array:
    """Derivative in the outputs: of the softmax cross-entropy, half the squared error, or the pinball loss.

    The pinball loss is smoothed as in `quantile_regression.py`, so that its derivative shrinks near the quantile.
    """
    if loss.kind == "classes":
        return _softmax(outputs) - y
    if loss.kind == "squares":
        return outputs - y
    below = 0.5 * (1.0 + np.tanh((outputs - y) * np.float32(0.5 / _CORNER)))
    return np.asarray(below - np.float32(loss.quantile), dtype=np.float32)


def _softmax(logits: Array) -> Array:
    shares: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
