"""Training of an in-context network on drawn tables (needs the extra `grad`).

The loss of a table is that of its query rows given its context: cross-entropy of the classes, or the mean pinball loss
of the 99 quantiles in standard scores. Step t draws its tables from the seed (seed, t), and a checkpoint keeps the
whole state, so that training goes on after a kill exactly as without it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.incontext import row_axis
from seasoned.incontext.backend import Backend, Masks, softmax_attention
from seasoned.incontext.batches import BUCKETS, Bucket, draw_batch
from seasoned.incontext.network import LEVELS, Network, init, outputs
from seasoned.metagrad._common.jax_imports import jax, jnp, lax, optax

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from seasoned.incontext.backend import Weights
    from seasoned.incontext.prior import DrawnTable
    from seasoned.incontext.settings import NetworkSettings

__all__ = ["JAX", "Recipe", "TrainingState", "checkpoint", "network_of", "resume", "start", "train", "validation"]

_FEW_SCORES: Final = 64 * 64
_VALIDATION_SEED: Final = (0, 0, 0)  # a training has the seed and the step, two numbers
_VALIDATION_BATCHES: Final = 10  # of each size


def _attention(q: Any, k: Any, v: Any, mask: Any) -> Any:
    """Return the attention head by head, so that the scores stay in the processor's cache.

    The backward pass computes them again. On two cores both together took 0.4 of the time of one large array.
    """
    if q.shape[-2] * k.shape[-2] < _FEW_SCORES:
        return softmax_attention(jnp, q, k, v, mask)
    shape = (*k.shape[:-2], *q.shape[-2:])
    parts = [array.reshape(-1, *array.shape[-2:]) for array in (jnp.broadcast_to(q, shape), k, v)]
    one = jax.checkpoint(lambda part: softmax_attention(jnp, part[0], part[1], part[2], mask))
    return lax.map(one, tuple(parts)).reshape(shape)


JAX: Final = Backend(jnp, _attention, lax.scan)
PINBALL_WEIGHT: Final = 2.0
"""Brings the pinball loss of an average table to the size of the cross-entropy."""
AVERAGED: Final = 0.999
"""Decay of the moving average of the weights, which is the trained network."""


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Attributes:
        seed: Seed of the weights and of all tables.
        steps: Number of steps of the whole training; the learning rate falls to a tenth along half a cosine.
        learning_rate: Learning rate of Muon (matrices of layers) and of AdamW (the other weights).
        momentum: Momentum of Muon.
        decay: Weight decay of Muon.
        clip: Largest norm of the gradient.
        buckets: Sizes of the batches, one drawn for each step.
    """

    seed: int = 0
    steps: int = 10_000
    learning_rate: float = 1e-3
    momentum: float = 0.95
    decay: float = 0.1
    clip: float = 2.0
    buckets: tuple[Bucket, ...] = BUCKETS


@dataclass
class TrainingState:
    """State between two steps: step number, weights, their moving average, and the optimiser's state."""

    step: int
    weights: Any
    average: Any
    optimiser: Any


def start(settings: NetworkSettings, recipe: Recipe, trained: Network | None = None) -> TrainingState:
    """Return the state before the first step, with random weights or those of a trained network.

    Raises:
        InvalidInput: The trained network has other settings.
    """
    if trained is not None and trained.settings != settings:
        raise InvalidInput(f"the trained network has {trained.settings}, not {settings}: give the same sizes.")
    first = trained.weights if trained is not None else init(np.random.default_rng(recipe.seed), settings)
    weights = jax.tree.map(jnp.asarray, first)
    return TrainingState(0, weights, weights, _optimiser(recipe).init(weights))


def train(
    state: TrainingState,
    settings: NetworkSettings,
    recipe: Recipe,
    draw: Callable[[np.random.Generator, int, int], DrawnTable],
    *,
    seconds: float = float("inf"),
    before_step: Callable[[TrainingState, Sequence[float]], None] | None = None,
) -> TrainingState:
    """Return the state after the recipe's steps or after a time limit.

    Args:
        state: State of `start`, `resume` or an earlier `train`.
        settings: Shape and sizes.
        recipe: Settings of the training.
        draw: Prior, such as `prior.draw_table`.
        seconds: Time limit of this call.
        before_step: Function called before each step with the state and the losses so far, for checkpoints and logs.
    """
    update = _update(settings, recipe)
    losses: list[float] = []
    end = time.monotonic() + seconds
    while state.step < recipe.steps and time.monotonic() < end:
        if before_step is not None:
            before_step(state, losses)
        rng = np.random.default_rng([recipe.seed, state.step])
        batch = draw_batch(rng, draw, recipe.buckets[rng.integers(len(recipe.buckets))])
        weights, average, optimiser, loss = update(state.weights, state.average, state.optimiser, state.step, batch)
        state = TrainingState(state.step + 1, weights, average, optimiser)
        losses.append(float(loss))
    return state


def validation(
    settings: NetworkSettings, buckets: Sequence[Bucket], draw: Callable[[np.random.Generator, int, int], DrawnTable]
) -> Callable[[Any], float]:
    """Return the function from weights to their mean loss on fixed tables, which the training does not draw.

    Args:
        settings: Shape and sizes.
        buckets: Sizes of the batches; each has the same weight.
        draw: Prior.
    """
    rng = np.random.default_rng(_VALIDATION_SEED)
    batches = [draw_batch(rng, draw, bucket) for bucket in buckets for _ in range(_VALIDATION_BATCHES)]
    loss = jax.jit(lambda weights, batch: _loss(weights, settings, batch))
    return lambda weights: float(np.mean([loss(weights, batch) for batch in batches]))


def network_of(state: TrainingState, settings: NetworkSettings, card: dict[str, Any]) -> Network:
    """Return the network of the averaged weights."""
    return Network(settings, jax.tree.map(np.asarray, state.average), card)


def checkpoint(state: TrainingState, path: Path) -> None:
    """Write the whole state to a file, atomically."""
    leaves = jax.tree.leaves((state.weights, state.average, state.optimiser))
    scratch = path.with_suffix(".part.npz")
    arrays: dict[str, Any] = {f"leaf{place}": np.asarray(leaf) for place, leaf in enumerate(leaves)}
    np.savez(scratch, step=state.step, **arrays)
    scratch.replace(path)


def resume(settings: NetworkSettings, recipe: Recipe, path: Path) -> TrainingState:
    """Return the state of a checkpoint.

    Raises:
        InvalidInput: The checkpoint is of other settings.
    """
    fresh = start(settings, recipe)
    leaves, tree = jax.tree.flatten((fresh.weights, fresh.average, fresh.optimiser))
    with np.load(path, allow_pickle=False) as stored:
        kept = [jnp.asarray(stored[f"leaf{place}"]) for place in range(len(stored.files) - 1)]
        step = int(stored["step"])
    if [leaf.shape for leaf in kept] != [np.shape(leaf) for leaf in leaves]:
        raise InvalidInput(f"the checkpoint {path} has arrays of other sizes: give the settings it was trained with.")
    return TrainingState(step, *jax.tree.unflatten(tree, kept))


@lru_cache(maxsize=8)
def _update(settings: NetworkSettings, recipe: Recipe) -> Callable[..., Any]:
    """Return one step as a compiled function of weights, average, optimiser state, step number and batch."""
    optimiser = _optimiser(recipe)

    def update(weights: Any, average: Any, state: Any, step: Any, batch: Any) -> Any:
        loss, gradient = jax.value_and_grad(lambda w: _loss(w, settings, batch))(weights)
        changes, state = optimiser.update(gradient, state, weights)
        weights = optax.apply_updates(weights, changes)
        decay = jnp.minimum(AVERAGED, (1 + step) / (10 + step))
        average = jax.tree.map(lambda a, w: decay * a + (1 - decay) * w, average, weights)
        return weights, average, state, loss

    return jax.jit(update)


def _loss(weights: Weights, settings: NetworkSettings, batch: Any) -> Any:
    """Return the mean loss of the tables of a batch."""

    def one(table: Any) -> Any:
        masks = Masks(table["rows"], table["columns"])
        memory = row_axis.read_context(JAX, weights, settings, table["cells"], table["targets"], masks)
        tokens = row_axis.query(JAX, weights, settings, memory, table["queries"], masks)
        logits, quantiles = outputs(jnp, weights["head"], tokens)
        return jnp.where(
            table["slots"].sum() > 0, _cross_entropy(logits, table), PINBALL_WEIGHT * _pinball(quantiles, table)
        )

    return jax.vmap(one)(batch).mean()


def _cross_entropy(logits: Any, table: Any) -> Any:
    logits = jnp.where(table["slots"] > 0, logits, -1e9)
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), table["classes"][:, None], axis=1)
    return -chosen.mean()


def _pinball(quantiles: Any, table: Any) -> Any:
    error = table["numbers"][:, None] - quantiles
    return jnp.maximum(LEVELS * error, (LEVELS - 1) * error).mean()


def _optimiser(recipe: Recipe) -> Any:
    """Return Muon for the matrices of layers and AdamW for the other weights, with warm-up and half a cosine."""
    warm_up = max(recipe.steps // 50, 1)
    rate = optax.warmup_cosine_decay_schedule(
        0.0, recipe.learning_rate, warm_up, max(recipe.steps, warm_up + 1), recipe.learning_rate / 10
    )
    muon = optax.contrib.muon(
        rate,
        beta=recipe.momentum,
        weight_decay=recipe.decay,
        adam_b2=0.98,
        adam_weight_decay=0.01,
        muon_weight_dimension_numbers=_matrices,
        consistent_rms=0.2,
    )
    return optax.chain(optax.clip_by_global_norm(recipe.clip), muon)


def _matrices(weights: Any) -> Any:
    """Return, for each weight, the axes of its matrices, or None for AdamW."""

    def axes(path: Any, weight: Any) -> Any:
        part = str(path[0].key)
        return optax.contrib.MuonDimensionNumbers(1, 2) if part.endswith("layers") and weight.ndim == 3 else None

    return jax.tree.map_with_path(axes, weights)
