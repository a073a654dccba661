"""Parzen mixtures on the unit cube: kernel density estimates with sampling.

    p(x) = sum_i w_i prod_j k_j(x_j | c_ij)

One component is uniform, so that p is positive everywhere. Densities are relative to the uniform distribution: 1 means
chance level. For a number, k_j is a Gaussian truncated to [0, 1]. For a category of C values, k_j is the kernel of
Aitchison and Aitken (1976): the value of the centre has probability 1 - b, and the other values share b.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Parzen", "fit_parzen"]

_LEAST_MASS: Final = 1e-300  # least mass of a kernel in a bin, so that the log is finite in spite of underflow
_WIDTH: Final = 0.13  # width of a kernel for one point, in units of the cube
_NARROWING: Final = 1 / 3  # exponent a of the width, which is proportional to n^-a for n points
_NARROWEST: Final = 0.02  # least width of a kernel, in units of the cube


@dataclass(frozen=True, slots=True)
class Parzen:
    """Mixture of one kernel per point, and a uniform component.

    Attributes:
        centres: Points, shape (n, d).
        widths: Standard deviations of the Gaussian kernels, shape (d,).
        levels: Number of values of each coordinate, 0 for a continuous one, shape (d,).
        nominal: True for coordinates without an order, bool, shape (d,).
        keep: Probability 1 - b of the value of the centre, for nominal coordinates, shape (d,).
        weights: Weights of the points and, last, of the uniform component, summing to 1, shape (n + 1,).
    """

    centres: NDArray[np.float64]
    widths: NDArray[np.float64]
    levels: NDArray[np.intp]
    nominal: NDArray[np.bool_]
    keep: NDArray[np.float64]
    weights: NDArray[np.float64]

    def sample(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Sample points from the mixture, shape (count, d); discrete coordinates are at bin centres."""
        from scipy.special import ndtr, ndtri

        drawn = rng.random((count, len(self.levels)))
        component = rng.choice(len(self.weights), size=count, p=self.weights)
        near = component < len(self.centres)  # other points are of the uniform component and stay unchanged
        centres = self.centres[component[near]]
        numeric = np.flatnonzero(~self.nominal)
        low = ndtr(-centres[:, numeric] / self.widths[numeric])
        high = ndtr((1.0 - centres[:, numeric]) / self.widths[numeric])
        inside = low + (high - low) * drawn[np.ix_(near, numeric)]
        drawn[np.ix_(near, numeric)] = centres[:, numeric] + self.widths[numeric] * ndtri(inside)
        for j in np.flatnonzero(self.nominal):
            kept = rng.random(len(centres)) < self.keep[j]
            shift = 1 + (drawn[near, j] * max(1, self.levels[j] - 1)).astype(np.intp)  # to any other value
            value = (_bin(centres[:, j], self.levels[j]) + np.where(kept, 0, shift)) % self.levels[j]
            drawn[near, j] = (value + 0.5) / self.levels[j]
        return snapped(drawn, self.levels)

    def log_density(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log density at points of shape (k, d), relative to the uniform density, shape (k,)."""
        with np.errstate(divide="ignore"):  # a component may have weight 0
            parts = np.log(self.weights)[None, :] + np.zeros((len(points), 1))
        if len(self.centres):
            parts[:, :-1] += self._continuous(points) + self._stepped(points) + self._nominal(points)
        highest = parts.max(axis=1, keepdims=True)
        return np.asarray(np.log(np.exp(parts - highest).sum(axis=1)) + highest[:, 0])

    def _continuous(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Summed log kernels of the continuous coordinates, truncated Gaussians, shape (k, n)."""
        from scipy.special import ndtr

        columns = self.levels == 0
        widths, left, centres = self.widths[columns], points[:, columns], self.centres[:, columns]
        mass = ndtr((1.0 - centres) / widths) - ndtr(-centres / widths)
        scale = np.log(mass).sum(axis=1) + np.log(widths * math.sqrt(2 * math.pi)).sum()
        x, c = left / widths, centres / widths
        squares = (x**2).sum(axis=1)[:, None] - 2 * x @ c.T + (c**2).sum(axis=1)[None, :]
        return np.asarray(-0.5 * np.maximum(squares, 0.0) - scale[None, :])

    def _stepped(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Summed log kernels of ordered discrete coordinates, masses of truncated Gaussians in bins, shape (k, n)."""
        from scipy.special import ndtr

        total = np.zeros((len(points), len(self.centres)))
        for j in np.flatnonzero(~self.nominal & (self.levels > 0)):
            count = int(self.levels[j])
            place, centres, width = _bin(points[:, j], count)[:, None], self.centres[None, :, j], self.widths[j]
            inside = ndtr(((place + 1) / count - centres) / width) - ndtr((place / count - centres) / width)
            mass = inside / (ndtr((1.0 - centres) / width) - ndtr(-centres / width))
            total += np.log(np.maximum(count * mass, _LEAST_MASS))
        return total

    def _nominal(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Summed log kernels of the nominal coordinates, shape (k, n)."""
        total = np.zeros((len(points), len(self.centres)))
        for j in np.flatnonzero(self.nominal & (self.levels > 1)):
            count = int(self.levels[j])
            same = _bin(points[:, j], count)[:, None] == _bin(self.centres[:, j], count)[None, :]
            keep = float(self.keep[j])
            total += np.where(same, math.log(keep * count), math.log((1 - keep) * count / (count - 1)))
        return total


def fit_parzen(
    points: NDArray[np.float64],
    levels: NDArray[np.intp],
    nominal: NDArray[np.bool_],
    weights: NDArray[np.float64] | None = None,
) -> Parzen:
    """Fit a mixture with a kernel at each point.

    Kernels become narrower with more points. The width of a Gaussian kernel is `0.13 n^(-1/3)`, at least 2% of the
    cube, and at least half a bin of a discrete coordinate. For a category, 1 - b = (n + 2) / (n + 1 + C).
    The weight of the uniform component is the mean weight of the points.

    Args:
        points: Points, shape (n, d); n may be 0.
        levels: Number of values of each coordinate, 0 for a continuous one, shape (d,).
        nominal: True for coordinates without an order, shape (d,).
        weights: Weights of the points, at least 0, shape (n,); equal if None.

    Source: Watanabe (2023), Tree-structured Parzen estimator: understanding its algorithm components and their roles,
    section 3 (weights, clipped bandwidths).

    Example:
        >>> points, levels, nominal = np.array([[0.1], [0.2]]), np.zeros(1, dtype=int), np.zeros(1, dtype=bool)
        >>> density = fit_parzen(points, levels, nominal)
        >>> near, far = density.log_density(np.array([[0.15], [0.9]]))
        >>> bool(near > 0 > far)
        True
    """
    count, dimensions = points.shape
    width = max(_WIDTH * max(count, 1) ** -_NARROWING, _NARROWEST)
    half_bin = np.divide(0.5, levels, out=np.zeros(dimensions), where=levels > 0)
    given = np.ones(count) if weights is None else weights
    mean = float(given.mean()) if count and given.sum() > 0 else 1.0
    mixed = np.append(given, mean)
    kernels = count + 1
    keep = (kernels + 1) / (kernels + np.maximum(levels, 1))
    return Parzen(points, np.maximum(width, half_bin), levels, nominal, np.minimum(keep, 1.0), mixed / mixed.sum())


def snapped(points: NDArray[np.float64], levels: NDArray[np.intp]) -> NDArray[np.float64]:
    """Clip points to the cube, and round discrete coordinates to bin centres, shape (k, d)."""
    inside = np.clip(points, 0.0, 1.0)
    stepped = levels > 0
    inside[:, stepped] = (_bin(inside[:, stepped], levels[stepped]) + 0.5) / levels[stepped]
    return inside


def _bin(points: NDArray[np.float64], levels: NDArray[np.intp] | int) -> NDArray[np.intp]:
    """Index of the bin of each coordinate."""
    return np.asarray(np.minimum((points * levels).astype(np.intp), np.asarray(levels) - 1), dtype=np.intp)
