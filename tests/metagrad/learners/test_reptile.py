"""Reptile: steps towards the adapted weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from maml_programs import ready
from seasoned.metagrad import MLP, Reptile, Rows
from seasoned.metagrad.tasks.tasks import as_family


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
