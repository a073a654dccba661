"""One problem inside another: min_lambda F(w_T(lambda), lambda) where w_T comes from T steps down f(w, lambda).

Everything that is learned by gradient in this package is an instance of it:

| instance | outer variables | inner problem | backend |
|---|---|---|---|
| hyperparameter optimisation by gradient | hyperparameters | a training run | any |
| MAML | the initial weights | a few steps on the support set | `Reverse` |
| iMAML | the centre of a proximal term | regression to it on the support set | `Implicit` |
| learning to optimise | the optimiser's own weights | a training run by that optimiser | `Truncated` |

Source: Franceschi et al. 2018 (arXiv:1806.04910).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._jax import jax, jnp, lax, optax
from seasoned.metagrad.hypergradients import Reverse
from seasoned.metagrad.trees import axpy

if TYPE_CHECKING:
    from collections.abc import Callable

    from jax import Array

    from seasoned.metagrad.hypergradients import Backend, Hypergradient

__all__ = ["BilevelProblem", "Descent", "minimize_outer"]

Tree = Any


@dataclass(frozen=True)
class BilevelProblem:
    """An inner loss that is descended, and an outer loss that judges where the descent ends.

    The inner dynamics are w_{t+1} = step(w_t, lambda, t), by default gradient descent
    w_{t+1} = w_t - inner_lr * df/dw(w_t, lambda), from w_0 = init(lambda).

    Args:
        inner_loss: f(w, lambda), a scalar; w and lambda are trees of arrays. Its Hessian in w is what the implicit
            backends invert.
        outer_loss: F(w, lambda), a scalar, usually a loss on data that the inner loss does not see.
        init: w_0 = init(lambda).
        inner_steps: T, at least 1.
        inner_lr: Rate of the default dynamics.
        step: Custom dynamics (state, lambda, t) -> state, for example a learned optimiser; the state is then whatever
            `init` returns and `outer_loss` takes.
        solve: Custom solver lambda -> w* of the inner problem, for the implicit backends alone.

    Example:
        >>> import jax.numpy as jnp
        >>> from seasoned.metagrad import BilevelProblem, Implicit
        >>> problem = BilevelProblem(
        ...     inner_loss=lambda w, penalty: (w - 3.0) ** 2 + penalty * w**2,  # w* = 3 / (1 + penalty)
        ...     outer_loss=lambda w, penalty: (w - 1.0) ** 2,
        ...     init=lambda penalty: jnp.zeros(()), inner_lr=0.1)
        >>> value, gradient, w = problem.hypergradient(jnp.asarray(1.0), Implicit())
        >>> round(float(w), 3), round(float(gradient), 3)  # dF/dlambda = 2 (w* - 1) * -3 / (1 + lambda)^2
        (1.5, -0.75)
    """

    inner_loss: Callable[[Tree, Tree], Array]
    outer_loss: Callable[[Tree, Tree], Array]
    init: Callable[[Tree], Tree]
    inner_steps: int = 100
    inner_lr: float = 0.1
    step: Callable[[Tree, Tree, Array], Tree] | None = None
    solve: Callable[[Tree], Tree] | None = None

    def __post_init__(self) -> None:
        if self.inner_steps < 1:
            raise InvalidInput(f"inner_steps is {self.inner_steps}, and it must be at least 1: give a whole number.")

    def advance(self, inner: Tree, outer: Tree, number: Any) -> Tree:
        """The inner state after step `number` from the state `inner`."""
        if self.step is not None:
            return self.step(inner, outer, number)
        return axpy(-self.inner_lr, jax.grad(self.inner_loss)(inner, outer), inner)

    def run(self, outer: Tree, steps: int | None = None) -> Tree:
        """The state w_T, by the dynamics."""
        numbers = jnp.arange(self.inner_steps if steps is None else steps)
        return lax.scan(lambda inner, t: (self.advance(inner, outer, t), None), self.init(outer), numbers)[0]

    def solution(self, outer: Tree) -> Tree:
        """The optimum w*, by `solve` if there is one, else by the dynamics."""
        return self.run(outer) if self.solve is None else self.solve(outer)

    def hypergradient(self, outer: Tree, backend: Backend | None = None) -> Hypergradient:
        """F, dF/dlambda and the inner state at the end, by the backend (default: exact reverse mode)."""
        return (Reverse() if backend is None else backend)(self, outer)


class Descent(NamedTuple):
    """The result of descending in the outer variables.

    Attributes:
        outer: The last outer variables.
        inner: The inner state that belongs to the last evaluation.
        losses: The outer loss before every step [steps].
    """

    outer: Tree
    inner: Tree
    losses: Array


def minimize_outer(
    problem: BilevelProblem,
    outer: Tree,
    *,
    steps: int = 30,
    backend: Backend | None = None,
    optimizer: optax.GradientTransformation | None = None,
) -> Descent:
    """Hyperparameter optimisation by gradient: `steps` steps of an optax optimiser along the hypergradient.

    The whole descent is one compiled program. Default optimiser: Adam at 0.1, for hyperparameters on a log scale.

    Raises:
        InvalidInput: If the outer variables end as NaN or infinite.

    Example:
        >>> import jax.numpy as jnp
        >>> from seasoned.metagrad import BilevelProblem, minimize_outer
        >>> problem = BilevelProblem(lambda w, p: (w - 3.0) ** 2 + jnp.exp(p) * w**2, lambda w, p: (w - 1.0) ** 2,
        ...                          init=lambda p: jnp.zeros(()), inner_lr=0.05)
        >>> found = minimize_outer(problem, jnp.asarray(0.0), steps=60)
        >>> round(float(jnp.exp(found.outer)), 1)  # 3 / (1 + penalty) = 1
        2.0
    """
    optimizer = optax.adam(0.1) if optimizer is None else optimizer

    @jax.jit
    def descend(outer: Tree) -> Descent:
        def body(carry: tuple[Tree, Tree, Tree], _: None) -> tuple[tuple[Tree, Tree, Tree], Array]:
            outer, state, _inner = carry
            value, gradient, inner = problem.hypergradient(outer, backend)
            updates, state = optimizer.update(gradient, state, outer)
            return (optax.apply_updates(outer, updates), state, inner), value

        first = problem.init(outer)
        (last, _, inner), losses = lax.scan(body, (outer, optimizer.init(outer), first), None, length=steps)
        return Descent(last, inner, losses)

    descent: Descent = descend(outer)
    leaves = jax.tree.leaves(descent.outer)
    traced = any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)  # inside a user's compiled function
    if not traced and not all(np.isfinite(np.asarray(leaf)).all() for leaf in leaves):
        finite = int(np.isfinite(np.asarray(descent.losses)).sum())
        raise InvalidInput(
            f"the descent diverged: of {steps} outer losses {finite} are finite; give a smaller inner_lr, or an "
            "optimizer with a smaller rate."
        )
    return descent
