"""Implicit MAML: meta-gradients of the converged inner problem."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from maml_programs import differences, ready
from seasoned.metagrad import IMAML, Implicit


def test_imaml_gradient_is_the_derivative_of_its_inner_optimum(double):
    """Against finite differences of the outer loss at a converged inner problem."""
    program, theta, tasks = ready(IMAML(0.05, 400, strength=5.0, cg_steps=40))
    loss, gradient = jax.jit(program.meta_gradient)(theta, tasks, 0.0)

    def mean_loss(theta):
        return jnp.mean(jax.vmap(lambda task: program.task_loss(theta, task, 0.0))(tasks))

    expected = differences(mean_loss, theta)
    assert float(loss) == pytest.approx(float(jax.jit(mean_loss)(theta)))
    assert np.linalg.norm(ravel_pytree(gradient)[0] - expected) < 1e-5 * np.linalg.norm(expected)


def test_imaml_by_the_neumann_series_equals_conjugate_gradients(double):
    program, theta, tasks = ready(IMAML(0.05, 400, strength=5.0, cg_steps=40))
    task = jax.tree.map(lambda leaf: leaf[0], tasks)
    backends = Implicit("cg", steps=40), Implicit("neumann", steps=500)
    problem = program.problem(task)
    one, two = jax.jit(lambda p: [problem.hypergradient(p, backend).gradient for backend in backends])(theta["params"])
    np.testing.assert_allclose(ravel_pytree(one)[0], ravel_pytree(two)[0], rtol=1e-5, atol=1e-8)
