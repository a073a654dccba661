"""A quadratic fitted to the neighbourhood of the best point, and its lowest point in a box.

    q(z) = g'z + z'Hz / 2 by weighted least squares,   weights 1 / (excess + offset),

where z is a point less the best one and the excess its loss less the best loss: errors count relative to the excess, so
that the rim of a valley may be off by much while its bottom is exact. Where a function is a quadratic, one step ends
at its minimum to all digits, however ill-conditioned it is; a Gaussian process with the same trend gets there, too,
but loses the digits below its noise floor. H is diagonal or full, whichever predicts left-out points better.

Hansen (2019), A global surrogate assisted CMA-ES, for the choice of the model's size; Powell (2006), The NEWUOA
software for unconstrained optimization without derivatives, for steps by interpolation in a trust region; Nocedal and
Wright (2006), Numerical optimization, algorithm 16.3, for the box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Quadratic", "box_minimum", "fit_quadratic"]

_SPARE: Final = 2  # points more than coefficients, so that leaving one out says something
_NEAR: Final = 2.2  # points per coefficient that are used, the nearest ones
_LARGEST: Final = 150  # most coefficients; with more, a fit takes too many trials and too long
_DEPENDENT: Final = 1e-11  # least singular value that counts, as a share of the largest
_ALONE: Final = 1e-6  # one minus the leverage, below which a point alone decides a coefficient
_LEAST: Final = 1e-30  # least excess that is told from 0, as a share of the largest
_FLAT: Final = 1e-10  # least curvature, as a share of the largest


@dataclass(frozen=True, slots=True)
class Quadratic:
    """A fitted quadratic, 0 at the origin.

    Attributes:
        gradient: Shape (d,).
        hessian: Shape (d, d).
        error: Median of |error| / (excess + offset) over the better half, each point predicted from all others.
    """

    gradient: NDArray[np.float64]
    hessian: NDArray[np.float64]
    error: float

    def value(self, z: NDArray[np.float64]) -> float:
        """The quadratic at a point of shape (d,)."""
        return float(self.gradient @ z + 0.5 * z @ self.hessian @ z)

    def convex(self) -> Quadratic:
        """The quadratic with its curvatures made positive, as in a saddle-free Newton step (Dauphin et al. 2014)."""
        values, vectors = np.linalg.eigh(self.hessian)
        size = np.abs(values)
        floor = max(_FLAT * float(size.max()), 1e-12 * float(np.abs(self.gradient).max()), 1e-300)
        return Quadratic(self.gradient, (vectors * np.maximum(size, floor)) @ vectors.T, self.error)


def fit_quadratic(z: NDArray[np.float64], excess: NDArray[np.float64]) -> Quadratic | None:
    """The better of a diagonal and a full quadratic; None if there are too few points for either.

    Args:
        z: Points less the best one, itself left out, the nearest first, shape (n, d).
        excess: Their losses less the best, at least 0, shape (n,).

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
        if d and size + _SPARE <= len(z) and size <= _LARGEST:
            near = int(_NEAR * size) + _SPARE
            found.append(_fitted(z[:near], excess[:near] / top, pairs, top))
    return min(found, key=lambda quadratic: quadratic.error, default=None)


def _fitted(
    z: NDArray[np.float64], excess: NDArray[np.float64], pairs: tuple[NDArray[np.intp], NDArray[np.intp]], scale: float
) -> Quadratic:
    """Least squares with the products of the given pairs of coordinates; excesses up to 1, in units of the scale."""
    d = z.shape[1]
    first, second = pairs
    positive = np.sort(excess[excess > 0])
    offset = max(float(positive[min(d, len(positive) - 1)]), _LEAST) if len(positive) else 1.0
    weights = 1.0 / (excess + offset)
    columns = np.concatenate([z, z[:, first] * z[:, second]], axis=1) * weights[:, None]
    norms = np.sqrt(np.einsum("ij,ij->j", columns, columns))
    norms[norms == 0.0] = 1.0  # a coordinate that no point moves along
    targets = excess * weights
    orthogonal, solution = _least_squares(columns / norms, targets)
    left = 1.0 - np.einsum("ij,ij->i", orthogonal, orthogonal)
    errors = np.abs(targets - orthogonal @ (orthogonal.T @ targets)) / np.maximum(left, _ALONE)
    errors[left < _ALONE] = 1.0  # without such a point nothing is known of its coefficient
    better = excess <= np.median(excess)
    coefficients = scale * solution / norms
    hessian = np.zeros((d, d))
    hessian[first, second] = coefficients[d:]
    return Quadratic(coefficients[:d], hessian + hessian.T, float(np.median(errors[better])))


def _least_squares(
    columns: NDArray[np.float64], targets: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """An orthonormal basis of the columns' span, shape (n, rank), and the minimum-norm solution, shape (columns,)."""
    orthogonal, factor = np.linalg.qr(columns)
    diagonal = np.abs(np.diag(factor))
    if diagonal.min() > _DEPENDENT * diagonal.max():
        return orthogonal, np.linalg.solve(factor, orthogonal.T @ targets)
    left, size, right = np.linalg.svd(columns, full_matrices=False)  # with few levels, squares depend on the rest
    kept = size > _DEPENDENT * size.max()
    return left[:, kept], right[kept].T @ ((left[:, kept].T @ targets) / size[kept])


def box_minimum(
    quadratic: Quadratic, low: NDArray[np.float64], high: NDArray[np.float64], fixed: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """The lowest point of a convex quadratic in a box, by an active-set method; shape (d,).

    Args:
        quadratic: With positive curvatures.
        low: Lower bounds, shape (d,).
        high: Upper bounds, shape (d,).
        fixed: Coordinates that stay at `low`, shape (d,).

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
