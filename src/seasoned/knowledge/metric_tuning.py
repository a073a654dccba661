"""The learned metric's own settings, tuned by our samplers: each family of tasks is searched with the others as past.

    minimise over settings:  mean over tasks and trials t of  regret(best of the first t trials that the metric chose)

Nothing of a task's family is among what its metric was learned from. The first trial is the settings as they are, so
that what is chosen is never worse by this measure.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.metric_function import fit_metric
from seasoned.knowledge.ranges import holding
from seasoned.knowledge.regret import levels_of, regret
from seasoned.knowledge.settings import MetricSettings
from seasoned.samplers.auto import Auto
from seasoned.space import Float, Int, Space
from seasoned.study import Study
from seasoned.trials import WarmStart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["PastTable", "TunedMetric", "left_out_regret", "metric_space", "tune_metric"]

_LOOKS: Final = (3, 5, 8, 12)  # trials after which a search is judged
_FEWEST: Final = 3  # past tasks of other families from which a metric is learned
_FOLDS: Final = 10  # of more families, so many groups of whole families


class PastTable(NamedTuple):
    """Tasks of one sort and metric.

    Attributes:
        scores: To be minimised, NaN where not tried, shape (tasks, configurations).
        families: Of the tasks; those of one family are left out together.
    """

    scores: NDArray[np.float64]
    families: tuple[str, ...]


class TunedMetric(NamedTuple):
    """Attributes: the best settings, and the study that found them."""

    settings: MetricSettings
    study: Study


def metric_space(default: MetricSettings | None = None) -> Space:
    """What is tuned; the defaults are the settings as they are.

    Example:
        >>> MetricSettings(**metric_space().default).rank == MetricSettings().rank
        True
    """
    now = default or MetricSettings()
    return Space(
        rank=Int(*holding(now.rank, 3, 80), log=True, default=now.rank),
        tasks_per_factor=Int(*holding(now.tasks_per_factor, 1, 8), default=now.tasks_per_factor),
        closeness=Float(0.0, 0.95, default=now.closeness),
        temper=Float(*holding(now.temper, 0.05, 1.0), log=True, default=now.temper),
        doubt=Float(0.0, 1.0, default=now.doubt),
        halved=Float(*holding(now.halved, 1.0, 16.0), log=True, default=now.halved),
        luck=Float(0.0, 1.0, default=now.luck),
    )


def left_out_regret(table: PastTable, settings: MetricSettings) -> NDArray[np.float64]:
    """Regret of each task after 3, 5, 8 and 12 trials, NaN for tasks that have too few others, shape (tasks, 4).

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
    for group in np.array_split(np.unique(families), min(_FOLDS, len(np.unique(families)))):
        out = np.isin(families, group)
        seen = np.isfinite(table.scores[~out]).any(axis=0)
        if (~out).sum() < _FEWEST or not seen.any():
            continue
        metric = fit_metric(table.scores[~out][:, seen], settings)
        for place in np.flatnonzero(out):
            rows = _tried(metric, table.scores[place, seen])
            if rows:
                best = np.minimum.accumulate(regrets[place, seen][rows])
                found[place] = [best[min(look, len(best)) - 1] for look in _LOOKS]
    return found


def _tried(metric: Any, scores: NDArray[np.float64]) -> list[int]:
    """What the metric alone would try, in order."""
    open_ = np.isfinite(scores)
    rows: list[int] = []
    while open_.any() and len(rows) < max(_LOOKS):
        left = np.flatnonzero(open_)
        tried = np.array(rows, dtype=np.intp)
        rows.append(int(left[np.argmax(metric.condition(tried, scores[tried]).expected_gain(left))]))
        open_[rows[-1]] = False
    return rows


def tune_metric(
    tables: Sequence[PastTable], *, trials: int = 30, default: MetricSettings | None = None, seed: int = 0
) -> TunedMetric:
    """Settings that suit past tasks best, one group of families left out at a time.

    Args:
        tables: Of one sort and metric each; every task counts alike.
        trials: Settings that are judged.
        default: The first of them; the metric's own defaults if left out.
        seed: Of the sampler.

    Raises:
        InvalidInput: If no table has tasks of two families.
    """
    some = [table for table in tables if len(set(table.families)) > 1]
    if not some:
        raise InvalidInput("no table has tasks of two families; give more past tasks, or keep the defaults.")

    def loss(config: dict[str, Any]) -> float:
        settings = MetricSettings(**config)
        return float(np.nanmean(np.concatenate([left_out_regret(table, settings) for table in some])))

    first = WarmStart(configurations=(dataclasses.asdict(default or MetricSettings()),))
    study = Study(metric_space(default), sampler=Auto(warm_start=first), seed=seed)
    study.optimize(loss, trials=trials, progress=False)
    return TunedMetric(MetricSettings(**study.best.config), study)
