"""The learned metric's own settings, tuned by our samplers: each family of tasks is searched with the others as past.

    minimise over settings:  mean over families, their tasks and looks t of  regret(best of what the metric chose by t)

The looks t are numbers of trials, or seconds where it is known how long trials took: then the metric chooses by gain
per second, as searches do, and what is good by trials may be bad there, because the most informative trials may take
the longest (on the shipped tasks, settings tuned by trials had a regret of .203 after 5 s where .050 was possible).

The metric that searches a task is never learned from the task's own family. The first trial is the current settings, so
that the chosen ones are never worse by this measure.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.performance_model.regret import levels_of, regret
from seasoned.knowledge.performance_model.settings import MetricSettings
from seasoned.knowledge.tuning.ranges import holding
from seasoned.samplers.auto import Auto
from seasoned.space import Float, Int, Space
from seasoned.study import Study
from seasoned.trials import WarmStart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["PastTable", "TunedMetric", "left_out_regret", "metric_space", "tune_metric"]

_LOOKS: Final = (3, 5, 8, 12)  # trials after which a search is judged
_SECONDS: Final = (2.0, 5.0, 10.0, 20.0)  # the same in seconds on one core
_LEAST_SECONDS: Final = 0.1  # least cost that is assumed for a trial
_MOST_TRIALS: Final = 60
_FEWEST: Final = 3  # past tasks of other families from which a metric is learned
_FOLDS: Final = 10  # groups into which families are split if there are more


class PastTable(NamedTuple):
    """Tasks of one sort and metric.

    Attributes:
        scores: To be minimised, NaN where not tried, shape (tasks, configurations).
        families: Of the tasks; those of one family are left out together.
        seconds: That each trial took, in the shape of the scores; None if unknown, so that trials are counted.
    """

    scores: NDArray[np.float64]
    families: tuple[str, ...]
    seconds: NDArray[np.float64] | None = None


class TunedMetric(NamedTuple):
    """Attributes: the best settings, and the study that found them."""

    settings: MetricSettings
    study: Study


def metric_space(default: MetricSettings | None = None) -> Space:
    """What is tuned; the defaults are the current settings.

    Example:
        >>> MetricSettings(**metric_space().default).rank == MetricSettings().rank
        True
    """
    now = default or MetricSettings()
    return Space(
        rank=Int(*holding(now.rank, 3, 80), log=True, default=now.rank),
        tasks_per_factor=Int(*holding(now.tasks_per_factor, 1, 8), default=now.tasks_per_factor),
        closeness=Float(*holding(now.closeness, 0.0, 0.95), default=now.closeness),
        temper=Float(*holding(now.temper, 0.05, 1.0), log=True, default=now.temper),
        doubt=Float(0.0, 1.0, default=now.doubt),
        halved=Float(*holding(now.halved, 1.0, 16.0), log=True, default=now.halved),
        luck=Float(0.0, 1.0, default=now.luck),
    )


def left_out_regret(table: PastTable, settings: MetricSettings) -> NDArray[np.float64]:
    """Regret of each task after 3, 5, 8 and 12 trials, or after 2, 5, 10 and 20 seconds, shape (tasks, 4).

    It is NaN for tasks that have too few others, and 1 where no trial has ended by then.

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
    """Seconds that each trial took on a task; its usual seconds where they are unknown."""
    return np.maximum(np.where(np.isfinite(took), took, usual), _LEAST_SECONDS)


def _usual(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each configuration takes on past tasks, a geometric mean; the mean of all for one never timed."""
    logs = np.log(np.maximum(seconds, _LEAST_SECONDS))
    known = np.isfinite(logs)
    overall = float(logs[known].mean()) if known.any() else 0.0
    means = np.where(known, logs, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.exp(np.where(known.any(axis=0), means, overall))


def _tried(
    metric: Any, scores: NDArray[np.float64], usual: NDArray[np.float64] | None, took: NDArray[np.float64] | None
) -> list[int]:
    """What the metric alone would try, in order: by gain, or by gain per second until the last look."""
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
    """Settings that suit past tasks best, one group of families left out at a time.

    Args:
        tables: Of one sort and metric each; all families of a table count the same.
        trials: Number of settings that are tried.
        default: The first of them; the metric's own defaults if left out.
        seed: Of the sampler.

    Raises:
        InvalidInput: If no table has tasks of two families, and three tasks beside one of them.
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
    """Whether enough tasks remain beside some group of families."""
    families = np.array(table.families)
    groups = np.array_split(np.unique(families), min(_FOLDS, len(np.unique(families))))
    return any((~np.isin(families, group)).sum() >= _FEWEST for group in groups)


def _of_families(table: PastTable, regrets: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each family's tasks that have a regret, shape (families, looks)."""
    of = np.array(table.families)
    known = np.isfinite(regrets).all(axis=1)
    means = [regrets[known & (of == family)].mean(axis=0) for family in np.unique(of[known])]
    return np.array(means).reshape(-1, regrets.shape[1])
