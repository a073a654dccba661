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

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp, lax, optax
from seasoned.metagrad._common.pytrees import axpy, select
from seasoned.metagrad.bilevel import Reverse

if TYPE_CHECKING:
    from collections.abc import Callable

    from jax import Array

    from seasoned.metagrad.bilevel import Backend, Hypergradient

__all__ = ["BilevelProblem", "Descent", "minimize_outer"]

Tree = Any
_log = logging.getLogger("seasoned.metagrad")
_SLACK: Final = 0.01
"""Share of the loss by which the last loss may exceed the first before a descent counts as diverged."""
_REMEDY: Final = (
    "give a smaller inner_lr or a solve= of your own if the inner loss diverges, else an optimizer with a smaller rate "
    "or with optax.clip_by_global_norm"
)


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
        outer: The outer variables with the least outer loss.
        inner: The inner state that belongs to them.
        losses: The outer loss before the first step and after every step [steps + 1].
        best_step: The number of steps that led to `outer`, 0 for the first outer variables.
        diverged: Whether a loss was not finite, or the last one is above the first.
    """

    outer: Tree
    inner: Tree
    losses: Array
    best_step: Array
    diverged: Array


def minimize_outer(
    problem: BilevelProblem,
    outer: Tree,
    *,
    steps: int = 30,
    backend: Backend | None = None,
    optimizer: optax.GradientTransformation | None = None,
) -> Descent:
    """Hyperparameter optimisation by gradient: `steps` steps of an optax optimiser along the hypergradient.

    The whole descent is one compiled program. The best outer variables are returned, not the last ones; a descent that
    diverged is logged as a warning and marked (`Descent.diverged`). Default optimiser: Adam at 0.1, for hyperparameters
    on a log scale.

    Raises:
        InvalidInput: If no outer loss is finite.

    Example:
        >>> import jax.numpy as jnp
        >>> from seasoned.metagrad import BilevelProblem, minimize_outer
        >>> problem = BilevelProblem(lambda w, p: (w - 3.0) ** 2 + jnp.exp(p) * w**2, lambda w, p: (w - 1.0) ** 2,
        ...                          init=lambda p: jnp.zeros(()), inner_lr=0.05)
        >>> found = minimize_outer(problem, jnp.asarray(0.0), steps=60)
        >>> round(float(jnp.exp(found.outer)), 1), bool(found.diverged)  # 3 / (1 + penalty) = 1
        (2.0, False)
    """
    optimizer = optax.adam(0.1) if optimizer is None else optimizer
    descent: Descent = _descend(problem, backend, optimizer, outer, steps)
    if not isinstance(descent.diverged, jax.core.Tracer):  # else inside a user's compiled function
        _tell(descent)
    return descent


def _descend(problem: BilevelProblem, backend: Any, optimizer: Any, outer: Tree, steps: int) -> Descent:
    @jax.jit
    def descend(outer: Tree) -> Descent:
        def body(carry: tuple[Tree, Tree, tuple[Tree, Tree, Array]], _: None) -> tuple[Any, Array]:
            outer, state, best = carry
            value, gradient, inner = problem.hypergradient(outer, backend)
            better = jnp.isfinite(value) & (value < best[2])
            best = select(better, outer, best[0]), select(better, inner, best[1]), jnp.where(better, value, best[2])
            updates, state = optimizer.update(gradient, state, outer)
            return (optax.apply_updates(outer, updates), state, best), value

        value = jax.eval_shape(problem.outer_loss, problem.init(outer), outer)
        best = outer, problem.init(outer), jnp.full((), jnp.inf, value.dtype)
        (_, _, best), losses = lax.scan(body, (outer, optimizer.init(outer), best), None, length=steps + 1)
        finite = jnp.isfinite(losses)
        place = jnp.argmin(jnp.where(finite, losses, jnp.inf))
        slack = _SLACK * jnp.maximum(jnp.abs(losses[0]), jnp.abs(losses[place]))
        return Descent(*best[:2], losses, place, ~finite.all() | (losses[-1] > losses[0] + slack))

    result: Descent = descend(outer)
    return result


def _tell(descent: Descent) -> None:
    """Refuse a descent without any result, and log a warning about one that diverged."""
    losses, best = np.asarray(descent.losses), int(descent.best_step)
    finite = np.isfinite(losses)
    if not finite.any():
        raise InvalidInput(
            f"none of the {len(losses)} outer losses is finite, so that there is no result: {_REMEDY}, or other first "
            "outer variables."
        )
    if bool(descent.diverged):
        end = len(losses) - 1 if finite.all() else int(np.argmin(finite))
        _log.warning(
            "the descent of the outer loss diverged: it began at %.4g, was least after step %d (%.4g), and was %.4g "
            "after step %d. The outer variables of step %d are returned; %s.",
            losses[0], best, losses[best], losses[end], end, best, _REMEDY,
        )  # fmt: skip
