"""Crossover and mutation on trees of parameters: a child inherits whole branches; only parameters in use mutate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.samplers.evolution.population import Genes

__all__ = ["crossover", "mutate"]

_LEAP: Final = 0.1  # factor of a category's mutation rate; a change of category is larger than a numeric step
_REACH: Final = 0.5  # alpha of BLX-alpha: largest distance of a child beyond its parents, as a share of their distance
_FINEST, _COARSEST = np.log(1e-4), np.log(0.3)  # logarithms of the smallest and largest scale of a step, in cube units


def crossover(
    genes: Genes, mother: NDArray[np.float64], father: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return a child of two points, shape (d,).

    Numbers are blended (BLX-alpha). A category comes from either parent. Under a choice in which the parents differ,
    the whole branch comes from the parent with the inherited option, because the other parent has only unused defaults.

    Args:
        genes: Coordinates by kind.
        mother: A point whose coordinates not in use have their defaults, shape (d,).
        father: Another such point.
        rng: Source of the draws.
    """
    draws = rng.random((2, len(mother)))
    blend = mother + ((1.0 + 2.0 * _REACH) * draws[0] - _REACH) * (father - mother)
    child: NDArray[np.float64] = np.where(genes.nominal, np.where(draws[1] < 0.5, mother, father), _reflected(blend))
    if not genes.nested:
        return child
    apart: list[NDArray[np.float64] | None] = [None] * len(mother)  # the only parent of a branch
    for index, parent in enumerate(genes.parents):
        source = apart[parent] if parent >= 0 else None
        if source is not None:
            apart[index] = source
            child[index] = source[index]
        elif genes.choices[index] and genes.bin_of(index, mother[index]) != genes.bin_of(index, father[index]):
            apart[index] = mother if draws[1, index] < 0.5 else father
    return child


def mutate(
    genes: Genes, point: NDArray[np.float64], rate: float | None, rng: np.random.Generator, *, forced: bool
) -> NDArray[np.float64]:
    """Return the point with some coordinates in use changed, shape (d,).

    A number takes a Gaussian step of log-uniform scale, so the search stays both coarse and fine. A category changes to
    another one. A choice that changes gets random settings in its new branch.

    Args:
        genes: Coordinates by kind.
        point: Any point, shape (d,).
        rate: Mutation probability of each coordinate in use. None: two divided by the number of coordinates in use, at
            most 0.5. A coordinate without order has a tenth of the rate.
        rng: Source of the draws.
        forced: True if at least one coordinate must change.
    """
    active = _active(genes, point) & (genes.levels != 1)
    draws = rng.random(len(point))
    chance = min(0.5, 2.0 / max(1, int(active.sum()))) if rate is None else rate
    hit = active & (draws < np.where(genes.nominal, _LEAP * chance, chance))
    if forced and not hit.any() and active.any():
        hit[rng.choice(active.nonzero()[0])] = True
    child = point.copy()
    renewed = 0  # coordinates before this index are final
    for index in hit.nonzero()[0].tolist():
        if index < renewed:
            continue
        if genes.nominal[index]:
            child[index] = genes.other(index, float(point[index]), rng.random())
            renewed = genes.ends[index]
            child[index + 1 : renewed] = rng.random(renewed - index - 1)
        else:
            step = float(np.exp(rng.uniform(_FINEST, _COARSEST)) * rng.standard_normal())
            least = 1.0 / genes.levels[index] if genes.levels[index] else 0.0
            step = math.copysign(max(abs(step), least), step)
            child[index] = _folded(child[index] + step)
            if least and genes.bin_of(index, child[index]) == genes.bin_of(index, point[index]):
                child[index] = _folded(point[index] - step)  # mirrored back into the same bin
            if genes.logarithmic[index] and genes.bin_of(index, child[index]) == genes.bin_of(index, point[index]):
                child[index] = genes.beside(index, float(point[index]), up=step > 0)  # bin wider than the step
    return child


def _active(genes: Genes, point: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask of the coordinates in use, shape (d,)."""
    active = np.ones(len(point), dtype=np.bool_)
    if not genes.nested:
        return active
    for index, parent in enumerate(genes.parents):
        if parent >= 0:
            active[index] = active[parent] and genes.bin_of(parent, point[parent]) == genes.bins[index]
    return active


def _folded(coordinate: float) -> float:
    """Coordinate mirrored at the ends of the unit interval."""
    folded = abs(coordinate) % 2.0
    return 2.0 - folded if folded > 1.0 else folded


def _reflected(point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Point mirrored at the faces of the cube, shape (d,)."""
    folded = np.abs(point) % 2.0
    return np.where(folded > 1.0, 2.0 - folded, folded)
