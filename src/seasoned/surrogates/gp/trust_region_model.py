"""Local model of the neighbourhood of the best point, and steps inside a trust region.

Near its minimum, a smooth function is a quadratic. A Bayesian quadratic regression with a Matern residual finds the
minimum with superlinear convergence, like the interpolation models of Powell's NEWUOA (2006) and the surrogate of
lq-CMA-ES (Hansen 2019). The isotropic prior of the trend corresponds to their minimum-norm rule. Noise that grows with
the distance from the best value corresponds to their weighting. The radius of the region follows trust-region methods
(Conn, Gould and Toint 2000, ch. 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.surrogates.gp.hyperpriors import local_prior
from seasoned.surrogates.gp.kernel import Frame
from seasoned.surrogates.gp.marginal_likelihood import fit
from seasoned.surrogates.gp.process import GaussianProcess, Sample, condition
from seasoned.surrogates.output_warping import with_failures
from seasoned.surrogates.quadratic import box_minimum, fit_quadratic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.surrogates.layout import Layout
    from seasoned.surrogates.quadratic import Quadratic

__all__ = ["Neighbourhood", "Region", "neighbourhood", "newton_step", "reaches"]

_MAX_RADIUS: Final = 0.5  # largest radius, in units of the cube
_SMALLEST: Final = 1e-7  # radius below which a search ends, in units of the cube
_SHRINK: Final = 0.7  # factor that shrinks the radius
_PATIENCE: Final = 2  # number of failures that shrink the region
_DULL: Final = 2  # number of steps per dimension without a significant gain that end a search
_TRUSTED: Final = 1.0  # largest error of a quadratic whose minimum is tried
_REACH: Final = 3.0  # largest distance of the minimum of an exact quadratic, in radii of the region
_EXACT: Final = 0.1  # error of a quadratic below which its minimum may lie outside the region
_GAIN: Final = 1e-15  # least predicted gain above rounding error, as a share of the median absolute loss
_CLIP: Final = 1e6  # largest absolute target of a local model, in units of the scale
_MAX_POINTS: Final = 110  # largest number of points in a local model


@dataclass(frozen=True, slots=True)
class Region:
    """Trust region around the best point of a local search.

    Attributes:
        radius: Half the width of the region, in units of the cube.
        failures: Number of steps without gain at this radius.
        minor: Number of consecutive steps without a significant gain.
    """

    radius: float = 0.4
    failures: int = 0
    minor: int = 0

    def collapsed(self, dimension: int) -> bool:
        """Return True if the search is over: the region is too small, or too many steps had no significant gain."""
        return self.radius < _SMALLEST or self.minor >= _DULL * dimension + 4

    def stepped(self, length: float | None, *, gained: bool, worthy: bool) -> Region:
        """Return the region after a step.

        Args:
            length: Largest coordinate of the step, in units of the cube; None if no coordinate with a fine resolution
                moved.
            gained: True if the step found a better point.
            worthy: True if the gain was significant.
        """
        minor = 0 if worthy else self.minor + 1
        if gained:
            radius = self.radius
            if length is None:
                return Region(radius, 0, minor)
            if length > 0.7 * radius:
                radius = min(_MAX_RADIUS, 2.0 * radius)
            elif length < 0.15 * radius:
                radius = max(0.5 * radius, 2.0 * length)
            return Region(radius, 0, minor)
        if self.failures + 1 < _PATIENCE:
            return Region(self.radius, self.failures + 1, minor)
        return Region(_SHRINK * self.radius, 0, minor)


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Local model with the features (features - origin) / unit.

    Attributes:
        gp: Posterior of (loss - loss of the centre) / scale.
        best: Centre, the best point, shape (d,).
        origin: Features of the centre, shape (p,).
        unit: Reach of the region for numeric features, 1 for other features, shape (p,).
    """

    gp: GaussianProcess
    best: NDArray[np.float64]
    origin: NDArray[np.float64]
    unit: NDArray[np.float64]


def reaches(layout: Layout, radius: float) -> NDArray[np.float64]:
    """Reach of the region along each coordinate, shape (d,): the radius, but at least the distance to the next level.

    Otherwise a shrinking region would fix coordinates with few levels long before the others.
    """
    return np.maximum(radius, 1.001 * layout.spacing)


def neighbourhood(
    layout: Layout,
    points: NDArray[np.float64],
    active: NDArray[np.bool_],
    losses: NDArray[np.float64],
    best: int,
    radius: float,
    *,
    start: NDArray[np.float64] | None = None,
) -> Neighbourhood:
    """Fit a local model around one of the results.

    Args:
        layout: Layout of the unit cube.
        points: Points, shape (n, d).
        active: True where a coordinate is active, shape (n, d).
        losses: Losses to be minimised, shape (n,). NaN marks a failed trial, which counts as worse than all its
            neighbours.
        best: Index of the centre.
        radius: Half the width of the region, in units of the cube.
        start: Initial hyperparameters, shape (lengths + 4,); the initial values of the prior if None.
    """
    numeric = len(layout.numeric)
    features = layout.features(points, active)
    unit = np.ones(features.shape[1])
    unit[:numeric] = reaches(layout, radius)[layout.numeric]
    scaled = (features - features[best]) / unit
    distance = np.einsum("ij,ij->i", scaled, scaled)
    wanted = min(max(int(1.5 * (numeric + 1) * (numeric + 2)), 10), _MAX_POINTS)
    near = np.argsort(distance, kind="stable")[:wanted]
    failed = np.isnan(losses[near])
    excess = losses[near][~failed] - losses[best]
    size = np.abs(excess)  # negative excess: infeasible trials, or trials of an earlier search
    scale = float(np.median(size)) or float(size.max()) or 1.0
    targets = with_failures(np.clip(excess / scale, -_CLIP, _CLIP), failed)
    frame = Frame(layout.groups, numeric, np.zeros(numeric), np.ones(numeric))
    prior = local_prior(frame.lengths)
    sample = Sample(scaled[near], targets, targets * targets)
    warm = start is not None and len(start) == len(prior.start)
    theta = fit(sample, frame, prior, [start] if start is not None and warm else [], steps=12 if warm else 30)
    return Neighbourhood(condition(sample, frame, theta), points[best], features[best], unit)


def newton_step(
    layout: Layout,
    points: NDArray[np.float64],
    active: NDArray[np.bool_],
    losses: NDArray[np.float64],
    best: int,
    radius: float,
) -> NDArray[np.float64] | None:
    """Minimum of a quadratic model around the best point, shape (d,); None if the model is not reliable.

    Only results with the same categories and branches as the best point count, and only numeric coordinates move. The
    allowed distance grows with the accuracy of the quadratic. The result is None if the nearest trial failed.

    Args:
        layout: Layout of the unit cube.
        points: Points, shape (n, d).
        active: True where a coordinate is active, shape (n, d).
        losses: Losses to be minimised, NaN for a failed trial, shape (n,).
        best: Index of the centre.
        radius: Half the width of the region, in units of the cube.
    """
    nominal = list(layout.nominal)
    moving = layout.numeric[active[best, layout.numeric]]
    alike = (active == active[best]).all(axis=1) & (points[:, nominal] == points[best, nominal]).all(axis=1)
    z, excess = points[:, moving] - points[best, moving], losses - losses[best]
    reach = reaches(layout, radius)[moving]
    distance = np.abs(z / reach).max(axis=1, initial=0.0)
    near = np.argsort(distance, kind="stable")
    near = near[(alike & (excess >= 0) & (distance > 0))[near]]
    quadratic = fit_quadratic(z[near], excess[near]) if len(near) else None
    if quadratic is None or not quadratic.error < _TRUSTED:
        return None
    reach *= min(_REACH, max(1.0, _EXACT / max(quadratic.error, 1e-300)))
    low = np.maximum(-reach, layout.low[moving] - points[best, moving])
    high = np.minimum(reach, layout.high[moving] - points[best, moving])
    quadratic = quadratic.convex()
    step = box_minimum(quadratic, low, high)
    found = points[best].copy()
    found[moving] += step
    if len(layout.discrete):
        found = _on_levels(layout, quadratic, points[best], moving, found, (low, high))
        step = found[moving] - points[best, moving]
    away = np.abs((points[alike][:, moving] - found[moving]) / reach).max(axis=1, initial=0.0)
    if np.isnan(losses[alike][int(np.argmin(away))]):
        return None
    usual = float(np.nanmedian(np.abs(losses)))  # median, because some losses are huge
    return found if quadratic.value(step) < -_GAIN * usual else None


def _on_levels(
    layout: Layout,
    quadratic: Quadratic,
    best: NDArray[np.float64],
    moving: NDArray[np.intp],
    found: NDArray[np.float64],
    box: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Round discrete coordinates, move each by one level if lower, and re-optimise the continuous coordinates."""
    low, high = box
    stepped = np.isin(moving, layout.discrete)

    def settled(unit: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        unit = layout.snap(unit[None]).unit[0]
        z = unit[moving] - best[moving]
        z = box_minimum(quadratic, np.where(stepped, z, low), high, stepped)
        unit[moving] = best[moving] + z
        return quadratic.value(z), unit

    value, found = settled(found)
    for j in moving[stepped]:
        levels = layout.columns[j].levels
        assert levels is not None
        at = int(layout.level(int(j), found[[j]])[0])
        for level in levels[max(0, at - 1) : at + 2]:
            moved = found.copy()
            moved[j] = level
            lower, there = settled(moved)
            if lower < value:
                value, found = lower, there
    return found
