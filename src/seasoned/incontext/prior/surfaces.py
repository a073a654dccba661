"""Drawn functions over a search space, as losses over hyperparameters show.

A function is a weighted sum of parts over warped inputs, each with mean 0 and standard deviation 1 on random points:

- Gaussian processes with random spectral features (Rahimi and Recht 2007): the kernel exp(-r^2/2) has normal
  frequencies, a Matern kernel frequencies of Student's t (2 nu degrees of freedom);
- bowls, whose optimum lies inside the cube;
- sums of random trees.

Only some columns are relevant. The sum is warped: exponentials, powers, plateaus, steps; a region may fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from seasoned.incontext.prior.choices import log_integer, log_uniform, one_of

if TYPE_CHECKING:
    from seasoned.incontext.prior.spaces import DrawnSpace

Function: TypeAlias = Callable[[np.ndarray], np.ndarray]

__all__ = ["Function", "draw_surface"]

REFERENCE = 128
"""Random points on which functions are standardised and thresholds chosen."""
FREQUENCIES = 128
FAILING = 0.12
"""Share of functions with a region in which trials fail."""


def draw_surface(rng: np.random.Generator, space: DrawnSpace) -> Function:
    """Return a drawn function of configurations, shape (n, d), with values of shape (n,); it is to be minimised."""
    inputs, relevance = _draw_inputs(rng, space)
    reference = inputs(space.snap(rng.random((REFERENCE, len(space.levels)))))
    kinds = [one_of(rng, (gaussian_process, gaussian_process, bowl, trees)) for _ in range(log_integer(rng, 1, 4))]
    total = _standard(_sum(rng, [_standard(kind(rng, reference, relevance), reference) for kind in kinds]), reference)
    for _ in range(int(rng.integers(0, 3))):
        warp = one_of(rng, WARPS)(rng, total(reference))
        total = _standard(_chain(total, warp), reference)
    if rng.random() < FAILING:
        total = _with_failures(rng, total, reference, relevance)
    return _chain(inputs, total)


def _draw_inputs(rng: np.random.Generator, space: DrawnSpace) -> tuple[Function, np.ndarray]:
    """Return the map of configurations to p real inputs, and the relevance of each input, shape (p,).

    A number is warped by Kumaraswamy's distribution function 1 - (1 - x^a)^b. Each level of a category has a random
    point of up to three inputs, so that levels have effects of their own and interact. NaN has a point of its own.
    """
    columns = len(space.levels)
    strength = np.exp(rng.normal(0.0, 0.5, columns)) * (rng.random(columns) < rng.uniform(0.2, 1.2))
    strength[rng.integers(columns)] = 1.0
    maps: list[Function] = []
    relevance: list[float] = []
    for column, levels in enumerate(space.levels):
        if space.nominal[column] and levels is not None:
            inputs = min(len(levels) - 1, 3)
            maps.append(_category(rng, space, column, (len(levels) + 1, inputs)))
        else:
            inputs = 1
            maps.append(_number(rng, column))
        relevance += [float(strength[column])] * inputs
    return lambda X: np.concatenate([map_(X) for map_ in maps], axis=1), np.array(relevance)


def _category(rng: np.random.Generator, space: DrawnSpace, column: int, shape: tuple[int, int]) -> Function:
    points = rng.normal(0.5, 0.4, shape)
    return lambda X: points[space.level(column, X[:, column])]


def _number(rng: np.random.Generator, column: int) -> Function:
    a, b = np.exp(rng.normal(0.0, 0.6, 2)) if rng.random() < 0.6 else (1.0, 1.0)
    default = rng.random()
    return lambda X: 1 - (1 - np.where(np.isnan(X[:, [column]]), default, X[:, [column]]) ** a) ** b


def gaussian_process(rng: np.random.Generator, _: np.ndarray, relevance: np.ndarray) -> Function:
    """Return a draw of a Gaussian process with a random kernel and a length scale for each input."""
    used = int((relevance > 0).sum())
    scale = np.exp(rng.normal(np.log(0.35) + 0.5 * np.log(used), 0.6)) * np.exp(rng.normal(0.0, 0.3, len(relevance)))
    frequencies = rng.standard_normal((len(relevance), FREQUENCIES))
    freedom = one_of(rng, (0, 3, 5))  # none, or 2 nu of a Matern kernel
    if freedom:
        frequencies /= np.sqrt(rng.chisquare(freedom, FREQUENCIES) / freedom)
    frequencies *= (relevance / scale)[:, None]
    phases = rng.uniform(0, 2 * np.pi, FREQUENCIES)
    weights = rng.standard_normal(FREQUENCIES)
    return lambda Z: np.cos(Z @ frequencies + phases) @ weights


def bowl(rng: np.random.Generator, reference: np.ndarray, relevance: np.ndarray) -> Function:
    """Return a power of a positive quadratic form, minimal inside the cube."""
    center = reference.min(axis=0) + rng.uniform(0.05, 0.95, len(relevance)) * np.ptp(reference, axis=0)
    matrix = np.diag(np.exp(rng.normal(0.0, 0.8, len(relevance))))
    if rng.random() < 0.5:
        matrix += rng.normal(0.0, 0.5 / np.sqrt(len(relevance)), matrix.shape)
    matrix *= relevance[:, None]
    power = rng.uniform(0.4, 1.3)
    return lambda Z: (((Z - center) @ matrix) ** 2).sum(axis=1) ** power


def trees(rng: np.random.Generator, reference: np.ndarray, relevance: np.ndarray) -> Function:
    """Return a sum of oblivious trees, which split at values of random points."""
    count, depth = log_integer(rng, 1, 32), int(rng.integers(1, 5))
    inputs = rng.choice(len(relevance), (count, depth), p=relevance / relevance.sum())
    splits = reference[rng.integers(len(reference), size=inputs.shape), inputs]
    leaves = rng.standard_normal((count, 2**depth))
    bits = 2 ** np.arange(depth)
    return lambda Z: leaves[np.arange(count), (Z[:, inputs] > splits) @ bits].sum(axis=1)


def exponential(rng: np.random.Generator, _: np.ndarray) -> Function:
    """Return the warp exp(a f)."""
    a = log_uniform(rng, 0.3, 2.0)
    return lambda f: np.exp(a * np.clip(f, -6, 6))


def power(rng: np.random.Generator, f: np.ndarray) -> Function:
    """Return a power of the distance to a value somewhat below the smallest."""
    low, exponent = f.min() - rng.uniform(0.0, 0.5), log_uniform(rng, 0.3, 3.0)
    return lambda f: np.maximum(f - low, 0.0) ** exponent


def ceiling(rng: np.random.Generator, f: np.ndarray) -> Function:
    """Return a smooth minimum of f and a constant: all bad trials are about equally bad."""
    top, width = np.quantile(f, rng.uniform(0.2, 0.95)), log_uniform(rng, 0.02, 0.5)
    return lambda f: -width * np.logaddexp(0.0, (top - f) / width)


def floor(rng: np.random.Generator, f: np.ndarray) -> Function:
    """Return a smooth maximum of f and a constant: many trials are about equally good."""
    bottom, width = np.quantile(f, rng.uniform(0.0, 0.4)), log_uniform(rng, 0.02, 0.5)
    return lambda f: width * np.logaddexp(0.0, (f - bottom) / width)


def steps(rng: np.random.Generator, _: np.ndarray) -> Function:
    """Return f rounded, as a share of correct answers is."""
    size = log_uniform(rng, 0.02, 0.5)
    return lambda f: np.round(f / size) * size


WARPS = (exponential, exponential, power, ceiling, ceiling, floor, steps)


def _with_failures(
    rng: np.random.Generator, function: Function, reference: np.ndarray, relevance: np.ndarray
) -> Function:
    """Return the function with one bad value in a region."""
    region = one_of(rng, (gaussian_process, bowl, trees))(rng, reference, relevance)
    limit = np.quantile(region(reference), rng.uniform(0.7, 0.97))
    values = function(reference)
    worst = values.max() + rng.uniform(0.0, 1.0) * np.ptp(values)
    return lambda Z: np.where(region(Z) > limit, worst, function(Z))


def _sum(rng: np.random.Generator, parts: list[Function]) -> Function:
    weights = np.exp(rng.normal(0.0, 1.0, len(parts)))
    return lambda Z: sum((weight * part(Z) for weight, part in zip(weights, parts, strict=True)), np.zeros(len(Z)))


def _standard(function: Function, reference: np.ndarray) -> Function:
    """Return the function shifted and scaled to mean 0 and standard deviation 1 on the reference points."""
    values = function(reference)
    mean, spread = values.mean(), values.std()
    return lambda Z: (function(Z) - mean) / (spread if spread > 1e-9 else 1.0)


def _chain(first: Function, second: Function) -> Function:
    return lambda X: second(first(X))
