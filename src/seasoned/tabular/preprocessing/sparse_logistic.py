"""Logistic regression on sparse vectors, started from a ridge regression and ended after few iterations."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LOWEST_SCORE", "fit_logistic", "log_probabilities", "ridge_start"]

_ITERATIONS: Final = 12  # of L-BFGS after the ridge regression; more iterations change the predictions little
_RIDGE_STEPS: Final = 5  # of conjugate gradients, of the ridge regression that the logistic regression starts from
_RIDGE_SCALE: Final = 10.0  # logits for each unit of the ridge regression's predictions
LOWEST_SCORE: Final = -20.0
"""Smallest logarithm of a probability."""


def ridge_start(X: Any, y: NDArray[Any]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Coefficients and intercepts of a ridge regression of the classes, from which a logistic regression starts.

    A few steps of conjugate gradients for all classes at once take as long as two steps of L-BFGS, and replace about
    ten of them.

    Args:
        X: Sparse matrix, shape (n, m).
        y: Class codes, shape (n,).

    Returns:
        Shapes (k, m) and (k,) for k classes; k is 1 for two classes.
    """
    classes, codes = np.unique(y, return_inverse=True)
    indicators = np.eye(len(classes), dtype=np.float32)[codes]
    shares = indicators.mean(axis=0)
    transposed = X.T.tocsr()
    weights = np.zeros((X.shape[1], len(classes)), dtype=np.float32)
    residual = transposed @ (indicators - shares)
    direction, squares = residual.copy(), (residual**2).sum(axis=0)
    for _ in range(_RIDGE_STEPS):
        image = transposed @ (X @ direction) + direction  # the penalty is 1
        step = squares / np.maximum((direction * image).sum(axis=0), 1e-12)
        weights += step * direction
        residual -= step * image
        before, squares = squares, (residual**2).sum(axis=0)
        direction = residual + squares / np.maximum(before, 1e-12) * direction
    coefficients, intercept = _RIDGE_SCALE * weights.T, np.log(shares)
    if len(classes) > 2:
        return coefficients, intercept
    return coefficients[1:] - coefficients[:1], intercept[1:] - intercept[:1]


def fit_logistic(
    X: Any,
    y: NDArray[Any],
    penalty: float,
    start: tuple[NDArray[np.floating], NDArray[np.floating]],
    weights: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit from the start; return coefficients, shape (m, k), and intercepts, shape (k,)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model: Any = LogisticRegression(C=1.0 / penalty, max_iter=_ITERATIONS, warm_start=True)
    model.coef_, model.intercept_ = start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a limit of iterations is part of the method
        model.fit(X, y, weights)
    return model.coef_.T.astype(np.float64), model.intercept_.astype(np.float64)


def log_probabilities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of the softmax of each row, at least `LOWEST_SCORE`, shape (n, classes)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return np.asarray(np.maximum(logs, LOWEST_SCORE))
