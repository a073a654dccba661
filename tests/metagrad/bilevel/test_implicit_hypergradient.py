"""Implicit hypergradient: conjugate gradients, the Neumann series and negative curvature."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from ridge_problem import POINT, ridge, solution
from seasoned.metagrad import BilevelProblem, Implicit
from seasoned.metagrad.bilevel.implicit import conjugate_gradients, largest_eigenvalue, neumann

RNG = np.random.default_rng(0)


def test_neumann_series_converges_to_conjugate_gradients(double):
    problem = ridge(solve=lambda p: jnp.asarray(solution(np.asarray(p))))
    point = jnp.asarray(POINT)
    exact = Implicit("cg")(problem, point).gradient
    errors = [
        float(jnp.linalg.norm(Implicit("neumann", steps=terms)(problem, point).gradient - exact))
        for terms in (1, 4, 16, 64, 256)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-9 * float(jnp.linalg.norm(exact))


def test_neumann_series_stops_where_its_terms_grow(double):
    """The eigenvalues are 1 and -1/2: no rate makes the series converge, and it must not blow up either."""
    curved = jnp.array([1.0, -0.5])
    found = neumann(lambda v: curved * v, jnp.array([1.0, 1.0]), 50, 1 / 1.1)
    assert float(jnp.abs(found).max()) < 20.0
    found = neumann(lambda v: jnp.array([1.0, 0.5]) * v, jnp.array([1.0, 1.0]), 200, 1 / 1.1)
    np.testing.assert_allclose(found, [1.0, 2.0], rtol=1e-6)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_largest_eigenvalue_of_a_single_number(sign):
    found = largest_eigenvalue(lambda vector: 8.0 * vector, jnp.asarray(sign))
    assert float(found) == pytest.approx(8.8)


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 50])
def test_conjugate_gradients_end_at_a_direction_of_negative_curvature(steps):
    curvatures = jnp.array([1.0, -0.5])
    found = conjugate_gradients(lambda v: curvatures * v, jnp.ones(2), steps)
    np.testing.assert_allclose(found, [4.0, 4.0])  # what the one step of positive curvature gave


def test_conjugate_gradients_solve_a_definite_system():
    root = RNG.normal(size=(6, 6))
    matrix = jnp.asarray(root @ root.T + 6 * np.eye(6))
    target = jnp.asarray(RNG.normal(size=6))
    found = conjugate_gradients(lambda v: matrix @ v, target, 20)
    np.testing.assert_allclose(found, np.linalg.solve(np.asarray(matrix), np.asarray(target)), rtol=1e-4, atol=1e-5)


def test_implicit_hypergradient_at_a_saddle_stays_bounded():
    problem = BilevelProblem(
        lambda w, outer: 0.5 * (w[0] ** 2 - 0.5 * w[1] ** 2) - outer * (w[0] + w[1]),
        lambda w, _: w.sum(),
        lambda _: jnp.zeros(2),
        solve=lambda outer: jnp.stack([outer, -2 * outer]),
    )
    assert abs(float(problem.hypergradient(jnp.asarray(1.0), Implicit()).gradient)) < 10
