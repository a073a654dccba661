"""Task weights: weights of past studies for a new task, by similarity, with one vote for each table.

The similarity of a past task t comes from distances d_t between ranks of meta-features
(`portfolio.distances_by_rank`):

    w_t  ~  vote_t  x  (a + b exp(-(d_t/m)^2 / 2) + c exp(-(d_t/h)^2 / 2)).

m is the median distance. h is a fixed short distance: only earlier versions of the same table are so near. No task is
excluded for low similarity; Auto-sklearn 2.0 (Feurer et al. 2022) also replaced its nearest-task rule by one portfolio.
All studies of a table share one vote: vote_t = 1/|studies of the table|.

A table without column names cannot be identified by its columns. Such tables count as one if their meta-features are
nearly equal. So a table that is fitted again with more rows still has one vote, and another table with the same number
of columns has its own vote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.knowledge.advice.portfolio import distances_by_rank
from seasoned.knowledge.experience.past_study import UNNAMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["tables_of", "weigh"]

_SHARES: Final = (0.4, 0.3, 0.3)  # a, b and c: shares of the equal, the broad and the sharp part of the weights
_BANDWIDTH: Final = 0.09  # h per meta-feature, in ranks: about the difference between two samples of the same table
_ONE: Final = 0.1  # largest distance per meta-feature, in ranks, at which tables without column names count as one
_NAMED: Final = 20  # studies with column names that are enough as a reference for ranks
_MAX_UNNAMED_STUDIES: Final = (
    3_000  # newest studies without column names that are compared; each older study is its own table
)


def weigh(
    tables: Sequence[str] | NDArray[np.str_],
    past: NDArray[np.float64],
    metafeatures: NDArray[np.float64],
    among: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Weights of the studies for a new task, summing to 1, shape (studies,).

    Args:
        tables: Table of each study; all studies of a table share one vote.
        past: Meta-features of the studies, NaN where unknown, shape (studies, features).
        metafeatures: Meta-features of the new task, shape (features,).
        among: Meta-features of further tasks, as a reference for ranks: ranks among a few tasks are all far apart.
            None for no reference.
    """
    _, table, studies = np.unique(np.asarray(tables), return_inverse=True, return_counts=True)
    alone = 1.0 / studies[table]
    if not np.isfinite(metafeatures).any():  # without meta-features, no past task is more similar than another
        return np.asarray(alone / alone.sum(), dtype=np.float64)
    distances = _distances(past, metafeatures, among)
    middle = max(float(np.median(distances)), 1e-12)
    short = _BANDWIDTH * np.sqrt(len(metafeatures))
    broad, sharp = np.exp(-0.5 * np.square(distances / middle)), np.exp(-0.5 * np.square(distances / short))
    even = alone / alone.sum()
    # If no task is very near, the sharp part is spread evenly over all tasks.
    near = min(float(sharp.max()), 1.0)
    parts = (even, _share(alone * broad), near * _share(alone * sharp) + (1.0 - near) * even)
    weights: NDArray[np.float64] = np.sum([s * part for s, part in zip(_SHARES, parts, strict=True)], axis=0)
    return weights


def _distances(
    past: NDArray[np.float64], metafeatures: NDArray[np.float64], among: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    every = past if among is None else np.concatenate([past, among])
    return distances_by_rank(every, metafeatures)[: len(past)]


def tables_of(families: Sequence[str], metafeatures: NDArray[np.float64], newest: Sequence[int]) -> NDArray[np.str_]:
    """Table of each study, shape (studies,): the family of the study, except for tables without column names.

    Tables without column names are clustered greedily. Starting with the newest study, all near studies that have no
    table yet join the table of that study.

    Args:
        families: Families of the studies; for tables without column names they begin with `past_study.UNNAMED`.
        metafeatures: Meta-features of the studies, NaN where unknown, shape (studies, features).
        newest: Indices of all studies, the newest first.

    Example:
        >>> names = [UNNAMED + number for number in "123"]
        >>> found = tables_of(["a", "a", *names], np.array([[0.0], [1.0], [0.2], [0.2], [0.9]]), [4, 3, 2, 1, 0])
        >>> [table.removeprefix(UNNAMED) for table in found.tolist()]
        ['a', 'a', '2', '2', '3']
    """
    found = np.array(families, dtype=np.str_)
    unnamed = np.array([family.startswith(UNNAMED) for family in families], dtype=bool)
    waiting = np.array([place for place in newest if unnamed[place]], dtype=np.intp)[:_MAX_UNNAMED_STUDIES]
    if not len(waiting):
        return found
    # Tables with column names are the reference for ranks, if they are enough. Among many versions of one table, the
    # ranks of these versions would be far apart.
    named = metafeatures if (~unnamed).sum() < _NAMED else metafeatures[~unnamed]
    ranks = _ranked(named, metafeatures[waiting])
    squares = np.square(ranks).sum(axis=1)
    near = squares[:, None] + squares - 2.0 * (ranks @ ranks.T) <= _ONE**2 * metafeatures.shape[1]
    np.fill_diagonal(near, val=True)
    free = np.ones(len(waiting), dtype=bool)
    for place in range(len(waiting)):
        if free[place]:
            kin = free & near[place]
            found[waiting[kin]] = families[waiting[place]]
            free &= ~kin
    return found


def _ranked(among: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rank of each value among the studies `among`, by meta-feature, in [0, 1]; 1/2 if missing; shape of `values`."""
    found = np.full(values.shape, 0.5, dtype=np.float32)
    for place, (column, asked) in enumerate(zip(among.T, values.T, strict=True)):
        known = np.sort(column[np.isfinite(column)])
        if known.size:
            both = np.searchsorted(known, asked, "left") + np.searchsorted(known, asked, "right")
            found[:, place] = np.where(np.isfinite(asked), 0.5 * both / known.size, 0.5)
    return found


def _share(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values / max(float(values.sum()), 1e-300)
