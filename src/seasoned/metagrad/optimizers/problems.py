"""Families of optimisation problems, the training tasks of learned optimisers.

A problem family has four pure functions: `sample(key) -> data`, `init(key, data) -> params`, `loss(params, data)` and
`judge(params, data)`. The optimiser receives the gradient of `loss`; meta-training minimises `judge`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from seasoned.metagrad._common.jax_imports import jax, jnp
from seasoned.metagrad.tasks.losses import mean_loss
from seasoned.metagrad.tasks.tasks import SETTING, as_tree

if TYPE_CHECKING:
    from jax import Array

    from seasoned.metagrad.tasks.tasks import Task

__all__ = ["Problems", "Quadratics", "TaskProblems"]

Tree = Any


class Problems(Protocol):
    """Distribution of optimisation problems."""

    def sample(self, key: Array) -> Tree:
        """Return the data of one problem."""

    def init(self, key: Array, data: Tree) -> Tree:
        """Return the initial parameters."""

    def loss(self, params: Tree, data: Tree) -> Array:
        """Return the loss to minimise, a scalar."""

    def judge(self, params: Tree, data: Tree) -> Array:
        """Return the loss of the meta-training: the same loss, or a loss on data that the optimiser does not use."""


@as_tree
@dataclass(frozen=True)
class Quadratics:
    """f(x) = |W x - y|^2 with independent standard normal W [size, size] and y [size].

    Args:
        size: Number of variables.

    Source: Andrychowicz et al. 2016 (arXiv:1606.04474), section 3.1.
    """

    size: int = dataclasses.field(default=10, metadata=SETTING)

    def sample(self, key: Array) -> tuple[Array, Array]:
        """See `Problems`."""
        draws = jax.random.normal(key, (self.size, self.size + 1))
        return draws[:, 1:], draws[:, 0]

    def init(self, key: Array, data: tuple[Array, Array]) -> Array:
        """See `Problems`: normal with standard deviation 0.01."""
        del data
        return 0.01 * jax.random.normal(key, (self.size,))

    def loss(self, params: Array, data: tuple[Array, Array]) -> Array:
        """See `Problems`."""
        W, y = data
        return jnp.sum((W @ params - y) ** 2)

    def judge(self, params: Array, data: tuple[Array, Array]) -> Array:
        """See `Problems`: the loss."""
        return self.loss(params, data)

    def split(self, fraction: float, seed: int) -> tuple[Quadratics, Quadratics]:
        """Return the same family twice, because every draw is a new problem."""
        del fraction, seed
        return self, self


@dataclass(frozen=True)
class TaskProblems:
    """Training of a network from scratch on the support set of a task, evaluated on its query set.

    Args:
        family: Tasks.
        network: Network to train.
        loss_name: Loss of the network.
        shape: Shape of one input.
    """

    family: Any
    network: Any
    loss_name: Any
    shape: tuple[int, ...]

    def sample(self, key: Array) -> Task:
        """See `Problems`."""
        task: Task = self.family.sample(key)
        return task

    def init(self, key: Array, data: Task) -> Tree:
        """See `Problems`."""
        del data
        return self.network.init(key, self.shape)

    def loss(self, params: Tree, data: Task) -> Array:
        """See `Problems`."""
        return mean_loss(self.loss_name, self.network.apply(params, data.support.X), data.support)

    def judge(self, params: Tree, data: Task) -> Array:
        """See `Problems`."""
        return mean_loss(self.loss_name, self.network.apply(params, data.query.X), data.query)
