"""Hypergradients: every backend against the analytic ridge solution, finite differences and each other."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from seasoned.errors import InvalidInput
from seasoned.metagrad import (
    BilevelProblem,
    DrMAD,
    Forward,
    Implicit,
    Reverse,
    Truncated,
    adam_hd,
    minimize_outer,
    sgd_hd,
)
from seasoned.metagrad.bilevel.implicit import _largest_eigenvalue, neumann

ROWS, FEATURES = 40, 5


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def data():
    rng = np.random.default_rng(0)
    X, X_val = rng.normal(size=(2, ROWS, FEATURES))
    truth = np.array([1.0, -2.0, 0.5, 0.0, 0.0])
    return X, X @ truth + rng.normal(size=ROWS), X_val, X_val @ truth + rng.normal(size=ROWS)


def ridge(steps=400, lr=0.3, **options):
    """Ridge regression with a penalty exp(lambda_j) for every feature; F is the squared error on other rows."""
    X, y, X_val, y_val = map(jnp.asarray, data())

    def inner(w, log_penalty):
        return 0.5 * jnp.mean((X @ w - y) ** 2) + 0.5 * jnp.sum(jnp.exp(log_penalty) * w**2)

    def outer(w, log_penalty):
        return 0.5 * jnp.mean((X_val @ w - y_val) ** 2)

    return BilevelProblem(inner, outer, lambda p: jnp.zeros(FEATURES), steps, lr, **options)


def analytic(log_penalty):
    """w* = A^{-1} b with A = X'X/n + diag(exp p), so dF/dp_j = -exp(p_j) w*_j (A^{-1} dF/dw)_j."""
    X, y, X_val, y_val = data()
    A = X.T @ X / ROWS + np.diag(np.exp(log_penalty))
    w = np.linalg.solve(A, X.T @ y / ROWS)
    slope = X_val.T @ (X_val @ w - y_val) / ROWS
    return -np.exp(log_penalty) * w * np.linalg.solve(A, slope)


POINT = np.array([-1.0, 0.0, -2.0, 0.5, -1.5])
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


def test_the_analytic_hypergradient_is_that_of_finite_differences(double):
    X, y, X_val, y_val = data()

    def loss(p):
        w = np.linalg.solve(X.T @ X / ROWS + np.diag(np.exp(p)), X.T @ y / ROWS)
        return 0.5 * np.mean((X_val @ w - y_val) ** 2)

    differences = [(loss(POINT + 1e-6 * e) - loss(POINT - 1e-6 * e)) / 2e-6 for e in np.eye(FEATURES)]
    np.testing.assert_allclose(analytic(POINT), differences, rtol=1e-6)


@pytest.mark.parametrize("backend", [Reverse(), Reverse(checkpoint=True), Truncated(12), Forward()], ids=str)
def test_exact_backends_agree_with_finite_differences_of_a_short_bent_path(double, backend):
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


def test_the_neumann_series_converges_to_conjugate_gradients(double):
    problem = ridge(solve=lambda p: jnp.asarray(solution(np.asarray(p))))
    point = jnp.asarray(POINT)
    exact = Implicit("cg")(problem, point).gradient
    errors = [
        float(jnp.linalg.norm(Implicit("neumann", steps=terms)(problem, point).gradient - exact))
        for terms in (1, 4, 16, 64, 256)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-9 * float(jnp.linalg.norm(exact))


def solution(log_penalty):
    X, y, *_ = data()
    return np.linalg.solve(X.T @ X / ROWS + np.diag(np.exp(log_penalty)), X.T @ y / ROWS)


def test_truncation_errs_less_the_more_steps_it_keeps(double):
    expected = analytic(POINT)
    errors = [
        np.linalg.norm(ridge().hypergradient(jnp.asarray(POINT), Truncated(steps)).gradient - expected)
        for steps in (1, 5, 25, 125)
    ]
    assert errors == sorted(errors, reverse=True)


def test_hyperparameters_go_down_to_the_grid_s_optimum_in_30_steps(double):
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


def test_a_descent_that_diverges_returns_its_best_point_and_says_so(double, caplog):
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


def test_a_descent_that_ends_above_its_beginning_diverged(caplog):
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


def test_a_descent_inside_a_compiled_function_is_marked_and_silent(caplog):
    problem = BilevelProblem(lambda w, p: (w - p) ** 2, lambda w, p: w**2, init=lambda p: 0 * p, inner_lr=0.5)
    found = jax.jit(lambda p: minimize_outer(problem, p, optimizer=optax.sgd(1.5), steps=5))(jnp.asarray(1.0))
    assert found.diverged
    assert not caplog.records


@pytest.mark.parametrize("off", [0.01, 100.0])
@pytest.mark.parametrize(("make", "best"), [(adam_hd, 0.03), (sgd_hd, 0.3)])
def test_a_rate_a_hundred_times_off_is_mended(off, make, best):
    """Logistic regression, full batches: the loss left after 500 steps is within 2x of that of the tuned rate."""
    X, y, *_ = (jnp.asarray(part, jnp.float32) for part in data())
    if off > 1 and make is sgd_hd:
        best = 0.1  # the loss is finite at any rate: logistic losses grow linearly

    def loss(w):
        return jnp.mean(jnp.logaddexp(0, -jnp.sign(y) * (X @ w))) + 0.05 * jnp.sum(w**2)

    def train(optimizer):
        def body(carry, _):
            updates, state = optimizer.update(jax.grad(loss)(carry[0]), carry[1], carry[0])
            return (optax.apply_updates(carry[0], updates), state), None

        start = jnp.zeros(FEATURES)
        return loss(jax.lax.scan(body, (start, optimizer.init(start)), None, length=500)[0][0])

    tuned = min(float(jax.jit(train, static_argnums=0)(make(rate, 0.0))) for rate in (best / 3, best, best * 3))
    mended = float(jax.jit(train, static_argnums=0)(make(best * off, 0.05)))
    assert mended < 2 * tuned
    assert mended < 1.05 * float(jax.jit(train, static_argnums=0)(make(best * off, 0.0)))


@pytest.mark.parametrize("multiplicative", [True, False])
@pytest.mark.parametrize("name", ["squares", "counts"])
def test_a_rate_a_hundred_times_too_large_ends_finite_and_near_the_least_loss(name, multiplicative):
    """Losses whose gradients overflow at such a rate: squares grow with every step, exponentials at once."""
    X, y, *_ = (jnp.asarray(part, jnp.float32) for part in data())
    counts = jnp.round(jnp.exp(0.3 * y))
    loss = {
        "squares": lambda w: jnp.mean((X @ w - y) ** 2),
        "counts": lambda w: jnp.mean(jnp.exp(X @ w) - counts * (X @ w)),
    }[name]
    optimizer = sgd_hd(10.0, 0.05 if multiplicative else 5e-5, multiplicative=multiplicative)  # 0.1 is a good rate

    def body(carry, _):
        updates, state = optimizer.update(jax.grad(loss)(carry[0]), carry[1], carry[0])
        return (optax.apply_updates(carry[0], updates), state), None

    start = jnp.zeros(FEATURES)
    w, state = jax.jit(lambda: jax.lax.scan(body, (start, optimizer.init(start)), None, length=500)[0])()
    least = loss(jax.lax.fori_loop(0, 2000, lambda _, w: w - 0.05 * jax.grad(loss)(w), start))
    assert float(loss(w)) < 1.01 * float(least)
    assert 0.01 < float(state.rate) < 1
    assert int(state.taken_back) > 0


def test_a_step_to_no_number_is_taken_back_and_the_rate_falls():
    optimizer = sgd_hd(1.0)
    state = optimizer.init(jnp.ones(2))
    first, state = optimizer.update(jnp.array([1.0, 2.0]), state)
    back, state = optimizer.update(jnp.array([jnp.nan, 1.0]), state)
    np.testing.assert_array_equal(back, -first)
    assert float(state.rate) == pytest.approx(0.1)
    assert int(state.taken_back) == 1
    again, state = optimizer.update(jnp.array([1.0, 2.0]), state)
    np.testing.assert_allclose(again, 0.1 * first)


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
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(InvalidInput):
        wrong()


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_largest_eigenvalue_of_a_single_number(sign):
    found = _largest_eigenvalue(lambda vector: 8.0 * vector, jnp.asarray(sign))
    assert float(found) == pytest.approx(8.8)


def test_the_neumann_series_stops_where_its_terms_grow(double):
    """The eigenvalues are 1 and -1/2: no rate makes the series converge, and it must not blow up either."""
    curved = jnp.array([1.0, -0.5])
    found = neumann(lambda v: curved * v, jnp.array([1.0, 1.0]), 50, 1 / 1.1)
    assert float(jnp.abs(found).max()) < 20.0
    found = neumann(lambda v: jnp.array([1.0, 0.5]) * v, jnp.array([1.0, 1.0]), 200, 1 / 1.1)
    np.testing.assert_allclose(found, [1.0, 2.0], rtol=1e-6)
