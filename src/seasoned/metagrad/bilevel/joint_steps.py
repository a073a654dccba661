"""Compiled rounds of joint training: some steps of the weights, then one step of the hyperparameters.

`joint_training.py` defines the losses and calls these functions.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seasoned.metagrad._common.jax_imports import jax, jnp, lax, optax
from seasoned.metagrad._common.pytrees import select, total
from seasoned.metagrad.bilevel import Implicit
from seasoned.metagrad.bilevel.problem import BilevelProblem
from seasoned.metagrad.tasks.losses import row_losses

if TYPE_CHECKING:
    from jax import Array

    from seasoned.metagrad.bilevel.joint_training import JointTraining

__all__ = ["Data", "State", "advance", "begin"]

Tree = Any
_WATCHED = 2048  # maximum number of held-out rows for the loss of a round


class Data(NamedTuple):
    """Padded rows; indices and normalised weights of the held-out rows for the loss of a round."""

    X: Array
    y: Array
    groups: Array
    held: Array
    known: Array

    @classmethod
    def of(
        cls, X: np.ndarray, y: np.ndarray, groups: np.ndarray, held: np.ndarray, weight: np.ndarray | None = None
    ) -> Data:
        """Create from rows, targets, groups, indices of the held-out rows, and sample weights."""
        size, width = 1 << max(9, (len(X) - 1).bit_length()), -(-X.shape[1] // 16) * 16
        rows = np.zeros((size, max(16, width)), np.float32)
        rows[: len(X), : X.shape[1]] = X
        targets = np.resize(y, size).astype(np.int32 if y.dtype.kind in "iu" else np.float32)
        judges = min(_WATCHED, size)
        mass = (np.ones(len(X)) if weight is None else weight)[held[:judges]]
        known = np.pad(mass / mass.sum(), (0, judges - len(mass)))
        return cls(
            jnp.asarray(rows),
            jnp.asarray(targets),
            jnp.asarray(np.resize(groups, size), jnp.int32),
            jnp.asarray(np.resize(held, judges), jnp.int32),
            jnp.asarray(known, jnp.float32),
        )


class State(NamedTuple):
    """State of a training, with the weights and hyperparameters of the best round so far."""

    weights: Tree
    outer: Tree
    adam: Tree
    outer_adam: Tree
    round: Array
    best: Tree
    best_outer: Tree
    best_loss: Array


_INNER = optax.scale_by_adam()
_OUTER = optax.scale_by_adam()


def begin(weights: Tree, outer: Tree) -> State:
    """Return the state before the first round."""
    optimizers = _INNER.init(weights), _OUTER.init(outer)
    return State(weights, outer, *optimizers, jnp.int32(0), weights, outer, jnp.float32(np.inf))


@partial(jax.jit, static_argnames="settings")
def advance(
    settings: JointTraining, data: Data, state: State, rates: Array, picks: Array, until: Array
) -> tuple[State, Array]:
    """Run rounds in one loop on the device; return the state and the held-out loss after each round.

    No round runs from round `until` on.
    """

    def run(state: State, rows: Array) -> tuple[State, Array]:
        state = _round(settings, data, state, rates, rows)
        loss = jnp.sum(_losses(settings, data, state.weights, data.held) * data.known)
        better = loss < state.best_loss  # False for NaN
        kept = state._replace(
            best=select(better, state.weights, state.best),
            best_outer=select(better, state.outer, state.best_outer),
            best_loss=jnp.where(better, loss, state.best_loss),
        )
        return kept, loss

    def body(state: State, rows: Array) -> tuple[State, Array]:
        kept: tuple[State, Array] = lax.cond(
            state.round < until, run, lambda state, _: (state, state.best_loss), state, rows
        )
        return kept

    done: tuple[State, Array] = lax.scan(body, state, picks)
    return done


def _round(settings: JointTraining, data: Data, state: State, rates: Array, rows: Array) -> State:
    """Run one round: some steps of the weights, one step of the hyperparameters."""
    rate = rates[0] * 0.5 * (1 + jnp.cos(jnp.pi * jnp.clip(state.round / settings.rounds, 0, 1)))

    def step(carry: tuple[Tree, Tree], batch: Array) -> tuple[tuple[Tree, Tree], None]:
        weights, adam = carry
        updates, adam = _INNER.update(jax.grad(_inner)(weights, state.outer, settings, data, batch), adam)
        return (jax.tree.map(lambda w, u: w - rate * u, weights, updates), adam), None

    (weights, adam), _ = lax.scan(step, (state.weights, state.adam), rows[:-2])
    moved = state._replace(weights=weights, adam=adam, round=state.round + 1)

    def outer_step(state: State) -> State:
        outer, outer_adam = _outer_step(settings, data, state, rates, rows)
        return state._replace(outer=outer, outer_adam=outer_adam)

    after: State = lax.cond(rates[1] > 0, outer_step, lambda state: state, moved)
    return after


def _outer_step(settings: JointTraining, data: Data, state: State, rates: Array, rows: Array) -> tuple[Tree, Tree]:
    """Return the hyperparameters after one step down their gradient at the current weights."""
    problem = BilevelProblem(
        inner_loss=lambda w, outer: _inner(w, outer, settings, data, rows[-2]),
        outer_loss=lambda w, outer: (
            jnp.mean(_losses(settings, data, w, rows[-1])) + 0.5 * rates[2] * jnp.sum(outer["columns"] ** 2)
        ),
        init=lambda outer: state.weights,  # noqa: ARG005 - the present weights, whatever led to them
        solve=lambda outer: state.weights,  # noqa: ARG005
    )
    found = problem.hypergradient(state.outer, Implicit("cg", steps=5, damping=1e-2))
    updates, outer_adam = _OUTER.update(found.gradient, state.outer_adam)
    outer = jax.tree.map(lambda h, u: jnp.clip(h - rates[1] * u, -12, 4), state.outer, updates)
    fine = jnp.isfinite(total(found.gradient))  # a non-finite gradient would otherwise end the tuning
    return select(fine, outer, state.outer), select(fine, outer_adam, state.outer_adam)


def _losses(settings: JointTraining, data: Data, weights: Tree, rows: Array) -> Array:
    return row_losses(settings.loss, settings.network.apply(weights, data.X[rows]), data.y[rows])


def _inner(weights: Tree, outer: Tree, settings: JointTraining, data: Data, rows: Array) -> Array:
    groups = outer["groups"]
    share = groups.shape[0] * jax.nn.softmax(groups)[data.groups[rows]]
    loss = jnp.mean(share * _losses(settings, data, weights, rows))
    sizes = [jnp.sum(layer["w"] ** 2, axis=1) for layer in weights["layers"]]
    factors: list[Any] = [jnp.exp(outer["columns"]), *[1.0] * (len(sizes) - 1)]
    penalties = [jnp.sum(size * factor) for size, factor in zip(sizes, factors, strict=True)]
    return loss + 0.5 * jnp.sum(jnp.exp(outer["layers"]) * jnp.stack(penalties))
