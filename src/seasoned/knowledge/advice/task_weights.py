"""How much each past study counts for a new task: by its similarity, and with one vote for each table.

A past task t counts by its similarity to the new one (ranks of meta-features, `portfolio.distances_by_rank`):

    w_t  ~  vote_t  x  (a + b exp(-(d_t/m)^2 / 2) + c exp(-(d_t/h)^2 / 2)),

m being the median distance, h a fixed short one: a table that comes again is near to all its earlier forms, and to
nothing else. No task is left out for being dissimilar (Feurer et al. 2022, Auto-sklearn 2.0, dropped its nearest-task
rule for one portfolio). A table has one vote, however many studies of it there are: vote_t = 1/|studies of its table|.

Columns without names do not tell which table it is. Such tables count as one if their meta-features are nearly the
same, so that a table that comes again, with more rows, say, still has one vote, and another one as wide has its own.
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

_SHARES: Final = (0.4, 0.3, 0.3)  # of all tasks alike, of the similar, and of the very similar ones
_SHORT: Final = 0.09  # h, for each meta-feature: ranks of the same table's other rows differ by about this
_ONE: Final = 0.1  # in ranks, for each meta-feature: tables without names that lie as near as this count as one
_NAMED: Final = 20  # studies with names that are enough to rank the others among
_MOST: Final = 3_000  # of the newest without names, that are compared; older ones are tables of their own


def weigh(
    tables: Sequence[str] | NDArray[np.str_],
    past: NDArray[np.float64],
    metafeatures: NDArray[np.float64],
    among: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """How much each study counts for a new task, shape (studies,), summing to 1.

    Args:
        tables: Which table each study is of; all studies of one have one vote together.
        past: Their meta-features, NaN where unknown, shape (studies, features).
        metafeatures: Those of the new task, shape (features,).
        among: Meta-features of other tasks, with which all are ranked: a few tasks by themselves are all far apart.
    """
    _, table, studies = np.unique(np.asarray(tables), return_inverse=True, return_counts=True)
    alone = 1.0 / studies[table]
    if not np.isfinite(metafeatures).any():  # nothing is known of the task, so none is more like it
        return np.asarray(alone / alone.sum(), dtype=np.float64)
    distances = _distances(past, metafeatures, among)
    middle = max(float(np.median(distances)), 1e-12)
    short = _SHORT * np.sqrt(len(metafeatures))
    broad, sharp = np.exp(-0.5 * np.square(distances / middle)), np.exp(-0.5 * np.square(distances / short))
    even = alone / alone.sum()
    # What no task is near enough to claim is spread evenly over all.
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
    """The table of each study, shape (studies,): its family, except for columns without names.

    Beginning with the newest of the latter, all others that lie near it and belong to no table yet are of its table.

    Args:
        families: Of the studies; tables whose columns have no names begin with `past.UNNAMED`.
        metafeatures: Of the studies, NaN where unknown, shape (studies, features).
        newest: Places of all studies, the newest first.

    Example:
        >>> names = [UNNAMED + number for number in "123"]
        >>> found = tables_of(["a", "a", *names], np.array([[0.0], [1.0], [0.2], [0.2], [0.9]]), [4, 3, 2, 1, 0])
        >>> [table.removeprefix(UNNAMED) for table in found.tolist()]
        ['a', 'a', '2', '2', '3']
    """
    found = np.array(families, dtype=np.str_)
    unnamed = np.array([family.startswith(UNNAMED) for family in families], dtype=bool)
    waiting = np.array([place for place in newest if unnamed[place]], dtype=np.intp)[:_MOST]
    if not len(waiting):
        return found
    # Ranked among the tables with names, if there are enough: many forms of one table would push each other apart.
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
    """The rank of each meta-feature among those of some studies, in [0, 1]; in the middle where it is missing."""
    found = np.full(values.shape, 0.5, dtype=np.float32)
    for place, (column, asked) in enumerate(zip(among.T, values.T, strict=True)):
        known = np.sort(column[np.isfinite(column)])
        if known.size:
            both = np.searchsorted(known, asked, "left") + np.searchsorted(known, asked, "right")
            found[:, place] = np.where(np.isfinite(asked), 0.5 * both / known.size, 0.5)
    return found


def _share(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values / max(float(values.sum()), 1e-300)
