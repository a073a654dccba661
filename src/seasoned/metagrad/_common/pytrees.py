"""Arithmetic on trees of arrays: parameters, gradients and optimiser states are such trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seasoned.metagrad._common.jax_imports import jax, jnp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jax import Array

__all__ = [
    "add",
    "alike",
    "at_least_single",
    "axpy",
    "dot",
    "inexact",
    "lerp",
    "mean",
    "select",
    "subtract",
    "total",
    "zeros_like",
]

Tree = Any
"""Nested dictionaries, lists and tuples with arrays as leaves."""


def add(left: Tree, right: Tree) -> Tree:
    """The sum, leaf by leaf."""
    return jax.tree.map(jnp.add, left, right)


def subtract(left: Tree, right: Tree) -> Tree:
    """The difference, leaf by leaf."""
    return jax.tree.map(jnp.subtract, left, right)


def alike(left: Tree, right: Tree) -> bool:
    """Return True if two trees have the same structure and arrays of the same shapes."""
    if jax.tree.structure(left) != jax.tree.structure(right):  # type: ignore[operator]  # the stub has none
        return False
    return all(jnp.shape(a) == jnp.shape(b) for a, b in zip(*map(jax.tree.leaves, (left, right)), strict=True))


def at_least_single(tree: Tree) -> Any:
    """Return the type of the tree's numbers, at least single precision: for sums, losses and rates."""
    return jnp.promote_types(jnp.result_type(*jax.tree.leaves(tree)), jnp.float32)


def axpy(scale: Any, x: Tree, y: Tree) -> Tree:
    """The sum scale * x + y for one number `scale`."""
    return jax.tree.map(lambda a, b: (scale * a + b).astype(b.dtype), x, y)


def dot(left: Tree, right: Tree) -> Array:
    """The inner product of two trees, a scalar."""
    parts = jax.tree.leaves(jax.tree.map(lambda a, b: jnp.sum(a * b), left, right))
    return sum(parts, start=jnp.zeros(()))


def lerp(start: Tree, end: Tree, fraction: Any) -> Tree:
    """The point (1 - fraction) start + fraction end; counters are taken from the nearer end."""

    def leaf(a: Array, b: Array) -> Array:
        if not jnp.issubdtype(jnp.result_type(a), jnp.inexact):
            return jnp.where(fraction < 0.5, a, b)
        return jnp.asarray((1 - fraction) * a + fraction * b, jnp.result_type(b))

    return jax.tree.map(leaf, start, end)


def inexact(tree: Tree) -> tuple[list[Array], Callable[[Sequence[Array]], Tree]]:
    """Return the leaves that are not integers, and a function that rebuilds the tree with new values for them."""
    leaves, structure = jax.tree.flatten(tree)
    places = [place for place, leaf in enumerate(leaves) if jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)]

    def whole(some: Sequence[Array]) -> Tree:
        changed = dict(zip(places, some, strict=True))
        return jax.tree.unflatten(structure, [changed.get(place, leaf) for place, leaf in enumerate(leaves)])

    return [leaves[place] for place in places], whole


def mean(tree: Tree) -> Tree:
    """The mean over the first axis of every leaf."""
    return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), tree)


def select(condition: Any, left: Tree, right: Tree) -> Tree:
    """`left` where the scalar condition holds, else `right`."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), left, right)


def total(tree: Tree) -> Array:
    """Return the sum of all numbers, a scalar; it is finite only if all numbers are finite."""
    return sum((jnp.sum(leaf) for leaf in jax.tree.leaves(tree)), start=jnp.zeros(()))


def zeros_like(tree: Tree) -> Tree:
    """Zeros of the same shapes."""
    return jax.tree.map(jnp.zeros_like, tree)
