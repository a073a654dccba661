"""A fixed list of pipelines to try, made from all past tasks of one type, for one metric and so many seconds.

For those who cannot choose trial by trial: for fits that run in parallel elsewhere, or in another tool. The list is the
greedy cost-aware portfolio (`knowledge/portfolio.py`) of the past tasks' regrets, each task weighted softly by its
likeness to the table, if there is one. Its curve says what is to be expected: the mean regret of the past tasks after
the first configuration, the first two, and so on; 0 is the best that is known of a task, 1 its median or worse.
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
from seasoned.knowledge.advice.similar_tasks import Asking, recall
from seasoned.knowledge.experience.locations import places, read_places
from seasoned.knowledge.meta_features.meta_features import METAFEATURES
from seasoned.tabular.experience.advice import Guide, Scene
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

    from seasoned.knowledge.advice.similar_tasks import Recalled
    from seasoned.tabular.input.target import Task

__all__ = ["PipelinePortfolio", "portfolio_of_past", "portfolio_of_table"]

_FOLDS: Final = 5
_USUAL_ROWS: Final = 1_000  # of a past task whose size is not known
_LEAST_SECONDS: Final = 0.1  # shortest time that a trial is expected to take
_CLASSES: Final[Mapping[Task, int]] = {"binary": 2, "multiclass": 3, "regression": 0}


@dataclass(frozen=True, slots=True)
class PipelinePortfolio:
    """Configurations in the order in which to try them, and what is expected of them.

    Attributes:
        sort: binary, multiclass or regression.
        metric: What past tasks were judged by; two names where few had the one that was asked for.
        tasks: Number of past studies that it was made from.
        rows: Rows of the table that `seconds` are for.
        configurations: `{"model": {family: settings}}` each.
        expected: Mean regret of the past tasks after the first, the first two, ... of them.
        seconds: Seconds of one core that the first, the first two, ... take together, five folds each.
    """

    sort: str
    metric: str
    tasks: int
    rows: int
    configurations: tuple[dict[str, Any], ...]
    expected: tuple[float, ...]
    seconds: tuple[float, ...]

    def to_json(self) -> str:
        """As text, for other tools."""
        return json.dumps(asdict(self), indent=1, default=dict)


def portfolio_of_past(
    sort: Task,
    metric: str | None = None,
    *,
    size: int = 24,
    seconds: float | None = None,
    experience: str | None = "default",
) -> PipelinePortfolio:
    """The portfolio of all past tasks of one type, each table counting once.

    Args:
        sort: "binary", "multiclass" or "regression".
        metric: Its name; the usual one of the sort if left out.
        size: Most configurations.
        seconds: Seconds of one core for all of them, on a table of the usual past size; no limit if left out.
        experience: Which past tasks (`knowledge/places.py`).

    Raises:
        InvalidInput: If an argument breaks its rule, or too little is known.

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
    """The portfolio for a table: past tasks that are like it count more.

    Args:
        frame: The features.
        target: One value per row.
        metric: Its name; the usual one of the sort if left out.
        sort: binary, multiclass or regression; inferred from the target if left out.
        size: Most configurations.
        seconds: Seconds of one core for all of them, on this table; no limit if left out.
        experience: Which past tasks (`knowledge/places.py`).

    Raises:
        InvalidInput: If an argument breaks its rule, or too little is known.
    """
    read = read_target(target, _kind(target, sort))
    if sort not in {None, read.task}:
        raise InvalidInput(f"sort is {sort!r}, and the target has {len(read.classes)} classes; give {read.task!r}.")
    if len(read.kept) != len(frame):
        raise InvalidInput(f"there are {len(frame)} rows and {len(read.kept)} target values; give one for each row.")
    kept = frame[read.kept]
    canonical = Schema.infer(kept).apply(kept)
    found = described(canonical, read, 0)
    return _portfolio(read.task, metric, found, len(canonical), size=size, seconds=seconds, experience=experience)


def _kind(target: Any, sort: str | None) -> Literal["classification", "regression"]:
    """Whether the target is read as classes or as numbers."""
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
        Asking(KIND, sort, asked, usual_metric(sort), features),
        partial(current, space=space),
    )
    if past is None:
        raise InvalidInput(f"too little is known of {sort} tasks by {asked}; fit some models, or import experience.")
    rows = _usual_rows(past) if rows is None else rows
    scene = Scene(metafeatures, None, sort, asked, (rows, 1), _FOLDS, "")
    guide = Guide(past, scene, space, math.inf)
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


def _usual_rows(past: Recalled) -> int:
    """The median of the past tasks' rows."""
    logs = past.metafeatures[:, [feature.name for feature in METAFEATURES].index("log_rows")]
    return round(10 ** float(np.nanmedian(logs))) if np.isfinite(logs).any() else _USUAL_ROWS
