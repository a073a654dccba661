"""Penalties of linear models, tuned by their gradient: one for every group of columns, by the loss of held-out rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Folds", "Tuned", "levels_together", "shared_penalty", "tune_penalties"]

_LOWEST, _HIGHEST = -9.0, 14.0  # log-penalties of the search for one: 1e-4 to 1e6
_FAR: Final = 12.0  # how far a group's log-penalty may go from the common one
_PAST: Final = 5.0  # log-penalties so far below the best common one are not tried: fits take ever longer
_FLAT: Final = 1e-4  # a share of the loss; a step that gains less is the last


class Folds(Protocol):
    """Fits to the training rows of some folds that share their penalties."""

    def loss(self, rho: Array) -> float:
        """Negative log-likelihood of all held-out rows, in nats, at log-penalties of shape (p,)."""

    def loss_and_gradients(self, rho: Array) -> tuple[float, Array]:
        """The same, and what each fold adds to its derivative, shape (folds, p)."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """Attributes: log-penalties, shape (p,); nats of held-out rows with them, and with the best common penalty."""

    rho: Array
    loss: float
    common_loss: float


def levels_together(X: Array) -> NDArray[np.int64]:
    """The group of every column, shape (p,): the one-hot columns of a category share one.

    Adjacent columns of zeros and ones belong together as long as no row has two ones among them.
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
    """The best log-penalty for all columns, and the largest that is worse by a nat at most.

    They lie on a grid, which is walked from the highest down, each fit going on from the last.
    """
    found: dict[float, float] = {}
    for rho in np.arange(_HIGHEST, _LOWEST, -step).tolist():
        found[rho] = folds.loss(np.full(columns, rho))
        best = min(found, key=lambda rho: found[rho])
        if rho < best - _PAST or (deadline is not None and time.monotonic() > deadline):
            break
    return best, max(rho for rho, loss in found.items() if loss <= found[best] + 1.0)


def tune_penalties(
    folds: Folds, groups: NDArray[np.int64], spread: float, *, steps: int = 40, deadline: float | None = None
) -> Tuned:
    """Minimise the held-out loss over the log-penalties of all groups by L-BFGS along its hypergradient.

    J(mu, delta) = loss(mu + delta) + sum_g delta_g^2 / (2 spread^2): the held-out likelihood times a normal prior
    around the common log-penalty mu, so that a group departs from it only as far as held-out rows warrant it.

    Args:
        folds: The fits.
        groups: Group of every column, shape (p,), numbered from 0.
        spread: Standard deviation of the prior, in natural logarithms; 0 for one common penalty.
        steps: Evaluations, at most.
        deadline: Time (`time.monotonic`) at which to return the best so far.
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
            bounds = [(_LOWEST, _HIGHEST), *[(-_FAR, _FAR)] * seen.count]
            options: Any = {"maxfun": steps, "ftol": _FLAT}
            # Where a penalty is too small to matter its gradient vanishes, so the descent begins where it matters.
            point = np.append(max(common, plateau), np.zeros(seen.count))
            minimize(seen.__call__, point, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    except _TimeIsUp:
        pass
    return Tuned(seen.best, seen.best_loss, seen.common_loss)


class _TimeIsUp(Exception):
    """The deadline has come."""


class _Descent:
    """The function that is minimised, and the best point that it has seen."""

    def __init__(self, folds: Folds, groups: NDArray[np.int64], spread: float, deadline: float | None) -> None:
        self._folds, self._groups, self._deadline = folds, groups, deadline
        self._weight = 1.0 / spread**2 if spread > 0 else 0.0
        self.count = int(groups.max()) + 1 if len(groups) else 0
        self.best, self.best_value, self.best_loss = np.zeros(len(groups)), np.inf, np.inf
        self.common_loss = np.inf

    def common(self, point: Array) -> tuple[float, Array]:
        """J and its gradient in mu, for one common penalty."""
        value, gradient = self(np.append(np.clip(point, _LOWEST, _HIGHEST), np.zeros(self.count)))
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
