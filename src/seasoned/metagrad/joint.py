"""Weights and hyperparameters trained together: a small network whose penalties and loss weights are learned.

This is hyperparameter optimisation by gradient as one training run: between steps of the weights on training rows, the
hyperparameters take a step down the loss of held-out rows, through the implicit function theorem at the present
weights. Arrays are padded to a few sizes, so that tables of about the same size share one compiled program.
"""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._jax import jax, jnp, lax, optax
from seasoned.metagrad.bilevel import BilevelProblem
from seasoned.metagrad.hypergradients import Implicit
from seasoned.metagrad.losses import row_losses
from seasoned.metagrad.trees import select

if TYPE_CHECKING:
    from jax import Array

    from seasoned.metagrad.networks import MLP

__all__ = ["JointTraining", "Learned"]

Tree = Any
_CHUNK = 10  # rounds in one call of the compiled program; between calls the clock is looked at
_WATCHED = 2048  # held-out rows that judge a round


class Learned(NamedTuple):
    """What a joint training gives.

    Attributes:
        layers: `w` [inputs, outputs] and `b` [outputs] of each layer, in numpy.
        decays: exp of the penalties: `layers` [layers], and `columns` [p], factors of the first layer's.
        loss_weights: Of each group of rows, mean 1.
        losses: Held-out loss after every round of the tuning run.
        rounds: Rounds that led to the best of them.
    """

    layers: list[dict[str, np.ndarray]]
    decays: dict[str, np.ndarray]
    loss_weights: np.ndarray
    losses: np.ndarray
    rounds: int


@dataclass(frozen=True)
class JointTraining:
    """Joint training of an MLP's weights w and hyperparameters (d, c, a).

    Inner loss of a batch: mean_i v_i loss_i(w) + 1/2 sum_l exp(d_l) |W_l|^2, in the first layer 1/2 sum_j exp(d_1 +
    c_j) |W_1j|^2, with loss weights v_i = G softmax(a)_g of the row's group g (its class, or a quantile of its target).
    Outer loss: mean loss of held-out rows, unweighted, + sum_j c_j^2 / (2 n spread^2).

    A fifth of the rows is held out. After every `every` steps of Adam on w the hyperparameters take one step of Adam
    down dF/dlambda = -d2f/dlambda dw (H + damping)^{-1} dF/dw at the present weights (`Implicit`, a few steps of
    conjugate gradients). Then the weights are trained once more on all rows with what was found, for as many rounds as
    were best.

    Args:
        network: The MLP; its outputs are classes, or 1.
        loss: `"cross_entropy"` or `"squared_error"`.
        rounds: Times that the hyperparameters move.
        every: Steps of the weights for each.
        batch: Rows of a step.

    Source: Lorraine et al. 2020 (arXiv:1911.02590), algorithm 1.

    Example:
        >>> import numpy as np
        >>> from seasoned.metagrad import MLP, JointTraining
        >>> X = np.random.default_rng(0).normal(size=(200, 3))
        >>> found = JointTraining(MLP((8,)), "squared_error", rounds=20).fit(X, X[:, 0], np.zeros(200, int))
        >>> bool(found.decays["columns"][0] < found.decays["columns"][1:].min())  # the one that matters
        True
    """

    network: MLP
    loss: str
    rounds: int = 100
    every: int = 10
    batch: int = 128

    def __post_init__(self) -> None:
        for name in ("rounds", "every", "batch"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} is {getattr(self, name)}, and it must be at least 1: give a whole number.")

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        groups: np.ndarray,
        *,
        rate: float = 5e-3,
        outer_rate: float = 0.05,
        decay: float = 1e-3,
        spread: float = 1.0,
        seed: int = 0,
        seconds: float | None = None,
    ) -> Learned:
        """Tune on a split of the rows, then train on all of them.

        Args:
            X: [rows, p], scaled.
            y: Class codes [rows], or standardised numbers [rows].
            groups: Group of each row for the loss weights, from 0; all 0 for none.
            rate: First rate of the weights; it goes down to 0 on a cosine.
            outer_rate: Rate of the hyperparameters; 0 trains with `decay` as it is.
            decay: First penalty of all layers.
            spread: Standard deviation of the columns' log-penalties around the layer's.
            seed: Of the split, the first weights and the batches.
            seconds: Time for everything, compilation included; None for no limit.
        """
        if len(y) < 5:
            raise InvalidInput(f"there are {len(y)} rows, and a fifth of them is held out: give at least 5.")
        deadline = math.inf if seconds is None else time.monotonic() + seconds
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(y))
        cut = max(1, len(y) // 5)
        held, train = order[:cut], order[cut:]
        data = _Data.of(X, y, groups, held)
        rates = np.array([rate, outer_rate, 1.0 / (spread**2 * len(train))], np.float32)
        outer = {
            "layers": jnp.full(len(self.network.hidden) + 1, math.log(decay)),
            "columns": jnp.zeros(data.X.shape[1]),
            "groups": jnp.zeros(int(groups.max()) + 1),
        }
        first = _initial(self.network, X.shape[1], data.X.shape[1], rng)
        half = deadline if seconds is None else time.monotonic() + 0.5 * seconds
        tuned, losses = self._run(data, _begin(first, outer), rates, self._picks(train, held, rng), half)
        rounds = len(losses) if not np.isfinite(losses).any() else 1 + int(np.nanargmin(losses))
        again = self._picks(order, order, rng)[: -(-rounds // _CHUNK)]
        last, seen = self._run(
            data, _begin(first, tuned.best_outer), rates * np.array([1, 0, 1], np.float32), again, deadline
        )
        whole = len(seen) >= rounds  # what time cut off is no better than what was tuned
        return _learned(last.weights if whole else tuned.best, tuned.best_outer, X.shape[1], losses, rounds)

    def _picks(self, train: np.ndarray, held: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Row numbers of all batches, [pieces, rounds of a piece, every + 2, batch].

        Of each round's last two, the hyperparameters see the one as training rows, the other as held-out rows.
        """
        pieces = -(-self.rounds // _CHUNK)
        picks = rng.choice(train, (pieces, _CHUNK, self.every + 2, self.batch))
        picks[:, :, -1] = rng.choice(held, (pieces, _CHUNK, self.batch))
        return picks.astype(np.int32)

    def _run(
        self, data: _Data, state: _State, rates: np.ndarray, picks: np.ndarray, deadline: float
    ) -> tuple[_State, np.ndarray]:
        """The state after all pieces or the deadline, and the held-out loss after every round."""
        losses: list[np.ndarray] = []
        for piece in picks:
            if losses and time.monotonic() > deadline:
                break
            state, seen = _advance(self, data, state, rates, piece)
            losses.append(np.asarray(seen))
        return state, np.concatenate(losses)


class _Data(NamedTuple):
    """Padded rows, and the held-out ones that judge a round, with weights."""

    X: Array
    y: Array
    groups: Array
    held: Array
    known: Array

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray, groups: np.ndarray, held: np.ndarray) -> _Data:
        size, width = 1 << max(9, (len(X) - 1).bit_length()), -(-X.shape[1] // 16) * 16
        rows = np.zeros((size, max(16, width)), np.float32)
        rows[: len(X), : X.shape[1]] = X
        targets = np.resize(y, size).astype(np.int32 if y.dtype.kind in "iu" else np.float32)
        judges = min(_WATCHED, size)
        known = (np.arange(judges) < len(held)) / min(judges, len(held))
        return cls(
            jnp.asarray(rows),
            jnp.asarray(targets),
            jnp.asarray(np.resize(groups, size), jnp.int32),
            jnp.asarray(np.resize(held, judges), jnp.int32),
            jnp.asarray(known, jnp.float32),
        )


class _State(NamedTuple):
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


def _begin(weights: Tree, outer: Tree) -> _State:
    optimizers = _INNER.init(weights), _OUTER.init(outer)
    return _State(weights, outer, *optimizers, jnp.int32(0), weights, outer, jnp.float32(np.inf))


def _initial(network: MLP, columns: int, padded: int, rng: np.random.Generator) -> Tree:
    """He's initial weights; padding has none."""
    sizes = (columns, *network.hidden, network.outputs)
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        w = rng.normal(size=(inputs, outputs)) * math.sqrt(2.0 / max(1, inputs))
        layers.append({"w": jnp.asarray(w, jnp.float32), "b": jnp.zeros(outputs, jnp.float32)})
    layers[0]["w"] = jnp.pad(layers[0]["w"], ((0, padded - columns), (0, 0)))
    layers[-1]["w"] = 0.1 * layers[-1]["w"]
    return {"layers": layers}


@partial(jax.jit, static_argnames="settings")
def _advance(settings: JointTraining, data: _Data, state: _State, rates: Array, picks: Array) -> tuple[_State, Array]:
    """Some rounds in one loop on the device, and the held-out loss after each."""

    def body(state: _State, rows: Array) -> tuple[_State, Array]:
        state = _round(settings, data, state, rates, rows)
        loss = jnp.sum(_losses(settings, data, state.weights, data.held) * data.known)
        better = loss < state.best_loss  # False for NaN
        kept = state._replace(
            best=select(better, state.weights, state.best),
            best_outer=select(better, state.outer, state.best_outer),
            best_loss=jnp.where(better, loss, state.best_loss),
        )
        return kept, loss

    done: tuple[_State, Array] = lax.scan(body, state, picks)
    return done


def _round(settings: JointTraining, data: _Data, state: _State, rates: Array, rows: Array) -> _State:
    """Some steps of the weights, one of the hyperparameters."""
    rate = rates[0] * 0.5 * (1 + jnp.cos(jnp.pi * jnp.clip(state.round / settings.rounds, 0, 1)))

    def step(carry: tuple[Tree, Tree], batch: Array) -> tuple[tuple[Tree, Tree], None]:
        weights, adam = carry
        updates, adam = _INNER.update(jax.grad(_inner)(weights, state.outer, settings, data, batch), adam)
        return (jax.tree.map(lambda w, u: w - rate * u, weights, updates), adam), None

    (weights, adam), _ = lax.scan(step, (state.weights, state.adam), rows[:-2])
    moved = state._replace(weights=weights, adam=adam, round=state.round + 1)

    def outer_step(state: _State) -> _State:
        outer, outer_adam = _outer_step(settings, data, state, rates, rows)
        return state._replace(outer=outer, outer_adam=outer_adam)

    after: _State = lax.cond(rates[1] > 0, outer_step, lambda state: state, moved)
    return after


def _outer_step(settings: JointTraining, data: _Data, state: _State, rates: Array, rows: Array) -> tuple[Tree, Tree]:
    """The hyperparameters after one step down their gradient at the present weights."""
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
    return jax.tree.map(lambda h, u: jnp.clip(h - rates[1] * u, -12, 4), state.outer, updates), outer_adam


def _losses(settings: JointTraining, data: _Data, weights: Tree, rows: Array) -> Array:
    return row_losses(settings.loss, settings.network.apply(weights, data.X[rows]), data.y[rows])


def _inner(weights: Tree, outer: Tree, settings: JointTraining, data: _Data, rows: Array) -> Array:
    groups = outer["groups"]
    share = groups.shape[0] * jax.nn.softmax(groups)[data.groups[rows]]
    loss = jnp.mean(share * _losses(settings, data, weights, rows))
    sizes = [jnp.sum(layer["w"] ** 2, axis=1) for layer in weights["layers"]]
    factors: list[Any] = [jnp.exp(outer["columns"]), *[1.0] * (len(sizes) - 1)]
    penalties = [jnp.sum(size * factor) for size, factor in zip(sizes, factors, strict=True)]
    return loss + 0.5 * jnp.sum(jnp.exp(outer["layers"]) * jnp.stack(penalties))


def _learned(weights: Tree, outer: Tree, columns: int, losses: np.ndarray, rounds: int) -> Learned:
    layers = [{name: np.array(part) for name, part in layer.items()} for layer in weights["layers"]]
    layers[0]["w"] = layers[0]["w"][:columns]
    decays = {"layers": np.exp(np.asarray(outer["layers"])), "columns": np.exp(np.asarray(outer["columns"])[:columns])}
    shares = np.asarray(jax.nn.softmax(outer["groups"]))
    return Learned(layers, decays, len(shares) * shares, losses, rounds)
