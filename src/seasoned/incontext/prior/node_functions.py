"""Random functions of a graph's nodes: from the parents' values, (rows, inputs), to a node's values, (rows, outputs).

The kinds are those of TabICLv2's prior (arXiv 2602.11139): linear, quadratic, network, trees, nearest centre, Gaussian
process and product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.incontext.prior.activations import activate
from seasoned.incontext.prior.choices import gaussian, log_integer, log_uniform, one_of, standardise
from seasoned.incontext.prior.matrices import draw_matrix, draw_weights
from seasoned.incontext.prior.trees import nearest_centre, sum_of_trees

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS", "combine_parents", "draw_function"]

_WIDEST_SQUARE: Final = 20
_WAVES: Final = 128


def linear(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return linear combinations."""
    return np.asarray(x @ draw_matrix(rng, x.shape[1], outputs))


def quadratic(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return quadratic forms of at most 20 of the inputs, with linear and constant terms."""
    chosen = rng.permutation(x.shape[1])[:_WIDEST_SQUARE]
    ones = np.ones((len(x), 1), dtype=x.dtype)
    x = np.hstack([x[:, chosen], ones])
    first, second = np.triu_indices(x.shape[1])
    return np.asarray((x[:, first] * x[:, second]) @ draw_matrix(rng, len(first), outputs))


def network(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return a network of one to three layers; half of the networks begin, and half end, with an activation."""
    if rng.random() < 0.5:
        x = activate(rng, x)
    width = log_integer(rng, 1, 64)
    for _ in range(log_integer(rng, 1, 3) - 1):
        x = activate(rng, linear(rng, x, width))
    x = linear(rng, x, outputs)
    return activate(rng, x) if rng.random() < 0.5 else x


def gaussian_process(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return draws of a stationary Gaussian process by random Fourier features (Rahimi and Recht 2007).

    The radius of a frequency has the density `(a - 1) (1 + r)^-a`: a small a gives rough draws. Half of the kernels
    are products over the inputs, the others depend on a distance in which some inputs weigh more.
    """
    inputs, decay = x.shape[1], log_uniform(rng, 2, 20)
    if rng.random() < 0.5:
        frequencies = _radii(rng, decay, inputs, _WAVES)
    else:
        directions = gaussian(rng, inputs, _WAVES)
        directions *= _radii(rng, decay, 1, _WAVES) / np.sqrt(np.square(directions).sum(axis=0))
        weighted = gaussian(rng, inputs, inputs) * draw_weights(rng, inputs)[:, None]
        frequencies = np.float32(log_uniform(rng, 0.5, 10)) * weighted @ directions
    phases = np.float32(2 * np.pi) * rng.random(_WAVES, dtype=np.float32)
    return np.asarray(np.cos(x @ frequencies + phases) @ gaussian(rng, _WAVES, outputs))


def _radii(rng: np.random.Generator, decay: float, *shape: int) -> np.ndarray:
    u = np.maximum(rng.random(shape, dtype=np.float32), 1e-4)
    return np.asarray(u ** np.float32(1 / (1 - decay)) - 1)


def product(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return the product of two functions that are no products."""
    factors = [standardise(one_of(rng, FUNCTIONS[:-1])(rng, x, outputs)) for _ in range(2)]
    return np.asarray(factors[0] * factors[1])


FUNCTIONS: Final[tuple[Callable[[np.random.Generator, np.ndarray, int], np.ndarray], ...]] = (
    linear,
    quadratic,
    network,
    sum_of_trees,
    nearest_centre,
    gaussian_process,
    product,
)


def draw_function(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """Return the values of a random function, (rows, outputs)."""
    return one_of(rng, FUNCTIONS)(rng, x, outputs)


def combine_parents(rng: np.random.Generator, parents: list[np.ndarray], outputs: int) -> np.ndarray:
    """Return one function of all parents, or one function of each: their sum, product or maximum, (rows, outputs)."""
    if len(parents) == 1 or rng.random() < 0.5:
        return draw_function(rng, np.concatenate(parents, axis=1), outputs)
    parts = np.stack([standardise(draw_function(rng, parent, outputs)) for parent in parents])
    kind = rng.integers(3)
    return np.asarray(parts.sum(axis=0) if kind == 0 else parts.prod(axis=0) if kind == 1 else parts.max(axis=0))
