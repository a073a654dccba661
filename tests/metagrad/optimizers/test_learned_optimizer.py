"""Learned optimizer: update rules, gradient estimates, training and use through optax."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from meta_tasks import pairs
from seasoned.errors import InvalidInput
from seasoned.metagrad import (
    MLP,
    BilevelProblem,
    LearnedOptimizer,
    LSTMRule,
    MLPRule,
    Quadratics,
    Reverse,
    Sinusoids,
    Training,
    guarded,
    load_learner,
)
from seasoned.metagrad.training.loop import AdamW

SMALL = Training(steps=150, tasks=16, lr=3e-3, every=50, validation_tasks=64)
LEARNER = LearnedOptimizer(LSTMRule(8, 1), horizon=20, truncation=10, training=SMALL)


@pytest.fixture(scope="module")
def trained():
    return LEARNER.fit(Quadratics(4), progress=False)


QUICK = Training(steps=4, every=2, tasks=2, validation_tasks=2)
SHORT = Training(steps=4, tasks=4, every=2, validation_tasks=4)


def test_lstm_rule_is_that_of_the_paper():
    """One step of one coordinate by hand: preprocessing, gates, cell, output."""
    rule = LSTMRule(hidden=3, layers=1, scale=0.1)
    theta = rule.init(jax.random.key(0))
    for gradient, features in ((-0.5, (np.log(0.5) / 10, -1.0)), (1e-6, (-1.0, np.exp(10) * 1e-6))):
        updates, ((hidden, cell),) = rule.step(theta, jnp.asarray([gradient]), rule.start(theta, jnp.zeros(1)))
        gates = np.concatenate([features, np.zeros(3)]) @ np.asarray(theta["cells"][0]["w"])
        f, i, g, o = np.split(gates + np.asarray(theta["cells"][0]["b"]), 4)
        kept = np.tanh(g) / (1 + np.exp(-i))
        out = np.tanh(kept) / (1 + np.exp(-o))
        np.testing.assert_allclose(cell[0], kept, rtol=1e-5)
        np.testing.assert_allclose(hidden[0], out, rtol=1e-5)
        np.testing.assert_allclose(updates, 0.1 * out @ np.asarray(theta["out"]), rtol=1e-5)
        assert f.shape == (3,)


@pytest.mark.parametrize("rule", [LSTMRule(4, 2), MLPRule(8)], ids=str)
@pytest.mark.slow
def test_update_rule_treats_coordinates_alike_and_alone(rule):
    """The same rule for every coordinate and any tree; permuting coordinates permutes updates."""
    theta = rule.init(jax.random.key(0))
    gradient = jax.random.normal(jax.random.key(1), (6,))
    state = rule.start(theta, gradient)
    one, _ = rule.step(theta, gradient, state)
    two, _ = rule.step(theta, gradient[::-1], state)
    np.testing.assert_allclose(one, two[::-1], rtol=1e-5)
    tree = {"a": gradient[:2], "b": gradient[2:].reshape(2, 2)}
    three, _ = rule.step(theta, tree, rule.start(theta, tree))
    np.testing.assert_allclose(ravel_pytree(three)[0], one, rtol=1e-5)


@pytest.mark.slow
def test_training_of_an_update_rule_is_a_bilevel_problem():
    """Backpropagation through one whole run is the hypergradient of a problem whose outer variables are the rule's."""
    with jax.enable_x64(True):
        learner, problems = dataclasses.replace(LEARNER, horizon=10), Quadratics(3)
        rule = learner.rule.init(jax.random.key(0))
        run = learner._begin(rule, problems, jax.random.key(1))
        data = problems.sample(jax.random.wrap_key_data(run.key))

        def step(state, theta, t):
            gradient = jax.lax.stop_gradient(jax.grad(problems.loss)(state[0], data))
            updates, memory = learner.rule.step(theta, gradient, state[1])
            params = state[0] + updates
            return params, memory, state[2] + problems.judge(params, data) / 10

        problem = BilevelProblem(
            inner_loss=lambda state, theta: problems.loss(state[0], data),
            outer_loss=lambda state, theta: state[2],
            init=lambda theta: (run.params, run.state, jnp.zeros(())),
            inner_steps=10,
            step=step,
        )
        found = jax.jit(lambda theta: problem.hypergradient(theta, Reverse()))(rule)
        runs = jax.tree.map(lambda leaf: leaf[None], run)
        loss, gradient, _ = jax.jit(
            lambda theta: learner.backpropagated_gradient(theta, problems, runs, jax.random.key(2))
        )(rule)
        assert float(loss) == pytest.approx(float(found.value))
        np.testing.assert_allclose(ravel_pytree(gradient)[0], ravel_pytree(found.gradient)[0], rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_evolution_strategies_estimate_the_gradient():
    """On a quadratic of theta, antithetic pairs are unbiased: the mean of many is near the gradient.

    With 4,096 pairs the cosine between estimate and truth is sqrt(n / (n + d + 1)) = 0.99 for d = 65 weights; below 0.9
    is a false alarm less than once in a million.
    """
    learner = LearnedOptimizer(
        LSTMRule(2, 1), horizon=5, truncation=5, estimator="pes", training=dataclasses.replace(SMALL, tasks=8192)
    )
    problems = Quadratics(2)
    theta = learner.initial(jax.random.key(0), ())
    memory = learner.memory(theta, problems)
    _, estimate, after = jax.jit(learner.persistent_gradient, static_argnums=1)(
        theta["rule"], problems, memory, jax.random.key(3)
    )
    exact = jax.jit(learner.backpropagated_gradient, static_argnums=1)(
        theta["rule"], problems, memory[0], jax.random.key(3)
    )[1]
    one, two = ravel_pytree(estimate)[0], ravel_pytree(exact)[0]
    assert float(one @ two / jnp.linalg.norm(one) / jnp.linalg.norm(two)) > 0.9
    assert float(jnp.abs(ravel_pytree(after[2])[0]).max()) == 0, "finished runs keep their perturbations"


def test_perturbations_are_remembered_until_a_run_ends():
    learner = LearnedOptimizer(LSTMRule(2, 1), horizon=10, truncation=5, estimator="pes", training=SMALL)
    theta = learner.initial(jax.random.key(0), ())
    memory = learner.memory(theta, Quadratics(2))
    after = jax.jit(learner.persistent_gradient, static_argnums=1)(
        theta["rule"], Quadratics(2), memory, jax.random.key(1)
    )[2]
    sizes = np.abs(np.asarray(after[2]["out"])).sum(axis=(1, 2))
    assert np.array_equal(sizes > 0, np.arange(8) % 2 == 0), "runs that began at 0 go on, runs at 5 have ended"
    assert np.array_equal(after[0].step, np.where(np.arange(8) % 2 == 0, 5, 0))


def test_learned_optimizer_lowers_losses_after_training(trained):
    before = LEARNER.fit(Quadratics(4), stop_at=1, progress=False)
    curves = [learner.evaluate(Quadratics(4), steps=[0, 20], count=200) for learner in (before, trained)]
    assert curves[1][20].mean() < 0.6 * curves[0][20].mean()
    assert curves[1][20].mean() < 0.4 * curves[1][0].mean()


@pytest.mark.slow
def test_learned_optimizer_trains_by_evolution_strategies():
    training = Training(steps=150, tasks=32, lr=1e-2, every=150, validation_tasks=32)
    learner = LearnedOptimizer(MLPRule(8), horizon=20, truncation=5, estimator="pes", training=training)
    before = learner.fit(Quadratics(4), stop_at=1, progress=False)
    after = learner.fit(Quadratics(4), progress=False)
    found = [part.evaluate(Quadratics(4), steps=[20], count=200)[20].mean() for part in (before, after)]
    assert found[1] < 0.8 * found[0]


def test_learned_optimizer_is_an_optax_transformation(trained, tmp_path):
    trained.save(tmp_path / "optimizer.npz")
    optimizer = optax.chain(optax.clip_by_global_norm(100.0), load_learner(tmp_path / "optimizer.npz").transformation())
    A = jnp.asarray(np.random.default_rng(0).normal(size=(4, 4)))

    @jax.jit
    def step(w, state):
        loss, gradient = jax.value_and_grad(lambda w: jnp.sum((A @ w["x"] - 1) ** 2))(w)
        updates, state = optimizer.update(gradient, state, w, value=loss)
        return optax.apply_updates(w, updates), state, loss

    w = {"x": jnp.zeros(4)}
    state, losses = optimizer.init(w), []
    for _ in range(20):
        w, state, loss = step(w, state)
        losses.append(float(loss))
    assert min(losses) < 0.5 * losses[0]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: LearnedOptimizer(horizon=100, truncation=30),
        lambda: LearnedOptimizer(estimator="x"),
        lambda: LSTMRule(0),
        lambda: MLPRule(0),
        lambda: guarded(optax.sgd(0.1), patience=0),
        lambda: guarded(optax.sgd(0.1)).update(jnp.ones(1), guarded(optax.sgd(0.1)).init(jnp.ones(1))),
    ],
)
def test_wrong_settings_of_rules_and_guards_are_refused(wrong):
    with pytest.raises(InvalidInput):
        wrong()


@pytest.mark.slow
def test_learner_trained_on_problems_refuses_rows():
    short = Training(steps=4, tasks=2, every=2, validation_tasks=2)
    learner = LearnedOptimizer(LSTMRule(2, 1), horizon=4, truncation=2, training=short).fit(Quadratics(2))
    for X in ([[1.0]], [1.0]):
        with pytest.raises(InvalidInput, match="trained on problems, which have no rows"):
            learner.adapt(X, [1.0])
    with pytest.raises(InvalidInput, match="trained on problems"):
        learner.evaluate(pairs([0.5, 1.0]))


@pytest.mark.parametrize("horizon", [0, -20, 10])
def test_horizon_shorter_than_its_truncation_is_refused(horizon):
    with pytest.raises(InvalidInput, match=f"horizon {horizon}"):
        LearnedOptimizer(horizon=horizon, truncation=20)


@pytest.mark.slow
def test_learned_optimizer_trained_on_tasks_evaluates_problems():
    learner = LearnedOptimizer(network=MLP((4,)), training=QUICK).fit(Sinusoids(), progress=False)
    assert learner.evaluate(Quadratics(3), steps=[2], count=2)[2].shape == (2,)


@pytest.mark.slow
def test_weight_decay_leaves_the_untrained_start_network_unchanged():
    training = dataclasses.replace(SHORT, optimizer=AdamW(0.5), lr=0.1)
    learner = LearnedOptimizer(network=MLP((4,), 1), rule=MLPRule(), horizon=4, truncation=2, training=training)
    fitted = learner.fit(Sinusoids(), progress=False)
    first = fitted.initial(jax.random.key(training.seed + 1), (1,))
    for before, after in zip(jax.tree.leaves(first["start"]), jax.tree.leaves(fitted.theta["start"]), strict=True):
        np.testing.assert_array_equal(before, after)
    assert any(
        not np.array_equal(before, after)
        for before, after in zip(jax.tree.leaves(first["rule"]), jax.tree.leaves(fitted.theta["rule"]), strict=True)
    )
