"""A model of the neighbourhood of the best point, and where to step inside a trust region.

Near its bottom a smooth function is a quadratic, and a Bayesian quadratic regression with a Matern rest finds the
bottom in steps that shrink superlinearly, as the interpolation models of Powell's NEWUOA (2006) and the surrogate of
lq-CMA-ES (Hansen 2019) do. The trend's isotropic prior on coefficients is their minimum-norm rule; noise that grows
with the distance from the best value is their weighting. The region follows the rules of trust-region methods (Conn,
Gould and Toint 2000, ch. 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.surrogates.gp import GaussianProcess, Sample, condition, fit
from seasoned.surrogates.hyper import local_prior
from seasoned.surrogates.kernel import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.surrogates.layout import Layout

__all__ = ["Neighbourhood", "Region", "neighbourhood"]

_LARGEST: Final = 0.5
_SMALLEST: Final = 1e-7
_SHRINK: Final = 0.7
_PATIENCE: Final = 2  # failures that shrink the region
_DULL: Final = 3  # dull steps per dimension that end a search
_CLIP: Final = 1e6
_MOST: Final = 110  # points in a local model


@dataclass(frozen=True, slots=True)
class Region:
    """A box about the best point of a local search, and when that search is over.

    Attributes:
        radius: Half its width, in units of the cube.
        failures: Steps without gain at this radius.
        minor: Steps in a row without a gain worth mentioning.
    """

    radius: float = 0.4
    failures: int = 0
    minor: int = 0

    def collapsed(self, dimension: int) -> bool:
        """Whether to go on is not worth it: too small, or long without a gain worth mentioning."""
        return self.radius < _SMALLEST or self.minor >= _DULL * dimension + 4

    def stepped(self, length: float, *, gained: bool, worthy: bool) -> Region:
        """The region after a step.

        Args:
            length: Of the step, in units of the cube, largest coordinate.
            gained: Whether it found a better point.
            worthy: Whether the gain was worth mentioning.
        """
        minor = 0 if worthy else self.minor + 1
        if gained:
            radius = self.radius
            if length > 0.7 * radius:
                radius = min(_LARGEST, 2.0 * radius)
            elif length < 0.15 * radius:
                radius = max(0.5 * radius, 2.0 * length)
            return Region(radius, 0, minor)
        if self.failures + 1 < _PATIENCE:
            return Region(self.radius, self.failures + 1, minor)
        return Region(_SHRINK * self.radius, 0, minor)


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A local model; its features are (features - origin) / unit.

    Attributes:
        gp: Posterior of (loss - best loss) / scale.
        best: The best point, shape (d,).
        origin: Its features, shape (p,).
        unit: The region's radius for numeric features, 1 for others, shape (p,).
    """

    gp: GaussianProcess
    best: NDArray[np.float64]
    origin: NDArray[np.float64]
    unit: NDArray[np.float64]


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
    """The model about one of the given results.

    Args:
        layout: What the coordinates mean.
        points: Shape (n, d).
        active: Which coordinates are in use, shape (n, d).
        losses: To be minimised, without NaN, shape (n,).
        best: Index of the centre.
        radius: Half the width of the region, in units of the cube.
        start: Hyperparameters to start from; those of the prior if left out.
    """
    numeric = len(layout.numeric)
    features = layout.features(points, active)
    unit = np.where(np.arange(features.shape[1]) < numeric, radius, 1.0)
    scaled = (features - features[best]) / unit
    distance = np.einsum("ij,ij->i", scaled, scaled)
    wanted = min(max(int(1.5 * (numeric + 1) * (numeric + 2)), 10), _MOST)
    near = np.argsort(distance, kind="stable")[:wanted]
    excess = losses[near] - losses[best]
    scale = float(np.median(excess)) or float(excess.max()) or 1.0
    targets = np.clip(excess / scale, -_CLIP, _CLIP)
    frame = Frame(layout.groups, numeric, np.zeros(numeric), np.ones(numeric))
    prior = local_prior(frame.lengths)
    sample = Sample(scaled[near], targets, targets * targets)
    warm = start is not None and len(start) == len(prior.start)
    theta = fit(sample, frame, prior, [start] if start is not None and warm else [], steps=12 if warm else 30)
    return Neighbourhood(condition(sample, frame, theta), points[best], features[best], unit)
