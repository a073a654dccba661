"""Training set of the deep metric function: a table of past tasks x configurations, stored as cells.

The targets of a task are the normal quantiles of its scores, with average ranks at ties (Salinas, Shen and Perrone
2020, A quantile-based approach for hyperparameter transfer learning).

A task of a large table has two random samples of cells. One is drawn from all cells. The other is drawn from
configurations that were among the best of some task, because a search visits good configurations.

In training, the statistics of a configuration (`Frame.known`) are computed without the current task. The factor
loadings are an exception: they are fitted to all tasks together (docs/decisions/0011-deep-metric.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.deep_metric.inputs import BASES, UNTIMED, Configurations, Frame
from seasoned.knowledge.experience.evaluations import quantiles
from seasoned.knowledge.performance_model.low_rank import fit_factors
from seasoned.knowledge.performance_model.regret import levels_of, standardise

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Deck", "Lessons", "deck_of", "frame_of"]

_PLAIN: Final = 1500  # largest number of cells of a task that are drawn from all cells
_GOOD: Final = 300  # largest number of cells of a task that are drawn from the good configurations
_BEST: Final = 8  # rank within a task up to which a configuration is good
_SHRUNK: Final = 1.0  # pseudo-count of tasks that shrinks the mean of a configuration to the overall mean
_ROUNDS: Final = 4  # EM rounds that fill in missing cells
_TASKS_PER_FACTOR: Final = 8  # least number of past tasks for each factor
_MIN_TASKS: Final = 10  # least number of past tasks
_FARTHEST: Final = 1e3  # largest absolute standard score, in gaps from the median


@dataclass(frozen=True, slots=True)
class Lessons:
    """Evaluations of n configurations on past tasks, from which a deep metric function is trained.

    Attributes:
        scores: Scores to be minimised, NaN where missing, shape (tasks, n).
        points: Configurations as numbers (`points_of`), shape (n, d).
        about: Meta-features, NaN where unknown, shape (tasks, m); None without meta-features.
        seconds: Seconds of the evaluations, NaN where unknown, shape (tasks, n); None if all are unknown.
        failed: True where an evaluation failed, shape (tasks, n); None if failures were not recorded. An evaluation
            without a score that did not fail was not tried.

    Raises:
        InvalidInput: If there are fewer than 10 tasks, a task has fewer than 2 scores, points are not finite, or shapes
            do not agree.
    """

    scores: NDArray[np.float64]
    points: NDArray[np.float64]
    about: NDArray[np.float64] | None = None
    seconds: NDArray[np.float64] | None = None
    failed: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        shape = self.scores.shape
        if len(shape) != 2 or shape[0] < _MIN_TASKS or self.points.shape[:1] != shape[1:]:
            raise InvalidInput(
                f"scores have shape {shape} and points {self.points.shape}; give at least {_MIN_TASKS} tasks, "
                "and a point for each configuration."
            )
        if any(part is not None and part.shape != shape for part in (self.seconds, self.failed)):
            raise InvalidInput(f"seconds and failures are not of shape {shape}; give one for each score.")
        if self.about is not None and (self.about.ndim != 2 or len(self.about) != len(self.scores)):
            raise InvalidInput(f"meta-features have shape {self.about.shape}; give a row for each of {shape[0]} tasks.")
        known = np.isfinite(self.scores).sum(axis=1)
        if known.min() < 2 or not np.isfinite(self.points).all() or self.points.ndim != 2:
            raise InvalidInput(
                f"task {int(known.argmin())} has {known.min()} scores; give at least 2 of each task, and finite points."
            )

    @property
    def tried(self) -> NDArray[np.bool_]:
        """Mask of the evaluations that have a score or failed, shape (tasks, n)."""
        scored: NDArray[np.bool_] = np.isfinite(self.scores)
        return scored if self.failed is None else scored | (self.failed > 0)


class Deck(NamedTuple):
    """Past tasks as arrays with K cells for each task; the first cells are drawn from all, the others are good ones.

    Attributes:
        inputs: Network inputs of all configurations, shape (n, width).
        new: Bases of a configuration without past trials, shape (3,).
        about: Meta-features as ranks, shape (T, m).
        described: True where a meta-feature is known, shape (T, m).
        columns: Configuration of each cell, shape (T, K).
        numbers: Quantile, standard score and log seconds (in standard deviations) of each cell, 0 where unknown, shape
            (T, K, 3).
        flags: Scored, failed and timed flags of each cell, shape (T, K, 3).
        base: Bases of the configuration of each cell, computed from the other tasks, shape (T, K, 3).
        counts: Number of cells drawn from all, and number of good cells, of each task, shape (T, 2).
        whole: Quantiles less `usual`, missing values filled in by the factors, shape (T, n).
        usual: Mean quantile of each configuration, shape (n,).
        tasks: Indices of the tasks from which training draws, shape (S,).
    """

    inputs: NDArray[np.float32]
    new: NDArray[np.float32]
    about: NDArray[np.float32]
    described: NDArray[np.bool_]
    columns: NDArray[np.int32]
    numbers: NDArray[np.float32]
    flags: NDArray[np.bool_]
    base: NDArray[np.float32]
    counts: NDArray[np.int32]
    whole: NDArray[np.float16]
    usual: NDArray[np.float32]
    tasks: NDArray[np.int32]

    @property
    def plain(self) -> int:
        """Index of the first good cell, the same for all tasks."""
        return int(self.columns.shape[1]) * _PLAIN // (_PLAIN + _GOOD)


class _Table(NamedTuple):
    """Table of the past tasks in the units of the networks: quantiles, relative log seconds and failures."""

    parts: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]  # each (T, n), NaN where unknown
    clock: NDArray[np.float32]  # mean and standard deviation of log10 seconds, shape (2,)
    levels: NDArray[np.float64]  # mean standardised log seconds of each task, shape (T,)


def _table(lessons: Lessons) -> _Table:
    scores = np.full(lessons.scores.shape, np.nan)
    for row, given in zip(scores, lessons.scores, strict=True):
        known = np.isfinite(given)
        row[known] = quantiles(given[known])
    failed = np.full(scores.shape, np.nan)
    if lessons.failed is not None:
        failed[lessons.tried] = lessons.failed[lessons.tried]
    if lessons.seconds is None or not np.isfinite(lessons.seconds).any():
        clock = np.array(UNTIMED, dtype=np.float32)
        return _Table((scores, np.full(scores.shape, np.nan), failed), clock, np.zeros(len(scores)))
    logs = np.log10(np.maximum(lessons.seconds, 1e-3))
    clock = np.array([np.nanmean(logs), max(float(np.nanstd(logs)), 1e-6)], dtype=np.float32)
    logs = (logs - clock[0]) / clock[1]
    counts = np.maximum(np.isfinite(logs).sum(axis=1), 1)
    levels = np.nansum(logs, axis=1) / counts
    return _Table((scores, logs - levels[:, None], failed), clock, levels)


class _Sums(NamedTuple):
    """Sums and counts over tasks for each configuration and part of the table, shape (n, 3); overall means, (3,)."""

    sums: NDArray[np.float64]
    counts: NDArray[np.float64]
    usual: NDArray[np.float64]

    def bases(self, rows: NDArray[np.intp], less: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Means of configurations, shrunk to the overall means, shape (*rows, 3); the failure rate is a logit.

        Args:
            rows: Indices of the configurations.
            less: Values to exclude from the means, NaN for none, shape (*rows, 3).
        """
        own = np.full((*rows.shape, BASES), np.nan) if less is None else less
        counts = self.counts[rows] - np.isfinite(own)
        mean: NDArray[np.float64] = (self.sums[rows] - np.nan_to_num(own) + _SHRUNK * self.usual) / (counts + _SHRUNK)
        mean[..., 2] = np.log(mean[..., 2] / (1.0 - mean[..., 2]))
        return mean


def _sums(table: _Table) -> _Sums:
    sums = np.stack([np.nansum(part, axis=0) for part in table.parts], axis=-1)
    counts = np.stack([np.isfinite(part).sum(axis=0) for part in table.parts], axis=-1).astype(np.float64)
    rate = (sums[:, 2].sum() + 0.5) / (counts[:, 2].sum() + 1.0)
    return _Sums(sums, counts, np.array([0.0, 0.0, rate]))


def frame_of(lessons: Lessons, rank: int) -> Frame:
    """Compute the scales of the inputs and the statistics of the configurations.

    Args:
        lessons: Past tasks.
        rank: Largest number of factors; at most one factor is used for every 8 tasks.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> frame_of(Lessons(rng.normal(size=(20, 30)), rng.random((30, 4))), 8).known.shape
        (30, 5)
    """
    table = _table(lessons)
    points, quantile = lessons.points, table.parts[0]
    seen = np.isfinite(quantile).any(axis=0)
    rank = min(rank, len(quantile) // _TASKS_PER_FACTOR)
    known = np.zeros((len(points), rank + BASES))
    if rank:
        loadings = fit_factors(quantile[:, seen], rank, rounds=_ROUNDS).loadings.T
        known[seen, :rank] = loadings / np.maximum(np.sqrt(np.square(loadings).mean(axis=0)), 1e-6)
    sums = _sums(table)
    known[:, rank:] = sums.bases(np.arange(len(points)))
    rate = sums.usual[2]
    spread = points.std(axis=0)
    about = np.empty((len(quantile), 0)) if lessons.about is None else lessons.about
    return Frame(
        points.mean(axis=0).astype(np.float32),
        np.where(spread > 1e-9, spread, 1.0).astype(np.float32),
        np.clip(known, -50.0, 50.0).astype(np.float16),
        np.array([0.0, 0.0, np.log(rate / (1.0 - rate))], dtype=np.float32),
        np.sort(about, axis=0).astype(np.float32),
        table.clock,
    )


def deck_of(lessons: Lessons, frame: Frame, rng: np.random.Generator) -> Deck:
    """Select the cells of each past task, from which training draws lists and trials.

    Args:
        lessons: Past tasks.
        frame: Frame of these tasks (`frame_of`).
        rng: Random generator of the cells.
    """
    table = _table(lessons)
    quantile = table.parts[0]
    picked, counts = _picked(quantile, lessons.tried, rng)
    own = np.stack([np.take_along_axis(part, picked, axis=1) for part in table.parts], axis=-1)
    raw = np.clip(standardise(lessons.scores, levels_of(lessons.scores)), -_FARTHEST, _FARTHEST)
    numbers = [own[..., 0], np.take_along_axis(raw, picked, axis=1), own[..., 1] + table.levels[:, None]]
    flags = np.stack([np.isfinite(own[..., 0]), own[..., 2] == 1.0, np.isfinite(own[..., 1])], axis=-1)
    about, described = frame.described(np.empty((len(quantile), 0)) if lessons.about is None else lessons.about)
    return Deck(
        frame.inputs(Configurations(lessons.points, np.arange(len(lessons.points))))[0],
        frame.new,
        about,
        described,
        picked.astype(np.int32),
        np.nan_to_num(np.stack(numbers, axis=-1)).astype(np.float32),
        flags,
        _sums(table).bases(picked, own).astype(np.float32),
        counts,
        *_whole(quantile),
        np.arange(len(quantile), dtype=np.int32),
    )


def _whole(quantile: NDArray[np.float64]) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """Completed quantiles less their means, shape (T, n), and the means, (n,); 0 for untried configurations.

    Missing quantiles have the value that the factors predict.
    """
    seen, found = np.isfinite(quantile).any(axis=0), np.zeros(quantile.shape)
    rank = max(1, len(quantile) // _TASKS_PER_FACTOR)
    found[:, seen] = fit_factors(quantile[:, seen], rank, rounds=_ROUNDS).completed
    usual = found.mean(axis=0)
    return (found - usual).astype(np.float16), usual.astype(np.float32)


def _picked(
    quantile: NDArray[np.float64], tried: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Configurations of the cells, shape (T, K), and the numbers of plain and of good cells, shape (T, 2)."""
    ranked = np.argsort(np.where(np.isfinite(quantile), quantile, np.inf), axis=1, kind="stable")
    good = np.zeros(quantile.shape[1], dtype=bool)
    good[np.unique(ranked[:, :_BEST])] = True
    share = min(1.0, int(tried.sum(axis=1).max()) / _PLAIN)  # smaller tables need less room
    room = (int(np.ceil(share * _PLAIN / 5)) * 5, int(np.ceil(share * _PLAIN / 5)))
    picked = np.zeros((len(quantile), sum(room)), dtype=np.intp)
    counts = np.empty((len(quantile), 2), dtype=np.int32)
    for task, row in enumerate(tried):
        for part, (start, open_) in enumerate(((0, row), (room[0], row & good))):
            some = rng.permutation(np.flatnonzero(open_))[: room[part]]
            picked[task, start : start + len(some)], counts[task, part] = some, len(some)
    return picked, counts
