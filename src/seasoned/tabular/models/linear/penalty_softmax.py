"""Cross-validated logistic and softmax regression with a separate penalty per column, and its hypergradient."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from numpy.typing import NDArray

    from seasoned.tabular.validation.folds import Fold

    Array = NDArray[np.float64]

__all__ = ["SoftmaxFit", "SoftmaxFolds", "probabilities"]

_INTERCEPT: Final = 1e-4  # penalty of the intercepts: nearly none, but finite for a class absent from a fold
_NEWTON: Final = 25  # largest number of Newton steps of one fit; a warm start needs one or two
_CLOSE: Final = 1e-6  # smallest gain of a Newton step, in nats per row
_CONJUGATE: Final = 30  # largest number of conjugate gradient steps per Newton step
_STALE: Final = 6  # conjugate gradient steps after which the preconditioner is recomputed


@dataclass(slots=True)
class SoftmaxFit:
    """Penalised fit with a warm start: each new penalty continues from the last weights.

    The fit minimises sum_i CE(y_i, softmax(x_i W)) + 1/2 sum_j exp(rho_j) |W_j|^2 by Newton's method. Conjugate
    gradients solve its systems, preconditioned by the Hessian's block of each class. Two classes have one logit, whose
    block is the whole Hessian.

    Attributes:
        X: Columns and a last column of ones, shape (n, p + 1).
        Y: Targets, shape (n, logits).
        weights: Current solution, shape (p + 1, logits).
        mass: Row weights, shape (n, 1).
        blocks: Hessians of the loss for each logit, shape (logits, p + 1, p + 1), at some earlier weights.
    """

    X: Array
    Y: Array
    weights: Array
    mass: Array
    blocks: Array | None = None
    _inverse: Array = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, X: Array, y: NDArray[np.int64], n_classes: int, mass: Array | None = None) -> Self:
        """Start with weights 0 and intercepts from class frequencies; class codes count from 0."""
        mass = np.ones((len(y), 1)) if mass is None else mass[:, None]
        inputs = np.column_stack([X, np.ones(len(X))])
        Y = np.eye(n_classes)[y]
        shares = np.log(np.maximum((mass * Y).sum(axis=0) / mass.sum(), _INTERCEPT / len(y)))
        weights = np.zeros((inputs.shape[1], 1 if n_classes == 2 else n_classes))
        if n_classes == 2:
            Y = Y[:, 1:]
            weights[-1] = shares[1] - shares[0]
        else:
            weights[-1] = shares - shares.mean()
        return cls(inputs, Y, weights, mass)

    def move(self, rho: Array, deadline: float | None = None) -> Array:
        """Return the solution at log-penalties, shape (p,); after a deadline (`time.monotonic`) the current weights."""
        penalty = np.append(np.exp(rho), _INTERCEPT)[:, None]
        self._precondition(penalty)
        value = self._objective(self.weights, penalty)
        for _ in range(_NEWTON):
            P = probabilities(self.X @ self.weights)
            gradient = self.X.T @ (self.mass * (P - self.Y)) + penalty * self.weights
            step = self._solve(P, penalty, gradient)
            gain = 0.5 * float((gradient * step).sum())
            value = self._advance(step, value, penalty)
            if gain < _CLOSE * len(self.X) or (deadline is not None and time.monotonic() > deadline):
                break  # convergence is quadratic: the last step squares the remaining error
        return self.weights

    def adjoint(self, rho: Array, gradient: Array) -> Array:
        """Return H^{-1} times a gradient in the weights, with H the Hessian at the solution."""
        penalty = np.append(np.exp(rho), _INTERCEPT)[:, None]
        return self._solve(probabilities(self.X @ self.weights), penalty, gradient)

    def _advance(self, step: Array, value: float, penalty: Array) -> float:
        """Backtracking: take the first of the step, its half, its quarter ... that does not raise the objective."""
        for _ in range(20):
            moved = self.weights - step
            found = self._objective(moved, penalty)
            if found <= value:
                self.weights = moved
                return found
            step = 0.5 * step
        return value

    def _objective(self, weights: Array, penalty: Array) -> float:
        return cross_entropy(self.X @ weights, self.Y, self.mass[:, 0]) + 0.5 * float((penalty * weights**2).sum())

    def _precondition(self, penalty: Array) -> None:
        if self.blocks is None:
            P = probabilities(self.X @ self.weights)
            curvature = self.mass * P * (1 - P)
            self.blocks = np.array([(self.X * column[:, None]).T @ self.X for column in curvature.T])
        size = penalty[:, 0] + 1e-9 * len(self.X)
        self._inverse = np.asarray(np.linalg.inv(self.blocks + np.diag(size)), dtype=np.float64)

    def _solve(self, P: Array, penalty: Array, target: Array) -> Array:
        def hessian(V: Array) -> Array:
            U = self.X @ V
            R = P * (1 - P) * U if P.shape[1] == 1 else P * (U - (P * U).sum(axis=1, keepdims=True))
            product: Array = self.X.T @ (self.mass * R) + penalty * V
            return product

        def inverse(V: Array) -> Array:
            product: Array = np.matmul(self._inverse, V.T[..., None])[..., 0].T
            return product

        solution, taken = _conjugate_gradients(hessian, inverse, target)
        if taken > _STALE:
            self.blocks = None
            self._precondition(penalty)
        return solution


@dataclass(frozen=True, slots=True)
class SoftmaxFolds:
    """Held-out log loss of fits with shared penalties.

    The loss is the sum over held-out rows, in nats. By the implicit function theorem its derivative in rho_j is
    -exp(rho_j) sum_k W_kj . V_kj, with V_k = H_k^{-1} times the gradient of fold k's held-out loss.

    Attributes:
        fits: One fit per fold.
        held: Held-out inputs (with the column of ones), targets and row weights of each fold.
    """

    fits: tuple[SoftmaxFit, ...]
    held: tuple[tuple[Array, Array, Array], ...]

    @classmethod
    def of(
        cls, X: Array, y: NDArray[np.int64], n_classes: int, folds: Sequence[Fold], mass: Array | None = None
    ) -> Self:
        """Build from all rows, (training, held-out) row indices, and row weights."""
        mass = np.ones(len(y)) if mass is None else mass
        fits = tuple(SoftmaxFit.of(X[train], y[train], n_classes, mass[train]) for train, _ in folds)
        Y = np.eye(n_classes)[y][:, 1:] if n_classes == 2 else np.eye(n_classes)[y]
        held = tuple((np.column_stack([X[rows], np.ones(len(rows))]), Y[rows], mass[rows]) for _, rows in folds)
        return cls(fits, held)

    def loss(self, rho: Array) -> float:
        """Loss in nats at log-penalties, shape (p,)."""
        pairs = zip(self.fits, self.held, strict=True)
        return sum(cross_entropy(X @ fit.move(rho), Y, mass) for fit, (X, Y, mass) in pairs)

    def loss_and_gradients(self, rho: Array) -> tuple[float, Array]:
        """Loss in nats, and the contribution of each fold to the hypergradient, shape (folds, p)."""
        loss, gradients = 0.0, np.zeros((len(self.fits), len(rho)))
        for place, (fit, (X, Y, mass)) in enumerate(zip(self.fits, self.held, strict=True)):
            weights = fit.move(rho)
            logits = X @ weights
            loss += cross_entropy(logits, Y, mass)
            adjoint = fit.adjoint(rho, X.T @ (mass[:, None] * (probabilities(logits) - Y)))
            gradients[place] = -np.exp(rho) * (weights * adjoint)[:-1].sum(axis=1)
        return loss, gradients


def probabilities(logits: Array) -> Array:
    """Logistic function of one column, or softmax of several; the shape is unchanged."""
    if logits.shape[1] == 1:
        found: Array = 0.5 * (1.0 + np.tanh(0.5 * logits))
        return found
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return np.asarray(shares)


def cross_entropy(logits: Array, Y: Array, mass: Array) -> float:
    """Weighted sum of the cross-entropy over rows, in nats."""
    if logits.shape[1] == 1:
        return float(mass @ (np.logaddexp(0.0, logits) - Y * logits)[:, 0])
    top = logits.max(axis=1, keepdims=True)
    return float(mass @ (top[:, 0] + np.log(np.exp(logits - top).sum(axis=1)) - (Y * logits).sum(axis=1)))


def _conjugate_gradients(
    apply: Callable[[Array], Array], inverse: Callable[[Array], Array], target: Array
) -> tuple[Array, int]:
    """Solve apply(v) = target to a relative accuracy of 1e-3; return the solution and the number of steps."""
    solution = np.zeros_like(target)
    residual = target.copy()
    prepared = inverse(residual)
    direction = prepared.copy()
    power = first = float((residual * prepared).sum())
    for taken in range(_CONJUGATE):
        if power <= 1e-6 * first or first <= 0:
            return solution, taken
        image = apply(direction)
        size = power / max(float((direction * image).sum()), 1e-300)
        solution += size * direction
        residual -= size * image
        prepared = inverse(residual)
        power, last = float((residual * prepared).sum()), power
        direction = prepared + (power / last) * direction
    return solution, _CONJUGATE
