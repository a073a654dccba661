"""Implicit backend: the implicit function theorem at the inner optimum, which needs no optimisation path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp, lax
from seasoned.metagrad._common.pytrees import axpy, dot, subtract, zeros_like
from seasoned.metagrad.bilevel.hypergradient import Hypergradient

if TYPE_CHECKING:
    from collections.abc import Callable

    from jax import Array

    from seasoned.metagrad.bilevel.hypergradient import Problem

__all__ = ["Implicit", "conjugate_gradients", "neumann"]

Tree = Any


@dataclass(frozen=True)
class Implicit:
    """dF/dlambda = dF/dlambda - d2f/dlambda dw (H + damping I)^{-1} dF/dw, with H = d2f/dw2 at w*.

    At the optimum df/dw = 0, so w* moves with lambda by -H^{-1} d2f/dw dlambda. The inverse is never formed, only its
    product with one vector. Conjugate gradients (CG) are fast for positive definite H. Each term of the Neumann series
    is one more step of gradient descent; the series converges if all eigenvalues lie between 0 and 2 / `rate`. For an
    indefinite H both methods stop early: CG at a direction of zero or negative curvature, the series at a growing term.
    A `damping` above the absolute value of the most negative eigenvalue makes the matrix definite.

    Args:
        solver: `"cg"` or `"neumann"`.
        steps: Largest number of Hessian-vector products.
        rate: Scale of the Neumann series. None uses 1 / an estimate of the largest eigenvalue by 20 power iterations.
        damping: Constant added to the Hessian's diagonal.

    Source: Lorraine et al. 2020 (arXiv:1911.02590), algorithms 2 and 3; CG: Rajeswaran et al. 2019 (arXiv:1909.04630).
    """

    solver: Literal["cg", "neumann"] = "cg"
    steps: int = 50
    rate: float | None = None
    damping: float = 0.0

    def __post_init__(self) -> None:
        if self.solver not in ("cg", "neumann"):
            raise InvalidInput(f"solver is {self.solver!r}: choose 'cg' or 'neumann'.")
        if self.steps < 1:
            raise InvalidInput(f"steps is {self.steps}, and a solver needs at least 1: give a whole number.")

    def __call__(self, problem: Problem, outer: Tree) -> Hypergradient:
        """See `Backend`."""
        inner = lax.stop_gradient(problem.solution(outer))
        loss, (to_inner, direct) = jax.value_and_grad(problem.outer_loss, argnums=(0, 1))(inner, outer)

        def slope(inner: Tree, outer: Tree) -> Tree:
            return jax.grad(problem.inner_loss)(inner, outer)

        def product(vector: Tree) -> Tree:  # (H + damping I) v
            return axpy(self.damping, vector, jax.jvp(lambda w: slope(w, outer), (inner,), (vector,))[1])

        if self.solver == "cg":
            solved = conjugate_gradients(product, to_inner, self.steps)
        else:
            rate = 1 / largest_eigenvalue(product, to_inner) if self.rate is None else self.rate
            solved = neumann(product, to_inner, self.steps, rate)
        _, back = jax.vjp(lambda outer: slope(inner, outer), outer)
        return Hypergradient(loss, subtract(direct, back(solved)[0]), inner)


def conjugate_gradients(product: Callable[[Tree], Tree], target: Tree, steps: int) -> Tree:
    """Solve A x = target for a symmetric positive definite A given by its product; at most `steps` products.

    The iteration stops at a residual of rounding size, and at a direction d with d'Ad <= 0, which shows that A is not
    positive definite. Source: Hestenes & Stiefel 1952.
    """
    epsilon = float(np.finfo(jnp.result_type(*jax.tree.leaves(target))).eps)
    floor = (epsilon**2) * dot(target, target)

    def body(_: int, carry: tuple[Tree, Tree, Tree, Array]) -> tuple[Tree, Tree, Tree, Array]:
        x, residual, direction, size = carry
        image = product(direction)
        curvature = dot(direction, image)
        going = (size > floor) & ~(curvature <= 0)  # NaN must propagate to x
        alpha = jnp.where(going, size / jnp.where(curvature <= 0, 1, curvature), 0)
        x = axpy(alpha, direction, x)
        # After the stop the residual is set to 0; otherwise the iteration would continue as unbounded steepest descent.
        residual = jax.tree.map(lambda left: jnp.where(going, left, 0), axpy(-alpha, image, residual))
        new = dot(residual, residual)
        direction = axpy(jnp.where(going, new / jnp.where(size > 0, size, 1), 0), direction, residual)
        return x, residual, direction, new

    start = (zeros_like(target), target, target, dot(target, target))
    return lax.fori_loop(0, steps, body, start)[0]


def neumann(product: Callable[[Tree], Tree], target: Tree, steps: int, rate: Any) -> Tree:
    """Return the series rate * sum_{k<=steps} (I - rate A)^k target.

    The series tends to A^{-1} target if |I - rate A| < 1. Otherwise it ends before the first term that is larger than
    the previous term.
    """

    def body(_: int, carry: tuple[Tree, Tree, Array]) -> tuple[Tree, Tree, Array]:
        term, total, going = carry
        new = axpy(-rate, product(term), term)
        going = going & (dot(new, new) <= dot(term, term))
        return new, jax.tree.map(lambda so_far, more: jnp.where(going, so_far + more, so_far), total, new), going

    total = lax.fori_loop(0, steps, body, (target, target, jnp.array(True)))[1]
    return jax.tree.map(lambda leaf: (rate * leaf).astype(leaf.dtype), total)


def largest_eigenvalue(product: Callable[[Tree], Tree], like: Tree) -> Array:
    """Return an upper estimate of the largest |eigenvalue|: the growth in 20 power iterations, plus 10 %."""

    def unit(vector: Tree) -> tuple[Tree, Array]:
        size = jnp.sqrt(dot(vector, vector))
        return jax.tree.map(lambda leaf: leaf / jnp.where(size > 0, size, 1), vector), size

    def body(_: int, carry: tuple[Tree, Array]) -> tuple[Tree, Array]:
        return unit(product(carry[0]))

    # Added ones prevent a start that is orthogonal to the leading eigenvector because of a symmetry of the problem.
    ones = jax.tree.map(jnp.ones_like, like)
    start, size = unit(jax.tree.map(jnp.add, unit(like)[0], ones))
    start = jax.tree.map(lambda leaf, one: jnp.where(size > 0, leaf, one), start, unit(ones)[0])  # if the sum is 0
    largest = lax.fori_loop(0, 20, body, (start, size))[1]
    return 1.1 * jnp.where(largest > 0, largest, 1)
