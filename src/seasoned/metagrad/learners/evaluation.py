"""Compiled programs of meta-testing: adaptation to one support set, and evaluation on many test tasks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from seasoned.metagrad._common.jax_imports import jax, lax
from seasoned.metagrad.tasks.tasks import TaskList, at_once
from seasoned.metagrad.training.learned_rates import rated

if TYPE_CHECKING:
    from jax import Array

    from seasoned.metagrad.learners.base import MetaLearner
    from seasoned.metagrad.tasks.tasks import Rows, Task

__all__ = ["adapted", "curves"]

Tree = Any
TOGETHER = 100
"""Largest number of test tasks evaluated in parallel, to limit memory (tasks may contain images)."""


@partial(jax.jit, static_argnames="learner")
def adapted(learner: MetaLearner, rates: dict[str, Any], theta: Tree, rows: Rows, steps: Array, scale: Array) -> Tree:
    """Return the predictor's parameters after `steps` steps at `scale` times the learner's rates."""
    learner = rated(learner, rates)

    def body(number: Array, carry: Tree) -> Tree:
        return learner.advance(theta, carry, rows, number, scale)

    return learner.params(lax.fori_loop(0, steps, body, learner.start(theta)))


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
    together = at_once(family, keys[0], TOGETHER)

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
