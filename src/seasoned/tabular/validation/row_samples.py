"""Rows as a fidelity: on how many of a large table's rows a configuration is judged first, and on which.

A fit on a ninth of the rows costs a ninth of the time and tells most configurations that are worth the rest from those
that are not. Where a fold has few training rows all of them are quick, and the samples would only cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_VALID", "levels_of", "nested"]

MOST_VALID: Final = 20_000
"""Held-out rows that judge a fit on a sample: their noise is far below what configurations differ by."""
_LARGE: Final = 60_000  # training rows of a fold from which on a configuration is judged on samples first
_PARTS: Final = (9, 3)  # a ninth of the rows, then a third
_MOST: Final = 0.2  # of a trial's fits on all rows that a sample may cost; it saves them only some of the time


def levels_of(rows: int, fits: int) -> tuple[int, ...]:
    """Numbers of training rows, rising: a ninth, a third, all; none where rows are few, and all are used at once.

    Where a trial is a single fit on all rows, a third of it would cost too much beside it, and is left out.

    Args:
        rows: Training rows of the first fold.
        fits: Folds.

    Example:
        >>> levels_of(90_000, 3), levels_of(90_000, 1), levels_of(50_000, 3)
        ((10000, 30000, 90000), (10000, 90000), ())
    """
    if rows < _LARGE:
        return ()
    return (*(rows // part for part in _PARTS if 1 / part <= _MOST * fits), rows)


def nested(labels: NDArray[np.generic] | None, count: int, seed: int) -> NDArray[np.int64]:
    """An order of the places 0 to count - 1, shape (count,), each prefix of which is a stratified sample.

    Within each class rows are shuffled, and the i-th of n_c is placed at (i + u) / n_c with one random u in [0, 1) per
    class, so that the first k rows hold k n_c / n of the class, to within one.

    Args:
        labels: Class codes, shape (count,); None for numbers, whose order is a plain shuffle.
        count: Number of rows.
        seed: Of the shuffle.

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
