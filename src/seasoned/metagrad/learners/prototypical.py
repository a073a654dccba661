"""Prototypical networks: the metric-based baseline. Adaptation computes class means of an embedding."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp
from seasoned.metagrad.learners.base import MetaLearner
from seasoned.metagrad.networks.networks import MLP, Prototypes

if TYPE_CHECKING:
    from typing import Self

    from jax import Array

    from seasoned.metagrad.tasks.tasks import Rows

__all__ = ["PrototypicalNetworks"]

Tree = Any
FAR = 1e4


@dataclass(frozen=True)
class PrototypicalNetworks(MetaLearner):
    """p(class k | x) = softmax_k(-|f(x) - c_k|^2), with c_k the mean embedding of the support rows of class k.

    Args:
        ways: Number of classes of a task; None uses the number in the training tasks.
        network, loss, training: See `MetaLearner`; the network's outputs are the embedding (default: 64 numbers).

    Source: Snell et al. 2017 (arXiv:1703.05175), equations 1 and 2.
    """

    gradual: ClassVar[bool] = False

    ways: int | None = None

    @property
    def trained_steps(self) -> int:
        """One step: the computation of the prototypes."""
        return 1

    def resolved(self, outputs: int, *, labels: bool) -> Self:
        """See `MetaLearner`."""
        if not labels:
            raise InvalidInput("Prototypical networks learn classes, and the tasks' targets are numbers: use MAML.")
        network = MLP((64,), outputs=64) if self.network is None else self.network
        filled = dataclasses.replace(self, network=network, ways=self.ways or outputs)
        return MetaLearner.resolved(filled, outputs, labels=labels)

    @property
    def predictor(self) -> Prototypes:
        """See `MetaLearner`."""
        return Prototypes(self.network)

    def start(self, theta: Tree) -> Tree:
        """See `MetaLearner`: prototypes at the origin, before any support row."""
        assert self.ways is not None  # set by `resolved`
        if self.network.outputs is None:
            raise InvalidInput("The network does not say how long its embedding is: pass outputs= to Function.")
        dtype = jnp.result_type(*jax.tree.leaves(theta))
        return {"body": theta["params"], "prototypes": jnp.zeros((self.ways, self.network.outputs), dtype)}

    def advance(self, theta: Tree, carry: Tree, rows: Rows, number: Any, scale: Any) -> Tree:
        """See `MetaLearner`: the weighted class means; further steps have no effect."""
        del theta, number, scale
        assert self.ways is not None  # set by `resolved`
        embedded = self.network.apply(carry["body"], rows.X)
        member = jax.nn.one_hot(rows.y.astype(jnp.int32), self.ways, dtype=embedded.dtype)  # [rows, ways]
        if rows.weight is not None:
            member = member * rows.weight[:, None]
        count = member.sum(0)[:, None]
        means = (member.T @ embedded) / jnp.maximum(count, 1e-12)
        # The prototype of a class without support rows is far from all embeddings, not at the origin.
        return {"body": carry["body"], "prototypes": jnp.where(count > 0, means, FAR)}

    def row_loss(self, params: Tree, rows: Rows, loss: Any = None) -> Array:
        """See `MetaLearner`; training ignores query rows whose class has no support row."""
        if loss is None:
            known = (params["prototypes"][:, 0] != FAR)[rows.y.astype(jnp.int32)].astype(rows.X.dtype)
            rows = rows._replace(weight=known if rows.weight is None else known * rows.weight)
        return super().row_loss(params, rows, loss)
