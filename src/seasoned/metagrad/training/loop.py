"""The one training loop of this package: many meta-steps in one compiled loop, validations between, the best one kept.

A learner gives two pure functions, `update` and `validate`; everything else (drawing tasks, averaging, the outer
optimiser, the guard, resuming) is here, once.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._common import pytrees
from seasoned.metagrad._common.jax_imports import jax, jnp, lax, optax, ravel_pytree
from seasoned.metagrad.training.learned_rates import rated, rates_of, shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jax import Array

__all__ = ["Entry", "Program", "TrainState", "Training", "begin", "train"]

Tree = Any
_MANY_DROPPED = 0.1
_log = logging.getLogger("seasoned.metagrad")
MOST_STEPS, MOST_BYTES = 50, 2**20
"""Tasks are drawn for at most so many meta-steps at a time, and so many bytes."""


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay of the meta-parameters, as the outer optimiser.

    Args:
        decay: Each meta-step also multiplies the meta-parameters by 1 - lr * decay.

    Source: Loshchilov and Hutter 2019 (arXiv:1711.05101).

    Example:
        >>> from seasoned.metagrad import AdamW, Training
        >>> Training(optimizer=AdamW(0.01)).optimizer.decay
        0.01
    """

    decay: float = 0.01

    def __post_init__(self) -> None:
        if not self.decay >= 0:
            raise InvalidInput(f"decay is {self.decay}, and it must be at least 0: give a number such as 0.01.")


@dataclass(frozen=True)
class Training:
    """How a meta-learner is trained.

    Args:
        steps: Meta-steps in all.
        tasks: Tasks of a meta-step.
        lr: Learning rate of the outer optimiser.
        optimizer: `"adam"`, `"sgd"` or `AdamW(decay)`.
        schedule: `"constant"`, or `"cosine"` down to a hundredth of `lr` at the last step.
        clip: Largest global norm of the outer gradient; None for no limit.
        every: Meta-steps between validations; one call of the compiled training loop runs as many.
        validation_tasks: Tasks of a validation; 0 trains without the guard.
        seed: Seed of everything random.
    """

    steps: int = 5000
    tasks: int = 25
    lr: float = 1e-3
    optimizer: Literal["adam", "sgd"] | AdamW = "adam"
    schedule: Literal["constant", "cosine"] = "constant"
    clip: float | None = None
    every: int = 250
    validation_tasks: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("tasks", 1), ("every", 1), ("validation_tasks", 0)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < least:
                raise InvalidInput(f"{name} is {value}, and it must be at least {least}: give a whole number.")
        if not 0 < self.lr < math.inf:
            raise InvalidInput(f"lr is {self.lr}, and it must be above 0: give a rate such as 0.001.")
        if self.clip is not None and not self.clip > 0:
            raise InvalidInput(f"clip is {self.clip}, and it must be above 0: give a norm such as 10.0, or None.")
        optimizer: Any = self.optimizer
        if isinstance(optimizer, dict):  # as a file has it
            object.__setattr__(self, "optimizer", AdamW(**optimizer))
        known = isinstance(self.optimizer, AdamW) or self.optimizer in ("adam", "sgd")
        if not known or self.schedule not in ("constant", "cosine"):
            raise InvalidInput(
                f"optimizer is {self.optimizer!r} and schedule {self.schedule!r}: choose 'adam', 'sgd' or "
                "AdamW(decay), and 'constant' or 'cosine'."
            )

    def transformation(self) -> optax.GradientTransformation:
        """The outer optimiser."""
        cosine = self.schedule == "cosine"
        rate = optax.cosine_decay_schedule(self.lr, self.steps, 0.01) if cosine else self.lr
        parts = [] if self.clip is None else [optax.clip_by_global_norm(self.clip)]
        if isinstance(self.optimizer, AdamW):
            return optax.chain(*parts, optax.adamw(rate, weight_decay=self.optimizer.decay))
        return optax.chain(*parts, optax.adam(rate) if self.optimizer == "adam" else optax.sgd(rate))


class TrainState(NamedTuple):
    """Everything that training remembers; saved as a whole, so that training can resume.

    Attributes:
        theta: The meta-parameters now.
        optimizer: The outer optimiser's state, for the meta-parameters as one vector: one operation updates all.
        memory: What the learner carries from step to step (unfinished inner runs), or nothing.
        step: Meta-steps done.
        best: The meta-parameters with the least validation loss.
        best_loss: That loss.
        best_step: The meta-step after which it was measured.
    """

    theta: Tree
    optimizer: Tree
    memory: Tree
    step: Array
    best: Tree
    best_loss: Array
    best_step: Array


class Entry(NamedTuple):
    """One line of the training record: mean training loss since the last entry, and the validation loss after `step`.

    A meta-step whose loss or gradient was not finite changed nothing and is left out of the mean.
    """

    step: int
    loss: float
    validation: float


class Program(Protocol):
    """What is trained: a hashable dataclass. Programs that differ only in seed and rates share one compiled loop."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    frozen: ClassVar[tuple[str, ...]]

    @property
    def training(self) -> Training:
        """The settings."""

    def draw(self, family: Any, key: Array) -> Tree:
        """What is random in one meta-step; it is drawn for many meta-steps at a time."""

    def update(self, theta: Tree, memory: Tree, family: Any, drawn: Tree, progress: Array) -> tuple[Array, Tree, Tree]:
        """Loss, gradient and next memory of one meta-step; `progress` goes from 0 to 1 over the training."""

    def validate(self, theta: Tree, family: Any, keys: Array) -> Array:
        """The loss on one fixed task for each key, a scalar."""


def begin(program: Program, theta: Tree, memory: Tree) -> TrainState:
    """The state before the first step."""
    # A weakly typed leaf (of a Python number) is strongly typed after the first step: all would be compiled twice.
    theta = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), theta)
    dtype = pytrees.at_least_single(theta)
    state = program.training.transformation().init(ravel_pytree(theta)[0])
    return TrainState(theta, state, memory, jnp.int32(0), theta, jnp.asarray(jnp.inf, dtype), jnp.int32(0))


def train(
    program: Program, families: tuple[Any, Any], state: TrainState, until: int
) -> Iterator[tuple[TrainState, Entry]]:
    """Continues from a state to step `until`; yields the state and its entry after every validation.

    Args:
        program: What is trained.
        families: Tasks to train on, tasks to validate on.
        state: Where to begin.
        until: The last step.
    """
    settings = program.training
    root, fixed = jax.random.key(settings.seed), jax.random.key(settings.seed + 0x5EA50)
    rates, program = rates_of(program), shared(program)
    while int(state.step) < until:
        done = int(state.step)
        count = min(settings.every - done % settings.every, until - done)
        state, loss, counted = _advance(program, rates, families[0], state, root, jnp.int32(count))
        if count - int(counted) > _MANY_DROPPED * count:
            told = "%d of the last %d meta-steps had a loss or a gradient that was not finite, and changed nothing."
            _log.warning(told, count - int(counted), count)
        if int(state.step) % settings.every == 0 or int(state.step) == settings.steps:
            state, validation = _validated(program, rates, families[1], state, fixed)
        else:  # stopped between two validations: resuming must give the same as never having stopped
            validation = jnp.asarray(np.nan)
        yield state, Entry(int(state.step), float(loss), float(validation))


def rejudged(program: Program, family: Any, state: TrainState) -> TrainState:
    """The state with the best meta-parameters' loss on these validation tasks, which may be others than before."""
    done = int(state.step) >= program.training.steps
    if done or program.training.validation_tasks < 1 or not int(state.best_step):
        return state
    fixed = jax.random.key(program.training.seed + 0x5EA50)
    unknown = jnp.full_like(state.best_loss, jnp.inf)
    best = state._replace(theta=state.best, best_loss=unknown, step=state.best_step)
    found = _validated(shared(program), rates_of(program), family, best, fixed)[0]
    return state._replace(best_loss=found.best_loss)


@partial(jax.jit, static_argnames="program")
def _advance(
    program: Program, rates: dict[str, Any], family: Any, state: TrainState, root: Array, count: Array
) -> tuple[TrainState, Array, Array]:
    """`count` meta-steps in one loop on the device; the mean of their finite losses, and how many these are."""
    program = rated(program, rates)
    vector, tree = ravel_pytree(state.theta)
    step = partial(_step, program, family, tree)
    size = _drawn_at_once(program, family, root)
    first, last = state.step, state.step + count

    def block(place: Array, carry: _Carry) -> _Carry:
        """The requested ones of `size` steps from `place * size` on; what a step draws depends on its number only."""
        numbers = place * size + jnp.arange(size)
        drawn = jax.vmap(lambda number: program.draw(family, jax.random.fold_in(root, number)))(numbers)
        span = jnp.maximum(first, numbers[0]), jnp.minimum(last, numbers[0] + size)
        after: _Carry = lax.fori_loop(*span, lambda n, c: step(_at(drawn, n - numbers[0]), n, c), carry)
        return after

    zero = jnp.zeros((), state.best_loss.dtype)
    carry = _Carry(vector, state.optimizer, state.memory, zero, jnp.int32(0))
    end = lax.fori_loop(first // size, (last + size - 1) // size, block, carry)
    state = state._replace(theta=tree(end.vector), optimizer=end.optimizer, memory=end.memory, step=last)
    return state, end.total / end.counted, end.counted  # 0 / 0, if none was finite


class _Carry(NamedTuple):
    """What a meta-step hands to the next, and no more than that, because a loop copies what it carries.

    Attributes:
        vector: The meta-parameters.
        optimizer, memory: See `TrainState`.
        total: The sum of the finite losses.
        counted: Their number.
    """

    vector: Array
    optimizer: Tree
    memory: Tree
    total: Array
    counted: Array


def _step(
    program: Program, family: Any, tree: Callable[[Array], Tree], drawn: Tree, number: Array, carry: _Carry
) -> _Carry:
    """One meta-step; `tree` turns the vector into meta-parameters."""
    settings = program.training
    progress = number / settings.steps
    loss, gradient, memory = program.update(tree(carry.vector), carry.memory, family, drawn, progress)
    slope = ravel_pytree(gradient)[0]
    # One diverging task would otherwise ruin the training, or Adam's second moments: such a step changes nothing.
    fine = jnp.isfinite(loss) & jnp.isfinite(jnp.vdot(slope, slope))
    optimizer = settings.transformation()
    updates, inner = optimizer.update(jnp.where(fine, slope, 0), carry.optimizer, carry.vector)
    if program.frozen:  # weight decay would shrink these all the same
        parts = {
            name: jax.tree.map(jnp.zeros_like if name in program.frozen else jnp.ones_like, part)
            for name, part in tree(carry.vector).items()
        }
        updates = updates * ravel_pytree(parts)[0]
    vector = jnp.where(fine, optax.apply_updates(carry.vector, updates), carry.vector)
    inner = pytrees.select(fine, inner, carry.optimizer)
    total = carry.total + jnp.where(fine, loss, 0).astype(carry.total.dtype)
    return _Carry(vector, inner, memory, total, carry.counted + fine)


def _drawn_at_once(program: Program, family: Any, root: Array) -> int:
    """How many meta-steps to draw tasks for at once: one by one, drawing small tasks takes longer than using them."""
    shapes = jax.eval_shape(program.draw, family, root)
    size: int = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))
    return max(1, min(MOST_STEPS, MOST_BYTES // max(size, 1)))


def _at(stacked: Tree, place: Array) -> Tree:
    return jax.tree.map(lambda leaf: lax.dynamic_index_in_dim(leaf, place, keepdims=False), stacked)


@partial(jax.jit, static_argnames="program")
def _validated(
    program: Program, rates: dict[str, Any], family: Any, state: TrainState, key: Array
) -> tuple[TrainState, Array]:
    """The guard: the present meta-parameters replace the best only if they are better on the validation tasks."""
    program = rated(program, rates)
    settings = program.training
    if settings.validation_tasks < 1:
        nothing = jnp.asarray(jnp.nan, state.best_loss.dtype)
        return state._replace(best=state.theta, best_step=state.step), nothing
    keys = jax.random.split(key, settings.validation_tasks)
    loss = program.validate(state.theta, family, keys).astype(state.best_loss.dtype)
    better = loss < state.best_loss  # False for NaN: a diverged step is never kept
    return (
        state._replace(
            best=pytrees.select(better, state.theta, state.best),
            best_loss=jnp.where(better, loss, state.best_loss),
            best_step=jnp.where(better, state.step, state.best_step),
        ),
        loss,
    )
