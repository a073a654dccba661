"""Meta-testing: adaptation to a support set, tuning of its steps and rate, and evaluation on many test tasks.

A compiled program serves all rates of a learner (`training/learned_rates.py`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.metagrad._common.jax_imports import jax, jnp, lax
from seasoned.metagrad.learners.padding import padded
from seasoned.metagrad.tasks.losses import row_losses
from seasoned.metagrad.tasks.tasks import Rows, TaskList, at_once
from seasoned.metagrad.training.learned_rates import rated, rates_of, shared

if TYPE_CHECKING:
    from jax import Array

    from seasoned.metagrad.learners.base import MetaLearner
    from seasoned.metagrad.tasks.tasks import Task

__all__ = ["adapted", "choose", "curves", "held_out_losses"]

Tree = Any
_SCALES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)  # factors on the learner's rates, tried by the tuning
_FOLDS: Final = 5  # largest number of folds of a support set
_TOGETHER: Final = 100  # largest number of test tasks evaluated in parallel: tasks may contain images


@partial(jax.jit, static_argnames="learner")
def adapted(learner: MetaLearner, rates: dict[str, Any], theta: Tree, rows: Rows, steps: Array, scale: Array) -> Tree:
    """Return the predictor's parameters after `steps` steps at `scale` times the learner's rates."""
    learner = rated(learner, rates)

    def body(number: Array, carry: Tree) -> Tree:
        return learner.advance(theta, carry, rows, number, scale)

    return learner.params(lax.fori_loop(0, steps, body, learner.start(theta)))


def choose(
    learner: MetaLearner, theta: Tree, rows: Rows, steps: int | None = None, rate_scale: float | None = None
) -> tuple[int, float]:
    """Return the number of steps and the factor on the inner rates with the smallest cross-validated support loss.

    The rows are cut into at most 5 folds. For every fold and every factor in 1/4, 1/2, 1, 2, 4 the learner adapts to
    the other rows. The loss on the fold's rows is computed after every step, in one compiled program. Early stopping
    chooses the step with the smallest loss. The best setting replaces the learner's own setting (its trained steps at
    factor 1) only if the gain exceeds half a standard error over the rows. The reason is that losses of few rows are
    noisy.

    Args:
        learner: The learner as a program (not fitted).
        theta: Its meta-parameters.
        rows: The support set.
        steps: Fixed number of steps. None chooses from 0 up to twice the trained steps, or 20 if that is larger.
        rate_scale: Fixed factor; None chooses the factor.
    """
    own = (learner.trained_steps if steps is None else steps, 1.0 if rate_scale is None else rate_scale)
    if rows.y.shape[0] < 2 or not learner.gradual:
        return own
    most = max(20, 2 * learner.trained_steps) if steps is None else steps
    scales = tuple(dict.fromkeys(_SCALES if rate_scale is None else (rate_scale,)))
    losses = np.asarray(
        held_out_losses(shared(learner), rates_of(learner), theta, padded(learner, rows), jnp.asarray(scales), most),
        dtype=np.float64,  # double precision, so that sums of large losses do not overflow
    )[..., : rows.y.shape[0]]  # [scales, steps + 1, rows]
    losses = np.where(np.isfinite(losses), losses, np.inf)
    first = 0 if steps is None else most
    means = losses.mean(axis=2)[:, first:]
    if not np.isfinite(means).any():
        return own  # `adapt` reports the divergence
    place = np.unravel_index(int(np.argmin(means)), means.shape)
    best = losses[place[0], first + place[1]]
    base = losses[scales.index(own[1]), own[0]]
    if np.isfinite(base).all():
        gain = base - best
        if gain.mean() <= 0.5 * gain.std() / np.sqrt(len(gain)):
            return own
    return int(first + place[1]), float(scales[place[0]])


@partial(jax.jit, static_argnames=("learner", "most"))
def held_out_losses(
    learner: MetaLearner, rates: dict[str, Any], theta: Tree, rows: Rows, scales: Array, most: int
) -> Array:
    """Return the loss of every row under adaptations without that row: [scales, steps 0 to most, rows]."""
    learner = rated(learner, rates)
    size = rows.y.shape[0]
    weight = jnp.ones(size, rows.X.dtype) if rows.weight is None else rows.weight
    count = jnp.sum(weight > 0)  # rows of weight 0 are padding
    places = jnp.arange(size)
    # Stratified folds: rows sorted by target are assigned to the folds in turn, so every fold covers all classes or
    # sizes.
    order = jnp.lexsort((rows.y.reshape(size, -1)[:, 0], weight <= 0))
    fold = jnp.zeros(size, jnp.int32).at[order].set((places % jnp.minimum(_FOLDS, count)).astype(jnp.int32))
    # A held-out row is replaced by its neighbour in that order, which belongs to another fold. A weight of 0 is not
    # enough, because batch normalisation averages over all rows regardless of weights.
    after = order[jnp.where(places == count - 1, count - 2, jnp.minimum(places + 1, size - 1))]
    beside = jnp.zeros(size, jnp.int32).at[order].set(after.astype(jnp.int32))

    def losses_of(carry: Tree) -> Array:
        return row_losses(learner.loss, learner.predictor.apply(learner.params(carry), rows.X), rows.y)

    def curve(scale: Array, held: Array) -> Array:
        shown = jnp.where(fold == held, beside, places)
        kept = Rows(rows.X[shown], rows.y[shown], weight * (fold != held))

        def body(carry: Tree, number: Array) -> tuple[Tree, Array]:
            return learner.advance(theta, carry, kept, number, scale), losses_of(carry)

        last, losses = lax.scan(body, learner.start(theta), jnp.arange(most))
        seen = jnp.concatenate([losses, losses_of(last)[None]])  # [steps + 1, rows]
        return jnp.where(fold == held, seen, 0)

    found = jax.vmap(jax.vmap(curve, (None, 0)), (0, None))(scales, jnp.arange(min(_FOLDS, size)))
    return jnp.sum(found, axis=1)  # every row is held out once


@partial(jax.jit, static_argnames=("learner", "looks", "metric", "in_order"))
def curves(
    learner: MetaLearner,
    rates: dict[str, Any],
    theta: Tree,
    family: Any,
    keys: Array,
    *,
    looks: tuple[int, ...],
    metric: Any,
    in_order: bool = False,
) -> Array:
    """Return `MetaLearner.curve` of the task that each key draws [keys, looks], or of each task of a list in order."""
    learner = rated(learner, rates)
    together = at_once(family, keys[0], _TOGETHER)

    def given(pair: tuple[Array, Task]) -> Array:
        alone = TaskList(jax.tree.map(lambda leaf: leaf[None], pair[1]))  # any key draws the single task
        return learner.curve(theta, alone, pair[0], looks, metric)

    def drawn(key: Array) -> Array:
        return learner.curve(theta, family, key, looks, metric)

    if in_order:
        found: Array = lax.map(given, (keys, family.tasks), batch_size=together)
    else:
        found = lax.map(drawn, keys, batch_size=together)
    return found
