"""Bilevel problems: min_lambda F(w_T(lambda), lambda), where w_T is the result of T steps down f(w, lambda).

All gradient-based learning in this package is an instance:

| instance | outer variables | inner problem | backend |
|---|---|---|---|
| hyperparameter optimisation by gradient | hyperparameters | a training run | any |
| MAML | the initial weights | a few steps on the support set | `Reverse` |
| iMAML | the centre of a proximal term | proximal regression on the support set | `Implicit` |
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
_DIVERGENCE_TOLERANCE: Final = 0.01
"""Tolerance of the divergence check: share of the loss by which the last loss may exceed the first."""
_REMEDY: Final = (
    "give a smaller inner_lr or a solve= of your own if the inner loss diverges, else an optimizer with a smaller rate "
    "or with optax.clip_by_global_norm"
)


@dataclass(frozen=True)
class BilevelProblem:
    """Inner loss, minimised by steps of the inner dynamics, and outer loss of the final inner state.

    The inner dynamics are w_{t+1} = step(w_t, lambda, t), by default gradient descent
    w_{t+1} = w_t - inner_lr * df/dw(w_t, lambda), from w_0 = init(lambda).

    Args:
        inner_loss: f(w, lambda), a scalar; w and lambda are trees of arrays. The implicit backends invert its Hessian
            in w.
        outer_loss: F(w, lambda), a scalar, usually a loss on data that the inner loss does not use.
        init: w_0 = init(lambda).
        inner_steps: T, at least 1.
        inner_lr: Learning rate of the default dynamics.
        step: Custom dynamics (state, lambda, t) -> state, for example a learned optimiser. The state then has the type
            that `init` returns and `outer_loss` takes.
        solve: Custom solver lambda -> w* of the inner problem, for the implicit backends only.

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
        """Return the inner state after step `number` from the state `inner`."""
        if self.step is not None:
            return self.step(inner, outer, number)
        return axpy(-self.inner_lr, jax.grad(self.inner_loss)(inner, outer), inner)

    def run(self, outer: Tree, steps: int | None = None) -> Tree:
        """Return the state w_T of the inner dynamics."""
        numbers = jnp.arange(self.inner_steps if steps is None else steps)
        return lax.scan(lambda inner, t: (self.advance(inner, outer, t), None), self.init(outer), numbers)[0]

    def solution(self, outer: Tree) -> Tree:
        """Return the optimum w*, by `solve` if it is set, otherwise by the inner dynamics."""
        return self.run(outer) if self.solve is None else self.solve(outer)

    def hypergradient(self, outer: Tree, backend: Backend | None = None) -> Hypergradient:
        """Return F, dF/dlambda and the final inner state, by the backend (default: exact reverse mode)."""
        return (Reverse() if backend is None else backend)(self, outer)


class Descent(NamedTuple):
    """Result of a descent in the outer variables.

    Attributes:
        outer: Outer variables with the smallest outer loss.
        inner: Inner state of these outer variables.
        losses: Outer loss before the first step and after every step [steps + 1].
        best_step: Number of steps that led to `outer`, 0 for the first outer variables.
        diverged: True if a loss was not finite, or the last loss exceeds the first.
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

    The whole descent is one compiled program. The result contains the best outer variables, not the last ones. A
    diverged descent is logged as a warning and marked (`Descent.diverged`). Default optimiser: Adam at 0.1, for
    hyperparameters on a log scale.

    Raises:
        InvalidInput: No outer loss is finite.

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
    if not isinstance(descent.diverged, jax.core.Tracer):  # a tracer appears inside a user's compiled function
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
        slack = _DIVERGENCE_TOLERANCE * jnp.maximum(jnp.abs(losses[0]), jnp.abs(losses[place]))
        return Descent(*best[:2], losses, place, ~finite.all() | (losses[-1] > losses[0] + slack))

    result: Descent = descend(outer)
    return result


def _tell(descent: Descent) -> None:
    """Refuse a descent without a finite loss; log a warning for a diverged descent."""
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
