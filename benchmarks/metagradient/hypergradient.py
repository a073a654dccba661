"""Hypergradients at work: cleaning labels, mending a learning rate that is 100 times off.

Label cleaning is reported on digits. How the outer variables are descended was chosen on other tables with half of
their labels flipped. There 50 steps of Adam gave mean AUCs of .949 and .940 on pendigits and satimage (150 gave .947
and .937), and 50 steps along the gradient scaled as a whole .968 and .959: Adam evens out the rows' gradients, whose
sizes tell the wrong labels from the doubtful ones. On digits both runs with Adam, measured first, had an AUC of .950.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from seasoned.metagrad import BilevelProblem, Implicit, adam_hd, minimize_outer

FLIPPED = 0.5
PENALTY = 1e-3


def run(steps: int | None, seeds: int) -> dict[str, Any]:
    """Accuracy with and without cleaning, AUC of the weights; final losses of Adam-HD and tuned Adam."""
    steps = 50 if steps is None else steps
    cleaning = [clean(seed, steps) for seed in range(seeds)]
    rates = [mend(seed) for seed in range(seeds)]
    mean = {name: float(np.mean([part[name] for part in cleaning])) for name in cleaning[0]}
    worst = {name: float(np.max([part[name] for part in rates])) for name in rates[0]}
    print(mean, worst, flush=True)
    return {
        "hypergradient": {"hyper_cleaning": mean, "rate_100x_off": worst},
        "hypergradient_seeds": {"hyper_cleaning": cleaning, "rate_100x_off": rates},
        "outer_steps": steps,
    }


def _digits(seed: int) -> tuple[np.ndarray, ...]:
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    X = np.c_[digits.data / 16, np.ones(len(order))].astype(np.float32)[order]
    y = digits.target[order]
    return X[:1000], y[:1000], X[1000:1200], y[1000:1200], X[1200:], y[1200:]


def _whole(size: float) -> optax.GradientTransformation:
    """Steps along the gradient, scaled as a whole to this root mean square."""

    def update(gradient: jax.Array, state: Any, params: Any = None) -> tuple[jax.Array, Any]:
        del params
        return -size * gradient / jnp.sqrt(jnp.mean(gradient**2) + 1e-30), state

    return optax.GradientTransformation(lambda _params: (), update)


def clean(seed: int, steps: int) -> dict[str, float]:
    """Hyper-cleaning (Franceschi et al. 2017): a weight for every training row, by the loss on 200 clean rows."""
    X, y, X_val, y_val, X_test, y_test = _digits(seed)
    rng = np.random.default_rng(seed + 1000)
    wrong = rng.random(len(y)) < FLIPPED
    noisy = np.where(wrong, (y + rng.integers(1, 10, len(y))) % 10, y)

    def inner(w: jax.Array, weights: jax.Array) -> jax.Array:
        losses = optax.softmax_cross_entropy_with_integer_labels(X @ w, noisy)
        return jnp.mean(jax.nn.sigmoid(weights) * losses) + PENALTY * jnp.sum(w**2)

    def outer(w: jax.Array, weights: jax.Array) -> jax.Array:
        del weights
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(X_val @ w, y_val))

    problem = BilevelProblem(inner, outer, lambda weights: jnp.zeros((X.shape[1], 10)), inner_steps=150, inner_lr=2.0)
    backend = Implicit("cg", steps=20, damping=1e-4)
    start = jnp.zeros(len(y))
    found = minimize_outer(problem, start, backend=backend, optimizer=_whole(0.1), steps=steps)

    def accuracy(weights: Any) -> float:
        w = np.asarray(jax.jit(problem.run)(weights))
        return float(((X_test @ w).argmax(1) == y_test).mean())

    return {
        "accuracy_without_cleaning": accuracy(start),
        "accuracy_with_cleaning": accuracy(found.outer),
        "accuracy_if_known": accuracy(jnp.where(wrong, -20.0, 20.0)),
        "auc_of_weights": float(roc_auc_score(wrong, -np.asarray(found.outer))),
    }


def mend(seed: int) -> dict[str, float]:
    """Softmax regression on digits by minibatches: the loss after 1,000 steps from rates 100 times off, and tuned."""
    X, y, *_ = _digits(seed)

    def loss(w: jax.Array, X: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(X @ w, y)) + PENALTY * jnp.sum(w**2)

    def final(rate: float, hyper_rate: float) -> float:
        optimizer = adam_hd(rate, hyper_rate)

        @jax.jit
        def train() -> jax.Array:
            def body(carry: Any, key: jax.Array) -> Any:
                rows = jax.random.randint(key, (100,), 0, len(y))
                gradient = jax.grad(loss)(carry[0], jnp.asarray(X)[rows], jnp.asarray(y)[rows])
                updates, state = optimizer.update(gradient, carry[1], carry[0])
                return (optax.apply_updates(carry[0], updates), state), None

            w = jnp.zeros((X.shape[1], 10))
            keys = jax.random.split(jax.random.key(seed), 1000)
            return loss(jax.lax.scan(body, (w, optimizer.init(w)), keys)[0][0], jnp.asarray(X), jnp.asarray(y))

        return float(train())

    grid = [1e-3 * 3.0**power for power in range(7)]
    losses = [final(rate, 0.0) for rate in grid]
    tuned, best = min(losses), grid[int(np.argmin(losses))]
    return {
        "tuned_loss": tuned,
        "tuned_rate": best,
        "ratio_too_small": final(best / 100, 0.05) / tuned,
        "ratio_too_large": final(best * 100, 0.05) / tuned,
        "ratio_too_small_without": final(best / 100, 0.0) / tuned,
        "ratio_too_large_without": final(best * 100, 0.0) / tuned,
    }
