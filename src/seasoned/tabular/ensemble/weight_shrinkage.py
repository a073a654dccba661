"""Shrinkage of ensemble weights towards equal weights, as far as the rows do not separate the two.

Weights selected by their loss on few rows overfit these rows. An average may beat the average of the best models by
less than its standard error. Such a gain does not transfer to other rows. Where the rows do separate the two, the
weights stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["BEST", "shrink_weights"]

BEST: Final = 5
"""Number of the best models in the average with equal weights."""

_SHARES: Final = np.array([0.0, 0.25, 0.5])  # steps towards equal weights, as shares of the way
_ERRORS: Final = 2.0  # largest allowed rise of the loss, in standard errors
_SAMPLES: Final = 20  # bootstrap samples of the rows
_KNOWN: Final = 5  # smallest number of bootstrap samples with a defined loss


def shrink_weights(
    weights: NDArray[np.float64],
    equal: NDArray[np.float64],
    stack: NDArray[np.float64],
    measure: Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]],
    bound: float,
    seed: int,
    *,
    groups: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Shrunk weights: (1 - s) weights + s equal, with the largest s of 0, 1/4, 1/2 that the rows allow.

    The rows allow s if the loss stays within the bound and rises by at most two standard errors of its rise. The
    standard error comes from a bootstrap over rows, or over groups. If both weights give the same predictions, they
    stay unchanged.

    Args:
        weights: The selected weights, of sum 1, shape (m,).
        equal: The weights to shrink to, of sum 1, shape (m,).
        stack: Predictions, shape (m, n) or (m, n, classes).
        measure: Losses of predictions on some rows: a stack of shape (k, n, ...) and row numbers to shape (k,).
        bound: Largest allowed loss.
        seed: Seed of the bootstrap.
        groups: Group number of each row, shape (n,). Groups are drawn whole; None for independent rows.
    """
    mixed = np.stack([(1.0 - share) * weights + share * equal for share in _SHARES])
    predicted = np.tensordot(mixed, stack, axes=1)
    if np.allclose(predicted[0], predicted[-1], rtol=1e-9, atol=0.0):
        return weights
    rows = np.arange(stack.shape[1])
    losses = measure(predicted, rows)
    rng = np.random.default_rng(seed)
    found = np.array([measure(predicted, _resampled(rows, groups, rng)) for _ in range(_SAMPLES)])
    found = found[np.isfinite(found).all(axis=1)]
    rises = found - found[:, :1]
    if len(rises) < _KNOWN or not np.isfinite(losses).all():
        return weights
    allowed = (losses - losses[0] <= _ERRORS * rises.std(axis=0)) & (losses <= bound)
    allowed[0] = True
    return np.asarray(mixed[np.flatnonzero(allowed).max()])


def _resampled(
    rows: NDArray[np.int64], groups: NDArray[np.int64] | None, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Bootstrap sample of the rows, or of whole groups."""
    if groups is None:
        return np.sort(rng.choice(rows, len(rows)))
    known, place = np.unique(groups, return_inverse=True)
    times = np.bincount(rng.integers(len(known), size=len(known)), minlength=len(known))
    return np.repeat(rows, times[place])
