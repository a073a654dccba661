"""Hypergradients: every backend against the analytic ridge solution and finite differences."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ridge_problem import FEATURES, POINT, ROWS, analytic, data, ridge
from seasoned.errors import InvalidInput
from seasoned.metagrad import BilevelProblem, DrMAD, Forward, Implicit, Reverse, Truncated, sgd_hd

BACKENDS = [
    (Reverse(), 400),
    (Reverse(checkpoint=True), 401),
    (Truncated(300), 400),
    (Forward(), 400),
    (Implicit("cg"), 400),
    (Implicit("neumann", steps=400), 400),
    (DrMAD(), 300_000),
]


@pytest.mark.parametrize(("backend", "steps"), BACKENDS, ids=str)
def test_every_backend_gives_the_analytic_hypergradient_of_ridge(double, backend, steps):
    found = jax.jit(lambda p: ridge(steps).hypergradient(p, backend))(jnp.asarray(POINT))
    expected = analytic(POINT)
    assert np.linalg.norm(found.gradient - expected) < 1e-4 * np.linalg.norm(expected)


def test_analytic_hypergradient_equals_finite_differences(double):
    X, y, X_val, y_val = data()

    def loss(p):
        w = np.linalg.solve(X.T @ X / ROWS + np.diag(np.exp(p)), X.T @ y / ROWS)
        return 0.5 * np.mean((X_val @ w - y_val) ** 2)

    differences = [(loss(POINT + 1e-6 * e) - loss(POINT - 1e-6 * e)) / 2e-6 for e in np.eye(FEATURES)]
    np.testing.assert_allclose(analytic(POINT), differences, rtol=1e-6)


@pytest.mark.parametrize("backend", [Reverse(), Reverse(checkpoint=True), Truncated(12), Forward()], ids=str)
def test_exact_backends_equal_finite_differences_of_a_nonlinear_path(double, backend):
    """Twelve steps, far from the optimum, with momentum, a nonlinear loss, a start that depends on lambda."""
    X, y, X_val, y_val = map(jnp.asarray, data())

    def inner(w, outer):
        return jnp.mean(jnp.logaddexp(0, -jnp.sign(y) * jnp.tanh(X @ w))) + jnp.exp(outer["penalty"]) * jnp.sum(w**2)

    def step(state, outer, t):
        w, v = state
        v = outer["momentum"] * v - 0.3 / (1 + t) * jax.grad(inner)(w, outer)
        return w + v, v

    problem = BilevelProblem(
        inner,
        lambda state, outer: jnp.mean((X_val @ state[0] - y_val) ** 2) + 0.1 * outer["penalty"] ** 2,
        lambda outer: (outer["start"], jnp.zeros(FEATURES)),
        inner_steps=12,
        step=step,
    )
    point = {"penalty": jnp.asarray(-2.0), "momentum": jnp.asarray(0.5), "start": jnp.asarray(POINT)}
    found = problem.hypergradient(point, backend)
    flat, restore = jax.flatten_util.ravel_pytree(point)
    value = jax.jit(lambda flat: problem.outer_loss(problem.run(restore(flat)), restore(flat)))
    differences = [(value(flat + 1e-6 * e) - value(flat - 1e-6 * e)) / 2e-6 for e in jnp.eye(flat.size)]
    np.testing.assert_allclose(jax.flatten_util.ravel_pytree(found.gradient)[0], differences, rtol=1e-5, atol=1e-8)
    assert np.isclose(found.value, value(flat))


def test_truncation_error_falls_with_the_steps_kept(double):
    expected = analytic(POINT)
    errors = [
        np.linalg.norm(ridge().hypergradient(jnp.asarray(POINT), Truncated(steps)).gradient - expected)
        for steps in (1, 5, 25, 125)
    ]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Implicit("lu"),
        lambda: Implicit(steps=0),
        lambda: Truncated(0),
        lambda: BilevelProblem(lambda w, p: w, lambda w, p: w, lambda p: p, inner_steps=0),
        lambda: sgd_hd(-1.0),
    ],
)
def test_wrong_arguments_of_backends_and_problems_are_refused(wrong):
    with pytest.raises(InvalidInput):
        wrong()


@pytest.mark.parametrize("backend", [DrMAD(), Truncated(30), Truncated(7)])
def test_step_counter_in_the_optimizer_state_has_no_gradient(backend):
    optimizer = optax.sgd(optax.constant_schedule(0.1))  # whose state counts its steps

    def advance(state, outer, *_):
        weights, inner = state
        slope = jax.grad(lambda w: jnp.sum((w - outer) ** 2))(weights)
        updates, inner = optimizer.update(slope, inner, weights)
        return optax.apply_updates(weights, updates), inner

    start = jnp.zeros(2)
    problem = BilevelProblem(
        lambda state, outer: jnp.sum((state[0] - outer) ** 2),
        lambda state, _outer: jnp.sum(state[0] ** 2),
        lambda outer: (start + 0.0 * outer, optimizer.init(start)),
        step=advance,
        inner_steps=30,
    )
    found = problem.hypergradient(jnp.ones(2), backend).gradient
    exact = problem.hypergradient(jnp.ones(2), Reverse()).gradient
    np.testing.assert_allclose(found, exact, rtol=0.3)
