"""Interface of hypergradient backends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from jax import Array

__all__ = ["Backend", "Hypergradient", "Problem"]

Tree = Any


class Hypergradient(NamedTuple):
    """Result of a backend.

    Attributes:
        value: F at the final inner state, a scalar.
        gradient: dF/dlambda, shaped like the outer variables.
        inner: Final inner state.
    """

    value: Array
    gradient: Tree
    inner: Tree


class Problem(Protocol):
    """Interface of a problem for a backend; `BilevelProblem` implements it."""

    @property
    def inner_steps(self) -> int:
        """The number of inner steps T."""

    @property
    def inner_loss(self) -> Callable[[Tree, Tree], Array]:
        """The inner loss f(w, lambda)."""

    @property
    def outer_loss(self) -> Callable[[Tree, Tree], Array]:
        """The outer loss F(w, lambda)."""

    @property
    def init(self) -> Callable[[Tree], Tree]:
        """The initial state w_0 as a function of lambda."""

    def advance(self, inner: Tree, outer: Tree, number: Any) -> Tree:
        """The state after one step."""

    def run(self, outer: Tree, steps: int | None = None) -> Tree:
        """The state after all steps."""

    def solution(self, outer: Tree) -> Tree:
        """The inner optimum."""


class Backend(Protocol):
    """Method to differentiate F(w_T(lambda), lambda) in lambda; a pure function, so it can be jitted and vmapped."""

    def __call__(self, problem: Problem, outer: Tree) -> Hypergradient:
        """Return the outer loss, its gradient and the final inner state."""
