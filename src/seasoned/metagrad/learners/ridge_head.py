"""Ridge head: empirical Bayes with learned features, where the inner problem is solved instead of descended."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp
from seasoned.metagrad.learners.base import MetaLearner
from seasoned.metagrad.learners.head_step import head_step
from seasoned.metagrad.networks.wide_deep import Offset, WideDeep

if TYPE_CHECKING:
    from typing import Self

    from jax import Array

    from seasoned.metagrad.tasks.tasks import Rows

__all__ = ["RidgeHead"]

Tree = Any
PACE: Final = 10.0
"""Factor between the learning rates of log-precisions and weights; log-precisions have larger distances to cover."""


@dataclass(frozen=True)
class RidgeHead(MetaLearner):
    """W = argmin sum over support rows of loss(phi(x) W, y) + 1/2 sum_i precision_i |W_i - M_i|^2, for every task.

    The features phi, the common head M and the precision of every feature are learned through the solution. M and the
    precisions are the prior of a hierarchical model whose groups are the tasks. The loss sums over rows and the prior
    does not, so a task with one row stays near M, and a task with many rows follows its rows. One step is one Newton
    step with the loss's largest curvature (see `head_step`). `rate_scale` multiplies the prior's variances.

    Args:
        inner_steps: Newton steps; 1 gives the solution for squared error, about 5 come near it for cross-entropy.
        variance: First value of the prior's variances (1 / precision).
        network, loss, training: See `MetaLearner`. The network is a `WideDeep`, or an `Offset` of one.

    Source: Bertinetto et al. 2019 (arXiv:1805.08136), R2-D2 and LR-D2, with a learned prior for each feature as in
    Harrison et al. 2018 (arXiv:1807.08912); the bound on the curvature: Böhning 1992.

    Example:
        >>> from seasoned.metagrad import RidgeHead, Sinusoids, Training, WideDeep
        >>> learner = RidgeHead(network=WideDeep((8,)), training=Training(steps=20, every=10)).fit(Sinusoids())
        >>> learner.adapt([[-2.0], [0.0], [2.0]], [1.0, 0.0, -1.0]).predict([[1.0]]).shape
        (1,)
    """

    inner_steps: int = 1
    variance: float = 0.1

    def __post_init__(self) -> None:
        if self.inner_steps < 1 or not self.variance > 0:
            raise InvalidInput(
                f"inner_steps is {self.inner_steps} and variance {self.variance}: give at least 1, and above 0."
            )

    @property
    def trained_steps(self) -> int:
        """See `MetaLearner`."""
        return self.inner_steps

    def resolved(self, outputs: int, *, labels: bool) -> Self:
        """See `MetaLearner`."""
        network = WideDeep(outputs=outputs) if self.network is None else self.network
        if not isinstance(network.body if isinstance(network, Offset) else network, WideDeep):
            raise InvalidInput(f"network is {network}, and RidgeHead needs a linear head to solve for: use WideDeep.")
        program = MetaLearner.resolved(dataclasses.replace(self, network=network), outputs, labels=labels)
        if program.loss not in ("squared_error", "cross_entropy"):
            raise InvalidInput(f"loss is {program.loss!r}: RidgeHead solves 'squared_error' and 'cross_entropy' only.")
        return program

    def initial(self, key: Array, shape: tuple[int, ...]) -> Tree:
        """See `MetaLearner`."""
        params = self.network.init(key, shape)
        return {"params": params, "precision": jnp.full(params["head"].shape[0], -jnp.log(self.variance) / PACE)}

    def variances(self, theta: Tree) -> Array:
        """Return the prior's variances [features]."""
        return jnp.exp(-PACE * theta["precision"])

    def start(self, theta: Tree) -> Tree:
        """See `MetaLearner`."""
        return theta["params"]

    def advance(self, theta: Tree, carry: Tree, rows: Rows, number: Any, scale: Any) -> Tree:
        """See `MetaLearner` and `head_step`."""
        del number
        features, offsets = self.network.parts(jnp, carry, rows.X)
        outputs = carry["head"].shape[1]
        targets = (
            rows.y.reshape(-1, outputs)
            if self.loss == "squared_error"
            else jax.nn.one_hot(rows.y.astype(jnp.int32), outputs)
        )
        weight = jnp.ones(len(features), features.dtype) if rows.weight is None else rows.weight
        prior = theta["params"]["head"], scale * self.variances(theta)
        head = head_step(jnp, self.loss, (features, offsets, targets, weight), carry["head"], prior)
        return {**carry, "head": head}
