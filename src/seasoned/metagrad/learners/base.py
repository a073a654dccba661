"""Protocol of all meta-learners: `fit(tasks)` is meta-training, `adapt(support)` is meta-testing.

A learner is a frozen dataclass of settings. `fit` returns a fitted copy; its only new part is `fitted`, which is data.
A new learner implements three pure functions: the start of adaptation, one step of adaptation, and the loss of a task
(or its meta-gradient). `metagrad/checks.py` contains the contract checks of learners.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp, lax
from seasoned.metagrad._common.pytrees import alike
from seasoned.metagrad.learners.adapted_model import AdaptedModel
from seasoned.metagrad.learners.meta_testing import adapted, choose, curves
from seasoned.metagrad.learners.padding import padded
from seasoned.metagrad.learners.saving import save_learner
from seasoned.metagrad.learners.shape_checks import (
    describe_tasks,
    refuse_outputs,
    refuse_padding,
    refuse_shapes,
    support_rows,
    width,
)
from seasoned.metagrad.networks.networks import MLP
from seasoned.metagrad.tasks.losses import TRAINED, mean_loss
from seasoned.metagrad.tasks.tasks import TaskList, as_family, at_once
from seasoned.metagrad.training.learned_rates import rates_of, shared
from seasoned.metagrad.training.loop import Entry, Training, TrainState, begin, rejudged, train
from seasoned.metagrad.training.progress import Progress

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    from jax import Array

    from seasoned.metagrad.tasks.tasks import Rows, Task

__all__ = ["TEST_TASKS", "UNROLLED", "Fitted", "Interrupted", "MetaLearner"]

_log = logging.getLogger("seasoned.metagrad")

Tree = Any
UNROLLED = 4
"""Largest number of inner steps that are unrolled, which compiles to faster code than a loop."""
_ROOM = "seasoned.metagrad"
MOST_CLASSES = 10_000
"""Largest number of classes without an explicit statement, because integer targets are easily mistaken for labels."""
TEST_TASKS = 600
"""Default number of tasks that are drawn from a family to evaluate a learner."""


class Fitted(NamedTuple):
    """Result of meta-training.

    Attributes:
        shape: Shape of one input.
        outputs: Number of classes, or of numbers in a target.
        state: Meta-parameters, optimiser state and best meta-parameters.
        history: Training record.
        labels: True if targets are class labels.
        episodic: True if labels name classes within a task only, as in `Episodes`, which draws classes in random order.
            The labels of a support set are then its classes, whatever their numbers.
    """

    shape: tuple[int, ...]
    outputs: int
    state: TrainState
    history: tuple[Entry, ...] = ()
    labels: bool = False
    episodic: bool = False


@dataclass(frozen=True, kw_only=True)
class MetaLearner(ABC):
    """Base class of meta-learners; subclasses are final, frozen dataclasses whose fields are their settings.

    Attributes:
        network: Pure function of (params, inputs): `MLP`, `ConvNet`, `Function`; None for an MLP of 40 and 40 units.
        loss: `"squared_error"`, `"cross_entropy"` or a function (outputs, y) -> [rows]; None chooses by the targets'
            type.
        training: Steps, tasks, outer optimiser, validation, seed.
        fitted: Result of `fit`; None before.
        rate_fields: Names of the settings that are only factors, so that new values need no new compilation
            (`training/learned_rates.py`).
        gradual: True if adaptation proceeds in steps from a state that can predict. False means that no steps can be
            tuned, and that the learner cannot correct another model.
        frozen: Names of the meta-parameters that meta-training does not change.
    """

    rate_fields: ClassVar[tuple[str, ...]] = ()
    gradual: ClassVar[bool] = True
    frozen: ClassVar[tuple[str, ...]] = ()

    network: Any = None
    loss: Any = None
    training: Training = field(default_factory=Training)
    fitted: Fitted | None = field(default=None, repr=False, compare=False)

    # --- interface of a learner --------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def trained_steps(self) -> int:
        """Number of adaptation steps that meta-training optimises for."""

    @abstractmethod
    def start(self, theta: Tree) -> Tree:
        """Return the initial state of adaptation."""

    @abstractmethod
    def advance(self, theta: Tree, carry: Tree, rows: Rows, number: Any, scale: Any) -> Tree:
        """Return the state after one step of adaptation to support rows.

        `number` is the step number from 0, `scale` a factor on the rates.
        """

    def initial(self, key: Array, shape: tuple[int, ...]) -> Tree:
        """Return the first meta-parameters."""
        return {"params": self.network.init(key, shape)}

    def params(self, carry: Tree) -> Tree:
        """Return the predictor's parameters in a state of adaptation."""
        return carry

    def task_loss(self, theta: Tree, task: Task, progress: Any) -> Array:
        """Return the meta-training loss of one task; `progress` goes from 0 to 1."""
        del progress
        return self.row_loss(self.params(self.descend(theta, task.support, self.trained_steps)), task.query)

    def meta_gradient(self, theta: Tree, tasks: Task, progress: Any) -> tuple[Array, Tree]:
        """Return the mean loss of stacked tasks and its gradient in the meta-parameters."""

        def loss(theta: Tree) -> Array:
            return jnp.mean(jax.vmap(lambda task: self.task_loss(theta, task, progress))(tasks))

        return jax.value_and_grad(loss)(theta)

    @property
    def predictor(self) -> Any:
        """Network of the adapted parameters."""
        return self.network

    def resolved(self, outputs: int, *, labels: bool) -> Self:
        """Return this learner as a program to compile: open settings derived from the tasks, `fitted` set to None."""
        network = MLP(outputs=outputs) if self.network is None else self.network
        loss = ("cross_entropy" if labels else "squared_error") if self.loss is None else self.loss
        if isinstance(loss, str) and loss not in TRAINED:
            raise InvalidInput(f"loss is {loss!r}: choose one of {', '.join(TRAINED)}, or give a function.")
        return dataclasses.replace(self, network=network, loss=loss, fitted=None)

    # --- common to all learners --------------------------------------------------------------------------------------

    def row_loss(self, params: Tree, rows: Rows, loss: Any = None) -> Array:
        """Return the mean loss of rows under the predictor's parameters, a scalar."""
        return mean_loss(self.loss if loss is None else loss, self.predictor.apply(params, rows.X), rows)

    def descend(self, theta: Tree, rows: Rows, steps: int) -> Tree:
        """Return the state of adaptation after a fixed number of steps, differentiable."""
        carry = self.start(theta)
        if steps <= UNROLLED:
            for number in range(steps):
                carry = self.advance(theta, carry, rows, number, 1.0)
            return carry
        return lax.scan(lambda c, t: (self.advance(theta, c, rows, t, 1.0), None), carry, jnp.arange(steps))[0]

    def describe(self, family: Any) -> tuple[tuple[int, ...], int, bool]:
        """Return the properties of tasks: shape of an input, number of outputs, and whether targets are integers."""
        shape, outputs, whole = describe_tasks(family)
        no_classes = whole and isinstance(self.loss, str) and self.loss != "cross_entropy"
        return shape, width(family) if no_classes else outputs, whole

    def curve(self, theta: Tree, family: Any, key: Array, looks: tuple[int, ...], metric: Any) -> Array:
        """Return a metric of one task's query rows after each number of steps in `looks` (ascending), [looks]."""
        task = family.sample(key)

        def on(carry: Tree, span: Array) -> tuple[Tree, Array]:  # from one entry of `looks` to the next
            carry = lax.fori_loop(span[0], span[1], lambda t, c: self.advance(theta, c, task.support, t, 1.0), carry)
            return carry, self.row_loss(self.params(carry), task.query, metric)

        spans = jnp.stack([jnp.asarray((0, *looks[:-1])), jnp.asarray(looks)], axis=1)
        values: Array = lax.scan(on, self.start(theta), spans)[1]
        return values

    def memory(self, theta: Tree, family: Any) -> Tree:
        """Return the memory of `update` between meta-steps; empty for most learners."""
        del theta, family
        return ()

    def draw(self, family: Any, key: Array) -> Tree:
        """See `training.loop.Program`: draw the tasks."""
        return jax.vmap(family.sample)(jax.random.split(key, self.training.tasks))

    def update(self, theta: Tree, memory: Tree, family: Any, drawn: Tree, progress: Array) -> tuple[Array, Tree, Tree]:
        """See `training.loop.Program`."""
        del family
        loss, gradient = self.meta_gradient(theta, drawn, progress)
        return loss, gradient, memory

    def validate(self, theta: Tree, family: Any, keys: Array) -> Array:
        """See `training.loop.Program`: the query loss after `trained_steps` steps of adaptation."""

        def loss(key: Array) -> Array:
            task = family.sample(key)
            return self.row_loss(self.params(self.descend(theta, task.support, self.trained_steps)), task.query)

        together = at_once(family, keys[0], len(keys))
        losses = jax.vmap(loss)(keys) if together == len(keys) else lax.map(loss, keys, batch_size=together)
        return jnp.mean(losses)

    def fit(
        self,
        tasks: Any,
        *,
        validation: Any = None,
        resume: bool = False,
        stop_at: int | None = None,
        progress: bool | Callable[[Entry, int], None] | None = None,
        on_validation: Callable[[Self], None] | None = None,
    ) -> Self:
        """Meta-training: returns a fitted copy of this learner.

        Args:
            tasks: Pairs of a support set (X, y) and a query set (X, y), or a family (`tasks/tasks.py`).
            validation: Validation tasks; the meta-parameters with the smallest validation loss are used. None sets 15%
                of the tasks (or classes, or groups) aside, unless `training.validation_tasks` is 0.
            resume: Continue from this learner's `fitted` state, bit for bit like uninterrupted training. New validation
                tasks replace the loss of the best meta-parameters so far.
            stop_at: Stop after this meta-step, to resume later; None for all of `training.steps`.
            progress: True or False for a progress bar (None: only on a terminal or in a notebook), or a function
                (entry, steps).
            on_validation: Function that is called with the current learner after every validation, for example to save
                it.

        Raises:
            InvalidInput: The tasks have wrong shapes, there is no state to resume, or the loss was never finite.
            Interrupted: Ctrl-C after some steps. The exception's `learner` contains the trained state and can be
                resumed.
        """
        family = as_family(tasks)
        parts = self._parts(family, validation)
        shape, outputs, whole = self.describe(family)
        program = self.resolved(outputs, labels=whole)
        refuse_padding(program.network, family)
        refuse_padding(program.network, parts[1])
        labels = program.loss == "cross_entropy" or (whole and callable(program.loss))
        if shape and program.loss == "cross_entropy" and not whole:
            raise InvalidInput(
                "the tasks' targets are floats, and cross_entropy takes classes: give whole numbers, y.astype(int)."
            )
        judged = 0 if validation is None else self.describe(parts[1])[1]
        if shape:
            self._refuse_strange(program, parts, shape, outputs)
        if resume:
            state, history = self._resumed(program, parts[0], shape)
            outputs = max(outputs, self._fitted().outputs)
            self._refuse_unpredicted(program, state.theta, shape, max(outputs, judged))
            state = rejudged(program, parts[1], state)
        else:
            theta = program.initial(jax.random.key(self.training.seed + 1), shape)
            self._refuse_unpredicted(program, theta, shape, max(outputs, judged))
            state, history = begin(program, theta, program.memory(theta, parts[0])), ()
        until = min(self.training.steps, self.training.steps if stop_at is None else stop_at)
        begun = Fitted(shape, outputs, state, history, labels, getattr(family, "episodic", False))
        learner = dataclasses.replace(program, fitted=begun)
        before = len(history)
        if resume and int(state.step) >= self.training.steps:
            text = "all %d meta-steps are done, so that nothing is trained; raise training.steps."
            _log.warning(text, self.training.steps)
        try:
            with Progress(self.training.steps, progress) as shown:
                for trained, entry in train(program, parts, state, until):
                    history = (*history, entry)
                    learner = dataclasses.replace(program, fitted=begun._replace(state=trained, history=history))
                    shown.update(entry)
                    if on_validation is not None:
                        on_validation(learner)
        except KeyboardInterrupt:
            if len(history) == before:
                raise
            raise Interrupted(learner, history[-1].step, self.training.steps) from None
        _refuse_divergence(self, history)
        return learner

    def _refuse_strange(self, program: Self, parts: tuple[Any, Any], shape: tuple[int, ...], outputs: int) -> None:
        """Refuse tasks with other shapes than the first task, and labels that are probably regression targets."""
        labels = program.loss == "cross_entropy"
        if program._judges_by_name:
            for family, name in zip(parts, ("the tasks", "the validation tasks"), strict=True):
                if not hasattr(family, "judge"):  # families of problems have no rows
                    refuse_shapes(family, shape, outputs, labels=labels, name=name)
        guessed = self.loss is None and self.network is None
        told = getattr(self, "ways", None) or getattr(parts[0], "ways", None)
        if labels and guessed and not told and outputs > MOST_CLASSES:
            raise InvalidInput(
                f"the tasks have whole numbers up to {outputs - 1} as targets, and each would be a class: number the "
                "classes from 0 on without gaps, or give numbers to be predicted as floats, y.astype(float)."
            )

    @property
    def _judges_by_name(self) -> bool:
        """True if a loss of this package compares outputs with targets, and no method of a subclass."""
        own = type(self)
        ours = all(getattr(own, name).__module__.startswith(_ROOM) for name in ("row_loss", "task_loss"))
        return ours and isinstance(self.loss, str) and self.loss in {"cross_entropy", "squared_error"}

    @staticmethod
    def _refuse_unpredicted(program: Any, theta: Tree, shape: tuple[int, ...], outputs: int) -> None:
        if shape and program._judges_by_name:  # noqa: SLF001 - of its own class
            refuse_outputs(program, theta, shape, outputs, labels=program.loss == "cross_entropy")

    def _resumed(self, program: Self, family: Any, shape: tuple[int, ...]) -> tuple[TrainState, tuple[Entry, ...]]:
        fitted = self._fitted()
        if fitted.shape != shape:
            raise InvalidInput(
                f"The tasks have inputs of shape {shape}, and the learner was trained on {fitted.shape}."
            )
        state = fitted.state

        def first(key: Array) -> TrainState:
            theta = program.initial(key, shape)
            return begin(program, theta, program.memory(theta, family))

        like = jax.eval_shape(first, jax.random.key(0))
        memory = jax.tree.leaves(state.memory)  # a file stores the leaves, not the structure
        pairs = ((like.theta, state.theta), (like.optimizer, state.optimizer), (jax.tree.leaves(like.memory), memory))
        if not all(alike(one, other) for one, other in pairs):
            raise InvalidInput(
                "the learner was trained with another network, other inner settings, another outer optimiser, or "
                "another number of tasks in a step: to go on, change no more than steps, rates and guard."
            )
        state = state._replace(memory=jax.tree.unflatten(jax.tree.structure(like.memory), memory))
        return state, fitted.history

    def _fitted(self) -> Fitted:
        if self.fitted is None:
            raise InvalidInput(f"This {type(self).__name__} is not fitted: use the learner that fit(tasks) returns.")
        return self.fitted

    @property
    def theta(self) -> Tree:
        """Meta-parameters in use: those with the smallest validation loss; without validation, the last ones."""
        state = self._fitted().state
        guarded = self.training.validation_tasks > 0 and int(state.best_step) > 0
        return state.best if guarded else state.theta

    def _parts(self, family: Any, validation: Any) -> tuple[Any, Any]:
        """Return the training tasks and the validation tasks; without validation all tasks are training tasks."""
        if validation is not None:
            return family, as_family(validation)
        return family.split(0.15, self.training.seed) if self.training.validation_tasks else (family, family)

    @property
    def _program(self) -> Self:
        return dataclasses.replace(self, fitted=None)

    def adapt(
        self, X: Any, y: Any, *, steps: int | None = None, rate_scale: float | None = None, tune: bool = False
    ) -> AdaptedModel:
        """Meta-testing: returns a model adapted to a support set.

        Args:
            X: Support inputs [rows, *shape].
            y: Targets [rows] or [rows, outputs] (predictions have the same shape), or class labels.
            steps: Number of adaptation steps; None for the number that meta-training optimised for.
            rate_scale: Factor on the learner's inner rates; None for 1.
            tune: Choose the arguments that are None by cross-validation on the support set
                (`meta_testing.choose`).
        """
        fitted = self._fitted()
        rows, classes = support_rows(X, y, fitted, labels=fitted.labels, ways=getattr(self, "ways", None) or 0)
        program, theta = self._program, self.theta
        if tune:
            steps, rate_scale = choose(program, theta, rows, steps, rate_scale)
        steps = self.trained_steps if steps is None else steps
        if steps < 0:
            raise InvalidInput(f"steps is {steps}, and it counts adaptation steps: give 0 or more.")
        scale = 1.0 if rate_scale is None else float(rate_scale)
        if not scale > 0:
            raise InvalidInput(f"rate_scale is {rate_scale}, and it is a factor on learning rates: give one above 0.")
        support = padded(program, rows)
        found = adapted(shared(program), rates_of(program), theta, support, jnp.int32(steps), scale)
        params = jax.tree.map(np.asarray, found)
        if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params)):
            raise InvalidInput(
                f"Adaptation diverged in {steps} steps at {scale} times the learner's rates: take fewer or smaller."
            )
        return AdaptedModel(self.predictor, params, fitted.shape, classes, np.ndim(y) == 1, steps, scale)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one .npz file without pickle: settings, meta-parameters, and the training state for `resume`."""
        self._fitted()
        save_learner(self, path)

    def evaluate(
        self,
        tasks: Any,
        *,
        steps: Sequence[int] = (0, 1, 5, 10),
        count: int | None = None,
        metric: Any = None,
        seed: int = 0,
    ) -> Mapping[int, np.ndarray]:
        """Return the query loss (or another metric) of every test task after each number of steps in `steps`.

        Args:
            tasks: Test tasks, as for `fit`. Tasks drawn from a family are the same for every learner.
            steps: Numbers of adaptation steps.
            count: Number of test tasks to draw, from a list with replacement. None uses every task of a list once and
                in order, and draws 600 from a family.
            metric: Like `loss`, for example `"accuracy"`; None for the loss.
            seed: Seed of the draw.

        Returns:
            Number of steps -> values, one for each test task.

        Raises:
            InvalidInput: The tasks have labels that the learner does not predict, or rows of another shape.
        """
        fitted = self._fitted()
        family = as_family(tasks)
        refuse_padding(self.network, family)
        in_order = count is None and isinstance(family, TaskList)
        drawn = (len(family) if in_order else TEST_TASKS) if count is None else count
        keys = jax.random.split(jax.random.key(seed + 0x7E57), drawn)
        looks = tuple(sorted(set(steps)))
        program = shared(self._program)
        if fitted.shape and self._judges_by_name and not hasattr(family, "judge"):
            labels = self.loss == "cross_entropy"
            refuse_shapes(family, fitted.shape, fitted.outputs, labels=labels, name="the test tasks")
            if labels:
                refuse_outputs(self._program, self.theta, fitted.shape, self.describe(family)[1])
        asked = {"looks": looks, "metric": metric, "in_order": in_order}
        found = curves(program, rates_of(self), self.theta, family, keys, **asked)  # [tasks, looks]
        return {number: np.asarray(found[:, looks.index(number)]) for number in steps}


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a meta-training; the trained state is not lost.

    Attributes:
        learner: The learner after its last validation; `learner.fit(tasks, resume=True)` continues from this state.

    Example:
        >>> try:  # doctest: +SKIP
        ...     learner = MAML().fit(tasks)
        ... except Interrupted as stopped:  # in a notebook also later: sys.last_value.learner
        ...     learner = stopped.learner
    """

    def __init__(self, learner: MetaLearner, step: int, steps: int) -> None:
        super().__init__(f"interrupted after meta-step {step} of {steps}; this exception's learner goes on from there")
        self.learner = learner


def _refuse_divergence(learner: MetaLearner, history: tuple[Entry, ...]) -> None:
    if history and not any(math.isfinite(entry.loss) for entry in history):
        raise InvalidInput(
            f"Meta-training never saw a finite loss with {learner.training}: give a smaller training lr or inner rate, "
            "scale the inputs, or set training clip."
        )
