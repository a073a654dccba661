"""Reptile: the initial weights move towards the final weights of training on each task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from seasoned.metagrad._common.jax_imports import jax, jnp
from seasoned.metagrad._common.pytrees import mean, subtract
from seasoned.metagrad.learners.base import MetaLearner
from seasoned.metagrad.learners.maml import check_inner
from seasoned.metagrad.tasks.tasks import Rows

if TYPE_CHECKING:
    from jax import Array

    from seasoned.metagrad.tasks.tasks import Task

__all__ = ["Reptile"]

Tree = Any


@dataclass(frozen=True)
class Reptile(MetaLearner):
    """The outer gradient is theta - phi, with phi from `inner_steps` steps of gradient descent on all rows of a task.

    No second derivatives are needed, and training does not distinguish support from query rows.

    Args:
        inner_lr: Learning rate of the inner steps.
        inner_steps: Number of inner steps, in training and (by default) in adaptation.
        network, loss, training: See `MetaLearner`.

    Source: Nichol et al. 2018 (arXiv:1803.02999), algorithm 1 (batched); the outer step uses `Training`'s optimiser.
    """

    rate_fields: ClassVar[tuple[str, ...]] = ("inner_lr",)

    inner_lr: float = 0.02
    inner_steps: int = 10

    def __post_init__(self) -> None:
        check_inner(self.inner_lr, self.inner_steps)

    @property
    def trained_steps(self) -> int:
        """See `MetaLearner`."""
        return self.inner_steps

    def start(self, theta: Tree) -> Tree:
        """See `MetaLearner`."""
        return theta["params"]

    def advance(self, theta: Tree, carry: Tree, rows: Rows, number: Any, scale: Any) -> Tree:
        """See `MetaLearner`."""
        del theta, number
        gradient = jax.grad(self.row_loss)(carry, rows)
        return jax.tree.map(lambda w, g: w - scale * self.inner_lr * g, carry, gradient)

    def meta_gradient(self, theta: Tree, tasks: Task, progress: Any) -> tuple[Array, Tree]:
        """See `MetaLearner`: the mean of theta - phi; the loss is the query loss at phi."""
        del progress

        def one(task: Task) -> tuple[Array, Tree]:
            phi = self.descend(theta, _together(task.support, task.query), self.inner_steps)
            return self.row_loss(phi, task.query), subtract(theta["params"], phi)

        losses, moves = jax.vmap(one)(tasks)
        return jnp.mean(losses), {"params": mean(moves)}


def _together(left: Rows, right: Rows) -> Rows:
    """Return all rows of two sets; rows of a set without weights have weight 1."""
    X, y = jnp.concatenate([left.X, right.X]), jnp.concatenate([left.y, right.y])
    if left.weight is None and right.weight is None:
        return Rows(X, y)
    ones = [jnp.ones(part.y.shape[0], X.dtype) if part.weight is None else part.weight for part in (left, right)]
    return Rows(X, y, jnp.concatenate(ones))
