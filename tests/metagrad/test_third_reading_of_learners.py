"""What a third reading of the learners found: curvature, shapes of losses, resuming, guards, padding, held-out rows."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from meta_tasks import lines
from seasoned.errors import InvalidInput
from seasoned.metagrad import (
    MAML,
    MLP,
    BilevelProblem,
    ConvNet,
    Episodes,
    Function,
    GroupedRows,
    Implicit,
    LearnedOptimizer,
    MLPRule,
    Quadratics,
    RidgeHead,
    Rows,
    Sinusoids,
    Task,
    Training,
    WideDeep,
    adapt_groups,
    guarded,
    hypergradient_descent,
    sgd_hd,
)
from seasoned.metagrad.bilevel.implicit import conjugate_gradients
from seasoned.metagrad.bilevel.joint_training import JointTraining
from seasoned.metagrad.learners.adaptation_tuning import held_out_losses
from seasoned.metagrad.training.learned_rates import rates_of
from seasoned.metagrad.training.loop import begin

QUICK = Training(steps=4, every=2, tasks=2, validation_tasks=2)
SMALL = MLP((4,), outputs=1)
RNG = np.random.default_rng(0)


# ------------------------------------------------------------------------------------------------ curvature


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 50])
def test_conjugate_gradients_end_at_a_direction_of_negative_curvature(steps):
    curvatures = jnp.array([1.0, -0.5])
    found = conjugate_gradients(lambda v: curvatures * v, jnp.ones(2), steps)
    np.testing.assert_allclose(found, [4.0, 4.0])  # what the one step of positive curvature gave


def test_conjugate_gradients_still_solve_what_is_definite():
    root = RNG.normal(size=(6, 6))
    matrix = jnp.asarray(root @ root.T + 6 * np.eye(6))
    target = jnp.asarray(RNG.normal(size=6))
    found = conjugate_gradients(lambda v: matrix @ v, target, 20)
    np.testing.assert_allclose(found, np.linalg.solve(np.asarray(matrix), np.asarray(target)), rtol=1e-4, atol=1e-5)


def test_a_hypergradient_at_a_saddle_stays_bounded():
    problem = BilevelProblem(
        lambda w, outer: 0.5 * (w[0] ** 2 - 0.5 * w[1] ** 2) - outer * (w[0] + w[1]),
        lambda w, _: w.sum(),
        lambda _: jnp.zeros(2),
        solve=lambda outer: jnp.stack([outer, -2 * outer]),
    )
    assert abs(float(problem.hypergradient(jnp.asarray(1.0), Implicit()).gradient)) < 10


# ------------------------------------------------------------------------------------------------ losses of rows


@pytest.mark.parametrize(
    "loss", [lambda out, y: (out - y) ** 2, lambda out, y: jnp.mean((out[:, 0] - y) ** 2)], ids=["a matrix", "a scalar"]
)
def test_a_loss_that_is_not_one_number_a_row_is_refused(loss):
    with pytest.raises(InvalidInput, match="each row needs one"):
        MAML(network=SMALL, loss=loss, training=QUICK).fit(lines(), progress=False)


def test_a_network_without_a_column_of_outputs_is_refused_by_our_losses_and_served_by_ones_own():
    flat = Function(lambda p, X: X @ p["w"], lambda _: {"w": jnp.ones(2)})
    with pytest.raises(InvalidInput, match=r"let it return \[rows, outputs\]"):
        MAML(network=flat, training=QUICK).fit(lines(), progress=False)
    learner = MAML(network=flat, loss=lambda out, y: (out - y) ** 2, training=QUICK).fit(lines(), progress=False)
    (X, y), _ = lines()[0]
    assert learner.adapt(X, y).predict(X).shape == (8,)


def test_a_metric_is_no_loss():
    labels = lines(kind=int)
    with pytest.raises(InvalidInput, match="choose one of squared_error, cross_entropy"):
        MAML(loss="accuracy", training=QUICK).fit(labels, progress=False)
    learner = MAML(training=QUICK).fit(labels, progress=False)
    assert set(np.concatenate(list(learner.evaluate(labels, metric="accuracy").values())) * 8 % 1) == {0.0}


# ------------------------------------------------------------------------------------------------ resuming


@dataclasses.dataclass(frozen=True)
class Scaled:
    """Sinusoids, some times as high."""

    scale: float

    def sample(self, key):
        return Task(*[Rows(rows.X, self.scale * rows.y) for rows in Sinusoids().sample(key)])


@pytest.mark.slow
def test_what_was_best_is_judged_by_the_tasks_of_today():
    first = MAML(network=SMALL, training=QUICK).fit(Scaled(1e-3), progress=False)
    longer = dataclasses.replace(first, training=dataclasses.replace(QUICK, steps=400, every=50, validation_tasks=20))
    after = longer.fit(Sinusoids(), resume=True, progress=False)
    assert int(after.fitted.state.best_step) > 4
    assert float(after.fitted.state.best_loss) == min(entry.validation for entry in after.fitted.history[2:])


@pytest.mark.parametrize(
    "changes",
    [
        {"network": MLP((8,), outputs=1)},
        {"training": dataclasses.replace(QUICK, steps=9, clip=1.0)},
        {"training": dataclasses.replace(QUICK, steps=9, schedule="cosine")},
    ],
    ids=["network", "clip", "schedule"],
)
def test_what_a_state_does_not_fit_cannot_go_on_from_it(changes):
    learner = MAML(network=SMALL, training=QUICK).fit(Sinusoids(), progress=False)
    with pytest.raises(InvalidInput, match="change no more than steps, rates and guard"):
        dataclasses.replace(learner, **changes).fit(Sinusoids(), resume=True, progress=False)


@pytest.mark.slow
def test_runs_that_go_on_stay_as_many():
    family = Quadratics(3)
    learner = LearnedOptimizer(MLPRule(), horizon=4, truncation=2, training=QUICK).fit(family, progress=False)
    more = dataclasses.replace(QUICK, steps=9, tasks=3)
    with pytest.raises(InvalidInput, match="another number of tasks"):
        dataclasses.replace(learner, training=more).fit(family, resume=True, progress=False)
    more = dataclasses.replace(QUICK, steps=6)
    after = dataclasses.replace(learner, training=more).fit(family, resume=True, progress=False)
    assert int(after.fitted.state.step) == 6


def test_a_rate_that_would_ascend_is_refused():
    learner = MAML(network=SMALL, training=QUICK).fit(lines(), progress=False)
    (X, y), _ = lines()[0]
    with pytest.raises(InvalidInput, match="give one above 0"):
        learner.adapt(X, y, rate_scale=-1.0)


# ------------------------------------------------------------------------------------------------ guards and types


def test_a_guard_hands_on_what_its_optimisers_ask_for():
    optimizer = guarded(optax.polyak_sgd(), optax.sgd(0.1))
    w = jnp.ones(2)
    state = optimizer.init(w)
    for _ in range(5):
        updates, state = optimizer.update(2 * w, state, w, value=jnp.sum(w**2))
        w = optax.apply_updates(w, updates)
    assert float(jnp.abs(w).max()) < 0.1
    assert not state.fallen


def test_half_precision_neither_trips_a_guard_nor_stops_a_rate():
    w = jnp.ones(1, jnp.float16)
    optimizer = guarded(optax.sgd(0.1))
    assert not optimizer.update(w, optimizer.init(w), w, value=1e5)[1].fallen
    w = jnp.ones(3, jnp.bfloat16)
    optimizer = sgd_hd(0.01, 1e-3)
    state = optimizer.init(w)
    for _ in range(5):
        updates, state = optimizer.update(w, state, w)
    assert updates.dtype == jnp.bfloat16
    assert float(state.rate) == pytest.approx(0.01 * np.exp(4e-3), rel=1e-4)
    assert hypergradient_descent(optax.identity(), 0.1).init(jnp.ones(1)).rate.dtype == jnp.float32


def test_losses_of_half_precise_learners_are_kept_in_single_precision():
    learner = MAML(network=SMALL, training=QUICK).resolved(1, labels=False)
    theta = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), learner.initial(jax.random.key(0), (1,)))
    assert begin(learner, theta, ()).best_loss.dtype == jnp.float32


# ------------------------------------------------------------------------------------------------ padding and folds


def test_a_network_that_knows_no_zeros_is_trained_on_sets_of_several_sizes():
    unit = Function(
        lambda p, X: (X / jnp.linalg.norm(X, axis=1, keepdims=True)) @ p["w"], lambda _: {"w": jnp.ones((2, 1))}
    )
    learner = MAML(network=unit, training=QUICK).fit(lines((3, 4, 5, 6, 7, 8)), progress=False)
    assert all(np.isfinite(entry.loss) for entry in learner.fitted.history)


@pytest.mark.slow
def test_batch_normalisation_sees_no_held_out_row_while_adaptation_is_tuned():
    images = RNG.normal(size=(12, 8, 8, 1)).astype(np.float32)
    y = np.arange(12) % 3
    network = ConvNet(blocks=1, filters=2, outputs=3)
    assert network.normalization == "batch"
    family = Episodes.of(images, y, ways=3, shots=2, queries=2)
    learner = MAML(network=network, inner_steps=2, training=QUICK).fit(family, progress=False)
    seen = []

    @dataclasses.dataclass(frozen=True)
    class Watched(MAML):
        """Notes which rows it adapts to."""

        def advance(self, theta, carry, rows, number, scale):
            jax.debug.callback(lambda X, weight: seen.append((np.asarray(X), np.asarray(weight))), rows.X, rows.weight)
            return MAML.advance(self, theta, carry, rows, number, scale)

    watched = Watched(network=network, inner_steps=2, loss="cross_entropy", training=QUICK)
    held_out_losses(
        watched, rates_of(watched), learner.theta, Rows(jnp.asarray(images), jnp.asarray(y)), jnp.ones(1), 1
    )
    jax.effects_barrier()
    assert len(seen) == 5
    for X, weight in seen:
        out = images[weight == 0]
        assert len(out) in (2, 3)
        assert not any((row == X).reshape(len(X), -1).all(axis=1).any() for row in out)


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.slow
def test_groups_that_diverge_or_have_other_targets_are_refused():
    X, y = RNG.normal(size=(30, 2)).astype(np.float32), RNG.normal(size=30).astype(np.float32)
    learner = MAML(network=SMALL, training=QUICK).fit(GroupedRows.of(X, y, np.arange(30) % 3), progress=False)
    groups = [np.arange(10), np.arange(10, 20)]
    wild = X.copy()
    wild[10:] *= 1e30
    with pytest.raises(InvalidInput, match="diverged on 1 of 2 groups, the first of them number 1"):
        adapt_groups(learner, wild, y, groups)
    with pytest.raises(InvalidInput, match="targets of 1 numbers"):
        adapt_groups(learner, X, np.stack([y, y], axis=1), groups)
    adapt_groups(learner, X, -np.arange(30), groups)  # whole numbers are numbers, too
    codes = (y > 0).astype(int)
    learner = RidgeHead(network=WideDeep((4,), outputs=2), training=QUICK).fit(
        GroupedRows.of(X, codes, np.arange(30) % 3), progress=False
    )
    with pytest.raises(InvalidInput, match="fractions"):
        adapt_groups(learner, X, codes + 0.5, groups)


@pytest.mark.parametrize("wrong", [{"decay": 0.0}, {"spread": 0.0}])
def test_penalties_of_nothing_are_refused(wrong):
    training = JointTraining(MLP((4,), outputs=1), "squared_error", rounds=10)
    with pytest.raises(InvalidInput, match="give both above 0"):
        training.fit(RNG.normal(size=(40, 3)), RNG.normal(size=40), np.zeros(40, int), **wrong)
