"""Losses of single rows: (outputs [rows, outputs], y) -> [rows]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jax import Array

    from seasoned.metagrad.tasks.tasks import Rows

__all__ = ["LOSSES", "TRAINED", "RowLoss", "accuracy", "cross_entropy", "mean_loss", "row_losses", "squared_error"]


def squared_error(outputs: Array, y: Array) -> Array:
    """Return (y - output)^2, the mean over outputs; y is [rows] or [rows, outputs]."""
    return jnp.mean((outputs - y.reshape(outputs.shape)) ** 2, axis=-1)


def cross_entropy(outputs: Array, y: Array) -> Array:
    """Return -log softmax(outputs)[y] for labels y = 0, 1, ... [rows]."""
    logs = jax.nn.log_softmax(outputs)
    return -jnp.take_along_axis(logs, y.reshape(-1, 1).astype(jnp.int32), axis=-1)[:, 0]


def accuracy(outputs: Array, y: Array) -> Array:
    """Return 1 where the largest output belongs to the label, otherwise 0."""
    return (jnp.argmax(outputs, axis=-1) == y.reshape(-1)).astype(outputs.dtype)


RowLoss = Any
"""A name of `LOSSES` or a function (outputs, y) -> [rows]."""

LOSSES: Final[Mapping[str, Callable[[Array, Array], Array]]] = {
    "squared_error": squared_error,
    "cross_entropy": cross_entropy,
    "accuracy": accuracy,
}
TRAINED: Final = ("squared_error", "cross_entropy")
"""Losses that can be minimised; the others are metrics."""


def row_losses(loss: RowLoss, outputs: Array, y: Array) -> Array:
    """Return the loss of every row [rows]."""
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise InvalidInput(f"loss is {loss!r}: choose one of {', '.join(LOSSES)}, or give a function.")
        return LOSSES[loss](outputs, y)
    return _by_row(loss(outputs, y), y)


def _by_row(losses: Array, y: Array) -> Array:
    """Return the losses after a check of their shape: one per row.

    A scalar would include padding, and a matrix would compare rows with other rows.
    """
    found = getattr(losses, "shape", ())
    if found != y.shape[:1]:
        raise InvalidInput(
            f"the loss or metric gives an array of shape {found} for targets {y.shape}, and each row needs one: "
            "return [rows], and give y the outputs' shape before they are compared, y.reshape(outputs.shape)."
        )
    return losses


def mean_loss(loss: RowLoss, outputs: Array, rows: Rows) -> Array:
    """Return the (weighted) mean of a loss over rows, a scalar."""
    losses = row_losses(loss, outputs, rows.y)
    if rows.weight is None:
        return jnp.mean(losses)
    return jnp.sum(losses * rows.weight) / jnp.maximum(jnp.sum(rows.weight), 1e-12)
