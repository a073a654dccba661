"""Reverse-mode backends through the unrolled inner steps: all steps, or only the last ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp, lax
from seasoned.metagrad.bilevel.hypergradient import Hypergradient

if TYPE_CHECKING:
    from jax import Array

    from seasoned.metagrad.bilevel.hypergradient import Problem

__all__ = ["Reverse", "Truncated"]

Tree = Any


def _steps(problem: Problem, inner: Tree, outer: Tree, first: int, last: int) -> Tree:
    return lax.scan(lambda w, t: (problem.advance(w, outer, t), None), inner, jnp.arange(first, last))[0]


@dataclass(frozen=True)
class Reverse:
    """Exact reverse-mode differentiation through all T inner steps.

    With `checkpoint` the path is cut into about sqrt(T) pieces, and only the first state of each piece is stored. The
    other states are recomputed in the backward pass. Memory is 2 sqrt(T) states instead of T, and time grows by one
    more run.

    Source: Maclaurin et al. 2015 (arXiv:1502.03492); checkpoints: Chen et al. 2016 (arXiv:1604.06174).

    Example:
        >>> import jax.numpy as jnp
        >>> from seasoned.metagrad import BilevelProblem, Reverse
        >>> problem = BilevelProblem(lambda w, r: (w - r) ** 2, lambda w, r: w**2, lambda r: 0.0 * r, inner_steps=50)
        >>> float(round(problem.hypergradient(jnp.asarray(2.0), Reverse(checkpoint=True)).gradient, 2))
        4.0
    """

    checkpoint: bool = False

    def __call__(self, problem: Problem, outer: Tree) -> Hypergradient:
        """See `Backend`."""

        def value(outer: Tree) -> tuple[Array, Tree]:
            inner = self._run(problem, outer)
            return problem.outer_loss(inner, outer), inner

        (loss, inner), gradient = jax.value_and_grad(value, has_aux=True)(outer)
        return Hypergradient(loss, gradient, inner)

    def _run(self, problem: Problem, outer: Tree) -> Tree:
        if not self.checkpoint:
            return problem.run(outer)
        size = max(1, math.isqrt(problem.inner_steps))
        pieces = problem.inner_steps // size

        @jax.checkpoint
        def piece(inner: Tree, start: Array) -> tuple[Tree, None]:
            def body(w: Tree, t: Array) -> tuple[Tree, None]:
                return problem.advance(w, outer, start + t), None

            return lax.scan(body, inner, jnp.arange(size))

        inner = lax.scan(piece, problem.init(outer), jnp.arange(pieces) * size)[0]
        return _steps(problem, inner, outer, pieces * size, problem.inner_steps)


@dataclass(frozen=True)
class Truncated:
    """Reverse mode through the last `steps` inner steps only; the state before them is treated as constant.

    The error decays geometrically in `steps` if the inner problem is strongly convex.

    Source: Shaban et al. 2019 (arXiv:1810.10667).

    Example:
        >>> import jax.numpy as jnp
        >>> from seasoned.metagrad import BilevelProblem, Truncated
        >>> problem = BilevelProblem(lambda w, r: (w - r) ** 2, lambda w, r: w**2, lambda r: 0.0 * r, inner_steps=50)
        >>> float(round(problem.hypergradient(jnp.asarray(2.0), Truncated(45)).gradient, 2))
        4.0
    """

    steps: int = 10

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InvalidInput(f"Truncated(steps={self.steps}) keeps nothing: give at least 1 step.")

    def __call__(self, problem: Problem, outer: Tree) -> Hypergradient:
        """See `Backend`."""
        first = max(0, problem.inner_steps - self.steps)
        if first == 0:  # without truncation the start depends on the outer variables too (in MAML they are equal)
            return Reverse()(problem, outer)
        start = problem.run(outer, first)

        def value(outer: Tree, start: Tree) -> tuple[Array, Tree]:
            inner = _steps(problem, start, outer, first, problem.inner_steps)
            return problem.outer_loss(inner, outer), inner

        (loss, inner), gradient = jax.value_and_grad(value, has_aux=True)(outer, start)
        return Hypergradient(loss, gradient, inner)
