"""Ridge regression as a bilevel problem, and its analytic hypergradient."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from seasoned.metagrad import BilevelProblem

__all__ = ["FEATURES", "POINT", "ROWS", "analytic", "data", "ridge", "solution"]

ROWS, FEATURES = 40, 5


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


def solution(log_penalty):
    X, y, *_ = data()
    return np.linalg.solve(X.T @ X / ROWS + np.diag(np.exp(log_penalty)), X.T @ y / ROWS)
