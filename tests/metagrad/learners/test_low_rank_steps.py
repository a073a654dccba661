"""Low-rank inner steps: the meta-gradient without adapted weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from meta_tasks import lines
from seasoned.metagrad import MAML, MLP, Rows, Task, Training
from seasoned.metagrad.learners.base import UNROLLED, MetaLearner
from seasoned.metagrad.learners.low_rank_steps import Step, output_change


def some_rows(rng, rows, learner, width, *, weighted):
    X = jnp.asarray(rng.normal(size=(4, rows, width)))
    outputs, labels = learner.network.outputs, learner.loss == "cross_entropy"
    shape = (4, rows) if labels or outputs == 1 else (4, rows, outputs)
    y = rng.integers(0, outputs, shape) if labels else rng.normal(size=shape)
    weight = jnp.asarray(rng.random((4, rows)) * (rng.random((4, rows)) < 0.8)) if weighted else None
    return Rows(X, jnp.asarray(y), weight)


def case(network, width, rows, loss="squared_error", **settings):
    weighted = settings.pop("weighted", False)
    return pytest.param(MAML(0.1, network=network, loss=loss, **settings), width, rows, weighted)


QUICK = Training(steps=4, every=2, tasks=2, validation_tasks=2)
SMALL = MLP((4,), outputs=1)


@dataclass(frozen=True)
class Halved(MAML):
    """Half of each step, in training as in use."""

    def advance(self, theta, carry, rows, number, scale):
        return MAML.advance(self, theta, carry, rows, number, 0.5 * scale)


@dataclass(frozen=True)
class Doubled(MLP):
    """Twice the outputs."""

    def apply(self, params, inputs):
        return 2.0 * MLP.apply(self, params, inputs)


@pytest.mark.parametrize(
    ("learner", "width", "rows", "weighted"),
    [
        case(MLP((30, 30)), 1, (5, 5)),
        case(MLP((30, 30)), 1, (5, 5), inner_steps=2, weighted=True),
        case(MLP((30,), outputs=3, activation="tanh"), 20, (3, 8), "cross_entropy", inner_steps=3, weighted=True),
        case(MLP((4, 3), outputs=2, activation="silu"), 5, (40, 60), inner_steps=2),
        case(MLP((4, 3), outputs=2, activation="silu"), 5, (40, 60), "cross_entropy", first_order=True),
        case(MLP((1, 6), activation="sigmoid"), 2, (7, 1), inner_steps=2, first_order=True, weighted=True),
        case(MLP((), outputs=2), 3, (5, 5)),
    ],
)
@pytest.mark.slow
def test_low_rank_meta_gradient_equals_that_of_adapted_weights(double, learner, width, rows, weighted):
    rng = np.random.default_rng(0)
    tasks = Task(*(some_rows(rng, count, learner, width, weighted=weighted) for count in rows))
    theta = learner.initial(jax.random.key(0), (width,))
    loss, gradient = jax.jit(learner.meta_gradient)(theta, tasks, 0.0)
    expected_loss, expected = jax.jit(lambda *given: MetaLearner.meta_gradient(learner, *given))(theta, tasks, 0.0)
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-12)
    np.testing.assert_allclose(ravel_pytree(gradient)[0], ravel_pytree(expected)[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("rows", "known"), [(3, 2), (60, 70)])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 8), (8, 1), (8, 8), (1, 1)])
def test_low_rank_step_equals_the_product_with_the_full_gradient(double, rows, known, inputs, outputs):
    rng = np.random.default_rng(0)
    g, h, d = (rng.normal(size=(2, *shape)) for shape in ((rows, inputs), (known, inputs), (known, outputs)))
    weights, biases = np.swapaxes(h, 1, 2) @ d, d.sum(axis=1, keepdims=True)
    found = output_change(jnp.asarray(g), Step(jnp.asarray(h), jnp.asarray(d)))
    np.testing.assert_allclose(found, g @ weights + biases, rtol=1e-10, atol=1e-12)


def test_long_inner_loops_compile_to_loops(double):
    """Unrolled steps: the program and its compile time grow with their number."""
    learner = MAML(0.01, UNROLLED, network=MLP((5,)), loss="squared_error")
    rng = np.random.default_rng(0)
    tasks = Task(*(some_rows(rng, 4, learner, 1, weighted=False) for _ in range(2)))
    theta = learner.initial(jax.random.key(0), (1,))

    def program(steps):
        return str(jax.make_jaxpr(dataclasses.replace(learner, inner_steps=steps).meta_gradient)(theta, tasks, 0.0))

    assert "scan" not in program(UNROLLED)
    assert len(program(40)) == pytest.approx(len(program(20)), rel=0.1)


@pytest.mark.parametrize("kind", [np.uint8, np.bool_, np.int32])
def test_inputs_of_integer_types_have_the_meta_gradient_of_floats(kind):
    rng = np.random.default_rng(0)
    learner = MAML(0.001, network=MLP((20,), outputs=1), loss="squared_error")
    most = 2 if kind is np.bool_ else 256

    def rows(count):
        X = rng.integers(0, most, (3, count, 50)).astype(kind)
        return X, rng.normal(size=(3, count)).astype(np.float32)

    support, query = rows(5), rows(7)
    whole = Task(*(Rows(jax.numpy.asarray(X), jax.numpy.asarray(y), None) for X, y in (support, query)))
    theta = learner.initial(jax.random.key(0), (50,))
    loss, gradient = jax.jit(learner.meta_gradient)(theta, whole, 0.0)
    floats = Task(*(part._replace(X=part.X.astype(np.float32)) for part in whole))
    expected_loss, expected = jax.jit(lambda *given: MetaLearner.meta_gradient(learner, *given))(theta, floats, 0.0)
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-3)
    found, wanted = ravel_pytree(gradient)[0], ravel_pytree(expected)[0]
    assert float(np.linalg.norm(found - wanted)) < 1e-2 * float(np.linalg.norm(wanted))


def _task(pair):
    return Task(*(Rows(*(jnp.asarray(part, jnp.float32) for part in half)) for half in pair))


@pytest.mark.slow
def test_subclass_is_trained_with_its_own_steps_and_network():
    tasks = lines()
    for own, plain in (
        (Halved(inner_lr=0.1, network=SMALL, training=QUICK), MAML(inner_lr=0.05, network=SMALL, training=QUICK)),
        (MAML(network=Doubled((4,), outputs=1), training=QUICK), None),
    ):
        fitted = own.fit(tasks, progress=False)
        theta = fitted.fitted.state.theta
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[_task(pair) for pair in tasks])
        fast = fitted._program.meta_gradient(theta, stacked, 0.0)[1]
        slow = super(MAML, fitted._program).meta_gradient(theta, stacked, 0.0)[1]
        for one, other in zip(jax.tree.leaves(fast), jax.tree.leaves(slow), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
        if plain is not None:
            same = plain.fit(tasks, progress=False).fitted.state.theta
            for one, other in zip(jax.tree.leaves(theta), jax.tree.leaves(same), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
