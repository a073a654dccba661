"""Training of the perceptron: Adam with cosine cycles; validation rows select the best epoch."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.models.neural.epochs import cycle, rate_at, watched
from seasoned.tabular.models.neural.numpy_network import Dropout, Loss, forward, gradient, loss_of

if TYPE_CHECKING:
    from seasoned.tabular.models.neural.numpy_network import Array, Rows, Shape

__all__ = ["Recipe", "train"]

_GLANCE: Final = 50  # steps between two time checks

_BETA1, _BETA2, _EPSILON = 0.9, 0.95, 1e-8
_SCALE_RATE, _BIAS_RATE = 6.0, 0.1  # factors of the learning rate (RealMLP, table A.1)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Training settings.

    Attributes:
        epochs: Passes over the rows; the learning rate schedule spans all of them.
        batch: Rows per step.
        rate: Largest learning rate.
        decay: Weight decay, relative to the learning rate.
        dropout: Dropout rate of hidden activations.
        smoothing: Label smoothing towards the class shares of the rows; 0 for numbers.
        loss: Training loss.
    """

    epochs: int
    batch: int
    rate: float
    decay: float
    dropout: float
    smoothing: float
    loss: Loss


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
    """Train by Adam with four cosine cycles; return the parameters and number of the best epoch.

    Without validation rows, the last epoch is returned. A cycle without a lower validation loss ends the training. With
    `seconds`, the number of epochs, and so the schedule, is reduced to fit the measured time of the first two epochs.

    Args:
        shape: The layers.
        vector: Initial parameters, shape (shape.size,).
        data: Inputs (n, p), targets (n, outputs), and row weights (n,), 1 on average, or None.
        valid: Inputs, targets and weights of validation rows.
        recipe: Training settings.
        rng: Random generator of shuffles and dropout.
        seconds: Time limit of the training.
    """
    start, epochs = time.monotonic(), recipe.epochs
    vector, valid = vector.copy(), None if valid is None else watched(valid)
    adam = Adam(shape, recipe)
    best, kept, taken, last_cycle = math.inf, vector, 0, math.inf
    for epoch in range(1, epochs + 1):
        run_epoch(shape, vector, data, adam, rng, (epoch - 1, epochs), end=None if seconds is None else start + seconds)
        if valid is not None and len(valid[0]):
            loss = _validation_loss(shape, vector, valid, recipe)
            if loss < best or not taken:
                best, kept, taken = loss, vector.copy(), epoch
        spent = time.monotonic() - start
        if seconds is not None and epoch <= 2:
            # clocks may be coarse
            epochs = max(epoch, min(recipe.epochs, int(0.9 * seconds * epoch / max(spent, 1e-6))))
        if epoch >= epochs or (seconds is not None and spent > seconds):
            break
        if valid is not None and cycle(epoch / epochs) > cycle((epoch - 1) / epochs):
            if best >= last_cycle:
                break
            last_cycle = best
    return (kept, taken) if taken else (vector, epoch)


def _validation_loss(shape: Shape, vector: Array, valid: Rows, recipe: Recipe) -> float:
    X, y, weight = valid
    return loss_of(forward(shape, vector, X), y, weight, recipe.loss)


def run_epoch(
    shape: Shape,
    vector: Array,
    data: Rows,
    adam: Adam,
    rng: np.random.Generator,
    progress: tuple[int, int],
    *,
    end: float | None,
) -> None:
    """Run one pass over the shuffled rows; a last batch of less than half a batch is skipped.

    The pass ends early at the time limit.
    """
    X, y, weight = data
    recipe = adam.recipe
    dropout = Dropout(recipe.dropout, rng)
    shares = np.float32(recipe.smoothing) * np.average(y, axis=0, weights=weight).astype(np.float32)
    order = rng.permutation(len(X))
    steps = max(1, round(len(X) / recipe.batch))
    for step in range(steps):
        rows = order[step * recipe.batch : (step + 1) * recipe.batch]
        targets = y[rows]
        if recipe.smoothing:
            targets = targets * np.float32(1 - recipe.smoothing) + shares
        share = rate_at((progress[0] + step / steps) / progress[1])
        batch = X[rows], targets, None if weight is None else weight[rows]
        adam.step(vector, gradient(shape, vector, batch, recipe.loss, dropout), share)
        if end is not None and step % _GLANCE == _GLANCE - 1 and time.monotonic() > end:
            return


class Adam:
    """Adam with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019).

    Both moments are stored without their factors 1 - beta, and the bias corrections are folded into two numbers. A step
    is then a dozen passes over the parameters.
    """

    def __init__(self, shape: Shape, recipe: Recipe) -> None:
        self.recipe = recipe
        self.mean: Array = np.zeros(shape.size, dtype=np.float32)
        self.square: Array = np.zeros(shape.size, dtype=np.float32)
        self.rates: Array = np.full(shape.size, recipe.rate, dtype=np.float32)
        self.shrink: Array = np.zeros(shape.size, dtype=np.float32)
        scales, layers = shape.views(self.rates)
        scales *= _SCALE_RATE
        for _, bias in layers:
            np.multiply(bias, _BIAS_RATE, out=bias)
        for weights, _ in shape.views(self.shrink)[1]:
            weights[:] = recipe.decay * recipe.rate
        self.count = 0

    def step(self, vector: Array, gradient: Array, share: float) -> None:
        """Update the parameters in place; the gradient is overwritten."""
        self.count += 1
        self.mean *= np.float32(_BETA1)
        self.mean += gradient
        np.square(gradient, out=gradient)
        self.square *= np.float32(_BETA2)
        self.square += gradient
        root = math.sqrt((1 - _BETA2**self.count) / (1 - _BETA2))
        move: Any = np.sqrt(self.square, out=gradient)
        move += np.float32(_EPSILON * root)
        np.divide(self.mean, move, out=move)
        move *= self.rates
        move *= np.float32(share * root * (1 - _BETA1) / (1 - _BETA1**self.count))
        if self.recipe.decay > 0:
            shrunk = self.shrink * np.float32(share)
            shrunk *= vector
            vector -= shrunk
        vector -= move
