"""Inputs of the deep metric function: configurations, trials and meta-features as arrays of fixed width.

A configuration has two groups of inputs:

- its standardised point (`points_of`), which any configuration of the space has;
- statistics of the configuration on the past tasks: its factor loadings (`low_rank.py`) and its three bases. The bases
  are the mean normal quantile, the mean log10 seconds less the task means, and the logit of the failure rate.

A configuration without past trials has zero loadings. Its bases are 0, 0 and the overall logit of failures. Training
covers this case as well. Meta-features are replaced by their ranks among the past tasks. Scores of the new task's
trials are replaced by their ranks among each other and by standard scores, so that the scale of the task does not
matter.
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

BASES: Final = 3  # number of bases of a configuration: quantile, seconds, failures
NUMBERS: Final = 5  # number of inputs of a trial (`told`)
UNTIMED: Final = (0.0, 1.0)
"""Clock of a frame whose training set has no seconds."""
_MAX_DEVIATIONS: Final = 5.0  # clip of a standardised point, in standard deviations
_CLIP: Final = 3.0  # clip of standard scores and lags of trials
_ROOT3: Final = 3.0**0.5


class Configurations(NamedTuple):
    """Configurations as inputs of a deep metric function.

    Attributes:
        points: Configurations as numbers, with the same columns as in training, shape (n, d).
        rows: Indices of the configurations in the training table, -1 for a configuration that it lacks, shape (n,).
            None if it lacks all of them.
    """

    points: NDArray[np.float64]
    rows: NDArray[np.intp] | None = None


class Trials(NamedTuple):
    """Trials on a new task.

    Attributes:
        configurations: Configurations of the trials.
        scores: Scores to be minimised, NaN for a failure, shape (t,).
        seconds: Seconds of the trials, NaN where unknown, shape (t,); None if all are unknown.
    """

    configurations: Configurations
    scores: NDArray[np.float64]
    seconds: NDArray[np.float64] | None = None


def points_of(space: Space, configs: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Configurations of a space as numbers, shape (n, d): unit-cube coordinates and one-hot categories.

    An inactive parameter has the value 0. A numeric parameter that depends on a choice has a further column, which is 1
    if the parameter is active.

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
    """Scales of the inputs, and statistics of the configurations on the past tasks.

    Attributes:
        middle: Mean of the points, shape (d,).
        spread: Standard deviation of the points, positive, shape (d,).
        known: Loadings (rank columns) and bases of the configurations with past trials, shape (n, rank + 3).
        new: Bases of a configuration without past trials, shape (3,).
        sorted: Meta-features of the past tasks, each column sorted, NaN last, shape (tasks, m).
        clock: Mean and standard deviation of log10 seconds on the past tasks, shape (2,).
    """

    middle: NDArray[np.float32]
    spread: NDArray[np.float32]
    known: NDArray[np.float16]
    new: NDArray[np.float32]
    sorted: NDArray[np.float32]
    clock: NDArray[np.float32]

    @property
    def rank(self) -> int:
        """Number of factors."""
        return int(self.known.shape[1]) - BASES

    @property
    def width(self) -> int:
        """Number of inputs of a configuration: its point, its loadings, and a flag for a known configuration."""
        return len(self.middle) + self.rank + 1

    def inputs(self, asked: Configurations) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Network inputs of configurations, shape (n, width), and their bases, shape (n, 3).

        Raises:
            InvalidInput: If the points have other columns than in training, or a row is not in the training table.
        """
        count, columns = len(asked.points), len(self.middle)
        if asked.points.ndim != 2 or asked.points.shape[1] != columns or not np.isfinite(asked.points).all():
            raise InvalidInput(
                f"points have shape {asked.points.shape}; give finite rows of {columns}, as in training."
            )
        rows = np.full(count, -1) if asked.rows is None else np.asarray(asked.rows)
        if rows.shape != (count,) or (rows < -1).any() or (rows >= len(self.known)).any():
            raise InvalidInput(f"rows are {rows}; give one of -1 to {len(self.known) - 1} for each of {count} points.")
        points = np.clip((asked.points - self.middle) / self.spread, -_MAX_DEVIATIONS, _MAX_DEVIATIONS)
        there = (rows >= 0)[:, None]
        nothing = np.zeros((1, self.known.shape[1]), dtype=np.float16)  # becomes the last row, which -1 selects
        about = np.concatenate([self.known, nothing])[rows].astype(np.float32)
        base = np.where(there, about[:, self.rank :], self.new)
        return np.hstack([points, about[:, : self.rank], there]).astype(np.float32), base

    def described(self, metafeatures: NDArray[np.float64] | None) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Meta-features as centred ranks with unit variance, and a mask of known values, both of shape (tasks, m).

        Args:
            metafeatures: Shape (tasks, m), or (m,) for one task; None for one task without meta-features.

        Raises:
            InvalidInput: If the number of meta-features differs from training.
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
        """Standardised log10 seconds less the base of the configuration; NaN stays NaN."""
        logs = np.log10(np.maximum(seconds, 1e-3))
        found: NDArray[np.float64] = (logs - self.clock[0]) / self.clock[1] - base
        return found


def told(xp: Any, raw: Any, failed: Any, lag: Any, timed: Any, mask: Any) -> Any:
    """Inputs of each trial: rank, standard score, failure flag, lag in seconds, and a flag for a known lag.

    Args:
        xp: numpy or jax.numpy.
        raw: Scores on any scale, shape (tasks, trials); the value of a failed trial does not matter.
        failed: True for failed trials, bool, shape (tasks, trials).
        lag: `Frame.lag`, shape (tasks, trials).
        timed: True where the lag is known, shape (tasks, trials).
        mask: True for trials that exist; False for padding, shape (tasks, trials).

    Returns:
        Array of shape (tasks, trials, 5), 0 where a value is unknown or padding.

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
