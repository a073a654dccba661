"""Pipeline portfolio: a fixed list of configurations from all past tasks of one type, for a metric and a time limit.

A portfolio is for users who cannot choose trial by trial: fits that run in parallel elsewhere, or in another tool. It
is the greedy cost-aware portfolio of the past tasks' regrets (`knowledge/advice/portfolio.py`). If a table is passed,
each past task is weighted by its similarity to this table. The expected curve is the mean regret of the past tasks
after the first configuration, the first two, and so on. A regret of 0 is the best known score of a task; 1 is its
median or worse.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.advice.portfolio import greedy
from seasoned.knowledge.advice.similar_tasks import TaskQuery, recall
from seasoned.knowledge.experience.locations import places, read_places
from seasoned.knowledge.meta_features.meta_features import METAFEATURES
from seasoned.tabular.experience.advice import TaskAdvice, TaskDescription
from seasoned.tabular.experience.record import described
from seasoned.tabular.input.target import infer_task, read_target
from seasoned.tabular.metrics.registry import measure_key, resolve, usual_metric
from seasoned.tabular.models.registry import choose, joint_space
from seasoned.tabular.postprocessing.choose_threshold import searched
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.trial.configuration import KIND, current

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from seasoned.knowledge.advice.similar_tasks import SimilarTasks
    from seasoned.tabular.input.target import Task

__all__ = ["PipelinePortfolio", "portfolio_of_past", "portfolio_of_table"]

_FOLDS: Final = 5
_USUAL_ROWS: Final = 1_000  # rows assumed if the size of no past task is known
_LEAST_SECONDS: Final = 0.1  # smallest predicted time of a trial in seconds
_CLASSES: Final[Mapping[Task, int]] = {"binary": 2, "multiclass": 3, "regression": 0}


@dataclass(frozen=True, slots=True)
class PipelinePortfolio:
    """Portfolio: configurations in the order in which to try them, and their expected regret and time.

    Attributes:
        sort: binary, multiclass or regression.
        metric: Metric of the past tasks; two names if few tasks had the requested metric.
        tasks: Number of past studies.
        rows: Number of table rows that `seconds` refers to.
        configurations: Configurations `{"model": {family: settings}}`.
        expected: Mean regret of the past tasks after the first configuration, the first two, and so on.
        seconds: Seconds on one core for the first configuration, the first two, and so on, with five folds each.
    """

    sort: str
    metric: str
    tasks: int
    rows: int
    configurations: tuple[dict[str, Any], ...]
    expected: tuple[float, ...]
    seconds: tuple[float, ...]

    def to_json(self) -> str:
        """JSON text, for other tools."""
        return json.dumps(asdict(self), indent=1, default=dict)


def portfolio_of_past(
    sort: Task,
    metric: str | None = None,
    *,
    size: int = 24,
    seconds: float | None = None,
    experience: str | None = "default",
) -> PipelinePortfolio:
    """Portfolio from all past tasks of one type, with equal weight of each table.

    Args:
        sort: "binary", "multiclass" or "regression".
        metric: Name of the metric; by default the usual one of the type.
        size: Largest number of configurations.
        seconds: Seconds on one core for all configurations, on a table of the median past size; no limit by default.
        experience: Past tasks to use (`knowledge/experience/locations.py`).

    Raises:
        InvalidInput: If an argument is invalid, or too few past tasks are known.

    Example:
        >>> found = portfolio_of_past("binary", size=3, experience="shipped")
        >>> len(found.configurations), found.expected[0] > found.expected[2]
        (3, True)
    """
    if sort not in _CLASSES:
        raise InvalidInput(f"sort is {sort!r}; give one of {', '.join(_CLASSES)}.")
    unknown = dict.fromkeys((feature.name for feature in METAFEATURES), math.nan)
    return _portfolio(sort, metric, unknown, None, size=size, seconds=seconds, experience=experience)


def portfolio_of_table(
    frame: pd.DataFrame,
    target: Any,
    metric: str | None = None,
    *,
    sort: str | None = None,
    size: int = 24,
    seconds: float | None = None,
    experience: str | None = "default",
) -> PipelinePortfolio:
    """Portfolio for a table, from past tasks weighted by their similarity to the table.

    Args:
        frame: The features.
        target: One value per row.
        metric: Name of the metric; by default the usual one of the task type.
        sort: binary, multiclass or regression; by default inferred from the target.
        size: Largest number of configurations.
        seconds: Seconds on one core for all configurations, on this table; no limit by default.
        experience: Past tasks to use (`knowledge/experience/locations.py`).

    Raises:
        InvalidInput: If an argument is invalid, or too few past tasks are known.
    """
    read = read_target(target, _kind(target, sort))
    if sort not in {None, read.task}:
        raise InvalidInput(f"sort is {sort!r}, and the target has {len(read.classes)} classes; give {read.task!r}.")
    if len(read.labelled) != len(frame):
        raise InvalidInput(
            f"there are {len(frame)} rows and {len(read.labelled)} target values; give one for each row."
        )
    kept = frame[read.labelled]
    canonical = Schema.infer(kept).apply(kept)
    found = described(canonical, read, 0)
    return _portfolio(read.task, metric, found, len(canonical), size=size, seconds=seconds, experience=experience)


def _kind(target: Any, sort: str | None) -> Literal["classification", "regression"]:
    """Type of the target: classes or numbers."""
    if sort is None:
        return infer_task(target)
    if sort not in _CLASSES:
        raise InvalidInput(f"sort is {sort!r}; use one of {', '.join(_CLASSES)}.")
    return "regression" if sort == "regression" else "classification"


def _portfolio(
    sort: Task,
    metric: str | None,
    metafeatures: dict[str, float],
    rows: int | None,
    *,
    size: int,
    seconds: float | None,
    experience: str | None,
) -> PipelinePortfolio:
    if size < 1 or (seconds is not None and not 0.0 < seconds < math.inf):
        raise InvalidInput(f"size is {size} and seconds is {seconds}; give a number from 1 on, and seconds above 0.")
    space = joint_space(choose(None), sort)
    features = np.array([metafeatures[feature.name] for feature in METAFEATURES])
    asked = measure_key(searched(resolve(metric, sort, _CLASSES[sort])))
    past = recall(
        read_places(places(experience)),
        TaskQuery(KIND, sort, asked, usual_metric(sort), features),
        partial(current, space=space),
    )
    if past is None:
        raise InvalidInput(f"too little is known of {sort} tasks by {asked}; fit some models, or import experience.")
    rows = _usual_rows(past) if rows is None else rows
    scene = TaskDescription(metafeatures, None, sort, asked, (rows, 1), _FOLDS, "")
    guide = TaskAdvice(past, scene, space, math.inf)
    spent = np.maximum(guide.expected_seconds({}, np.arange(len(guide.configs))), _LEAST_SECONDS)
    found = greedy(guide.regrets, size, weights=past.weights, seconds=spent, budget=seconds)
    if not found.members and seconds is None:
        raise InvalidInput(f"no configuration is better than another on the {sort} tasks that are known by {asked}.")
    if not found.members:
        raise InvalidInput(
            f"no configuration is expected to end within {seconds:g} s; give more than {min(spent):.2g}."
        )
    return PipelinePortfolio(
        sort,
        str(past.about["metric"]),
        len(past.names),
        rows,
        tuple(guide.configs[member] for member in found.members),
        tuple(round(value, 4) for value in found.expected),
        tuple(round(value, 2) for value in found.seconds),
    )


def _usual_rows(past: SimilarTasks) -> int:
    """Median number of rows of the past tasks."""
    logs = past.metafeatures[:, [feature.name for feature in METAFEATURES].index("log_rows")]
    return round(10 ** float(np.nanmedian(logs))) if np.isfinite(logs).any() else _USUAL_ROWS
