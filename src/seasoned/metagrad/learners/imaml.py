"""iMAML: MAML with the implicit function theorem; the meta-gradient depends only on the end of the inner steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp
from seasoned.metagrad._common.pytrees import axpy, dot, mean, subtract
from seasoned.metagrad.bilevel import Implicit
from seasoned.metagrad.bilevel.problem import BilevelProblem
from seasoned.metagrad.learners.base import MetaLearner
from seasoned.metagrad.learners.maml import check_inner

if TYPE_CHECKING:
    from jax import Array

    from seasoned.metagrad.tasks.tasks import Rows, Task

__all__ = ["IMAML"]

Tree = Any


@dataclass(frozen=True)
class IMAML(MetaLearner):
    """phi = argmin L^support(phi) + strength / 2 |phi - theta|^2; d phi / d theta = (I + H / strength)^{-1}.

    An instance of `BilevelProblem` with the backend `Implicit`: memory does not grow with the inner steps.

    Args:
        inner_lr: Learning rate of the inner steps. Inner steps that diverge on a few tasks spoil the meta-training.
        inner_steps: Number of inner steps; large enough to come near the inner optimum.
        strength: lambda, the strength of the proximal term towards theta.
        cg_steps: Conjugate-gradient steps.
        damping: Constant added to the Hessian's diagonal, because a network's Hessian may be indefinite.
        network, loss, training: See `MetaLearner`.

    Source: Rajeswaran et al. 2019 (arXiv:1909.04630), algorithms 1 and 2.
    """

    rate_fields: ClassVar[tuple[str, ...]] = ("inner_lr", "strength", "damping")

    inner_lr: float = 0.005
    inner_steps: int = 32
    strength: float = 0.5
    cg_steps: int = 5
    damping: float = 0.0

    def __post_init__(self) -> None:
        check_inner(self.inner_lr, self.inner_steps)
        if not self.strength > 0:
            raise InvalidInput(f"strength is {self.strength}, and it must be above 0: give a number such as 2.0.")

    @property
    def trained_steps(self) -> int:
        """See `MetaLearner`."""
        return self.inner_steps

    def start(self, theta: Tree) -> Tree:
        """See `MetaLearner`."""
        return theta["params"]

    def inner_loss(self, params: Tree, centre: Tree, rows: Rows) -> Array:
        """Return the support loss plus the proximal term towards the centre."""
        away = subtract(params, centre)
        return self.row_loss(params, rows) + 0.5 * self.strength * dot(away, away)

    def advance(self, theta: Tree, carry: Tree, rows: Rows, number: Any, scale: Any) -> Tree:
        """See `MetaLearner`."""
        del number
        return axpy(-scale * self.inner_lr, jax.grad(self.inner_loss)(carry, theta["params"], rows), carry)

    def problem(self, task: Task) -> BilevelProblem:
        """Return the task as a bilevel problem whose outer variables are the initial weights."""
        return BilevelProblem(
            inner_loss=lambda phi, centre: self.inner_loss(phi, centre, task.support),
            outer_loss=lambda phi, centre: self.row_loss(phi, task.query),  # noqa: ARG005 - the centre acts through phi
            init=lambda centre: centre,
            inner_steps=self.inner_steps,
            inner_lr=self.inner_lr,
        )

    def meta_gradient(self, theta: Tree, tasks: Task, progress: Any) -> tuple[Array, Tree]:
        """See `MetaLearner`: the mean implicit gradient."""
        del progress
        backend = Implicit("cg", steps=self.cg_steps, damping=self.damping)
        found = jax.vmap(lambda task: self.problem(task).hypergradient(theta["params"], backend))(tasks)
        return jnp.mean(found.value), {"params": mean(found.gradient)}
