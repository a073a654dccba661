"""Random functions of a graph's nodes: from the parents' values, (rows, inputs), to a node's values, (rows, outputs).

The kinds are those of TabICLv2's prior (arXiv 2602.11139): linear, quadratic, network, trees, nearest centre, Gaussian
process and product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.incontext.prior.activations import ACTIVATIONS
from seasoned.incontext.prior.choices import log_integer, log_uniform, one_of, standardise

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS", "draw_values", "trees"]


def matrix(rng: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    """Return a random matrix: dense, sparse, or with inputs of very different weight."""
    weights = rng.standard_normal((inputs, outputs))
    kind = rng.integers(3)
    if kind == 0:
        weights *= rng.random((inputs, outputs)) < rng.uniform(0.2, 1)
    elif kind == 1:
        weights *= np.exp(rng.normal(0, 1.5, (inputs, 1)))
    norm = np.sqrt(np.square(weights).sum(axis=0))
    return np.asarray(weights / np.where(norm > 0, norm, 1))


def linear(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return linear combinations."""
    return np.asarray(x @ matrix(rng, x.shape[1], outputs))


def quadratic(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return quadratic forms `sum_r (x a_r) (x b_r) + x c` of rank one to three."""
    rank = int(rng.integers(1, 4))
    left, right = (x @ matrix(rng, x.shape[1], rank * outputs) for _ in range(2))
    forms = (left * right).reshape(len(x), outputs, rank).sum(axis=2)
    return np.asarray(forms + rng.uniform(0, 1) * linear(rng, x, outputs))


def network(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return a network of one to three layers; its activations are drawn, one for each layer."""
    for width in [log_integer(rng, 4, 32) for _ in range(rng.integers(3))] + [outputs]:
        bias = rng.normal(0, 0.5, width)
        x = standardise(one_of(rng, ACTIVATIONS)(standardise(x @ matrix(rng, x.shape[1], width)) + bias))
    return x


def trees(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return a sum of oblivious trees: a level of a tree has one question, whose threshold is a value of the data."""
    count, depth = log_integer(rng, 1, 32), int(rng.integers(1, 6))
    column = rng.integers(x.shape[1], size=(count, depth))
    threshold = x[rng.integers(len(x), size=(count, depth)), column]
    leaf = ((x[:, column] > threshold) * (1 << np.arange(depth))).sum(axis=2)
    values = rng.standard_normal((count, 1 << depth, outputs))
    return np.asarray(values[np.arange(count), leaf].sum(axis=1))


def nearest(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return the random vector of the nearest of some centres, which are rows of the data."""
    centres = x[rng.integers(len(x), size=log_integer(rng, 2, 24))]
    squares = np.square(centres).sum(axis=1) - 2 * x @ centres.T
    return np.asarray(rng.standard_normal((len(centres), outputs))[squares.argmin(axis=1)])


def gaussian_process(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return random Fourier features of a stationary kernel; heavier frequencies make rougher functions."""
    features = 64
    frequencies = matrix(rng, x.shape[1], features) * log_uniform(rng, 0.3, 4)
    if rng.random() < 0.5:
        frequencies = frequencies / np.sqrt(rng.gamma(1.5, 1, features))  # a Student spectrum: Matern
    waves = np.cos(x @ frequencies + rng.uniform(0, 2 * np.pi, features))
    return np.asarray(waves @ rng.standard_normal((features, outputs)))


def product(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return the product of two functions."""
    left, right = (standardise(one_of(rng, FUNCTIONS[:-1])(rng, x, outputs)) for _ in range(2))
    return np.asarray(left * right)


FUNCTIONS: Final[tuple[Callable[[np.random.Generator, np.ndarray, int], np.ndarray], ...]] = (
    linear,
    linear,
    quadratic,
    network,
    network,
    trees,
    trees,
    nearest,
    gaussian_process,
    product,
)


def draw_values(rng: np.random.Generator, parents: list[np.ndarray], outputs: int) -> np.ndarray:
    """Return standardised values of a node, (rows, outputs): one function of all parents, or one for each, combined."""
    if len(parents) == 1 or rng.random() < 0.5:
        return standardise(one_of(rng, FUNCTIONS)(rng, np.concatenate(parents, axis=1), outputs))
    parts = np.stack([standardise(one_of(rng, FUNCTIONS)(rng, parent, outputs)) for parent in parents])
    kind = rng.integers(4)
    return standardise(parts.prod(axis=0) if kind == 0 else parts.max(axis=0) if kind == 1 else parts.sum(axis=0))
