"""Hypergradient descent: the learning rate of an optimiser follows its own gradient during training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp, optax
from seasoned.metagrad._common.pytrees import at_least_single, dot, select, subtract, zeros_like

if TYPE_CHECKING:
    from jax import Array

__all__ = ["HypergradientState", "adam_hd", "hypergradient_descent", "sgd_hd"]

Tree = Any


_GROWTH: Final = 4.0
"""Growth of the gradient above which a step is undone, if the new gradient points against the step."""
_SHRUNK: Final = 0.1
"""Factor on the rate after an undone step."""


class HypergradientState(NamedTuple):
    """State of hypergradient descent.

    Attributes:
        inner: State of the wrapped direction.
        rate: Current rate.
        direction: Last direction; zeros at first, and after an undone step.
        update: Last update.
        largest: Largest gradient entry so far, over gradients that did not point against the previous step.
        taken_back: Number of steps that were undone because the rate was far too large.
    """

    inner: Tree
    rate: Array
    direction: Tree
    update: Tree
    largest: Array
    taken_back: Array


def hypergradient_descent(
    direction: optax.GradientTransformation, rate: float, hyper_rate: float = 0.02, *, multiplicative: bool = True
) -> optax.GradientTransformation:
    """Steps along a direction with a learning rate that is learned during training.

    With u_t the direction and w_{t+1} = w_t - rate_t u_t, the loss has the derivative dL_t/drate = -g_t . u_{t-1}. One
    inner product thus gives the descent of the rate:

    - multiplicative (default): rate *= exp(hyper_rate * cos(g_t, u_{t-1})), which does not depend on the loss's scale
      and crosses orders of magnitude in either direction;
    - additive, as published: rate += hyper_rate * g_t . u_{t-1}.

    With a rate that is far too large, gradients overflow before the rate has decreased. Therefore a step is undone, and
    the rate multiplied by 0.1, in two cases: the new gradient is not finite, or it points against the step and is more
    than 4 times as large as previous gradients. `state.taken_back` counts undone steps.

    Args:
        direction: An optax transformation that gives the direction *without* rate and sign, such as
            `optax.scale_by_adam()`.
        rate: The first rate, above 0.
        hyper_rate: Step size of the rate's logarithm (or of the rate itself).
        multiplicative: True for the multiplicative form, False for the additive form.

    Source: Baydin et al. 2018 (arXiv:1703.04782), algorithms 4 and 5; multiplicative form: its section 4 and Rubio
    2017.

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
        first = jnp.asarray(rate, at_least_single(params))  # half precision would round small changes to 0
        none = zeros_like(params)
        return HypergradientState(direction.init(params), first, none, none, jnp.zeros_like(first), jnp.int32(0))

    def update(gradient: Tree, state: HypergradientState, params: Tree = None) -> tuple[Tree, HypergradientState]:
        size = _largest(gradient).astype(state.largest.dtype)
        cosine = dot(_unit(gradient), _unit(state.direction))
        back = ~jnp.isfinite(size) | ((cosine < 0) & (size > _GROWTH * state.largest))
        if multiplicative:
            new = state.rate * jnp.exp(hyper_rate * cosine)
        else:
            new = jnp.maximum(state.rate + hyper_rate * dot(gradient, state.direction), 0)
        moved, inner = direction.update(gradient, state.inner, params)
        updates = jax.tree.map(lambda leaf: (-new * leaf).astype(leaf.dtype), moved)
        largest = jnp.where(cosine < 0, state.largest, jnp.maximum(state.largest, size))
        on = HypergradientState(inner, new.astype(state.rate.dtype), moved, updates, largest, state.taken_back)
        none = zeros_like(state.update)
        home = state._replace(rate=_SHRUNK * state.rate, direction=none, update=none, taken_back=state.taken_back + 1)
        chosen: tuple[Tree, HypergradientState] = select(back, (subtract(none, state.update), home), (updates, on))
        return chosen

    return optax.GradientTransformation(init, update)


def _largest(tree: Tree) -> Array:
    """Return the largest absolute entry; NaN if any entry is NaN."""
    return jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(tree)]))


def _unit(tree: Tree) -> Tree:
    """Return the tree scaled to length 1; zeros stay zeros.

    The tree is divided by its largest entry first, because squares could overflow.
    """
    largest = _largest(tree)
    scaled = jax.tree.map(lambda leaf: leaf / jnp.where(largest > 0, largest, 1), tree)
    length = jnp.sqrt(dot(scaled, scaled))
    return jax.tree.map(lambda leaf: leaf / jnp.where(length > 0, length, 1), scaled)


def sgd_hd(rate: float, hyper_rate: float = 0.02, *, multiplicative: bool = True) -> optax.GradientTransformation:
    """SGD-HD: `hypergradient_descent` along the plain gradient (Baydin et al. 2018, algorithm 4)."""
    return hypergradient_descent(optax.identity(), rate, hyper_rate, multiplicative=multiplicative)


def adam_hd(rate: float, hyper_rate: float = 0.02, *, multiplicative: bool = True) -> optax.GradientTransformation:
    """Adam-HD: `hypergradient_descent` along Adam's direction (Baydin et al. 2018, algorithm 5)."""
    return hypergradient_descent(optax.scale_by_adam(), rate, hyper_rate, multiplicative=multiplicative)
