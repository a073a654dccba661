"""MAML and its variants: meta-gradients against finite differences and definitions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from maml_programs import SINES, SMOOTH, differences, ready
from seasoned.errors import InvalidInput
from seasoned.metagrad import ANIL, IMAML, MAML, MLP, BilevelProblem, MAMLPlusPlus, MetaSGD, Reverse, Training


@pytest.mark.parametrize(
    "learner",
    [MAML(0.1), MAML(0.05, 6), MetaSGD(0.1, 2), MAMLPlusPlus(0.05, 3), ANIL(0.1, 2)],
    ids=lambda learner: type(learner).__name__ + str(learner.inner_steps),
)
@pytest.mark.slow
def test_second_order_meta_gradients_equal_finite_differences(double, learner):
    program, theta, tasks = ready(learner)
    loss, gradient = jax.jit(program.meta_gradient)(theta, tasks, 0.1)

    def mean_loss(theta):
        return jnp.mean(jax.vmap(lambda task: program.task_loss(theta, task, 0.1))(tasks))

    found, expected = ravel_pytree(gradient)[0], differences(mean_loss, theta)
    assert float(loss) == pytest.approx(float(jax.jit(mean_loss)(theta)))
    assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)


def test_maml_follows_the_steps_of_its_paper(double):
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


def test_first_order_maml_leaves_out_the_hessian(double):
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
def test_wrong_settings_of_learners_are_refused(wrong):
    with pytest.raises(InvalidInput):
        wrong()


def test_diverging_meta_training_is_an_error():
    with pytest.raises(InvalidInput, match="never saw a finite loss"):
        MAML(inner_lr=1e30, network=SMOOTH, training=Training(steps=4, every=2, tasks=2)).fit(SINES, progress=False)
