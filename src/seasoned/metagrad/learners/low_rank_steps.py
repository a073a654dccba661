"""Gradient steps of dense layers on few rows, without forming the adapted weights.

Let h [K, inputs] be a layer's input for K rows, and d [K, outputs] the gradient of their loss in its output. A step of
rate a changes the weights to W - a h'd and the biases to b - a 1'd. On other rows g the new layer computes
g W + b - (g h' + 1) a d. So all tasks of a meta-step share one matrix product with W. The part of one task costs
rows x K x (inputs + outputs) instead of (rows + K) x inputs x outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from seasoned.metagrad._common.jax_imports import jax, jnp, lax
from seasoned.metagrad.networks.forward import ACTIVATIONS
from seasoned.metagrad.tasks.losses import RowLoss, mean_loss

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jax import Array

    from seasoned.metagrad.tasks.tasks import Rows, Task

__all__ = ["InnerLoop", "query_losses"]


class Step(NamedTuple):
    """Effect of one gradient step, on every task's support set, on one layer.

    Attributes:
        inputs: h [tasks, K, inputs].
        shifts: a d [tasks, K, outputs].
    """

    inputs: Array
    shifts: Array


class InnerLoop(NamedTuple):
    """Settings of the gradient steps on a support set.

    Attributes:
        rate: Learning rate of a step.
        steps: Number of steps.
        first_order: Treat the gradients of the steps as constants.
    """

    rate: Any
    steps: int
    first_order: bool = False


def query_losses(
    layers: Sequence[Mapping[str, Array]], activation: str, loss: RowLoss, tasks: Task, inner: InnerLoop
) -> Array:
    """Return the query loss of every task after gradient steps on its support set; differentiable in the layers.

    Args:
        layers: `w` [inputs, outputs] and `b` [outputs] of the initial multi-layer perceptron, shared by all tasks.
        activation: Activation between the layers.
        loss: The loss of a row.
        tasks: Stacked tasks: leaves [tasks, rows, ...].
        inner: Settings of the steps.

    Returns:
        [tasks].
    """
    done: list[list[Step]] = [[] for _ in layers]
    shape = tasks.support.X.shape[:2]
    idle = [jnp.zeros((*shape, layer["b"].shape[0]), layer["b"].dtype) for layer in layers]

    def support_loss(taps: Sequence[Array]) -> tuple[Array, list[Array]]:
        outputs, inputs = _forward(layers, activation, tasks.support.X, done, taps)
        return jnp.sum(_losses(loss, outputs, tasks.support)), inputs

    for _ in range(inner.steps):
        gradients, inputs = jax.grad(support_loss, has_aux=True)(idle)
        taken = [Step(h, inner.rate * d) for h, d in zip(inputs, gradients, strict=True)]
        taken = lax.stop_gradient(taken) if inner.first_order else taken
        done = [[*before, step] for before, step in zip(done, taken, strict=True)]
    return _losses(loss, _forward(layers, activation, tasks.query.X, done)[0], tasks.query)


def _losses(loss: RowLoss, outputs: Array, rows: Rows) -> Array:
    """Return the mean loss of every task's rows [tasks]."""
    return jax.vmap(lambda outputs, rows: mean_loss(loss, outputs, rows))(outputs, rows)


def _forward(
    layers: Sequence[Mapping[str, Array]],
    activation: str,
    X: Array,
    done: Sequence[Sequence[Step]],
    taps: Sequence[Array] | None = None,
) -> tuple[Array, list[Array]]:
    """Return the outputs [tasks, rows, outputs], and the input of each layer.

    `taps` are added to each layer's output.
    """
    entered: list[Array] = []
    X = X.astype(jnp.result_type(X, layers[0]["w"]))  # products of uint8 inputs would be uint8
    for place, layer in enumerate(layers):
        entered.append(X)
        X = _shared(X, layer["w"]) + layer["b"]
        for step in done[place]:
            X = X - output_change(entered[place], step)
        X = X if taps is None else X + taps[place]
        X = X if place == len(layers) - 1 else ACTIVATIONS[activation](jnp, X)
    return X, entered


def _shared(g: Array, w: Array) -> Array:
    """Return the product g W for every task at once."""
    if w.shape[0] == 1:
        return g * w[0]
    return (g.reshape(-1, w.shape[0]) @ w).reshape(*g.shape[:-1], w.shape[1])


def output_change(g: Array, step: Step) -> Array:
    """Return the change of the output by one step: (g h' + 1) a d, in the cheapest order of products."""
    h, d = step
    rows, known, inputs, outputs = g.shape[1], h.shape[1], h.shape[2], d.shape[2]
    if rows * known * (inputs + outputs) < (rows + known) * inputs * outputs:
        return _by_rows(g, h, d)
    offset = jnp.sum(d, axis=1, keepdims=True)
    if inputs == 1:
        return g * jnp.sum(h * d, axis=1, keepdims=True) + offset
    if outputs == 1:
        return jnp.sum(g * jnp.sum(h * d, axis=1, keepdims=True), axis=-1, keepdims=True) + offset
    return g @ (jnp.swapaxes(h, 1, 2) @ d) + offset


@jax.custom_vjp
def _by_rows(g: Array, h: Array, d: Array) -> Array:
    """Return (g h' + 1) d by rows of h.

    The custom derivative computes a matrix and its transpose as two products, which is faster than a transposed copy.
    """
    return (_products(g, h) + 1) @ d


def _by_rows_forward(g: Array, h: Array, d: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    return _by_rows(g, h, d), (g, h, d)


def _by_rows_backward(kept: tuple[Array, Array, Array], c: Array) -> tuple[Array, Array, Array]:
    g, h, d = kept
    return _products(c, d) @ h, _products(d, c) @ g, (_products(h, g) + 1) @ c


_by_rows.defvjp(_by_rows_forward, _by_rows_backward)


def _products(left: Array, right: Array) -> Array:
    """Return the inner products of all pairs of rows, for every task."""
    return jnp.einsum("tai,tbi->tab", left, right)
