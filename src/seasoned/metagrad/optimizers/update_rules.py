"""Learned update rules: small networks that map a coordinate's gradient and memory to its next step.

A rule is frozen settings with pure functions, like a network: `init(key) -> theta`, `start(theta, params) -> state`,
`step(theta, gradient, state) -> (updates, state)`. All coordinates share theta, and each coordinate has its own memory.
A rule trained on small problems therefore runs on networks of any size.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp, ravel_pytree

if TYPE_CHECKING:
    from jax import Array

__all__ = ["LSTMRule", "MLPRule", "UpdateRule"]

Tree = Any
DECAYS: Final = (0.5, 0.9, 0.99)
"""Decays of an MLP rule's running means of gradients."""
HORIZONS: Final = (3.0, 10.0, 30.0, 100.0)
"""Numbers of steps at which the step-count features of an MLP rule saturate."""
FEATURES: Final = 1 + len(DECAYS) + 1 + len(HORIZONS) + 1
"""Inputs of an MLP rule: gradient, running means, own scale, step-count features, common scale."""


class UpdateRule(Protocol):
    """Family of optimisers, indexed by theta."""

    def init(self, key: Array) -> Tree:
        """Return the first theta."""

    def start(self, theta: Tree, params: Tree) -> Tree:
        """Return the initial memory for parameters of this structure."""

    def step(self, theta: Tree, gradient: Tree, state: Tree) -> tuple[Tree, Tree]:
        """Return the change of the parameters, and the next memory."""


@dataclass(frozen=True)
class LSTMRule:
    """Stack of LSTM cells on every coordinate: update = scale * linear(LSTM(preprocessed gradient)).

    A gradient g is preprocessed to (log|g| / p, sign g) if |g| >= e^-p, otherwise to (-1, e^p g).

    Args:
        hidden: Number of units of a cell.
        layers: Number of stacked cells.
        preprocessing: p.
        scale: Factor on the output; a small factor limits the first steps.

    Source: Andrychowicz et al. 2016 (arXiv:1606.04474), section 2.1 and appendix A.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from seasoned.metagrad import LSTMRule
        >>> rule = LSTMRule(hidden=4, layers=1)
        >>> theta = rule.init(jax.random.key(0))
        >>> updates, state = rule.step(theta, jnp.ones(3), rule.start(theta, jnp.ones(3)))
        >>> updates.shape
        (3,)
    """

    hidden: int = 20
    layers: int = 2
    preprocessing: float = 10.0
    scale: float = 0.1

    def __post_init__(self) -> None:
        if min(self.hidden, self.layers) < 1:
            raise InvalidInput(f"{self} has no units: hidden and layers must be at least 1.")

    def init(self, key: Array) -> Tree:
        """See `UpdateRule`."""
        cells = []
        for place, inputs in enumerate([2] + [self.hidden] * (self.layers - 1)):
            rows = inputs + self.hidden
            weights = jax.random.normal(jax.random.fold_in(key, place), (rows, 4 * self.hidden)) * rows**-0.5
            bias = jnp.zeros(4 * self.hidden).at[: self.hidden].set(1.0)  # forget gates are open at the start
            cells.append({"w": weights, "b": bias})
        out = jax.random.normal(jax.random.fold_in(key, self.layers), (self.hidden, 1)) * self.hidden**-0.5
        return {"cells": cells, "out": out}

    def start(self, theta: Tree, params: Tree) -> Tree:
        """See `UpdateRule`: hidden and cell states [coordinates, hidden] of every layer."""
        size = sum(leaf.size for leaf in jax.tree.leaves(params))
        zeros = jnp.zeros((size, self.hidden), theta["out"].dtype)
        return [(zeros, zeros) for _ in range(self.layers)]

    def step(self, theta: Tree, gradient: Tree, state: Tree) -> tuple[Tree, Tree]:
        """See `UpdateRule`."""
        flat, restore = ravel_pytree(gradient)
        x = _preprocess(flat, self.preprocessing)
        memory = []
        for cell, (hidden, before) in zip(theta["cells"], state, strict=True):
            gates = jnp.concatenate([x, hidden], axis=1) @ cell["w"] + cell["b"]
            forget, enter, candidate, out = jnp.split(gates, 4, axis=1)
            kept = jax.nn.sigmoid(forget) * before + jax.nn.sigmoid(enter) * jnp.tanh(candidate)
            x = jax.nn.sigmoid(out) * jnp.tanh(kept)
            memory.append((x, kept))
        return restore((self.scale * (x @ theta["out"])[:, 0]).astype(flat.dtype)), memory


def _preprocess(gradient: Array, p: float) -> Array:
    size = jnp.abs(gradient)
    large = size >= jnp.exp(-p)
    logs = jnp.log(jnp.where(large, size, 1.0)) / p
    first = jnp.where(large, logs, -1.0)
    second = jnp.where(large, jnp.sign(gradient), jnp.exp(p) * gradient)
    return jnp.stack([first, second], axis=1)  # [coordinates, 2]


@dataclass(frozen=True)
class MLPRule:
    """Small MLP on momentum features: update = scale * direction * exp(magnitude), both outputs of the MLP.

    Features of a coordinate: the gradient and its running means (decays 0.5, 0.9, 0.99), each divided by the root of a
    running mean square; the log of the gradients' common scale; tanh of the step count at four horizons.

    Args:
        hidden: Units of the two hidden layers.
        scale: Factor on the output.

    Source: Metz et al. 2020 (arXiv:2009.11243) and 2022 (arXiv:2203.11860), `small_fc_lopt`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from seasoned.metagrad import MLPRule
        >>> rule = MLPRule(hidden=8)
        >>> theta = rule.init(jax.random.key(0))
        >>> updates, state = rule.step(theta, jnp.ones(3), rule.start(theta, jnp.ones(3)))
        >>> updates.shape
        (3,)
    """

    hidden: int = 32
    scale: float = 0.05

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise InvalidInput(f"hidden is {self.hidden}, and it must be at least 1: give a whole number.")

    def init(self, key: Array) -> Tree:
        """See `UpdateRule`."""
        sizes = (FEATURES, self.hidden, self.hidden, 2)
        layers = []
        for place, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
            gain = (2 / inputs) ** 0.5 * (0.3 if place == 2 else 1.0)
            weights = jax.random.normal(jax.random.fold_in(key, place), (inputs, outputs)) * gain
            layers.append({"w": weights, "b": jnp.zeros(outputs)})
        # Before training the rule is a damped gradient step: direction = -(mean gradient) / root mean square.
        return {"layers": layers, "momentum": jnp.asarray(-1.0)}

    def start(self, theta: Tree, params: Tree) -> Tree:
        """See `UpdateRule`: running means [coordinates, decays], running mean square, steps."""
        size = sum(leaf.size for leaf in jax.tree.leaves(params))
        dtype = theta["momentum"].dtype
        return jnp.zeros((size, len(DECAYS)), dtype), jnp.zeros(size, dtype), jnp.zeros((), dtype)

    def step(self, theta: Tree, gradient: Tree, state: Tree) -> tuple[Tree, Tree]:
        """See `UpdateRule`."""
        flat, restore = ravel_pytree(gradient)
        means, square, count = state
        decays = jnp.asarray(DECAYS, means.dtype)
        means = decays * means + (1 - decays) * flat[:, None]
        square = 0.99 * square + 0.01 * flat**2
        count = count + 1
        root = jnp.sqrt(square / (1 - 0.99**count)) + 1e-8
        normed = jnp.concatenate([flat[:, None], means / (1 - decays**count)], axis=1) / root[:, None]
        level = jnp.log(jnp.sqrt(jnp.mean(flat**2)) + 1e-8)
        size = flat.shape[0]
        context = jnp.append(jnp.tanh(count / jnp.asarray(HORIZONS, means.dtype)), level / 10)
        own = jnp.log(root) / 10
        x = jnp.concatenate([normed, own[:, None], jnp.broadcast_to(context, (size, context.shape[0]))], axis=1)
        for layer in theta["layers"][:-1]:
            x = jax.nn.relu(x @ layer["w"] + layer["b"])
        out = x @ theta["layers"][-1]["w"] + theta["layers"][-1]["b"]  # [coordinates, 2]
        direction = out[:, 0] + theta["momentum"] * normed[:, 2]
        update = self.scale * direction * jnp.exp(jnp.clip(out[:, 1], -10, 5))
        return restore(update.astype(flat.dtype)), (means, square, count)
