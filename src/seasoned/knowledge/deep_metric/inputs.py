"""What goes into the deep metric function: configurations, trials and meta-features as numbers of one size.

A configuration is (its numbers, what the past tasks know of it): the numbers are standardised points, for instance of
`points_of`, which any configuration of a space has; what is known is a row of factor loadings of the past tasks' table
(`factors.py`), its mean normal quantile there, its mean log10 seconds less the tasks' own means, and the logit of how
often it failed. A configuration that no past task has tried has zeros there, but for the usual logit; networks are
trained with that, too. Meta-features enter by their ranks among the past tasks. Scores of the new task's trials enter
by their ranks among each other and as standard scores: neither depends on the scale of the task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.space.parameters import Categorical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.space import Space

__all__ = ["BASES", "NUMBERS", "UNTIMED", "Configurations", "Frame", "Trials", "points_of", "told"]

BASES: Final = 3  # quantile, seconds, failures
NUMBERS: Final = 5  # of a trial
UNTIMED: Final = (0.0, 1.0)
"""The clock of a frame whose lessons had no seconds."""
_FAR: Final = 5.0  # spreads from the middle, at which a number of a configuration is clipped
_CLIP: Final = 3.0
_ROOT3: Final = 3.0**0.5


class Configurations(NamedTuple):
    """Some configurations.

    Attributes:
        points: As numbers, in the same columns as those of the past tasks' configurations, shape (n, d).
        rows: Their indices in the past tasks' table, -1 for those that it lacks, shape (n,); None if it has none.
    """

    points: NDArray[np.float64]
    rows: NDArray[np.intp] | None = None


class Trials(NamedTuple):
    """What was tried on a new task.

    Attributes:
        configurations: Of the trials.
        scores: To be minimised, NaN for a failure, shape (t,).
        seconds: NaN where unknown, shape (t,); None if none is known.
    """

    configurations: Configurations
    scores: NDArray[np.float64]
    seconds: NDArray[np.float64] | None = None


def points_of(space: Space, configs: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Configurations of a space as numbers: coordinates of the cube, categories one-hot, and what is in use.

    A number that is not in use is 0; one that depends on a choice has a column of its own that says whether it is used.

    Example:
        >>> from seasoned.space import Choice, Float, Space
        >>> space = Space(model=Choice(tree=Space(), net=Space(lr=Float(0, 1))))
        >>> points_of(space, [{"model": {"tree": {}}}, {"model": {"net": {"lr": 0.3}}}]).tolist()
        [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.3]]
    """
    encoded = [space.encode(config) for config in configs]
    unit = np.array([one.unit for one in encoded]).reshape(len(configs), len(space))
    active = np.array([one.active for one in encoded]).reshape(len(configs), len(space))
    columns: list[NDArray[np.float64]] = []
    for place, dimension in enumerate(space.dimensions):
        used = active[:, place].astype(np.float64)
        if isinstance(dimension.parameter, Categorical):
            count = dimension.parameter.count
            option = np.minimum((unit[:, place] * count).astype(np.intp), count - 1)
            columns += [used * (option == one) for one in range(count)]
        else:
            columns += [used] if dimension.parent >= 0 else []
            columns.append(used * unit[:, place])
    return np.stack(columns, axis=1) if columns else np.empty((len(configs), 0))


@dataclass(frozen=True, slots=True)
class Frame:
    """How inputs are scaled, and what past tasks know of configurations; all of it learned from them.

    Attributes:
        middle: Mean of the points, shape (d,).
        spread: Standard deviation of the points, positive, shape (d,).
        known: Loadings (rank columns) and bases of the configurations that past tasks have tried, shape (n, rank + 3).
        new: Bases of a configuration that they have not tried, shape (3,).
        sorted: Their meta-features, each column sorted, NaN last, shape (tasks, m).
        clock: Mean and spread of their log10 seconds, shape (2,).
    """

    middle: NDArray[np.float32]
    spread: NDArray[np.float32]
    known: NDArray[np.float16]
    new: NDArray[np.float32]
    sorted: NDArray[np.float32]
    clock: NDArray[np.float32]

    @property
    def rank(self) -> int:
        """Number of columns of loadings."""
        return int(self.known.shape[1]) - BASES

    @property
    def width(self) -> int:
        """Size of the input of a configuration: its points, its loadings, and whether it is known."""
        return len(self.middle) + self.rank + 1

    def inputs(self, asked: Configurations) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Numbers of some configurations, shape (n, width), and their bases, shape (n, 3).

        Raises:
            InvalidInput: If points have other columns than those of the past tasks, or a row is not in the table.
        """
        count, columns = len(asked.points), len(self.middle)
        if asked.points.ndim != 2 or asked.points.shape[1] != columns or not np.isfinite(asked.points).all():
            raise InvalidInput(
                f"points have shape {asked.points.shape}; give finite rows of {columns}, as in training."
            )
        rows = np.full(count, -1) if asked.rows is None else np.asarray(asked.rows)
        if rows.shape != (count,) or (rows < -1).any() or (rows >= len(self.known)).any():
            raise InvalidInput(f"rows are {rows}; give one of -1 to {len(self.known) - 1} for each of {count} points.")
        points = np.clip((asked.points - self.middle) / self.spread, -_FAR, _FAR)
        there = (rows >= 0)[:, None]
        nothing = np.zeros((1, self.known.shape[1]), dtype=np.float16)  # the last row, selected by -1
        about = np.concatenate([self.known, nothing])[rows].astype(np.float32)
        base = np.where(there, about[:, self.rank :], self.new)
        return np.hstack([points, about[:, : self.rank], there]).astype(np.float32), base

    def described(self, metafeatures: NDArray[np.float64] | None) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Meta-features as centred ranks with unit spread, and which are known; (tasks, m) or one row, or None.

        Raises:
            InvalidInput: If their number is not that of the past tasks.
        """
        m = self.sorted.shape[1]
        given = np.full((1, m), np.nan) if metafeatures is None else np.atleast_2d(metafeatures).astype(np.float32)
        if given.shape[1] != m:
            raise InvalidInput(f"there are {given.shape[1]} meta-features; give the {m} of the past tasks.")
        ranks = np.empty(given.shape, dtype=np.float32)
        for place, column in enumerate(self.sorted.T):
            count = int(np.isfinite(column).sum())
            below = np.searchsorted(column[:count], given[:, place], side="left")
            above = np.searchsorted(column[:count], given[:, place], side="right")
            ranks[:, place] = 2.0 * _ROOT3 * ((below + above) / (2.0 * max(count, 1)) - 0.5)
        known = np.isfinite(given) & np.isfinite(self.sorted).any(axis=0)
        return np.where(known, ranks, np.float32(0.0)), known

    def lag(self, seconds: NDArray[np.float64], base: NDArray[np.floating]) -> NDArray[np.float64]:
        """Standardised log10 seconds, less what the configurations usually take; NaN stays NaN."""
        logs = np.log10(np.maximum(seconds, 1e-3))
        found: NDArray[np.float64] = (logs - self.clock[0]) / self.clock[1] - base
        return found


def told(xp: Any, raw: Any, failed: Any, lag: Any, timed: Any, mask: Any) -> Any:
    """What each trial says by itself: rank and standard score among the trials, failure, and seconds.

    Args:
        xp: numpy or jax.numpy.
        raw: Scores on any scale, shape (tasks, trials); what it holds for a failure does not matter.
        failed: Shape (tasks, trials), bool.
        lag: `Frame.lag`, shape (tasks, trials).
        timed: Where that is known.
        mask: Which trials exist.

    Returns:
        Shape (tasks, trials, 5); 0 where there is none.

    Example:
        >>> yes = np.ones((1, 3), bool)
        >>> told(np, np.array([[1.0, 3.0, 2.0]]), ~yes, np.zeros((1, 3)), ~yes, yes)[0, :, 0].round(2).tolist()
        [-1.15, 1.15, 0.0]
    """
    scored = mask & ~failed
    count = xp.maximum(scored.sum(axis=1, keepdims=True), 1)
    less = (raw[:, None, :] < raw[:, :, None]) + 0.5 * (raw[:, None, :] == raw[:, :, None])
    rank = (less * scored[:, None, :]).sum(axis=2) / count
    mean = xp.where(scored, raw, 0.0).sum(axis=1, keepdims=True) / count
    apart = xp.where(scored, raw - mean, 0.0)
    spread = xp.sqrt((apart * apart).sum(axis=1, keepdims=True) / count)
    standard = xp.clip(apart / xp.maximum(spread, 1e-6 * (xp.abs(mean) + 1e-30)), -_CLIP, _CLIP)
    known = mask & timed
    columns = [
        xp.where(scored, _ROOT3 * (2.0 * rank - 1.0), 0.0),
        xp.where(scored, standard, 0.0),
        xp.where(mask & failed, 1.0, 0.0),
        xp.where(known, xp.clip(lag, -_CLIP, _CLIP), 0.0),
        xp.where(known, 1.0, 0.0),
    ]
    return xp.stack(columns, axis=-1)
