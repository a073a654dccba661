"""Networks of meta-learners: NumPy and JAX forms, and functions of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from meta_tasks import lines, pairs
from seasoned.errors import InvalidInput
from seasoned.metagrad import MAML, Function, Offset, Rows, Training, WideDeep

RNG = np.random.default_rng(0)
SHORT = Training(steps=20, tasks=4, every=10, validation_tasks=8)
QUICK = Training(steps=4, every=2, tasks=2, validation_tasks=2)


def test_networks_are_the_same_in_numpy_and_jax():
    X = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    for network in (WideDeep((4, 3), 2), WideDeep((), 2), Offset(WideDeep((4,), 2), 2)):
        params = network.init(jax.random.key(0), (5,))
        params["head"] = params["head"] + 0.5
        plain = jax.tree.map(np.asarray, params)
        np.testing.assert_allclose(network.forward(plain, X), network.apply(params, X), atol=1e-5)
        assert network.head(params)["head"] is True
    with pytest.raises(InvalidInput, match="more than 2"):
        Offset(WideDeep(), 2).init(jax.random.key(0), (2,))
    assert Rows(X, X).weight is None


@partial(jax.tree_util.register_dataclass, data_fields=["w"], meta_fields=[])
@dataclass
class Parameters:
    w: jax.Array


def test_function_with_parameters_of_a_class_predicts():
    network = Function(lambda params, X: X[:, :1] * params.w, lambda _: Parameters(jnp.ones(())))
    learner = MAML(network=network, training=SHORT).fit(pairs([0.5, 1.0]), progress=False)
    X = RNG.normal(size=(2, 3))
    assert np.isfinite(learner.adapt(X, [0.5, 1.0]).predict(X)).all()


def test_network_without_an_output_column_needs_an_own_loss():
    flat = Function(lambda p, X: X @ p["w"], lambda _: {"w": jnp.ones(2)})
    with pytest.raises(InvalidInput, match=r"let it return \[rows, outputs\]"):
        MAML(network=flat, training=QUICK).fit(lines(), progress=False)
    learner = MAML(network=flat, loss=lambda out, y: (out - y) ** 2, training=QUICK).fit(lines(), progress=False)
    (X, y), _ = lines()[0]
    assert learner.adapt(X, y).predict(X).shape == (8,)


def test_network_undefined_at_zero_rows_trains_on_several_set_sizes():
    unit = Function(
        lambda p, X: (X / jnp.linalg.norm(X, axis=1, keepdims=True)) @ p["w"], lambda _: {"w": jnp.ones((2, 1))}
    )
    learner = MAML(network=unit, training=QUICK).fit(lines((3, 4, 5, 6, 7, 8)), progress=False)
    assert all(np.isfinite(entry.loss) for entry in learner.fitted.history)
