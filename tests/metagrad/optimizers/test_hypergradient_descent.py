"""Hypergradient descent: learning rates that correct themselves."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ridge_problem import FEATURES, data
from seasoned.metagrad import adam_hd, sgd_hd


@pytest.mark.parametrize("off", [0.01, 100.0])
@pytest.mark.parametrize(("make", "best"), [(adam_hd, 0.03), (sgd_hd, 0.3)])
def test_hypergradient_descent_mends_a_rate_a_hundred_times_off(off, make, best):
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
def test_rate_a_hundred_times_too_large_ends_near_the_least_loss(name, multiplicative):
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


def test_step_before_a_nan_gradient_is_taken_back_and_the_rate_falls():
    optimizer = sgd_hd(1.0)
    state = optimizer.init(jnp.ones(2))
    first, state = optimizer.update(jnp.array([1.0, 2.0]), state)
    back, state = optimizer.update(jnp.array([jnp.nan, 1.0]), state)
    np.testing.assert_array_equal(back, -first)
    assert float(state.rate) == pytest.approx(0.1)
    assert int(state.taken_back) == 1
    again, state = optimizer.update(jnp.array([1.0, 2.0]), state)
    np.testing.assert_allclose(again, 0.1 * first)


def test_rate_depends_on_the_angle_of_gradients_and_not_on_their_scale():
    def rate(scale):
        optimizer, w = sgd_hd(1e-3, 0.1), jnp.ones(3)
        state = optimizer.init(w)
        for _ in range(20):
            _, state = optimizer.update(scale * jnp.ones(3), state)
        return float(state.rate)

    assert rate(1.0) > 5e-3
    assert [rate(scale) for scale in (1e-25, 1e-11, 1e15, 1e30)] == pytest.approx([rate(1.0)] * 4, rel=1e-5)
