"""Inner steps without adapted weights: the same meta-gradient as with them, whatever the shapes."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from seasoned.metagrad import MAML, MLP
from seasoned.metagrad.learners.base import UNROLLED, MetaLearner
from seasoned.metagrad.learners.low_rank_steps import Step, _shifted
from seasoned.metagrad.tasks.tasks import Rows, Task


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


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
def test_it_is_the_meta_gradient_of_adapted_weights(double, learner, width, rows, weighted):
    rng = np.random.default_rng(0)
    tasks = Task(*(some_rows(rng, count, learner, width, weighted=weighted) for count in rows))
    theta = learner.initial(jax.random.key(0), (width,))
    loss, gradient = jax.jit(learner.meta_gradient)(theta, tasks, 0.0)
    expected_loss, expected = jax.jit(lambda *given: MetaLearner.meta_gradient(learner, *given))(theta, tasks, 0.0)
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-12)
    np.testing.assert_allclose(ravel_pytree(gradient)[0], ravel_pytree(expected)[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("rows", "known"), [(3, 2), (60, 70)])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 8), (8, 1), (8, 8), (1, 1)])
def test_what_a_step_takes_away(double, rows, known, inputs, outputs):
    rng = np.random.default_rng(0)
    g, h, d = (rng.normal(size=(2, *shape)) for shape in ((rows, inputs), (known, inputs), (known, outputs)))
    weights, biases = np.swapaxes(h, 1, 2) @ d, d.sum(axis=1, keepdims=True)
    found = _shifted(jnp.asarray(g), Step(jnp.asarray(h), jnp.asarray(d)))
    np.testing.assert_allclose(found, g @ weights + biases, rtol=1e-10, atol=1e-12)


def test_long_inner_loops_are_loops(double):
    """What is written out grows with the steps, and with it the time to compile."""
    learner = MAML(0.01, UNROLLED, network=MLP((5,)), loss="squared_error")
    rng = np.random.default_rng(0)
    tasks = Task(*(some_rows(rng, 4, learner, 1, weighted=False) for _ in range(2)))
    theta = learner.initial(jax.random.key(0), (1,))

    def program(steps):
        return str(jax.make_jaxpr(dataclasses.replace(learner, inner_steps=steps).meta_gradient)(theta, tasks, 0.0))

    assert "scan" not in program(UNROLLED)
    assert len(program(40)) == pytest.approx(len(program(20)), rel=0.1)
