"""Hypergradient descent: the learning rate of an optimiser goes down its own gradient while it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from seasoned.errors import InvalidInput
from seasoned.metagrad._jax import jax, jnp, optax
from seasoned.metagrad.trees import at_least_single, dot, zeros_like

if TYPE_CHECKING:
    from jax import Array

__all__ = ["HypergradientState", "adam_hd", "hypergradient_descent", "sgd_hd"]

Tree = Any


class HypergradientState(NamedTuple):
    """Attributes: the wrapped direction's state, the rate now, and the last direction."""

    inner: Tree
    rate: Array
    direction: Tree


def hypergradient_descent(
    direction: optax.GradientTransformation, rate: float, hyper_rate: float = 0.02, *, multiplicative: bool = True
) -> optax.GradientTransformation:
    """Step along a direction at a rate that is learned on the way.

    With u_t the direction and w_{t+1} = w_t - rate_t u_t, the loss has the derivative
    dL_t/drate = -g_t . u_{t-1}, so one more inner product gives the rate's own descent:

    - multiplicative (default): rate *= exp(hyper_rate * cos(g_t, u_{t-1})), which does not depend on the loss's scale
      and crosses orders of magnitude in either direction;
    - additive, as published: rate += hyper_rate * g_t . u_{t-1}.

    Args:
        direction: An optax transformation that gives the direction *without* rate and sign, such as
            `optax.scale_by_adam()`.
        rate: The first rate, above 0.
        hyper_rate: Step size of the rate's logarithm (or of the rate itself).
        multiplicative: Which of the two forms.

    Source: Baydin et al. 2018 (arXiv:1703.04782), algorithms 4 and 5; multiplicative form: its section 4 and
    Rubio 2017.

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from seasoned.metagrad import hypergradient_descent
        >>> optimizer = hypergradient_descent(optax.scale_by_adam(), rate=1e-5, hyper_rate=0.1)
        >>> w = jnp.ones(3)
        >>> state = optimizer.init(w)
        >>> for _ in range(200):
        ...     updates, state = optimizer.update(2 * w, state)
        ...     w = optax.apply_updates(w, updates)
        >>> bool(jnp.abs(w).max() < 0.05)
        True
    """
    if not (rate > 0 and hyper_rate >= 0):
        raise InvalidInput(
            f"rate is {rate} and hyper_rate {hyper_rate}: give a rate above 0 and a hyper_rate from 0 up."
        )

    def init(params: Tree) -> HypergradientState:
        first = jnp.asarray(rate, at_least_single(params))  # half precision would round small changes away
        return HypergradientState(direction.init(params), first, zeros_like(params))

    def update(gradient: Tree, state: HypergradientState, params: Tree = None) -> tuple[Tree, HypergradientState]:
        if multiplicative:
            cosine = dot(_unit(gradient), _unit(state.direction))
            new = state.rate * jnp.exp(hyper_rate * cosine)
        else:
            new = jnp.maximum(state.rate + hyper_rate * dot(gradient, state.direction), 0)
        moved, inner = direction.update(gradient, state.inner, params)
        updates = jax.tree.map(lambda leaf: (-new * leaf).astype(leaf.dtype), moved)
        return updates, HypergradientState(inner, new.astype(state.rate.dtype), moved)

    return optax.GradientTransformation(init, update)


def _unit(tree: Tree) -> Tree:
    """The tree scaled to length 1, zeros as they are; divided by its largest entry first, lest squares overflow."""
    largest = jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(tree)]))
    scaled = jax.tree.map(lambda leaf: leaf / jnp.where(largest > 0, largest, 1), tree)
    length = jnp.sqrt(dot(scaled, scaled))
    return jax.tree.map(lambda leaf: leaf / jnp.where(length > 0, length, 1), scaled)


def sgd_hd(rate: float, hyper_rate: float = 0.02, *, multiplicative: bool = True) -> optax.GradientTransformation:
    """SGD-HD: `hypergradient_descent` along the plain gradient (Baydin et al. 2018, algorithm 4)."""
    return hypergradient_descent(optax.identity(), rate, hyper_rate, multiplicative=multiplicative)


def adam_hd(rate: float, hyper_rate: float = 0.02, *, multiplicative: bool = True) -> optax.GradientTransformation:
    """Adam-HD: `hypergradient_descent` along Adam's direction (Baydin et al. 2018, algorithm 5)."""
    return hypergradient_descent(optax.scale_by_adam(), rate, hyper_rate, multiplicative=multiplicative)
