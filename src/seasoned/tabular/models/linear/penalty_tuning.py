"""Gradient-based tuning of linear models' penalties: one per group of columns, on the loss of held-out rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Folds", "Tuned", "levels_together", "shared_penalty", "tune_penalties"]

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
