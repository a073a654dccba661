"""Learning to optimise: the update rule is meta-trained on a family of problems."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp, lax, optax
from seasoned.metagrad._common.pytrees import add, axpy, select
from seasoned.metagrad.learners.base import MetaLearner
from seasoned.metagrad.optimizers.guard import guarded
from seasoned.metagrad.optimizers.problems import Problems, TaskProblems
from seasoned.metagrad.optimizers.update_rules import LSTMRule

if TYPE_CHECKING:
    from jax import Array

    from seasoned.metagrad.tasks.tasks import Rows

__all__ = ["LearnedOptimizer", "Run"]

Tree = Any


class Run(NamedTuple):
    """One optimisation run in progress, stored between meta-steps.

    Attributes:
        key: Random key of its problem (raw key data).
        params: Current parameters.
        state: The rule's memory.
        step: Number of steps so far.
    """

    key: Array
    params: Tree
    state: Tree
    step: Array


@dataclass(frozen=True)
class LearnedOptimizer(MetaLearner):
    """Optimiser whose update rule is a small network, trained to lower the loss along whole runs.

    Meta-loss: the mean of judge(w_t) over the run w_{t+1} = w_t + rule_theta(gradient_t). A meta-step advances
    `training.tasks` runs, which are at different steps, by `truncation` steps. A run at its `horizon` is replaced by a
    run on a new problem. The gradient of theta comes from

    - `"bptt"`: backpropagation through the truncated piece (exact within the piece, without the effect of earlier
      steps);
    - `"pes"`: persistent evolution strategies: antithetic perturbations of theta that are summed over a run, so the
      estimate has no truncation bias and needs no derivative of the run.

    `fit` takes a problem family (`problems.py`), or tasks like any learner. With tasks, a run trains `network` from
    scratch on a support set, and its loss is the loss on the query set. `adapt` trains the network for `horizon` steps
    with the learned rule.

    Args:
        rule: `LSTMRule` or `MLPRule`.
        horizon: Number of steps of a run.
        truncation: Number of steps of each run in a meta-step; divides the horizon.
        estimator: `"bptt"` or `"pes"`.
        sigma: Standard deviation of the perturbations of `"pes"`.
        network, loss, training: See `MetaLearner`.

    Source: Andrychowicz et al. 2016 (arXiv:1606.04474); PES: Vicol et al. 2021 (arXiv:2112.13835), algorithm 2.

    Example:
        >>> import jax.numpy as jnp, optax
        >>> from seasoned.metagrad import LearnedOptimizer, LSTMRule, Quadratics, Training
        >>> training = Training(steps=20, tasks=8, every=10, validation_tasks=8)
        >>> learner = LearnedOptimizer(LSTMRule(4, 1), horizon=20, truncation=10, training=training).fit(Quadratics(2))
        >>> optimizer = learner.transformation()  # an optax.GradientTransformation, guarded by Adam
        >>> w = jnp.ones(3)
        >>> updates, state = optimizer.update(2 * w, optimizer.init(w), w, value=jnp.sum(w**2))
        >>> updates.shape
        (3,)
    """

    rate_fields: ClassVar[tuple[str, ...]] = ("sigma",)
    frozen: ClassVar[tuple[str, ...]] = ("start",)

    rule: Any = field(default_factory=LSTMRule)
    horizon: int = 100
    truncation: int = 20
    estimator: Literal["bptt", "pes"] = "bptt"
    sigma: float = 0.01

    def __post_init__(self) -> None:
        if not 1 <= self.truncation <= self.horizon or self.horizon % self.truncation:
            raise InvalidInput(
                f"truncation is {self.truncation} and horizon {self.horizon}: the first must divide the second, and "
                "both be at least 1."
            )
        if self.estimator not in ("bptt", "pes") or not self.sigma > 0:
            raise InvalidInput(
                f"estimator is {self.estimator!r} and sigma {self.sigma}: choose 'bptt' or 'pes', and a sigma above 0."
            )

    @property
    def trained_steps(self) -> int:
        """See `MetaLearner`."""
        return self.horizon

    def describe(self, family: Any) -> tuple[tuple[int, ...], int, bool]:
        """See `MetaLearner`; problem families have no rows."""
        return ((), 1, False) if hasattr(family, "judge") else MetaLearner.describe(self, family)

    def initial(self, key: Array, shape: tuple[int, ...]) -> Tree:
        """See `MetaLearner`: the rule's weights, and (for tasks) the network's weights, which stay fixed."""
        theta = {"rule": self.rule.init(key)}
        return {**theta, "start": self.network.init(jax.random.fold_in(key, 1), shape)} if shape else theta

    # --- meta-testing ------------------------------------------------------------------------------------------------

    def start(self, theta: Tree) -> Tree:
        """See `MetaLearner`: the network's first weights and the rule's memory."""
        if "start" not in theta:
            raise InvalidInput(
                "this LearnedOptimizer was trained on problems, which have no rows: use transformation(), or fit it on "
                "tasks."
            )
        return theta["start"], self.rule.start(theta["rule"], theta["start"])

    def params(self, carry: Tree) -> Tree:
        """See `MetaLearner`."""
        return carry[0]

    def advance(self, theta: Tree, carry: Tree, rows: Rows, number: Any, scale: Any) -> Tree:
        """See `MetaLearner`: one step of the learned rule."""
        del number
        params, state = carry
        updates, state = self.rule.step(theta["rule"], jax.grad(self.row_loss)(params, rows), state)
        return axpy(scale, updates, params), state

    def transformation(
        self, *, guard: bool = True, fallback: optax.GradientTransformation | None = None
    ) -> optax.GradientTransformation:
        """Return the learned optimiser for optax, guarded by default (see `guarded`: pass `value=` to its `update`)."""
        theta = self.theta["rule"]
        learned = optax.GradientTransformation(
            lambda params: self.rule.start(theta, params),
            lambda gradient, state, params=None: self.rule.step(theta, gradient, state),  # noqa: ARG005 - optax's shape
        )
        return guarded(learned, fallback) if guard else learned

    def curve(self, theta: Tree, family: Any, key: Array, looks: tuple[int, ...], metric: Any) -> Array:
        """See `MetaLearner`; on a problem family, judge(w_t) for t in `looks`."""
        if not hasattr(family, "judge"):
            return MetaLearner.curve(self, theta, family, key, looks, metric)
        run = self._begin(theta["rule"], family, key)
        data = family.sample(jax.random.wrap_key_data(run.key))
        _, judged = self._advance(theta["rule"], family, run, max(looks))
        return jnp.concatenate([family.judge(run.params, data)[None], judged])[jnp.asarray(looks)]

    # --- meta-training -----------------------------------------------------------------------------------------------

    def _problems(self, family: Any) -> Problems:
        if hasattr(family, "judge"):
            problems: Problems = family
            return problems
        shape = jax.eval_shape(family.sample, jax.random.key(0)).support.X.shape[1:]
        return TaskProblems(family, self.network, self.loss, tuple(shape))

    def _begin(self, rule: Tree, problems: Problems, key: Array, step: Any = 0) -> Run:
        draw, start = jax.random.split(key)
        params = problems.init(start, problems.sample(draw))
        return Run(jax.random.key_data(draw), params, self.rule.start(rule, params), jnp.int32(step))

    def _advance(self, rule: Tree, problems: Problems, run: Run, steps: int) -> tuple[Run, Array]:
        """Return the run after `steps` more steps, and judge(w_t) after each of these steps [steps]."""
        data = problems.sample(jax.random.wrap_key_data(run.key))

        def body(run: Run, _: None) -> tuple[Run, Array]:
            # As published, the gradient is treated as a constant input: no second derivatives of the problem.
            gradient = lax.stop_gradient(jax.grad(problems.loss)(run.params, data))
            updates, state = self.rule.step(rule, gradient, run.state)
            params = add(run.params, updates)
            return Run(run.key, params, state, run.step + 1), problems.judge(params, data)

        return lax.scan(body, run, None, length=steps)

    def memory(self, theta: Tree, family: Any) -> Tree:
        """See `MetaLearner`: runs at different steps; for PES, pairs of runs and their summed perturbations."""
        problems, rule = self._problems(family), theta["rule"]
        pairs = self.estimator == "pes"
        count = max(1, self.training.tasks // 2) if pairs else self.training.tasks
        keys = jax.random.split(jax.random.key(self.training.seed + 2), count)
        places = jnp.arange(count) % (self.horizon // self.truncation) * self.truncation
        runs = jax.vmap(lambda key, place: self._begin(rule, problems, key, place))(keys, places)
        if not pairs:
            return runs
        return runs, runs, jax.tree.map(lambda leaf: jnp.zeros((count, *leaf.shape), leaf.dtype), rule)

    def draw(self, family: Any, key: Array) -> Tree:
        """See `MetaLearner`: only a key, because few runs restart, and the restarts are not known in advance."""
        del family
        return key

    def update(self, theta: Tree, memory: Tree, family: Any, drawn: Tree, progress: Array) -> tuple[Array, Tree, Tree]:
        """See `MetaLearner`."""
        del progress
        problems = self._problems(family)
        step = self.persistent_gradient if self.estimator == "pes" else self.backpropagated_gradient
        loss, gradient, memory = step(theta["rule"], problems, memory, drawn)
        whole = {name: jax.tree.map(jnp.zeros_like, part) for name, part in theta.items()}
        return loss, {**whole, "rule": gradient}, memory

    def backpropagated_gradient(self, rule: Tree, problems: Problems, runs: Run, key: Array) -> tuple[Array, Tree, Run]:
        """Loss of truncated runs, its gradient by backpropagation, and the runs that follow."""

        def loss(rule: Tree) -> tuple[Array, Run]:
            runs_, judged = jax.vmap(lambda run: self._advance(rule, problems, run, self.truncation))(runs)
            return jnp.mean(judged), runs_

        (value, after), gradient = jax.value_and_grad(loss, has_aux=True)(rule)
        keys = jax.random.split(key, runs.step.shape[0])
        renew, fresh = jax.vmap(lambda run, key: self._renewed(rule, problems, run, key))(after, keys)
        return value, gradient, _replaced(renew, fresh, after)

    def persistent_gradient(self, rule: Tree, problems: Problems, memory: Tree, key: Array) -> tuple[Array, Tree, Tree]:
        """Loss and gradient by persistent evolution strategies (Vicol et al. 2021), and the new memory."""
        upper, lower, total = memory
        count = upper.step.shape[0]
        noise_key, renew_key = jax.random.split(key)
        leaves, structure = jax.tree.flatten(total)
        keys = jax.random.split(noise_key, len(leaves))
        draws = [
            self.sigma * jax.random.normal(k, leaf.shape, leaf.dtype) for k, leaf in zip(keys, leaves, strict=True)
        ]
        noise = jax.tree.unflatten(structure, draws)
        total = add(total, noise)

        def piece(sign: float, run: Run, noise: Tree) -> tuple[Run, Array]:
            run, judged = self._advance(axpy(sign, noise, rule), problems, run, self.truncation)
            return run, jnp.mean(judged)

        upper, high = jax.vmap(lambda run, noise: piece(1.0, run, noise))(upper, noise)
        lower, low = jax.vmap(lambda run, noise: piece(-1.0, run, noise))(lower, noise)
        slope = (high - low) / (2 * self.sigma**2 * count)  # [pairs]
        gradient = jax.tree.map(lambda leaf: jnp.tensordot(slope, leaf, 1), total)
        keys = jax.random.split(renew_key, count)
        one, fresh = jax.vmap(lambda run, key: self._renewed(rule, problems, run, key))(upper, keys)
        two, _ = jax.vmap(lambda run, key: self._renewed(rule, problems, run, key))(lower, keys)
        renew = one | two
        total = _replaced(renew, jax.tree.map(jnp.zeros_like, total), total)
        after = (_replaced(renew, fresh, upper), _replaced(renew, fresh, lower), total)
        return jnp.mean(high + low) / 2, gradient, after

    def _renewed(self, rule: Tree, problems: Problems, run: Run, key: Array) -> tuple[Array, Run]:
        """Return True if the run is over (at its horizon, or diverged), and a new run to replace it."""
        finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(run.params)]))
        return (run.step >= self.horizon) | ~finite, self._begin(rule, problems, key)

    def validate(self, theta: Tree, family: Any, keys: Array) -> Array:
        """See `MetaLearner`: the mean of judge(w_t) over whole runs."""
        problems, rule = self._problems(family), theta["rule"]

        def loss(key: Array) -> Array:
            return jnp.mean(self._advance(rule, problems, self._begin(rule, problems, key), self.horizon)[1])

        return jnp.mean(jax.vmap(loss)(keys))


def _replaced(condition: Array, new: Tree, old: Tree) -> Tree:
    """Return `new` where the condition [runs] holds, otherwise `old`, leaf by leaf along the first axis."""
    return jax.vmap(select)(condition, new, old)
