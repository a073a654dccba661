"""Tuning of the settings of the learned metric, by cross-validation over families of tasks.

    minimise over settings:  mean over families, their tasks and looks t of  regret(best configuration chosen until t)

The looks t are numbers of trials. If the seconds of trials are known, the looks are seconds, and the metric chooses by
gain per second, as searches do. Settings that are good by trials may be bad by seconds, because the most informative
trials may be the slowest.

The metric of a task is never fitted to tasks of the same family. The first trial has the current settings, so that the
tuned settings are never worse by this measure.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.performance_model.regret import levels_of, regret
from seasoned.knowledge.performance_model.settings import MetricSettings
from seasoned.samplers.auto import Auto
from seasoned.space import Float, Int, Space
from seasoned.study import Study
from seasoned.trials import WarmStart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["PastTable", "TunedMetric", "left_out_regret", "metric_space", "tune_metric"]

_LOOKS: Final = (3, 5, 8, 12)  # numbers of trials at which the regret is measured
_SECONDS: Final = (2.0, 5.0, 10.0, 20.0)  # times at which the regret is measured, in seconds on one core
_LEAST_SECONDS: Final = 0.1  # least assumed duration of a trial in seconds
_MOST_TRIALS: Final = 60  # largest number of trials of a search limited by seconds
_FEWEST: Final = 3  # least number of training tasks of a metric
_FOLDS: Final = 10  # largest number of groups of families in cross-validation

_Number = TypeVar("_Number", int, float)


class PastTable(NamedTuple):
    """Table of past tasks of one sort and metric.

    Attributes:
        scores: Scores to be minimised, NaN where not tried, shape (tasks, n).
        families: Family of each task; tasks of a family are held out together.
        seconds: Seconds of each trial, NaN where unknown, shape (tasks, n). None if unknown; looks are then numbers of
            trials.
    """

    scores: NDArray[np.float64]
    families: tuple[str, ...]
    seconds: NDArray[np.float64] | None = None


class TunedMetric(NamedTuple):
    """Best settings of the learned metric, and the study that tuned them."""

    settings: MetricSettings
    study: Study


def metric_space(default: MetricSettings | None = None) -> Space:
    """Space of the tuned settings; the defaults are the current settings.

    Example:
        >>> MetricSettings(**metric_space().default).rank == MetricSettings().rank
        True
    """
    now = default or MetricSettings()
    return Space(
        rank=Int(*_holding(now.rank, 3, 80), log=True, default=now.rank),
        tasks_per_factor=Int(*_holding(now.tasks_per_factor, 1, 8), default=now.tasks_per_factor),
        closeness=Float(*_holding(now.closeness, 0.0, 0.95), default=now.closeness),
        temper=Float(*_holding(now.temper, 0.05, 1.0), log=True, default=now.temper),
        doubt=Float(0.0, 1.0, default=now.doubt),
        halved=Float(*_holding(now.halved, 1.0, 16.0), log=True, default=now.halved),
        luck=Float(0.0, 1.0, default=now.luck),
    )


def _holding(own: _Number, low: _Number, high: _Number) -> tuple[_Number, _Number]:
    """Range from low to high, stretched to contain the current value `own`."""
    return min(low, own), max(high, own)


def left_out_regret(table: PastTable, settings: MetricSettings) -> NDArray[np.float64]:
    """Regret of each task after 3, 5, 8 and 12 trials, or after 2, 5, 10 and 20 seconds, shape (tasks, 4).

    The regret is NaN for tasks with too few training tasks, and 1 if no trial has ended.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> scores = rng.normal(size=(12, 2)) @ rng.normal(size=(2, 20))
        >>> table = PastTable(scores, tuple(str(place // 2) for place in range(12)))
        >>> left_out_regret(table, MetricSettings()).shape
        (12, 4)
    """
    families = np.array(table.families)
    regrets = regret(table.scores, levels_of(table.scores))
    found = np.full((len(families), len(_LOOKS)), np.nan)
    seconds = table.seconds if table.seconds is not None and np.isfinite(table.seconds).any() else None
    for group in np.array_split(np.unique(families), min(_FOLDS, len(np.unique(families)))):
        out = np.isin(families, group)
        seen = np.isfinite(table.scores[~out]).any(axis=0)
        if (~out).sum() < _FEWEST or not seen.any():
            continue
        metric = fit_metric(table.scores[~out][:, seen], settings)
        usual = None if seconds is None else _usual(seconds[~out][:, seen])
        for place in np.flatnonzero(out):
            took = None if seconds is None or usual is None else _known(seconds[place, seen], usual)
            rows = _tried(metric, table.scores[place, seen], usual, took)
            if rows:
                best = np.minimum.accumulate(regrets[place, seen][rows])
                found[place] = _by_trials(best) if took is None else _by_clock(best, np.cumsum(took[rows]))
    return found


def _by_trials(best: NDArray[np.float64]) -> list[float]:
    return [float(best[min(look, len(best)) - 1]) for look in _LOOKS]


def _by_clock(best: NDArray[np.float64], spent: NDArray[np.float64]) -> list[float]:
    ended = [int(np.searchsorted(spent, look, side="right")) for look in _SECONDS]
    return [float(best[count - 1]) if count else 1.0 for count in ended]


def _known(took: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds of each configuration on a task, the usual seconds where unknown, shape (n,)."""
    return np.maximum(np.where(np.isfinite(took), took, usual), _LEAST_SECONDS)


def _usual(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Geometric mean of the seconds on past tasks, shape (n,); the overall mean for a configuration without times."""
    logs = np.log(np.maximum(seconds, _LEAST_SECONDS))
    known = np.isfinite(logs)
    overall = float(logs[known].mean()) if known.any() else 0.0
    means = np.where(known, logs, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.exp(np.where(known.any(axis=0), means, overall))


def _tried(
    metric: Any, scores: NDArray[np.float64], usual: NDArray[np.float64] | None, took: NDArray[np.float64] | None
) -> list[int]:
    """Simulate a search by the metric alone, by gain or by gain per second; return the configurations in order."""
    open_ = np.isfinite(scores)
    rows: list[int] = []
    while open_.any() and len(rows) < (max(_LOOKS) if took is None else _MOST_TRIALS):
        if took is not None and took[rows].sum() > max(_SECONDS):
            break
        left = np.flatnonzero(open_)
        tried = np.array(rows, dtype=np.intp)
        gains = metric.condition(tried, scores[tried]).expected_gain(left)
        rows.append(int(left[np.argmax(gains if usual is None else gains / usual[left])]))
        open_[rows[-1]] = False
    return rows


def tune_metric(
    tables: Sequence[PastTable], *, trials: int = 30, default: MetricSettings | None = None, seed: int = 0
) -> TunedMetric:
    """Tune the settings of the learned metric on past tasks, by cross-validation over families.

    Args:
        tables: Tables of past tasks; all families have equal weight.
        trials: Number of trials.
        default: Settings of the first trial; the defaults if None.
        seed: Seed of the sampler.

    Raises:
        InvalidInput: If no table has tasks of two families, or no fold leaves three training tasks.
    """
    some = [table for table in tables if len(set(table.families)) > 1]
    if not some:
        raise InvalidInput("no table has tasks of two families; give more past tasks, or keep the defaults.")

    if not any(_is_judged(table) for table in some):
        raise InvalidInput(
            f"no table has {_FEWEST} tasks beside a family left out; give more past tasks, or keep the defaults."
        )

    def loss(config: dict[str, Any]) -> float:
        settings = MetricSettings(**config)
        return float(
            np.nanmean(np.concatenate([_of_families(table, left_out_regret(table, settings)) for table in some]))
        )

    first = WarmStart(configurations=(dataclasses.asdict(default or MetricSettings()),))
    study = Study(metric_space(default), sampler=Auto(warm_start=first), seed=seed)
    study.optimize(loss, trials=trials, progress=False)
    return TunedMetric(MetricSettings(**study.best.config), study)


def _is_judged(table: PastTable) -> bool:
    """Return True if some fold leaves enough training tasks."""
    families = np.array(table.families)
    groups = np.array_split(np.unique(families), min(_FOLDS, len(np.unique(families))))
    return any((~np.isin(families, group)).sum() >= _FEWEST for group in groups)


def _of_families(table: PastTable, regrets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean regret of each family over its tasks with a finite regret, shape (families, looks)."""
    of = np.array(table.families)
    known = np.isfinite(regrets).all(axis=1)
    means = [regrets[known & (of == family)].mean(axis=0) for family in np.unique(of[known])]
    return np.array(means).reshape(-1, regrets.shape[1])
