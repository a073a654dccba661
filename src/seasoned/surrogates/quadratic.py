"""Quadratic model of the neighbourhood of the best point, and its minimum in a box.

    q(z) = g'z + z'Hz / 2 by weighted least squares,   weights 1 / (excess + offset)

z is a point less the best point, and the excess is its loss less the best loss. The weights make errors relative to the
excess: the fit is exact near the bottom of a valley, and may be rough on its rim. H is diagonal or full, whichever has
the smaller leave-one-out error.

For a quadratic function, one step reaches the minimum in full precision, even if the function is ill-conditioned. A
Gaussian process with the same trend loses the digits below its noise floor.

Sources: Hansen (2019), A global surrogate assisted CMA-ES, for the selection of the model size; Powell (2006), The
NEWUOA software for unconstrained optimization without derivatives, for interpolation in a trust region; Nocedal and
Wright (2006), Numerical optimization, algorithm 16.3, for the box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Quadratic", "box_minimum", "fit_quadratic"]

_SPARE: Final = 2  # least surplus of points over coefficients, required for leave-one-out errors
_POINTS_PER_COEFFICIENT: Final = 2.2  # number of nearest points per coefficient in a fit
_MAX_COEFFICIENTS: Final = 150  # largest number of coefficients; a larger fit is slow and needs too many trials
_DEPENDENT: Final = 1e-11  # least singular value that counts, as a share of the largest
_ALONE: Final = 1e-6  # least value of one minus the leverage; below, one point determines a coefficient alone
_MIN_OFFSET: Final = 1e-30  # least offset, as a share of the largest excess
_FLAT: Final = 1e-10  # least curvature, as a share of the largest


@dataclass(frozen=True, slots=True)
class Quadratic:
    """Fitted quadratic with value 0 at the origin.

    Attributes:
        gradient: g, shape (d,).
        hessian: H, shape (d, d).
        error: Median leave-one-out error of the better half of the points, each as |error| / (excess + offset).
    """

    gradient: NDArray[np.float64]
    hessian: NDArray[np.float64]
    error: float

    def value(self, z: NDArray[np.float64]) -> float:
        """Value at a point of shape (d,)."""
        return float(self.gradient @ z + 0.5 * z @ self.hessian @ z)

    def convex(self) -> Quadratic:
        """Replace curvatures by their absolute values, as in a saddle-free Newton step (Dauphin et al. 2014)."""
        values, vectors = np.linalg.eigh(self.hessian)
        size = np.abs(values)
        floor = max(_FLAT * float(size.max()), 1e-12 * float(np.abs(self.gradient).max()), 1e-300)
        return Quadratic(self.gradient, (vectors * np.maximum(size, floor)) @ vectors.T, self.error)


def fit_quadratic(z: NDArray[np.float64], excess: NDArray[np.float64]) -> Quadratic | None:
    """Fit a diagonal and a full quadratic, and return the better one; None if the points are too few for both.

    Args:
        z: Points less the best point, without the best point itself, sorted by distance, shape (n, d).
        excess: Losses of the points less the best loss, at least 0, shape (n,).

    Example:
        >>> z = np.random.default_rng(0).normal(size=(8, 2))
        >>> found = fit_quadratic(z, 3 * (z[:, 0] + z[:, 1]) ** 2)
        >>> found.hessian.round(6).tolist()
        [[6.0, 6.0], [6.0, 6.0]]
    """
    d = z.shape[1]
    upper = np.triu_indices(d)
    found: list[Quadratic] = []
    top = float(excess.max(initial=0.0))
    if top == 0.0:
        return None
    for pairs in ((np.arange(d), np.arange(d)), upper):
        size = d + len(pairs[0])
        if d and size + _SPARE <= len(z) and size <= _MAX_COEFFICIENTS:
            near = int(_POINTS_PER_COEFFICIENT * size) + _SPARE
            found.append(_fitted(z[:near], excess[:near] / top, pairs, top))
    return min(found, key=lambda quadratic: quadratic.error, default=None)


def _fitted(
    z: NDArray[np.float64], excess: NDArray[np.float64], pairs: tuple[NDArray[np.intp], NDArray[np.intp]], scale: float
) -> Quadratic:
    """Weighted least squares with the products of the coordinate pairs; `excess` is at most 1, in units of `scale`."""
    d = z.shape[1]
    first, second = pairs
    positive = np.sort(excess[excess > 0])
    offset = max(float(positive[min(d, len(positive) - 1)]), _MIN_OFFSET) if len(positive) else 1.0
    weights = 1.0 / (excess + offset)
    columns = np.concatenate([z, z[:, first] * z[:, second]], axis=1) * weights[:, None]
    norms = np.sqrt(np.einsum("ij,ij->j", columns, columns))
    norms[norms == 0.0] = 1.0  # a coordinate with the same value in all points
    targets = excess * weights
    orthogonal, solution = _least_squares(columns / norms, targets)
    left = 1.0 - np.einsum("ij,ij->i", orthogonal, orthogonal)
    errors = np.abs(targets - orthogonal @ (orthogonal.T @ targets)) / np.maximum(left, _ALONE)
    errors[left < _ALONE] = 1.0  # leave-one-out is undefined: the point determines a coefficient alone
    better = excess <= np.median(excess)
    coefficients = scale * solution / norms
    hessian = np.zeros((d, d))
    hessian[first, second] = coefficients[d:]
    return Quadratic(coefficients[:d], hessian + hessian.T, float(np.median(errors[better])))


def _least_squares(
    columns: NDArray[np.float64], targets: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Orthonormal basis of the column span, shape (n, rank), and the minimum-norm solution, shape (columns,)."""
    orthogonal, factor = np.linalg.qr(columns)
    diagonal = np.abs(np.diag(factor))
    if diagonal.min() > _DEPENDENT * diagonal.max():
        return orthogonal, np.linalg.solve(factor, orthogonal.T @ targets)
    left, size, right = np.linalg.svd(columns, full_matrices=False)  # with few levels, columns are dependent
    kept = size > _DEPENDENT * size.max()
    return left[:, kept], right[kept].T @ ((left[:, kept].T @ targets) / size[kept])


def box_minimum(
    quadratic: Quadratic, low: NDArray[np.float64], high: NDArray[np.float64], fixed: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Minimum of a convex quadratic in a box, by an active-set method, shape (d,).

    Args:
        quadratic: Quadratic with positive curvatures.
        low: Lower bounds, shape (d,).
        high: Upper bounds, shape (d,).
        fixed: True for coordinates that stay at `low`, shape (d,); None for none.

    Example:
        >>> bowl = Quadratic(np.array([-2.0, -2.0]), np.eye(2), 0.0)
        >>> box_minimum(bowl, np.array([-1.0, -9.0]), np.array([1.0, 9.0])).tolist()
        [1.0, 2.0]
    """
    stays = np.zeros(len(low), dtype=np.bool_) if fixed is None else fixed
    high = np.where(stays, low, high)
    z = np.where(stays, low, np.clip(0.0, low, high))
    bound = stays.copy()
    for _ in range(4 * len(low) + 4):
        slope = quadratic.gradient + quadratic.hessian @ z
        free = np.flatnonzero(~bound)
        step = np.zeros_like(z)
        if len(free):
            step[free] = np.linalg.solve(quadratic.hessian[np.ix_(free, free)], -slope[free])
        room = np.where(step > 0, high - z, z - low)
        blocked = np.flatnonzero((np.abs(step) > room) & ~bound)
        if len(blocked):
            shares = room[blocked] / np.abs(step[blocked])
            hit = blocked[int(np.argmin(shares))]
            z = np.clip(z + float(shares.min()) * step, low, high)
            z[hit] = high[hit] if step[hit] > 0 else low[hit]
            bound[hit] = True
            continue
        z = np.clip(z + step, low, high)
        slope = quadratic.gradient + quadratic.hessian @ z
        inward = np.where(z >= high, slope, np.where(z <= low, -slope, -np.inf))
        held = np.flatnonzero(bound & ~stays & (inward > 0.0))
        if not len(held):
            break
        bound[held[int(np.argmax(inward[held]))]] = False
    return z
