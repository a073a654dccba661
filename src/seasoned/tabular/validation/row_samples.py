"""Rows as a fidelity: on a large table, a configuration is first evaluated on samples of the rows.

A fit on a ninth of the rows takes a ninth of the time and identifies most configurations that are not worth a fit on
all rows. With few training rows all fits are fast, and samples would only cost time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_VALID", "levels_of", "nested"]

MOST_VALID: Final = 20_000
"""Largest number of validation rows for a fit on a sample; their noise is far smaller than configurations differ."""
_MIN_ROWS: Final = 60_000  # smallest number of training rows of a fold for evaluations on samples
_PARTS: Final = (9, 3)  # divisors of the number of rows: a ninth of the rows, then a third
_MAX_COST_SHARE: Final = (
    0.2  # largest cost of a sample, as a share of the fits on all rows, which it does not always save
)


def levels_of(rows: int, fits: int) -> tuple[int, ...]:
    """Return the numbers of training rows: a ninth, a third, all; empty if rows are few and samples are not used.

    A trial of a single fit has no sample of a third, which would cost too much in comparison.

    Args:
        rows: Number of training rows of the first fold.
        fits: Number of folds.

    Example:
        >>> levels_of(90_000, 3), levels_of(90_000, 1), levels_of(50_000, 3)
        ((10000, 30000, 90000), (10000, 90000), ())
    """
    if rows < _MIN_ROWS:
        return ()
    return (*(rows // part for part in _PARTS if 1 / part <= _MAX_COST_SHARE * fits), rows)


def nested(labels: NDArray[np.generic] | None, count: int, seed: int) -> NDArray[np.int64]:
    """Return an order of the indices 0 to count - 1, shape (count,), whose every prefix is a stratified sample.

    The rows of each class are shuffled. The i-th of n_c rows is placed at (i + u) / n_c, with one random u in [0, 1)
    per class. The first k rows then contain k n_c / n rows of the class, to within one.

    Args:
        labels: Class codes, shape (count,); None for numbers, whose order is a plain shuffle.
        count: Number of rows.
        seed: Seed of the shuffle.

    Example:
        >>> import numpy as np
        >>> labels = np.repeat([0, 1], [90, 10])
        >>> np.bincount(labels[nested(labels, 100, seed=0)[:50]]).tolist()
        [45, 5]
    """
    rng = np.random.default_rng([seed, count])
    order = rng.permutation(count)
    if labels is None:
        return order
    shuffled = labels[order]
    by_class = np.argsort(shuffled, kind="stable")
    _, starts, sizes = np.unique(shuffled[by_class], return_index=True, return_counts=True)
    places = (np.arange(count) - np.repeat(starts, sizes) + np.repeat(rng.random(len(sizes)), sizes)) / np.repeat(
        sizes, sizes
    )
    found: NDArray[np.int64] = order[by_class[np.argsort(places, kind="stable")]]
    return found
