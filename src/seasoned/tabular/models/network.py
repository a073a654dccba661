"""A small multilayer perceptron in numpy: forward pass, gradient, Adam.

All parameters lie in one float32 vector, of which the layers are views, so that a step of Adam is a few passes over one
array.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Rows = tuple[Array, Array, Array | None]

__all__ = ["Recipe", "Shape", "forward", "initial", "loss_of", "train"]

_BETA1, _BETA2, _EPSILON = 0.9, 0.95, 1e-8
_SCALE_RATE, _BIAS_RATE = 6.0, 0.1  # of the learning rate (RealMLP, table A.1)
_CYCLES: Final = 4
_WATCHED: Final = 10_000  # validation rows looked at after each epoch
_CORNER: Final = 0.05  # width of the pinball loss's corner in standard deviations of the target
_ALPHA, _LAMBDA = 1.6732632, 1.0507010  # of SELU


@dataclass(frozen=True, slots=True)
class Shape:
    """Widths of all layers, input and output included, and where their parameters lie in the vector."""

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
class Recipe:
    """How to train.

    Attributes:
        epochs: Passes over the rows, over which the learning rate is scheduled.
        batch: Rows of a step.
        rate: Largest learning rate.
        decay: Weight decay, times the learning rate's fraction of its largest value.
        dropout: Share of hidden activations that a step leaves out.
        smoothing: Label smoothing, towards the classes' shares of the rows; 0 for regression.
        classes: Whether the outputs are logits.
        quantile: Which quantile of a number is learned, targets having a deviation of 1; None for the mean.
    """

    epochs: int
    batch: int
    rate: float
    decay: float
    dropout: float
    smoothing: float
    classes: bool
    quantile: float | None = None


def initial(shape: Shape, rng: np.random.Generator) -> Array:
    """Scales 1, weights N(0, 1) (they are divided by the root of their fan-in), biases N(0, 1), the last layer 0."""
    vector = rng.standard_normal(shape.size, dtype=np.float32)
    scales, layers = shape.views(vector)
    scales[:] = 1.0
    for part in layers[-1]:
        part[:] = 0.0
    return vector


def forward(shape: Shape, vector: Array, X: Array) -> Array:
    """Outputs (logits or numbers), shape (n, outputs)."""
    return _forward(shape, vector, X, None, 0.0)[-1]


def _forward(shape: Shape, vector: Array, X: Array, rng: np.random.Generator | None, dropout: float) -> list[Array]:
    """What each layer sees, and the output: h_0 = s x; h_i = selu(h_{i-1} W_i / sqrt(fan_in) + b_i); no selu last."""
    scales, layers = shape.views(vector)
    seen = [X * scales]
    for index, (weights, bias) in enumerate(layers):
        z = seen[-1] @ weights
        z *= np.float32(1.0 / math.sqrt(len(weights)))
        z += bias
        if index < len(layers) - 1:
            z = np.where(z > 0, np.float32(_LAMBDA) * z, np.float32(_LAMBDA * _ALPHA) * np.expm1(np.minimum(z, 0)))
            if rng is not None and dropout > 0:
                z *= (rng.random(z.shape, dtype=np.float32) >= dropout) * np.float32(1.0 / (1.0 - dropout))
        seen.append(z)
    return seen


def _gradient(shape: Shape, vector: Array, batch: Rows, rng: np.random.Generator, recipe: Recipe) -> Array:
    """Gradient of the mean loss of a batch (`_slope`); rows may weigh."""
    X, y, weight = batch
    seen = _forward(shape, vector, X, rng, recipe.dropout)
    gradient = np.empty_like(vector)
    scale_gradient, slots = shape.views(gradient)
    _, layers = shape.views(vector)
    back = _slope(seen[-1], y, recipe)
    back *= np.float32(1.0 / len(X)) if weight is None else weight[:, None] / np.float32(len(X))
    keep = 1.0 - recipe.dropout
    for index in range(len(layers) - 1, -1, -1):
        weights, root = layers[index][0], np.float32(1.0 / math.sqrt(len(layers[index][0])))
        slots[index][0][:] = seen[index].T @ back
        slots[index][0][:] *= root
        slots[index][1][:] = back.sum(axis=0)
        back = (back @ weights.T) * root
        if index:
            active = seen[index]  # selu'(z) = lambda above 0, selu(z) + lambda alpha below; 0 where dropped out
            slope = np.where(active > 0, np.float32(_LAMBDA / keep), active + np.float32(_LAMBDA * _ALPHA / keep))
            back *= slope if recipe.dropout <= 0 else np.where(active == 0, np.float32(0.0), slope)
    scale_gradient[:] = (back * X).sum(axis=0)
    return gradient


def _slope(outputs: Array, y: Array, recipe: Recipe) -> Array:
    """Derivative by the outputs: of softmax's cross-entropy, half the squared error, or the pinball loss.

    The last is rounded off at its corner as in `quantile_line.py`, so that it can be told how near the quantile is.
    """
    if recipe.classes:
        return _softmax(outputs) - y
    if recipe.quantile is None:
        return outputs - y
    below = 0.5 * (1.0 + np.tanh((outputs - y) * np.float32(0.5 / _CORNER)))
    return np.asarray(below - np.float32(recipe.quantile), dtype=np.float32)


def train(
    shape: Shape,
    vector: Array,
    data: Rows,
    valid: Rows | None,
    recipe: Recipe,
    *,
    rng: np.random.Generator,
    seconds: float | None,
) -> tuple[Array, int]:
    """Adam with four cosine cycles; with validation rows the best epoch's parameters, and its number.

    A cycle that ends without a better validation loss ends the training. With `seconds` the number of epochs, and so
    the schedule, is cut to what the first epoch says is possible.

    Args:
        shape: The layers.
        vector: Initial parameters, shape (shape.size,).
        data: Inputs (n, p), targets (n, outputs), and how much each row counts (n,), 1 on average, or None.
        valid: The same for validation rows.
        recipe: How to train.
        rng: Shuffles rows and drops activations.
        seconds: Time for the whole training.
    """
    start, epochs = time.monotonic(), recipe.epochs
    vector = vector.copy()
    adam = _Adam(shape, recipe)
    best, kept, taken, last_cycle = math.inf, vector, 0, math.inf
    for epoch in range(1, epochs + 1):
        _epoch(shape, vector, data, adam, rng, (epoch - 1, epochs))
        if valid is not None and len(valid[0]):
            loss = _validation_loss(shape, vector, valid, recipe)
            if loss < best or not taken:
                best, kept, taken = loss, vector.copy(), epoch
        spent = time.monotonic() - start
        if seconds is not None and epoch <= 2:
            epochs = max(epoch, min(recipe.epochs, int(0.9 * seconds * epoch / spent)))
        if epoch >= epochs or (seconds is not None and spent > seconds):
            break
        if valid is not None and _cycle(epoch / epochs) > _cycle((epoch - 1) / epochs):
            if best >= last_cycle:
                break
            last_cycle = best
    return (kept, taken) if taken else (vector, epochs)


def _validation_loss(shape: Shape, vector: Array, valid: Rows, recipe: Recipe) -> float:
    X, y = valid[0][:_WATCHED], valid[1][:_WATCHED]
    weight = None if valid[2] is None else valid[2][:_WATCHED]
    outputs = forward(shape, vector, X)
    if recipe.quantile is not None:
        gap = (y - outputs)[:, 0]
        pinball = np.maximum(np.float32(recipe.quantile) * gap, np.float32(recipe.quantile - 1.0) * gap)
        return float(np.average(pinball, weights=weight))
    return loss_of(outputs, y, weight, classes=recipe.classes)


def loss_of(outputs: Array, targets: Array, weight: Array | None = None, *, classes: bool) -> float:
    """Mean cross-entropy, or mean squared error, of rows that may weigh."""
    if not classes:
        return float(np.average(np.mean((outputs - targets) ** 2, axis=1), weights=weight))
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-np.average((logs * targets).sum(axis=1), weights=weight))


def _epoch(
    shape: Shape,
    vector: Array,
    data: Rows,
    adam: _Adam,
    rng: np.random.Generator,
    progress: tuple[int, int],
) -> None:
    """One pass over the shuffled rows; a rest smaller than half a batch waits for the next shuffle."""
    X, y, weight = data
    recipe = adam.recipe
    shares = np.float32(recipe.smoothing) * np.average(y, axis=0, weights=weight).astype(np.float32)
    order = rng.permutation(len(X))
    steps = max(1, round(len(X) / recipe.batch))
    for step in range(steps):
        rows = order[step * recipe.batch : (step + 1) * recipe.batch]
        targets = y[rows]
        if recipe.smoothing:
            targets = targets * np.float32(1 - recipe.smoothing) + shares
        share = _schedule((progress[0] + step / steps) / progress[1])
        batch = X[rows], targets, None if weight is None else weight[rows]
        adam.step(vector, _gradient(shape, vector, batch, rng, recipe), share)


def _cycle(t: float) -> int:
    """Number of the cosine cycle at the share t of the training; each is twice as long as the one before."""
    return int(math.log2(1 + (2**_CYCLES - 1) * min(t, 1.0)))


def _schedule(t: float) -> float:
    """Share of the learning rate at the share t of the training: 0.5 (1 - cos(2 pi log2(1 + 15 t)))."""
    return 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + (2**_CYCLES - 1) * t)))


class _Adam:
    """Adam with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019)."""

    def __init__(self, shape: Shape, recipe: Recipe) -> None:
        self.recipe = recipe
        self.mean: Array = np.zeros(shape.size, dtype=np.float32)
        self.square: Array = np.zeros(shape.size, dtype=np.float32)
        self.rates: Array = np.full(shape.size, recipe.rate, dtype=np.float32)
        self.decay: Array = np.zeros(shape.size, dtype=np.float32)
        self.decays = recipe.decay > 0
        scales, layers = shape.views(self.rates)
        scales *= _SCALE_RATE
        for _, bias in layers:
            np.multiply(bias, _BIAS_RATE, out=bias)
        for weights, _ in shape.views(self.decay)[1]:
            weights[:] = recipe.decay
        self.count = 0

    def step(self, vector: Array, gradient: Array, share: float) -> None:
        """Move the parameters, in place."""
        self.count += 1
        self.mean += (1 - _BETA1) * (gradient - self.mean)
        np.square(gradient, out=gradient)
        self.square += (1 - _BETA2) * (gradient - self.square)
        size = share / (1 - _BETA1**self.count)
        move: Any = np.sqrt(self.square / np.float32(1 - _BETA2**self.count))
        move += np.float32(_EPSILON)
        np.divide(self.mean, move, out=move)
        move *= self.rates
        move *= np.float32(size)
        if self.decays:
            vector -= vector * self.decay * self.rates * np.float32(share)
        vector -= move


def _softmax(logits: Array) -> Array:
    shares: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
