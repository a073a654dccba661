"""The founding algorithm's numbers: gradients against finite differences, variants against their definitions."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from seasoned.errors import InvalidInput
from seasoned.metagrad import (
    ANIL,
    IMAML,
    MAML,
    MLP,
    AdamW,
    BilevelProblem,
    Implicit,
    MAMLPlusPlus,
    MetaSGD,
    PrototypicalNetworks,
    Reptile,
    Reverse,
    Rows,
    Sinusoids,
    Training,
)
from seasoned.metagrad.tasks.tasks import TaskFunction, as_family
from seasoned.metagrad.training.learned_rates import rated, rates_of, shared

SINES = Sinusoids(shots=6, queries=5)
SMOOTH = MLP((7,), activation="tanh")


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def ready(learner):
    """The learner as a program, its first meta-parameters, and three stacked tasks."""
    program = dataclasses.replace(learner, network=SMOOTH).resolved(1, labels=False)
    theta = program.initial(jax.random.key(1), (1,))
    return program, theta, jax.vmap(SINES.sample)(jax.random.split(jax.random.key(2), 3))


def differences(loss, theta, step=1e-5):
    flat, restore = ravel_pytree(theta)
    value = jax.jit(jax.vmap(lambda flat: loss(restore(flat))))
    moves = step * jnp.eye(flat.size)
    return (value(flat + moves) - value(flat - moves)) / (2 * step)


@pytest.mark.parametrize(
    "learner",
    [MAML(0.1), MAML(0.05, 6), MetaSGD(0.1, 2), MAMLPlusPlus(0.05, 3), ANIL(0.1, 2)],
    ids=lambda learner: type(learner).__name__ + str(learner.inner_steps),
)
@pytest.mark.slow
def test_second_order_gradients_are_those_of_finite_differences(double, learner):
    program, theta, tasks = ready(learner)
    loss, gradient = jax.jit(program.meta_gradient)(theta, tasks, 0.1)

    def mean_loss(theta):
        return jnp.mean(jax.vmap(lambda task: program.task_loss(theta, task, 0.1))(tasks))

    found, expected = ravel_pytree(gradient)[0], differences(mean_loss, theta)
    assert float(loss) == pytest.approx(float(jax.jit(mean_loss)(theta)))
    assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)


def test_the_steps_of_the_founding_text_one_by_one(double):
    """Support loss, its gradient, the adapted parameters, the query loss: by hand for one task."""
    program, theta, tasks = ready(MAML(0.1))
    task = jax.tree.map(lambda leaf: leaf[0], tasks)
    w1, b1, w2, b2 = (theta["params"]["layers"][i][name] for i in (0, 1) for name in ("w", "b"))

    def predict(w1, b1, w2, b2, X):
        return (jnp.tanh(X @ w1 + b1) @ w2 + b2)[:, 0]

    gradient = jax.grad(lambda p: jnp.mean((predict(*p, task.support.X) - task.support.y[:, 0]) ** 2))((w1, b1, w2, b2))
    adapted = [w - 0.1 * g for w, g in zip((w1, b1, w2, b2), gradient, strict=True)]
    expected = jnp.mean((predict(*adapted, task.query.X) - task.query.y[:, 0]) ** 2)
    assert float(program.task_loss(theta, task, 0.0)) == pytest.approx(float(expected), rel=1e-12)


def test_first_order_leaves_out_the_hessian(double):
    """FOMAML's gradient is the query gradient at the adapted parameters."""
    program, theta, tasks = ready(MAML(0.1, 2, first_order=True))
    _, found = jax.jit(program.meta_gradient)(theta, tasks, 0.0)
    _, second = jax.jit(ready(MAML(0.1, 2))[0].meta_gradient)(theta, tasks, 0.0)

    def query_gradient(task):
        return jax.grad(program.row_loss)(program.descend(theta, task.support, 2), task.query)

    expected = jax.tree.map(lambda leaf: leaf.mean(0), jax.jit(jax.vmap(query_gradient))(tasks))
    np.testing.assert_allclose(ravel_pytree(found["params"])[0], ravel_pytree(expected)[0], rtol=1e-9, atol=1e-12)
    assert not np.allclose(ravel_pytree(found)[0], ravel_pytree(second)[0], rtol=1e-2)


def bilevel(program, task):
    return BilevelProblem(
        inner_loss=lambda w, theta: program.row_loss(w, task.support),
        outer_loss=lambda w, theta: program.row_loss(w, task.query),
        init=lambda theta: theta["params"],
        inner_steps=program.inner_steps,
        inner_lr=program.inner_lr,
    )


@pytest.mark.parametrize("steps", [2, 6])
@pytest.mark.slow
def test_maml_is_a_bilevel_problem(steps):
    """In single precision, over ten meta-steps: the same meta-parameters to 1e-6."""
    program, theta, _ = ready(MAML(0.05, steps))
    other = theta
    direct = jax.jit(lambda theta, tasks: program.meta_gradient(theta, tasks, 0.0)[1])

    @jax.jit
    def by_bilevel(theta, tasks):
        found = jax.vmap(lambda task: bilevel(program, task).hypergradient(theta, Reverse()).gradient)(tasks)
        return jax.tree.map(lambda leaf: leaf.mean(0), found)

    for number in range(10):
        tasks = jax.vmap(SINES.sample)(jax.random.split(jax.random.key(number), 3))
        theta = jax.tree.map(lambda w, g: w - 0.05 * g, theta, direct(theta, tasks))
        other = jax.tree.map(lambda w, g: w - 0.05 * g, other, by_bilevel(other, tasks))
    np.testing.assert_allclose(ravel_pytree(theta)[0], ravel_pytree(other)[0], atol=1e-6)


def test_imaml_is_the_derivative_of_its_inner_optimum(double):
    """Against finite differences of the outer loss at a converged inner problem."""
    program, theta, tasks = ready(IMAML(0.05, 400, strength=5.0, cg_steps=40))
    loss, gradient = jax.jit(program.meta_gradient)(theta, tasks, 0.0)

    def mean_loss(theta):
        return jnp.mean(jax.vmap(lambda task: program.task_loss(theta, task, 0.0))(tasks))

    expected = differences(mean_loss, theta)
    assert float(loss) == pytest.approx(float(jax.jit(mean_loss)(theta)))
    assert np.linalg.norm(ravel_pytree(gradient)[0] - expected) < 1e-5 * np.linalg.norm(expected)


def test_imaml_by_the_neumann_series_agrees(double):
    program, theta, tasks = ready(IMAML(0.05, 400, strength=5.0, cg_steps=40))
    task = jax.tree.map(lambda leaf: leaf[0], tasks)
    backends = Implicit("cg", steps=40), Implicit("neumann", steps=500)
    problem = program.problem(task)
    one, two = jax.jit(lambda p: [problem.hypergradient(p, backend).gradient for backend in backends])(theta["params"])
    np.testing.assert_allclose(ravel_pytree(one)[0], ravel_pytree(two)[0], rtol=1e-5, atol=1e-8)


def test_reptile_moves_towards_the_adapted_weights(double):
    program, theta, tasks = ready(Reptile(0.1, 1))
    _, gradient = jax.jit(program.meta_gradient)(theta, tasks, 0.0)

    def loss(theta):
        def one(task):
            X, y = (jnp.concatenate(parts) for parts in zip(task.support[:2], task.query[:2], strict=True))
            return jnp.mean((program.network.apply(theta["params"], X) - y) ** 2)

        return jnp.mean(jax.vmap(one)(tasks))

    expected = jax.tree.map(
        lambda g: 0.1 * g, jax.jit(jax.grad(loss))(theta)
    )  # one step: theta - phi = alpha * gradient
    np.testing.assert_allclose(ravel_pytree(gradient)[0], ravel_pytree(expected)[0], rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_reptile_takes_sets_with_and_without_weights():
    """Sets of different sizes are padded, sets of one size are not: the padding counts for nothing."""
    rng = np.random.default_rng(0)
    support = [(rng.normal(size=(4, 2)), rng.normal(size=4)) for _ in range(6)]
    query = [(rng.normal(size=(size, 2)), rng.normal(size=size)) for size in (2, 3, 3, 3, 3, 3)]
    program = Reptile(0.1, 1, network=MLP((4,))).resolved(1, labels=False)
    tasks = as_family(list(zip(support, query, strict=True))).tasks
    theta = program.initial(jax.random.key(0), (2,))
    _, found = program.meta_gradient(theta, jax.tree.map(lambda leaf: leaf[:1], tasks), 0.0)
    rows = Rows(*(jnp.concatenate([a, b]).astype(jnp.float32) for a, b in zip(support[0], query[0], strict=True)))
    expected = jax.tree.map(lambda g: 0.1 * g, jax.grad(program.row_loss)(theta["params"], rows))
    np.testing.assert_allclose(ravel_pytree(found)[0], ravel_pytree(expected)[0], rtol=1e-4, atol=1e-6)


def test_other_seeds_and_rates_compile_nothing_anew():
    """JAX runs the family's Python code only to compile; what a seed or a rate changes is data."""
    traced = []

    def sample(key):
        traced.append(key)
        return SINES.sample(key)

    family, training = TaskFunction(sample), Training(steps=2, every=1, tasks=2, validation_tasks=2)
    first = MAML(network=SMOOTH, training=training).fit(family, progress=False)
    first.evaluate(family, steps=[1], count=2)
    before = len(traced)
    other = dataclasses.replace(training, seed=1, lr=0.01)
    second = MAML(inner_lr=0.3, network=SMOOTH, training=other).fit(family, progress=False)
    second.evaluate(family, steps=[1], count=2)
    described = 4  # the shapes of a task are asked for at every fit, of both of its parts, and of the test tasks
    assert len(traced) - before == described
    assert not np.array_equal(ravel_pytree(first.theta)[0], ravel_pytree(second.theta)[0])


@pytest.mark.parametrize("learner", [MAML, ANIL, MetaSGD, MAMLPlusPlus, Reptile])
def test_a_program_without_its_rates_and_the_rates_are_the_program(learner):
    program = learner(inner_lr=0.2, network=SMOOTH, training=Training(lr=0.3))
    assert rates_of(program) == {"lr": 0.3, "inner_lr": 0.2}
    assert shared(program) == shared(learner(network=SMOOTH)) != program
    assert rated(shared(program), rates_of(program)) == program
    assert shared(program).inner_lr == 1.0, "what was put together is another object"


def test_weight_decay_is_a_rate():
    program = MAML(network=SMOOTH, training=Training(lr=0.3, optimizer=AdamW(0.02)))
    other = MAML(network=SMOOTH, training=Training(lr=0.1, optimizer=AdamW(0.5)))
    assert shared(program) == shared(other) != shared(MAML(network=SMOOTH))
    assert rated(shared(program), rates_of(program)) == program
    assert rates_of(program) != rates_of(other)


def test_what_was_compiled_for_no_rate_takes_the_given_one():
    program, theta, tasks = ready(MAML(0.2))
    task = jax.tree.map(lambda leaf: leaf[0], tasks)
    compiled = jax.jit(lambda rates: rated(shared(program), rates).descend(theta, task.support, 1))
    for rate in (0.2, 0.7):
        expected = dataclasses.replace(program, inner_lr=rate).descend(theta, task.support, 1)
        found = compiled({"lr": 0.1, "inner_lr": rate})
        np.testing.assert_allclose(ravel_pytree(found)[0], ravel_pytree(expected)[0], rtol=1e-5)


def test_anil_adapts_the_head_alone(double):
    program, theta, tasks = ready(ANIL(0.1, 3))
    task = jax.tree.map(lambda leaf: leaf[0], tasks)
    adapted = program.descend(theta, task.support, 3)["layers"]
    before = theta["params"]["layers"]
    assert np.array_equal(adapted[0]["w"], before[0]["w"])
    assert not np.array_equal(adapted[1]["w"], before[1]["w"])


def test_multi_step_weights_go_over_to_the_last_step(double):
    program, theta, tasks = ready(MAMLPlusPlus(0.05, 3))
    task = jax.tree.map(lambda leaf: leaf[0], tasks)
    losses = [float(program.row_loss(program.descend(theta, task.support, steps), task.query)) for steps in (1, 2, 3)]
    assert float(program.task_loss(theta, task, 0.0)) == pytest.approx(np.mean(losses))
    assert float(program.task_loss(theta, task, 0.5)) == pytest.approx(losses[-1])


@pytest.mark.slow
def test_prototypes_are_class_means(double):
    rng = np.random.default_rng(0)
    pairs = [((rng.normal(size=(6, 2)), [0, 1, 2] * 2), (rng.normal(size=(6, 2)), [0, 1, 2] * 2)) for _ in range(6)]
    training = Training(steps=2, every=1, tasks=2)
    fitted = PrototypicalNetworks(network=MLP((), 3), training=training).fit(pairs, progress=False)
    X, y = rng.normal(size=(5, 2)), np.array([0, 1, 1, 0, 1])
    model = fitted.adapt(X, y)
    embedded = fitted.network.forward(fitted.theta["params"], X)
    np.testing.assert_allclose(model.params["prototypes"][0], embedded[y == 0].mean(0))
    new = rng.normal(size=(4, 2))
    distances = ((fitted.network.forward(fitted.theta["params"], new)[:, None] - model.params["prototypes"]) ** 2).sum(
        -1
    )
    assert np.array_equal(model.predict(new), distances.argmin(1))
    assert set(model.predict(new)) <= {0, 1}, "a class without support rows was predicted"


@pytest.mark.slow
def test_labels_are_coded_and_given_back():
    rng = np.random.default_rng(0)
    pairs = [((rng.normal(size=(4, 2)), [0, 1] * 2), (rng.normal(size=(4, 2)), [0, 1] * 2)) for _ in range(6)]
    fitted = MAML(network=MLP((4,), 2), training=Training(steps=2, every=1, tasks=2)).fit(pairs, progress=False)
    model = fitted.adapt(rng.normal(size=(4, 2)), np.array(["yes", "no", "yes", "no"]))
    assert set(model.predict(rng.normal(size=(20, 2)))) <= {"yes", "no"}
    np.testing.assert_allclose(model.predict_proba(rng.normal(size=(3, 2))).sum(1), 1, rtol=1e-6)
    with pytest.raises(InvalidInput, match="3 classes"):
        fitted.adapt(rng.normal(size=(3, 2)), ["a", "b", "c"])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: MAML(0.0),
        lambda: MAML(inner_steps=0),
        lambda: IMAML(strength=0.0),
        lambda: Training(steps=0),
        lambda: Training(lr=-1.0),
        lambda: Training(optimizer="x"),
        lambda: MLP(activation="x"),
        lambda: MLP((0,)),
        lambda: MAML(loss="x").fit(SINES),
        lambda: MAML().fit([]),
    ],
)
def test_wrong_settings_are_named(wrong):
    with pytest.raises(InvalidInput):
        wrong()


def test_divergence_is_an_error():
    with pytest.raises(InvalidInput, match="never saw a finite loss"):
        MAML(inner_lr=1e30, network=SMOOTH, training=Training(steps=4, every=2, tasks=2)).fit(SINES, progress=False)


@pytest.mark.slow
def test_there_is_nothing_to_tune_where_adapting_is_taking_means():
    rng = np.random.default_rng(0)
    centres = np.array([[4.0, 0.0], [0.0, 4.0], [-4.0, -4.0]])

    def drawn(labels):
        return (centres[labels] + 0.1 * rng.normal(size=(len(labels), 2))).astype(np.float32), labels

    tasks = [(drawn(np.array([0, 0, 1, 1, 2])), drawn(np.arange(9) % 3)) for _ in range(20)]
    learner = PrototypicalNetworks(training=Training(steps=20, validation_tasks=0)).fit(tasks, progress=False)
    X, y = drawn(np.array([0, 0, 1, 1, 2]))  # one row of the last class
    fresh, truth = drawn(np.arange(30) % 3)
    tuned = learner.adapt(X, y, tune=True)
    assert (tuned.predict(fresh) == truth).all()
    np.testing.assert_array_equal(tuned.predict(fresh), learner.adapt(X, y).predict(fresh))
