"""MAML and variants: initial weights that a few gradient steps on a support set turn into a good model.

Algorithm: initialise theta. For each task: (a) draw a support and a query set; (b) compute the support loss and (c) its
gradient; (d) compute the adapted parameters theta' = theta - alpha * gradient; (e) compute the query loss at theta'.
Then update theta down the gradient of the mean query loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp, lax
from seasoned.metagrad.learners.base import UNROLLED, MetaLearner
from seasoned.metagrad.learners.low_rank_steps import InnerLoop, query_losses
from seasoned.metagrad.networks.networks import MLP

if TYPE_CHECKING:
    from jax import Array

    from seasoned.metagrad.tasks.tasks import Rows, Task

__all__ = ["ANIL", "MAML", "MAMLPlusPlus", "MetaSGD"]

Tree = Any


def check_inner(inner_lr: float, inner_steps: int) -> None:
    """Refuse invalid inner settings."""
    if not inner_lr > 0:
        raise InvalidInput(f"inner_lr is {inner_lr}, and it must be above 0: give a rate such as 0.01.")
    if inner_steps < 1:
        raise InvalidInput(f"inner_steps is {inner_steps}, and it must be at least 1: give a whole number.")


@dataclass(frozen=True)
class MAML(MetaLearner):
    """Model-agnostic meta-learning: min over theta of sum_i L_i^query(theta - alpha grad L_i^support(theta)).

    All tasks of a meta-step run in parallel (vmap), and many meta-steps run in one compiled loop.

    Args:
        inner_lr: alpha.
        inner_steps: Gradient steps on the support set.
        first_order: Treat inner gradients as constants (FOMAML): cheaper, without Hessian-vector products.
        network, loss, training: See `MetaLearner`.

    Source: Finn et al. 2017 (arXiv:1703.03400), algorithms 1 and 2.

    Example:
        >>> from seasoned.metagrad import MAML, MLP, Sinusoids, Training
        >>> family = Sinusoids(shots=10)
        >>> learner = MAML(inner_lr=0.01, network=MLP((8,)), training=Training(steps=20, every=10)).fit(family)
        >>> X = [[-2.0], [0.0], [2.0]]
        >>> model = learner.adapt(X, [1.0, 0.0, -1.0])
        >>> model.predict(X).shape
        (3,)
    """

    rate_fields: ClassVar[tuple[str, ...]] = ("inner_lr",)

    inner_lr: float = 0.01
    inner_steps: int = 1
    first_order: bool = False

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
        """See `MetaLearner`: w - scale * alpha * gradient."""
        del theta, number
        gradient = jax.grad(self.row_loss)(carry, rows)
        if self.first_order:
            gradient = lax.stop_gradient(gradient)
        return jax.tree.map(lambda w, g: w - scale * self.inner_lr * g, carry, gradient)

    @property
    def _is_plain(self) -> bool:
        """True if no subclass overrides a part of a task's loss."""
        own = type(self)
        mine = own.start is MAML.start and own.advance is MAML.advance
        names = ("params", "task_loss", "row_loss", "descend", "predictor")
        return mine and all(getattr(own, name) is getattr(MetaLearner, name) for name in names)

    def meta_gradient(self, theta: Tree, tasks: Task, progress: Any) -> tuple[Array, Tree]:
        """See `MetaLearner`; dense networks are adapted without forming their weights (`low_rank_steps.py`)."""
        if type(self.network) is not MLP or self.inner_steps > UNROLLED or not self._is_plain:
            return MetaLearner.meta_gradient(self, theta, tasks, progress)

        settings = InnerLoop(self.inner_lr, self.inner_steps, self.first_order)

        def loss(theta: Tree) -> Array:
            layers, activation = theta["params"]["layers"], self.network.activation
            return jnp.mean(query_losses(layers, activation, self.loss, tasks, settings))

        return jax.value_and_grad(loss)(theta)


@dataclass(frozen=True)
class ANIL(MetaLearner):
    """Almost no inner loop: MAML whose inner steps change only the last layer; all tasks share the body.

    Args:
        inner_lr: Learning rate of the inner steps.
        inner_steps: Number of inner steps.
        network, loss, training: See `MetaLearner`.

    Source: Raghu et al. 2020 (arXiv:1909.09157).
    """

    rate_fields: ClassVar[tuple[str, ...]] = ("inner_lr",)

    inner_lr: float = 0.01
    inner_steps: int = 1

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
        """See `MetaLearner`: a gradient step on the head's leaves."""
        del theta, number
        gradient = jax.grad(self.row_loss)(carry, rows)  # the compiler removes the unused parts
        head = self.network.head(carry)
        return jax.tree.map(lambda w, g, h: w - scale * self.inner_lr * g if h else w, carry, gradient, head)


@dataclass(frozen=True)
class MetaSGD(MetaLearner):
    """MAML with a learned rate for every single weight: theta' = theta - rates * gradient, both learned.

    Rates may become negative. Adaptation with more steps than in training can diverge. Training therefore uses the
    meta-parameters with the smallest validation loss, and adaptation refuses a result that is not finite.

    Args:
        inner_lr: First value of all rates.
        inner_steps: Gradient steps on the support set.
        network, loss, training: See `MetaLearner`.

    Source: Li et al. 2017 (arXiv:1707.09835).
    """

    rate_fields: ClassVar[tuple[str, ...]] = ("inner_lr",)

    inner_lr: float = 0.01
    inner_steps: int = 1

    def __post_init__(self) -> None:
        check_inner(self.inner_lr, self.inner_steps)

    @property
    def trained_steps(self) -> int:
        """See `MetaLearner`."""
        return self.inner_steps

    def initial(self, key: Array, shape: tuple[int, ...]) -> Tree:
        """See `MetaLearner`."""
        params = self.network.init(key, shape)
        return {"params": params, "rates": jax.tree.map(lambda w: jnp.full_like(w, self.inner_lr), params)}

    def start(self, theta: Tree) -> Tree:
        """See `MetaLearner`."""
        return theta["params"]

    def advance(self, theta: Tree, carry: Tree, rows: Rows, number: Any, scale: Any) -> Tree:
        """See `MetaLearner`."""
        del number
        gradient = jax.grad(self.row_loss)(carry, rows)
        return jax.tree.map(lambda w, r, g: w - scale * r * g, carry, theta["rates"], gradient)


@dataclass(frozen=True)
class MAMLPlusPlus(MetaLearner):
    """MAML++: a loss after every inner step, and a learned rate for every layer and step.

    L = sum_t v_t L^query(theta_t). The weights v start equal. Over the first third of training they shift to the last
    step alone. With `annealed_order`, inner gradients are treated as constants in the first sixth. The cosine schedule
    of the outer rate is `Training(schedule="cosine")`. Batch normalisation per step is not needed, because `ConvNet`
    uses the statistics of the current rows. One rate moves a whole layer, so one diverging task can spoil all tasks:
    train with `Training(clip=10.0)`.

    Args:
        inner_lr: First value of all rates.
        inner_steps: Gradient steps on the support set; later steps repeat the last step's rates.
        annealed_order: Start as first-order MAML.
        network, loss, training: See `MetaLearner`.

    Source: Antoniou et al. 2019 (arXiv:1810.09502), section 4.
    """

    rate_fields: ClassVar[tuple[str, ...]] = ("inner_lr",)

    inner_lr: float = 0.01
    inner_steps: int = 5
    annealed_order: bool = False

    def __post_init__(self) -> None:
        check_inner(self.inner_lr, self.inner_steps)

    @property
    def trained_steps(self) -> int:
        """See `MetaLearner`."""
        return self.inner_steps

    def initial(self, key: Array, shape: tuple[int, ...]) -> Tree:
        """See `MetaLearner`."""
        params = self.network.init(key, shape)
        rates = jax.tree.map(lambda w: jnp.full(self.inner_steps, self.inner_lr, w.dtype), params)
        return {"params": params, "rates": rates}

    def start(self, theta: Tree) -> Tree:
        """See `MetaLearner`."""
        return theta["params"]

    def advance(self, theta: Tree, carry: Tree, rows: Rows, number: Any, scale: Any, constant: Any = None) -> Tree:
        """See `MetaLearner`; `constant` (0 or 1): treat the gradient as a constant."""
        gradient = jax.grad(self.row_loss)(carry, rows)
        if constant is not None:
            gradient = jax.tree.map(lambda g: jnp.where(constant, lax.stop_gradient(g), g), gradient)
        place = jnp.minimum(number, self.inner_steps - 1)
        return jax.tree.map(lambda w, r, g: w - scale * r[place] * g, carry, theta["rates"], gradient)

    def task_loss(self, theta: Tree, task: Task, progress: Any) -> Array:
        """See `MetaLearner`: the multi-step loss."""
        early = jnp.clip(1 - 3 * jnp.asarray(progress), 0, 1)  # 1 at the start, 0 after a third of training
        constant = jnp.asarray(progress) < 1 / 6 if self.annealed_order else None

        def body(carry: Tree, number: Array) -> tuple[Tree, Array]:
            carry = self.advance(theta, carry, task.support, number, 1.0, constant)
            return carry, self.row_loss(carry, task.query)

        _, losses = lax.scan(body, self.start(theta), jnp.arange(self.inner_steps))
        return early * jnp.mean(losses) + (1 - early) * losses[-1]
