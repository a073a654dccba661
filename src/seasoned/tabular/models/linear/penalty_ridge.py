"""Cross-validated ridge regression with a separate penalty per column: exact loss and hypergradient.

All computations use the Gram matrices of the folds. An evaluation solves a few small systems of equations, and its cost
does not depend on the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from numpy.typing import NDArray

    from seasoned.tabular.validation.folds import Fold

    Array = NDArray[np.float64]

__all__ = ["RidgeFolds", "ridge"]

_MIN_SQUARES: Final = 1e-290  # smallest sum of squared errors, with a finite reciprocal


@dataclass(frozen=True, slots=True)
class RidgeFolds:
    """Held-out loss of ridge regressions with shared penalties.

    Fold k has w_k = (G_k + diag(exp(rho)))^{-1} b_k with G_k, b_k of its centred training rows, and S(rho) is the sum
    of all held-out squared errors. The loss is n / 2 log(S / n), the negative log-likelihood of a Gaussian at its best
    variance, in nats. By the implicit function theorem dw_k / drho_j = -exp(rho_j) w_kj (G_k + diag(exp(rho)))^{-1}
    e_j.

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
