"""Gradient-based tuning of linear models' penalties: one per group of columns, on the loss of held-out rows.

The loss and its hypergradient come from fits to several folds. `RidgeFolds` computes them exactly for ridge regression;
`penalty_softmax.py` computes them for classes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from numpy.typing import NDArray

    from seasoned.tabular.validation.folds import Fold

    Array = NDArray[np.float64]

__all__ = ["Folds", "RidgeFolds", "Tuned", "levels_together", "ridge", "shared_penalty", "tune_penalties"]

_MIN_SQUARES: Final = 1e-290  # smallest sum of squared errors, with a finite reciprocal
_MIN_LOG_PENALTY, _MAX_LOG_PENALTY = -9.0, 14.0  # range of the common log-penalty: 1e-4 to 1e6
_MAX_GROUP_DISTANCE: Final = 12.0  # largest distance of a group's log-penalty from the common one
_PAST: Final = 5.0  # distance below the best common log-penalty at which the grid search stops; fits get ever slower
_FLAT: Final = 1e-4  # smallest gain of a step, as a share of the loss


class Folds(Protocol):
    """Fits to the training rows of several folds, with shared penalties."""

    def loss(self, rho: Array) -> float:
        """Negative log-likelihood of all held-out rows, in nats, at log-penalties of shape (p,)."""

    def loss_and_gradients(self, rho: Array) -> tuple[float, Array]:
        """The loss, and the contribution of each fold to its derivative, shape (folds, p)."""


@dataclass(frozen=True, slots=True)
class RidgeFolds:
    """Held-out loss of ridge regressions with a penalty per column, the same in all folds.

    Fold k has w_k = (G_k + diag(exp(rho)))^{-1} b_k with G_k, b_k of its centred training rows, and S(rho) is the sum
    of all held-out squared errors. The loss is n / 2 log(S / n), the negative log-likelihood of a Gaussian at its best
    variance, in nats. By the implicit function theorem dw_k / drho_j = -exp(rho_j) w_kj (G_k + diag(exp(rho)))^{-1}
    e_j. An evaluation solves a few small systems of equations, and its cost does not depend on the number of rows.

    Attributes:
        train: G_k, shape (folds, p, p).
        pull: b_k, shape (folds, p).
        held: Gram matrices of the held-out rows, centred at the training means, shape (folds, p, p).
        aim: Products of the held-out rows with the target, shape (folds, p).
        total: Sum of squares of the held-out targets, centred at the training means.
        rows: Number of held-out rows of all folds.
    """

    train: Array
    pull: Array
    held: Array
    aim: Array
    total: float
    rows: int

    @classmethod
    def of(cls, X: Array, y: Array, folds: Sequence[Fold], mass: Array | None = None) -> Self:
        """Build from all rows, (training, held-out) row indices, and row weights, 1 on average."""
        mass = np.ones(len(y)) if mass is None else mass
        parts = []
        for train, held in folds:
            centre, level = np.average(X[train], axis=0, weights=mass[train]), np.average(y[train], weights=mass[train])
            A, r, V, s = X[train] - centre, y[train] - level, X[held] - centre, y[held] - level
            AW, VW = A.T * mass[train], V.T * mass[held]
            parts.append((AW @ A, AW @ r, VW @ V, VW @ s, float(mass[held] @ s**2)))
        train_, pull, held_, aim, total = (np.array(part) for part in zip(*parts, strict=True))
        return cls(train_, pull, held_, aim, float(total.sum()), sum(len(held) for _, held in folds))

    def loss(self, rho: Array) -> float:
        """Loss in nats at log-penalties, shape (p,)."""
        return self.loss_and_gradients(rho)[0]

    def loss_and_gradients(self, rho: Array) -> tuple[float, Array]:
        """Loss in nats, and the contribution of each fold to the hypergradient, shape (folds, p)."""
        penalty = np.exp(rho)
        systems = self.train + np.diag(penalty)
        weights = np.linalg.solve(systems, self.pull[..., None])[..., 0]  # (folds, p)
        moved = np.einsum("kij,kj->ki", self.held, weights)
        error = self.total + float((weights * (moved - 2 * self.aim)).sum())
        # guard against rounding, where the fit is exact or all targets are equal
        error = max(error, 1e-12 * self.total, _MIN_SQUARES)
        adjoint = np.linalg.solve(systems, 2 * (moved - self.aim)[..., None])[..., 0]
        scale = 0.5 * self.rows / error
        return 0.5 * self.rows * float(np.log(error / self.rows)), -scale * penalty * weights * adjoint


def ridge(X: Array, y: Array, rho: Array, mass: Array | None = None) -> Array:
    """Fit all rows; return the weights and, last, the intercept, shape (p + 1, 1)."""
    mass = np.ones(len(y)) if mass is None else mass
    centre, level = np.average(X, axis=0, weights=mass), np.average(y, weights=mass)
    A = X - centre
    weights = np.linalg.solve((A.T * mass) @ A + np.diag(np.exp(rho)), (A.T * mass) @ (y - level))
    return np.append(weights, level - centre @ weights)[:, None]


@dataclass(frozen=True, slots=True)
class Tuned:
    """Result of the tuning.

    Attributes:
        rho: Log-penalties, shape (p,).
        loss: Loss of held-out rows at `rho`, in nats.
        common_loss: Loss at the best common penalty, in nats.
    """

    rho: Array
    loss: float
    common_loss: float


def levels_together(X: Array) -> NDArray[np.int64]:
    """Return the group of every column, shape (p,): the one-hot columns of a category share one group.

    Adjacent columns of zeros and ones share a group while no row has two ones among them.
    """
    flags = ((X == 0) | (X == 1)).all(axis=0)
    group, taken = -1, np.ones(len(X), dtype=np.bool_)
    groups = np.empty(X.shape[1], dtype=np.int64)
    for index, flag in enumerate(flags):
        ones = X[:, index] == 1
        if group < 0 or not flag or (taken & ones).any():
            group, taken = group + 1, np.zeros(len(X), dtype=np.bool_)
        taken = taken | ones if flag else np.ones(len(X), dtype=np.bool_)
        groups[index] = group
    return groups


def shared_penalty(folds: Folds, columns: int, deadline: float | None = None, step: float = 2.3) -> tuple[float, float]:
    """Return the best log-penalty for all columns, and the largest log-penalty that is worse by at most one nat.

    Both lie on a grid, evaluated from the highest penalty down with warm starts.
    """
    found: dict[float, float] = {}
    for rho in np.arange(_MAX_LOG_PENALTY, _MIN_LOG_PENALTY, -step).tolist():
        found[rho] = folds.loss(np.full(columns, rho))
        best = min(found, key=lambda rho: found[rho])
        if rho < best - _PAST or (deadline is not None and time.monotonic() > deadline):
            break
    return best, max(rho for rho, loss in found.items() if loss <= found[best] + 1.0)


def tune_penalties(
    folds: Folds, groups: NDArray[np.int64], spread: float, *, steps: int = 40, deadline: float | None = None
) -> Tuned:
    """Minimise the held-out loss over the log-penalties of all groups by L-BFGS along its hypergradient.

    The objective is J(mu, delta) = loss(mu + delta) + sum_g delta_g^2 / (2 spread^2). J is the negative logarithm of
    the held-out likelihood times a normal prior around the common log-penalty mu. A group departs from mu only as far
    as the held-out rows support it.

    Args:
        folds: The fits.
        groups: Group of every column, shape (p,), numbered from 0.
        spread: Standard deviation of the prior, in natural logarithms; 0 for one common penalty.
        steps: Largest number of evaluations.
        deadline: Time (`time.monotonic`) at which the best point so far is returned.
    """
    from scipy.optimize import minimize

    start, plateau = shared_penalty(folds, len(groups), deadline)
    seen = _Descent(folds, groups, spread, deadline)
    try:
        seen(np.append(start, np.zeros(seen.count)))
        few: Any = {"maxfun": 12, "ftol": _FLAT}
        common = minimize(seen.common, np.array([start]), jac=True, method="L-BFGS-B", options=few).x[0]
        seen.common_loss = seen.best_loss
        if spread > 0:
            bounds = [(_MIN_LOG_PENALTY, _MAX_LOG_PENALTY), *[(-_MAX_GROUP_DISTANCE, _MAX_GROUP_DISTANCE)] * seen.count]
            options: Any = {"maxfun": steps, "ftol": _FLAT}
            # The gradient vanishes where a penalty is too small to matter. The descent therefore starts at a larger
            # penalty.
            point = np.append(max(common, plateau), np.zeros(seen.count))
            minimize(seen.__call__, point, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    except _TimeIsUp:
        pass
    return Tuned(seen.best, seen.best_loss, seen.common_loss)


class _TimeIsUp(Exception):
    """The deadline has passed."""


class _Descent:
    """Objective of the minimisation, with the best point so far."""

    def __init__(self, folds: Folds, groups: NDArray[np.int64], spread: float, deadline: float | None) -> None:
        self._folds, self._groups, self._deadline = folds, groups, deadline
        self._weight = 1.0 / spread**2 if spread > 0 else 0.0
        self.count = int(groups.max()) + 1 if len(groups) else 0
        self.best, self.best_value, self.best_loss = np.zeros(len(groups)), np.inf, np.inf
        self.common_loss = np.inf

    def common(self, point: Array) -> tuple[float, Array]:
        """J and its gradient in mu, for one common penalty."""
        value, gradient = self(np.append(np.clip(point, _MIN_LOG_PENALTY, _MAX_LOG_PENALTY), np.zeros(self.count)))
        return value, gradient[:1]

    def __call__(self, point: Array) -> tuple[float, Array]:
        """J and its gradient at (mu, delta)."""
        if self._deadline is not None and time.monotonic() > self._deadline and np.isfinite(self.best_value):
            raise _TimeIsUp
        away = point[1:]
        rho = point[0] + away[self._groups]
        loss, parts = self._folds.loss_and_gradients(rho)
        slope = parts.sum(axis=0)
        value = loss + 0.5 * self._weight * float(away @ away)
        if value < self.best_value:
            self.best, self.best_value, self.best_loss = rho, value, loss
        pulled = np.bincount(self._groups, slope, self.count) + self._weight * away
        return value, np.append(slope.sum(), pulled)
