"""Training loop of meta-learning: many meta-steps in one compiled loop, with validations and the best state in between.

A learner provides the pure functions `draw`, `update` and `validate`. Task sampling, averaging, the outer optimiser,
the selection of the best meta-parameters and resuming are implemented here once for all learners.
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
"""Largest number of meta-steps, and of bytes, for which tasks are drawn at a time."""


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay of the meta-parameters, as the outer optimiser.

    Args:
        decay: Weight decay: each meta-step also multiplies the meta-parameters by 1 - lr * decay.

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
    """Settings of a meta-training.

    Args:
        steps: Total number of meta-steps.
        tasks: Number of tasks in a meta-step.
        lr: Learning rate of the outer optimiser.
        optimizer: `"adam"`, `"sgd"` or `AdamW(decay)`.
        schedule: `"constant"`, or `"cosine"` down to a hundredth of `lr` at the last step.
        clip: Largest global norm of the outer gradient; None for no limit.
        every: Number of meta-steps between validations, which is also the length of one call of the compiled loop.
        validation_tasks: Number of tasks of a validation; 0 trains without validation and uses the last
            meta-parameters.
        seed: Seed of all random numbers.
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
        if isinstance(optimizer, dict):  # the form in a file
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
    """Complete state of a training; it is saved as a whole, so that training can resume.

    Attributes:
        theta: Current meta-parameters.
        optimizer: State of the outer optimiser, for the meta-parameters as one vector: one operation updates all.
        memory: State of the learner between steps (unfinished inner runs), or empty.
        step: Number of meta-steps so far.
        best: Meta-parameters with the smallest validation loss.
        best_loss: The smallest validation loss.
        best_step: Meta-step of that validation.
    """

    theta: Tree
    optimizer: Tree
    memory: Tree
    step: Array
    best: Tree
    best_loss: Array
    best_step: Array


class Entry(NamedTuple):
    """Entry of the training record: mean training loss since the last entry, and the validation loss after `step`.

    A meta-step with a loss or gradient that is not finite has no effect and is excluded from the mean.
    """

    step: int
    loss: float
    validation: float


class Program(Protocol):
    """Trainable program: a hashable dataclass. Programs that differ only in seed and rates share one compiled loop."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    frozen: ClassVar[tuple[str, ...]]

    @property
    def training(self) -> Training:
        """Settings of the training."""

    def draw(self, family: Any, key: Array) -> Tree:
        """Return the random data of one meta-step; the loop draws them for many meta-steps at a time."""

    def update(self, theta: Tree, memory: Tree, family: Any, drawn: Tree, progress: Array) -> tuple[Array, Tree, Tree]:
        """Return loss, gradient and next memory of one meta-step; `progress` goes from 0 to 1 over the training."""

    def validate(self, theta: Tree, family: Any, keys: Array) -> Array:
        """Return the mean loss on one fixed task per key, a scalar."""


def begin(program: Program, theta: Tree, memory: Tree) -> TrainState:
    """Return the state before the first step."""
    # A weakly typed leaf (of a Python number) is strongly typed after the first step, which would compile the loop
    # twice.
    theta = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), theta)
    dtype = pytrees.at_least_single(theta)
    state = program.training.transformation().init(ravel_pytree(theta)[0])
    return TrainState(theta, state, memory, jnp.int32(0), theta, jnp.asarray(jnp.inf, dtype), jnp.int32(0))


def train(
    program: Program, families: tuple[Any, Any], state: TrainState, until: int
) -> Iterator[tuple[TrainState, Entry]]:
    """Continue from a state to step `until`; yield the state and its entry after every validation.

    Args:
        program: Program to train.
        families: Training tasks, validation tasks.
        state: Initial state.
        until: Last step.
    """
    settings = program.training
    root, fixed = jax.random.key(settings.seed), jax.random.key(settings.seed + 0x5EA50)
    rates, program = rates_of(program), shared(program)
    while int(state.step) < until:
        done = int(state.step)
        count = min(settings.every - done % settings.every, until - done)
        state, loss, counted = run_meta_steps(program, rates, families[0], state, root, jnp.int32(count))
        if count - int(counted) > _MANY_DROPPED * count:
            told = "%d of the last %d meta-steps had a loss or a gradient that was not finite, and changed nothing."
            _log.warning(told, count - int(counted), count)
        if int(state.step) % settings.every == 0 or int(state.step) == settings.steps:
            state, validation = validate(program, rates, families[1], state, fixed)
        else:  # stopped between two validations: resumed training must equal uninterrupted training
            validation = jnp.asarray(np.nan)
        yield state, Entry(int(state.step), float(loss), float(validation))


def rejudged(program: Program, family: Any, state: TrainState) -> TrainState:
    """Return the state with the loss of the best meta-parameters recomputed on these validation tasks."""
    done = int(state.step) >= program.training.steps
    if done or program.training.validation_tasks < 1 or not int(state.best_step):
        return state
    fixed = jax.random.key(program.training.seed + 0x5EA50)
    unknown = jnp.full_like(state.best_loss, jnp.inf)
    best = state._replace(theta=state.best, best_loss=unknown, step=state.best_step)
    found = validate(shared(program), rates_of(program), family, best, fixed)[0]
    return state._replace(best_loss=found.best_loss)


@partial(jax.jit, static_argnames="program")
def run_meta_steps(
    program: Program, rates: dict[str, Any], family: Any, state: TrainState, root: Array, count: Array
) -> tuple[TrainState, Array, Array]:
    """Run `count` meta-steps in one loop on the device.

    Return the state, the mean of the finite losses, and their number.
    """
    program = rated(program, rates)
    vector, tree = ravel_pytree(state.theta)
    step = partial(_step, program, family, tree)
    size = _drawn_at_once(program, family, root)
    first, last = state.step, state.step + count

    def block(place: Array, carry: _Carry) -> _Carry:
        """Run the requested steps among the `size` steps from `place * size` on.

        The draws of a step depend only on its number.
        """
        numbers = place * size + jnp.arange(size)
        drawn = jax.vmap(lambda number: program.draw(family, jax.random.fold_in(root, number)))(numbers)
        span = jnp.maximum(first, numbers[0]), jnp.minimum(last, numbers[0] + size)
        after: _Carry = lax.fori_loop(*span, lambda n, c: step(_at(drawn, n - numbers[0]), n, c), carry)
        return after

    zero = jnp.zeros((), state.best_loss.dtype)
    carry = _Carry(vector, state.optimizer, state.memory, zero, jnp.int32(0))
    end = lax.fori_loop(first // size, (last + size - 1) // size, block, carry)
    state = state._replace(theta=tree(end.vector), optimizer=end.optimizer, memory=end.memory, step=last)
    return state, end.total / end.counted, end.counted  # 0 / 0 if no loss was finite


class _Carry(NamedTuple):
    """Loop state between meta-steps, as small as possible, because a loop copies its state.

    Attributes:
        vector: The meta-parameters as one vector.
        optimizer, memory: See `TrainState`.
        total: Sum of the finite losses.
        counted: Number of the finite losses.
    """

    vector: Array
    optimizer: Tree
    memory: Tree
    total: Array
    counted: Array


def _step(
    program: Program, family: Any, tree: Callable[[Array], Tree], drawn: Tree, number: Array, carry: _Carry
) -> _Carry:
    """Run one meta-step; `tree` converts the vector to meta-parameters."""
    settings = program.training
    progress = number / settings.steps
    loss, gradient, memory = program.update(tree(carry.vector), carry.memory, family, drawn, progress)
    slope = ravel_pytree(gradient)[0]
    # A step that is not finite has no effect; otherwise one diverging task would ruin the weights or Adam's moments.
    fine = jnp.isfinite(loss) & jnp.isfinite(jnp.vdot(slope, slope))
    optimizer = settings.transformation()
    updates, inner = optimizer.update(jnp.where(fine, slope, 0), carry.optimizer, carry.vector)
    if program.frozen:  # weight decay would shrink frozen parameters too
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
    """Return the number of meta-steps to draw tasks for at once.

    Drawing step by step would be slower than the training.
    """
    shapes = jax.eval_shape(program.draw, family, root)
    size: int = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))
    return max(1, min(MOST_STEPS, MOST_BYTES // max(size, 1)))


def _at(stacked: Tree, place: Array) -> Tree:
    return jax.tree.map(lambda leaf: lax.dynamic_index_in_dim(leaf, place, keepdims=False), stacked)


@partial(jax.jit, static_argnames="program")
def validate(
    program: Program, rates: dict[str, Any], family: Any, state: TrainState, key: Array
) -> tuple[TrainState, Array]:
    """Validate: the current meta-parameters replace the best ones only if their validation loss is smaller."""
    program = rated(program, rates)
    settings = program.training
    if settings.validation_tasks < 1:
        nothing = jnp.asarray(jnp.nan, state.best_loss.dtype)
        return state._replace(best=state.theta, best_step=state.step), nothing
    keys = jax.random.split(key, settings.validation_tasks)
    loss = program.validate(state.theta, family, keys).astype(state.best_loss.dtype)
    better = loss < state.best_loss  # False for NaN: a diverged state never becomes the best
    return (
        state._replace(
            best=pytrees.select(better, state.theta, state.best),
            best_loss=jnp.where(better, loss, state.best_loss),
            best_step=jnp.where(better, state.step, state.best_step),
        ),
        loss,
    )
