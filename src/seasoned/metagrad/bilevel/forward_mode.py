"""Forward-mode backend: derivatives are propagated with the state, one direction per outer variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seasoned.metagrad._common.jax_imports import jax, jnp, ravel_pytree
from seasoned.metagrad.bilevel.hypergradient import Hypergradient

if TYPE_CHECKING:
    from jax import Array

    from seasoned.metagrad.bilevel.hypergradient import Problem

__all__ = ["Forward"]

Tree = Any


@dataclass(frozen=True)
class Forward:
    """Exact forward-mode differentiation.

    Memory does not grow with T; time grows with the number of outer variables.

    Z_{t+1} = dPhi/dw Z_t + dPhi/dlambda with Z_0 = dw_0/dlambda, all columns at once.

    Source: Franceschi et al. 2017 (arXiv:1703.01785), equation 13.

    Example:
        >>> import jax.numpy as jnp
        >>> from seasoned.metagrad import BilevelProblem, Forward
        >>> problem = BilevelProblem(lambda w, r: (w - r) ** 2, lambda w, r: w**2, lambda r: 0.0 * r, inner_steps=50)
        >>> float(round(problem.hypergradient(jnp.asarray(2.0), Forward()).gradient, 2))
        4.0
    """

    def __call__(self, problem: Problem, outer: Tree) -> Hypergradient:
        """See `Backend`."""
        flat, restore = ravel_pytree(outer)

        def value(flat: Array) -> tuple[Array, Tree]:
            outer = restore(flat)
            inner = problem.run(outer)
            return problem.outer_loss(inner, outer), inner

        def derivative(direction: Array) -> tuple[Array, Array, Tree]:
            (loss, slope, inner) = jax.jvp(value, (flat,), (direction,), has_aux=True)
            return loss, slope, inner

        loss, slopes, inner = jax.vmap(derivative, out_axes=(None, 0, None))(jnp.eye(flat.size, dtype=flat.dtype))
        return Hypergradient(loss, restore(slopes), inner)
