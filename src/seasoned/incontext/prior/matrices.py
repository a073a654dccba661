"""Random matrices and weights of the drawn functions."""

from __future__ import annotations

import numpy as np

from seasoned.incontext.prior.choices import gaussian, log_uniform, one_of

__all__ = ["draw_matrix", "draw_weights"]


def draw_weights(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return positive weights with sum 1 that fall like a noisy power of their rank, in random order, (size,).

    A strong power makes few inputs matter; a weak one makes all matter about equally.
    """
    logits = -log_uniform(rng, 0.1, 6) * np.log(np.arange(1, size + 1))
    weights = np.exp(logits + log_uniform(rng, 1e-4, 3) * rng.standard_normal(size))
    return np.asarray(rng.permutation(weights / weights.sum()), dtype=np.float32)


def draw_matrix(rng: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    """Return a matrix whose columns have norm 1, (inputs, outputs): dense, sparse, of low rank or smooth."""
    kind = one_of(rng, (_dense, _sparse, _spectrum, _kernel))
    matrix = kind(rng, inputs, outputs) + np.float32(1e-6) * gaussian(rng, inputs, outputs)
    return np.asarray(matrix / (np.sqrt(np.square(matrix).sum(axis=0)) + 1e-6))


def _dense(rng: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    return gaussian(rng, inputs, outputs)


def _sparse(rng: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    """Return a matrix in which few inputs matter, others for each output."""
    weights = draw_weights(rng, inputs)
    return np.asarray(gaussian(rng, inputs, outputs) * rng.permuted(np.tile(weights, (outputs, 1)), axis=1).T)


def _spectrum(rng: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    """Return a matrix whose singular values fall like random weights."""
    rank = min(inputs, outputs)
    return np.asarray((gaussian(rng, inputs, rank) * draw_weights(rng, rank)) @ gaussian(rng, rank, outputs))


def _kernel(rng: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    """Return a Laplace kernel between random points, with random signs: near inputs act on near outputs."""
    a, b = gaussian(rng, inputs, 1, 3), gaussian(rng, 1, outputs, 3)
    distance = np.sqrt(np.square(a - b).sum(axis=2)) * np.float32(log_uniform(rng, 0.1, 10))
    return np.asarray(np.exp(-distance) * np.sign(gaussian(rng, inputs, outputs)))
