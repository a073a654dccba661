"""Guard of a learned optimiser: a fallback optimiser takes over when the validation loss worsens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp, lax, optax
from seasoned.metagrad._common.pytrees import add, at_least_single, select, subtract

if TYPE_CHECKING:
    from jax import Array

__all__ = ["GuardState", "guarded"]

Tree = Any


class GuardState(NamedTuple):
    """State of the guard.

    Attributes:
        risky: State of the guarded optimiser.
        trusted: State of the fallback.
        best: Parameters with the smallest value so far.
        best_value: The smallest value so far.
        bad: Number of consecutive values that were worse than allowed.
        fallen: True after the fallback has taken over.
        returning: True while the parameters return to the best ones.
    """

    risky: Tree
    trusted: Tree
    best: Tree
    best_value: Array
    bad: Array
    fallen: Array
    returning: Array


def guarded(
    risky: optax.GradientTransformation,
    fallback: optax.GradientTransformation | None = None,
    *,
    patience: int = 5,
    tolerance: float = 0.1,
) -> optax.GradientTransformationExtraArgs:
    """Use `risky` until its validation loss is bad `patience` times in a row, then use `fallback` from the best point.

    Pass `value=` to `update`: the loss of the current parameters on validation rows, or on training rows if there are
    no validation rows. Use the same rows every time: losses of mini-batches differ by more than `tolerance`, and the
    smallest of these losses would count as the best. Without a value nothing is guarded. A value is bad if it is not
    finite or exceeds best + tolerance * |best|. The fallback takes over permanently and starts from the best parameters
    so far. Both optimisers receive the value and all other arrays that are passed to `update`.

    Args:
        risky: Optimiser to guard, for example a learned optimiser.
        fallback: Optimiser that takes over; None for Adam at 0.001.
        patience: Number of consecutive bad values, at least 1. A single value that is not finite is enough.
        tolerance: Allowed excess over the best value, as a share of the best value.

    Example:
        >>> import jax.numpy as jnp, optax
        >>> from seasoned.metagrad import guarded
        >>> optimizer = guarded(optax.sgd(10.0), optax.sgd(0.1), patience=1)  # diverges; is caught
        >>> w = jnp.ones(1)
        >>> state = optimizer.init(w)
        >>> for _ in range(40):
        ...     updates, state = optimizer.update(2 * w, state, w, value=jnp.sum(w**2))
        ...     w = optax.apply_updates(w, updates)
        >>> bool(state.fallen), bool(abs(w[0]) < 0.01)
        (True, True)
    """
    if patience < 1 or tolerance < 0:
        raise InvalidInput(f"patience is {patience} and tolerance {tolerance}: give at least 1 and at least 0.")
    fallback = optax.with_extra_args_support(optax.adam(1e-3) if fallback is None else fallback)
    risky = optax.with_extra_args_support(risky)

    def init(params: Tree) -> GuardState:
        dtype = at_least_single(params)
        best = jnp.asarray(jnp.inf, dtype)
        no = jnp.bool_(False)
        own = jax.tree.map(jnp.array, params)  # a copy, because the parameters may be donated or changed in place
        return GuardState(risky.init(params), fallback.init(params), own, best, jnp.int32(0), no, no)

    def update(gradient: Tree, state: GuardState, params: Tree = None, **extra: Any) -> tuple[Tree, GuardState]:
        extra = {name: given for name, given in extra.items() if given is not None}
        _check_given(params, extra)
        found: tuple[Tree, GuardState] = step(gradient, state, params, extra)
        return found

    @jax.jit  # otherwise each call outside a compiled function would compile the branches again
    def step(gradient: Tree, state: GuardState, params: Tree, extra: dict[str, Any]) -> tuple[Tree, GuardState]:
        falls = jnp.bool_(False)
        if (value := extra.get("value")) is not None:
            state, falls = _judged(state, params, jnp.asarray(value, state.best_value.dtype), patience, tolerance)

        home = subtract(state.best, params)
        # Over a large distance one update ends only near the best parameters, because of rounding.
        falls_short = state.returning & ~_close(params, state.best)

        def back(_: None) -> tuple[Tree, Tree, Tree, Array]:  # the fallback's first gradient is at the best parameters
            return home, state.risky, state.trusted, jnp.bool_(False)

        def trusted(_: None) -> tuple[Tree, Tree, Tree, Array]:
            updates, inner = fallback.update(gradient, state.trusted, params, **extra)
            return updates, state.risky, inner, jnp.bool_(False)

        def follow(_: None) -> tuple[Tree, Tree, Tree, Array]:
            updates, inner = risky.update(gradient, state.risky, params, **extra)
            breaks = jnp.isfinite(state.best_value) & ~_is_finite(add(params, updates))  # no update leads back from NaN
            return select(breaks, home, updates), inner, state.trusted, breaks

        which = jnp.where(falls | falls_short, 0, jnp.where(state.fallen, 1, 2))
        updates, one, two, breaks = lax.switch(which, (back, trusted, follow), None)
        turns = falls | breaks
        return updates, state._replace(
            risky=one, trusted=two, fallen=state.fallen | turns, returning=turns | falls_short
        )

    return optax.GradientTransformationExtraArgs(init, update)


def _check_given(params: Tree, extra: dict[str, Any]) -> None:
    """Refuse an update without parameters, or with values that a compiled program cannot take."""
    if params is None:
        raise InvalidInput("The guard must know where it is: pass the parameters to update(gradient, state, params).")
    for name, given in extra.items():
        if any(callable(leaf) or isinstance(leaf, str) for leaf in jax.tree.leaves(given)):
            raise InvalidInput(f"{name} is {given!r}: a guarded optimiser is given arrays and numbers alone.")


def _is_finite(tree: Tree) -> Array:
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def _close(one: Tree, other: Tree) -> Array:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return jnp.all(jnp.stack([jnp.allclose(a, b) for a, b in pairs]))


def _judged(state: GuardState, params: Tree, value: Array, patience: int, tolerance: float) -> tuple[GuardState, Array]:
    """Return the state after a value, and True if the guard triggers now."""
    better = value < state.best_value
    known = jnp.isfinite(state.best_value)
    limit = jnp.where(known, state.best_value + tolerance * jnp.abs(state.best_value), jnp.inf)
    bad = jnp.where(jnp.isfinite(value) & (value <= limit), 0, state.bad + 1)
    falls = ~state.fallen & ((bad >= patience) | ~jnp.isfinite(value))
    state = state._replace(
        best=select(better, params, state.best), best_value=jnp.where(better, value, state.best_value), bad=bad
    )
    return state, falls
