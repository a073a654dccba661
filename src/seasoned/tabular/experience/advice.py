"""Advice of past tasks for one table: configurations worth trying, their expected gains and predicted seconds."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.knowledge.advice.adviser import Adviser
from seasoned.knowledge.advice.similar_tasks import SimilarTasks, TaskQuery, recall, relative
from seasoned.knowledge.experience.locations import read_places
from seasoned.knowledge.meta_features.meta_features import METAFEATURES
from seasoned.knowledge.performance_model.heads import fit_head
from seasoned.knowledge.performance_model.improvement_targets import Kinds
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.performance_model.settings import MetricSettings
from seasoned.knowledge.transfer.cold_search import pool_of
from seasoned.space import Choice
from seasoned.storage.study_archive import PATIENCE
from seasoned.tabular.features.pipeline import FEATURES, only_levels
from seasoned.tabular.metrics.registry import usual_metric
from seasoned.tabular.models._common.target_transforms import CENTRE, SCALE
from seasoned.tabular.trial.configuration import KIND, current, textual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seasoned.knowledge.advice.adviser import AdviserState
    from seasoned.knowledge.experience.locations import Places
    from seasoned.knowledge.performance_model.heads import Head as Foresight
    from seasoned.space import Space
    from seasoned.tabular.input.target import Task

__all__ = ["TaskAdvice", "TaskDescription", "family_of", "features_of", "guide_for"]

logger = logging.getLogger("seasoned.tabular")

_FILE, _NONE = "experience.npz", "experience.none"
_FLOOR: Final = 0.03  # smallest cost of a trial, as a share of the time limit; else only cheap trials would be tried
_HELD_OUT: Final = 0.8  # share of the rows in the single fit of a holdout
_ROOM: Final = 0.25  # largest lag of a family that helps an ensemble, as a share of a task's gap from median to best
_WAITING: Final = 0.05  # longest wait for a locked store or a slow server, as a share of the time limit
_SIMILAR: Final = 5  # number of similar past tasks in the report
_FIXED_ROWS: Final = 600.0  # fixed cost of a fit, in rows: before any trial, seconds are proportional to rows + 600


@dataclass(frozen=True, slots=True)
class TaskDescription:
    """Task description: the properties of a table that experience uses.

    Attributes:
        metafeatures: Name -> value, in the registry's order.
        baseline: Loss of a constant prediction; None where undefined.
        sort: Type of the task: binary, multiclass or regression.
        metric: Name of the metric.
        sizes: Number of rows and of columns.
        folds: Number of folds.
        family: Identifier of the table: a digest of the column names, or of the meta-features if columns have no names.
        fit_seconds: Largest number of seconds for the fit of one fold; None for no limit.
    """

    metafeatures: dict[str, float]
    baseline: float | None
    sort: Task
    metric: str
    sizes: tuple[int, int]
    folds: int
    family: str
    fit_seconds: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TaskAdvice:
    """Advice of past tasks for one table.

    Attributes:
        recalled: Relevant past tasks and their configurations.
        scene: Description of the present task.
        space: The joint space.
        seconds: The time limit in seconds. The smallest cost of a trial is a share of this limit.
        adviser: Performance model of the configurations.
        rows: Indices of all configurations.
        families: Family of each configuration.
    """

    recalled: SimilarTasks
    scene: TaskDescription
    space: Space
    seconds: float
    adviser: Adviser = field(init=False, repr=False)
    rows: tuple[int, ...] = field(init=False, repr=False)
    families: tuple[str, ...] = field(init=False, repr=False)
    _kinds: Mapping[str, int] = field(init=False, repr=False)
    _texts: Mapping[str, int] = field(init=False, repr=False)
    _defaults: Mapping[str, tuple[int, Mapping[str, Any]]] = field(init=False, repr=False)
    _failing: NDArray[np.float64] = field(init=False, repr=False)
    _clock: tuple[Foresight, float] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found = self.recalled
        pool = pool_of(features_of(found.configs, self.space))
        metric = fit_metric(found.scores, MetricSettings.shipped(), stopped=found.stopped, gaps=found.gaps)
        tried = np.isfinite(found.scores) | found.failed
        mass = np.maximum(found.weights @ tried, 1e-12)
        texts = {textual(config): row for row, config in enumerate(found.configs)}
        families = tuple(family_of(config) for config in found.configs)
        kinds = {family: kind for kind, family in enumerate(sorted(set(families)))}
        of = np.array([kinds[family] for family in families])
        for name, value in {
            "adviser": Adviser(metric, pool, found.weights, kinds=Kinds(of, len(kinds) + 1, _ROOM)),
            "rows": tuple(range(len(found.configs))),
            "families": families,
            "_kinds": kinds,
            "_texts": texts,
            "_defaults": _defaults(texts, self.space),
            "_failing": (found.weights @ found.failed) / mass,
            "_clock": _clock(found, self.scene, families),
        }.items():
            object.__setattr__(self, name, value)

    @property
    def configs(self) -> tuple[dict[str, Any], ...]:
        """The configurations of past tasks."""
        return self.recalled.configs

    @property
    def regrets(self) -> NDArray[np.float64]:
        """Regrets on the past tasks, shape (tasks, n); NaN where a configuration was not tried, stopped or failed."""
        metric = self.adviser.metric
        assert metric is not None, "the guide has just fitted it"
        return metric.losses

    def row_of(self, text: str) -> int | None:
        """Row of the configuration with this text; None if no row has it."""
        return self._texts.get(text)

    def advises(self, text: str) -> bool:
        """True if a configuration is one of past tasks, and no default that a family begins with."""
        row = self._texts.get(text)
        return row is not None and row not in {default for default, _ in self._defaults.values()}

    def row_of_start(self, config: Mapping[str, Any]) -> int | None:
        """Row of the family's default, if a first configuration of the search stands for this default; else None.

        On a large table, boosters begin with a higher learning rate. On a small table, CatBoost begins with shallower
        trees (`search/initial_configurations.py`). CatBoost can also begin with level features for columns of very many
        levels. These first configurations stand for the default. A first configuration with other features, the median
        as target, or another target scale does not.
        """
        ((family, settings),) = config["model"].items()
        row, default = self._defaults.get(family, (None, {}))
        names = (
            (SCALE.name, CENTRE.name) if only_levels(settings.get(FEATURES)) else (FEATURES, SCALE.name, CENTRE.name)
        )
        same = all(settings.get(name) == default.get(name) for name in names)
        return row if same else None

    def kind_of(self, family: str) -> int:
        """Number of a family for the adviser. Families that are in no past task share the last number."""
        return self._kinds.get(family, len(self._kinds))

    def relative(self, loss: float) -> float:
        """Loss on this table in the units of the past tasks, relative to the constant prediction."""
        return float(relative(loss, self.scene.baseline))

    def gains(
        self, state: AdviserState, rows: NDArray[np.intp], ended: Mapping[str, tuple[int, int]] | None = None
    ) -> NDArray[np.float64]:
        """Expected gains of configurations, in units of the gap from median to best, shape (m,). Failures count as 0.

        A configuration also gains by coming near the best trial if its family has not come so near yet, because this
        helps an ensemble. A failure on this table counts against its family. If k of the n trials of a family failed
        here, the probability to complete is the past one times (1 - k/(n + 1)).

        Args:
            state: State of the adviser: the configurations tried so far.
            rows: Rows of the configurations, shape (m,).
            ended: Family -> number of its completed and of its failed trials on this table.
        """
        risks = {family: failed / (whole + failed + 1.0) for family, (whole, failed) in (ended or {}).items()}
        here = np.array([risks.get(self.families[row], 0.0) for row in rows])
        gains: NDArray[np.float64] = self.adviser.gains(state, rows) * (1.0 - self._failing[rows]) * (1.0 - here)
        return gains

    @property
    def floor(self) -> float:
        """Smallest cost of a trial in seconds, used to compare gains."""
        return _FLOOR * self.seconds

    def expected_seconds(
        self, seen: Mapping[int, float], rows: NDArray[np.intp], least: Mapping[int, float] | None = None
    ) -> NDArray[np.float64]:
        """Predicted seconds of configurations, shape (m,); 0 if past tasks have too few timings.

        Args:
            seen: Row -> seconds of the trial on this table.
            rows: Rows of the requested configurations, shape (m,).
            least: Row -> seconds until the trial was stopped or failed. This lower bound counts where the prediction is
                smaller.
        """
        if self._clock is None:
            return np.zeros(len(rows))
        head, offset = self._clock
        known, logs = _logs(seen, offset)
        cut, bounds = _logs({row: seconds for row, seconds in (least or {}).items() if row not in seen}, offset)
        if len(cut):
            late = bounds > head.predict(cut, known, logs).mean
            known, logs = np.append(known, cut[late]), np.append(logs, bounds[late])
        expected: NDArray[np.float64] = np.power(10.0, head.predict(rows, known, logs).mean + offset)
        return expected

    def summary(self) -> dict[str, Any]:
        """Plain data for report and bundle: the id of the experience, and the most similar past tasks."""
        found = self.recalled
        order = np.argsort(-found.weights, kind="stable")[:_SIMILAR]
        return {
            **found.about,
            "tasks": len(found.names),
            "configurations": len(found.configs),
            "similar": [self._similar(int(task)) for task in order],
        }

    def _similar(self, task: int) -> dict[str, Any]:
        scores, stopped = self.recalled.scores[task], self.recalled.stopped
        best = int(np.nanargmin(scores if stopped is None else np.where(stopped[task], np.nan, scores)))
        ((family, settings),) = self.configs[best]["model"].items()
        share = float(self.recalled.weights[task])
        return {"name": self.recalled.names[task], "share": round(share, 4), "model": family, "config": settings}


def features_of(configs: Sequence[Mapping[str, Any]], space: Space) -> NDArray[np.float64]:
    """Numeric features of configurations: the family, one-hot, and settings in the unit cube, 0 where inactive.

    Args:
        configs: Configurations `{"model": {family: {...}}}`, valid in the space.
        space: The joint space.

    Returns:
        Shape (n, families + settings).
    """
    families = sorted({next(iter(config["model"])) for config in configs})
    chosen = np.array([[next(iter(config["model"])) == family for family in families] for config in configs])
    encoded = [space.encode(config) for config in configs]
    settings = np.stack([one.unit * one.active for one in encoded])
    found: NDArray[np.float64] = np.hstack([chosen.astype(np.float64), settings[:, 1:]])
    return found


def family_of(config: Mapping[str, Any]) -> str:
    """Family of a configuration."""
    return str(next(iter(config["model"])))


def _defaults(texts: Mapping[str, int], space: Space) -> dict[str, tuple[int, Mapping[str, Any]]]:
    """Family -> row of its default, and the default. Families whose default is in no past task are left out."""
    families = space.parameters["model"]
    assert isinstance(families, Choice), "the joint space has no other parameter"
    defaults = {family: dict(inner.default) for family, inner in families.options.items()}
    rows = {family: texts.get(textual({"model": {family: default}})) for family, default in defaults.items()}
    return {family: (row, defaults[family]) for family, row in rows.items() if row is not None}


def _logs(seconds: Mapping[int, float], offset: float) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Rows, and log10 of their seconds on the scale of past tasks."""
    values = np.array(list(seconds.values()), dtype=np.float64)
    return np.array(list(seconds), dtype=np.intp), np.log10(np.maximum(values, 1e-3)) - offset


def _clock(found: SimilarTasks, scene: TaskDescription, families: Sequence[str]) -> tuple[Foresight, float] | None:
    """Model of log10 seconds for a past task of mean size, and this table's offset; None for fewer than three tasks.

    The seconds of a past task are scaled to the mean size. Otherwise a configuration that only large tables tried would
    seem slow everywhere. Seconds of failed or stopped trials are lower bounds.
    """
    cut = found.failed if found.stopped is None else found.failed | found.stopped
    tasks = (np.isfinite(found.seconds) & ~cut).any(axis=1)
    if tasks.sum() < 3:
        return None
    names = [feature.name for feature in METAFEATURES]
    rows = np.power(10.0, found.metafeatures[tasks, names.index("log_rows")])
    sizes = np.log10(rows[np.isfinite(rows)] + _FIXED_ROWS)
    level = float(sizes.mean()) if len(sizes) else math.log10(1_000.0 + _FIXED_ROWS)
    above = np.nan_to_num(np.log10(rows + _FIXED_ROWS) - level, nan=0.0)
    logs = np.log10(np.maximum(found.seconds[tasks], 1e-3)) - above[:, None]
    head = fit_head(_completed(logs, np.array(families)), cut[tasks] & np.isfinite(logs))
    folds = math.log10(max(scene.folds - 1.0, _HELD_OUT))
    return head, math.log10(scene.sizes[0] + _FIXED_ROWS) - level + folds


def _completed(logs: NDArray[np.float64], families: NDArray[np.str_]) -> NDArray[np.float64]:
    """Fill missing log10 seconds of a configuration with the mean of its family, or else of all configurations."""
    known = np.isfinite(logs)
    filled = logs.copy()
    for column in np.flatnonzero(~known.any(axis=0)):
        kin = known & (families == families[column])
        some = kin if kin.any() else known
        counts = some.sum(axis=1)
        means = np.where(some, logs, 0.0).sum(axis=1) / np.maximum(counts, 1)
        filled[:, column] = np.where(counts > 0, means, np.nan)
    return filled


def guide_for(
    folder: Path, found_in: Places, scene: TaskDescription, space: Space, seconds: float
) -> TaskAdvice | None:
    """Advice for a run, from the experience that the setting names; None if too little is relevant.

    Args:
        folder: The run folder. It stores what was recalled, or that nothing was, so that a resumed run uses the same.
        found_in: Locations of the experience to read.
        scene: Description of the present task.
        space: The joint space.
        seconds: The time limit.
    """
    file, none = folder / _FILE, folder / _NONE
    if file.is_file():
        return TaskAdvice(SimilarTasks.load(file), scene, space, seconds)
    if none.is_file():
        return None
    experience = read_places(found_in, min(PATIENCE, max(_WAITING * seconds, 1.0)))
    features = np.array([scene.metafeatures[feature.name] for feature in METAFEATURES])
    asking = TaskQuery(KIND, scene.sort, scene.metric, usual_metric(scene.sort), features, scene.fit_seconds)
    found = recall(experience, asking, partial(current, space=space)) if len(experience) else None
    if found is None:
        logger.info("there is too little experience of %s tasks, so the search starts without it.", scene.sort)
        none.touch()
        return None
    found.save(file)
    return TaskAdvice(found, scene, space, seconds)
