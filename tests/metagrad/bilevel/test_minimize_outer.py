"""Outer descent by hypergradients: convergence, divergence and the best point."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ridge_problem import FEATURES, ROWS, data, ridge, solution
from seasoned.errors import InvalidInput
from seasoned.metagrad import BilevelProblem, Implicit, minimize_outer


def test_outer_descent_reaches_the_optimum_of_a_grid_in_30_steps(double):
    """One penalty for all features: the descent ends where a fine grid has its least validation loss."""
    X, y, X_val, y_val = data()
    one = ridge(
        solve=lambda p: jnp.linalg.solve(
            jnp.asarray(X.T @ X / ROWS) + jnp.exp(p[0]) * jnp.eye(FEATURES), jnp.asarray(X.T @ y / ROWS)
        )
    )
    found = minimize_outer(one, jnp.asarray([2.0]), backend=Implicit(), optimizer=optax.adam(0.3), steps=30)
    grid = np.linspace(-8, 4, 2401)
    losses = [0.5 * np.mean((X_val @ solution(np.full(FEATURES, p)) - y_val) ** 2) for p in grid]
    assert float(found.losses[0]) > min(losses) * 1.05
    assert float(found.losses.min()) < min(losses) * 1.0001


def test_diverging_outer_descent_returns_its_best_point_with_a_warning(double, caplog):
    """The penalties grow with every step, until the inner descent at this rate diverges."""
    problem = ridge(steps=60, lr=0.5)
    found = minimize_outer(problem, jnp.zeros(FEATURES), backend=Implicit(), optimizer=optax.adam(0.2), steps=60)
    losses, best = np.asarray(found.losses), int(found.best_step)
    assert found.diverged
    assert len(losses) == 61
    assert best == int(np.nanargmin(losses))
    assert 0 < best < 40
    np.testing.assert_allclose(problem.outer_loss(found.inner, found.outer), losses[best])
    np.testing.assert_allclose(problem.run(found.outer), found.inner)
    (record,) = caplog.records
    assert f"least after step {best} ({losses[best]:.4g})" in record.getMessage()
    assert "smaller inner_lr" in record.getMessage()


def test_outer_descent_that_ends_above_its_start_counts_as_diverged(caplog):
    problem = BilevelProblem(lambda w, p: (w - p) ** 2, lambda w, p: w**2, init=lambda p: 0 * p, inner_lr=0.5)
    found = minimize_outer(problem, jnp.asarray(1.0), optimizer=optax.sgd(1.5), steps=10)  # w = p; p turns over
    assert found.diverged
    assert float(found.outer) == pytest.approx(1.0)
    assert int(found.best_step) == 0
    assert len(caplog.records) == 1
    caplog.clear()
    found = minimize_outer(problem, jnp.asarray(1.0), optimizer=optax.sgd(0.4), steps=10)
    assert not found.diverged
    assert not caplog.records


def test_diverging_outer_descent_in_a_compiled_function_is_silent(caplog):
    problem = BilevelProblem(lambda w, p: (w - p) ** 2, lambda w, p: w**2, init=lambda p: 0 * p, inner_lr=0.5)
    found = jax.jit(lambda p: minimize_outer(problem, p, optimizer=optax.sgd(1.5), steps=5))(jnp.asarray(1.0))
    assert found.diverged
    assert not caplog.records


def test_outer_descent_without_a_finite_loss_is_an_error():
    problem = BilevelProblem(
        lambda w, p: jnp.exp(p) * w**4, lambda w, p: (w - 1.0) ** 2, init=lambda p: 10.0 + 0 * p, inner_lr=10.0
    )
    with pytest.raises(InvalidInput, match="none of the 6 outer losses is finite"):
        minimize_outer(problem, jnp.asarray(1.0), steps=5)
