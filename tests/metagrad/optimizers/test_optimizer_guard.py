"""Guard of an optimizer: return to the best parameters, and a fallback."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from seasoned.metagrad import guarded, hypergradient_descent, sgd_hd


def stepper(optimizer):
    """One step down |w|^2, which is also the validation loss."""

    @jax.jit
    def step(w, state):
        updates, state = optimizer.update(2 * w, state, w, value=jnp.sum(w**2))
        return optax.apply_updates(w, updates), state

    return step


def test_guard_returns_to_the_best_parameters_and_falls_back():
    optimizer = guarded(optax.sgd(3.0), optax.sgd(0.25), patience=2, tolerance=0.0)
    w, path = jnp.ones(1), []
    state, step = optimizer.init(w), stepper(optimizer)
    for _ in range(6):
        w, state = step(w, state)
        path.append((float(w[0]), bool(state.fallen)))
    # 1 -> -5 -> 25 (two bad values), back to 1, then halved at every step.
    expected = [(-5, False), (25, False), (1, True), (0.5, True), (0.25, True), (0.125, True)]
    assert path == expected


def test_guard_leaves_a_good_optimizer_alone():
    optimizer = guarded(optax.sgd(0.1))
    w = jnp.ones(2)
    state, step = optimizer.init(w), stepper(optimizer)
    for _ in range(5):
        w, state = step(w, state)
    np.testing.assert_allclose(w, 0.8**5, rtol=1e-6)
    assert not state.fallen


def test_value_that_is_not_finite_trips_the_guard_at_once():
    optimizer = guarded(optax.sgd(0.1), patience=100)
    state = optimizer.init(jnp.ones(1))
    for value in (1.0, jnp.nan):
        _, state = optimizer.update(jnp.ones(1), state, jnp.full(1, 7.0), value=value)
    assert state.fallen


def run(optimizer, w, gradients, values):
    state = optimizer.init(w)
    for gradient, value in zip(gradients, values, strict=True):
        updates, state = optimizer.update(jnp.asarray(gradient), state, w, value=jnp.asarray(value))
        w = optax.apply_updates(w, updates)
    return w, state


def test_guard_turns_back_before_parameters_become_nan():
    optimizer = guarded(optax.sgd(0.1), optax.sgd(0.0))
    w, state = run(optimizer, jnp.array([1.0]), [[1.0], [1.0], [np.nan], [1.0]], [3.0, 2.0, 1.0, 1.0])
    assert bool(state.fallen)
    np.testing.assert_allclose(w, state.best)
    np.testing.assert_allclose(w, [0.8], rtol=1e-6)


def test_guard_returns_from_far_away():
    optimizer = guarded(optax.sgd(1e12), optax.sgd(0.0), patience=1)
    w, state = run(optimizer, jnp.array([3.3]), [[1.0]] * 5, [1.0, 9.0, 9.0, 9.0, 9.0])
    assert bool(state.fallen)
    np.testing.assert_allclose(w, [3.3], rtol=1e-5)


def test_guard_update_outside_a_compiled_function_compiles_once():
    counted = []

    def init(params):
        return ()

    def update(updates, state, params=None):
        counted.append(1)
        return jax.tree.map(lambda g: -0.1 * g, updates), state

    optimizer = guarded(optax.GradientTransformation(init, update), optax.sgd(0.1))
    w = jnp.ones(3)
    state = optimizer.init(w)
    for _ in range(10):
        updates, state = optimizer.update(2 * w, state, w, value=jnp.sum(w**2))
        w = optax.apply_updates(w, updates)
    assert len(counted) <= 2
    own = np.ones(3, np.float32)
    state = optimizer.init(own)
    own[:] = 7.0
    np.testing.assert_array_equal(state.best, np.ones(3))


def test_guard_passes_the_value_on_to_its_optimizers():
    optimizer = guarded(optax.polyak_sgd(), optax.sgd(0.1))
    w = jnp.ones(2)
    state = optimizer.init(w)
    for _ in range(5):
        updates, state = optimizer.update(2 * w, state, w, value=jnp.sum(w**2))
        w = optax.apply_updates(w, updates)
    assert float(jnp.abs(w).max()) < 0.1
    assert not state.fallen


def test_half_precision_neither_trips_a_guard_nor_stops_a_rate():
    w = jnp.ones(1, jnp.float16)
    optimizer = guarded(optax.sgd(0.1))
    assert not optimizer.update(w, optimizer.init(w), w, value=1e5)[1].fallen
    w = jnp.ones(3, jnp.bfloat16)
    optimizer = sgd_hd(0.01, 1e-3)
    state = optimizer.init(w)
    for _ in range(5):
        updates, state = optimizer.update(w, state, w)
    assert updates.dtype == jnp.bfloat16
    assert float(state.rate) == pytest.approx(0.01 * np.exp(4e-3), rel=1e-4)
    assert hypergradient_descent(optax.identity(), 0.1).init(jnp.ones(1)).rate.dtype == jnp.float32
