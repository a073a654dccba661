"""What experience says about one table: which configurations are worth trying, and what they will cost."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.knowledge.advice import Adviser
from seasoned.knowledge.cold import pool_of
from seasoned.knowledge.heads import fit_head
from seasoned.knowledge.metafeatures import METAFEATURES
from seasoned.knowledge.metric_function import fit_metric
from seasoned.knowledge.places import read_places
from seasoned.knowledge.recall import Asking, Recalled, recall, relative
from seasoned.knowledge.settings import MetricSettings
from seasoned.tabular.metrics import usual_metric
from seasoned.tabular.pipeline import KIND, current, textual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seasoned.knowledge.advice import AdviserState
    from seasoned.knowledge.heads import Head as Foresight
    from seasoned.knowledge.places import Places
    from seasoned.space import Space
    from seasoned.tabular.target import Task

__all__ = ["Guide", "Scene", "guide_for"]

logger = logging.getLogger("seasoned.tabular")

_FILE: Final = "experience.npz"
_FLOOR: Final = 0.01  # of the time limit: what a trial costs at least, to be started, stored and chosen from
_HELD_OUT: Final = 0.8  # of the rows that the one fit of a holdout sees
_SIMILAR: Final = 5  # past tasks that are named
_TRUSTED_ROWS: Final = 1.0  # slope of log seconds over log rows that is believed before any trial


@dataclass(frozen=True, slots=True)
class Scene:
    """The table as experience sees it.

    Attributes:
        metafeatures: In the registry's order.
        baseline: Loss of predicting the same for all rows; None where it is undefined.
        sort: binary, multiclass or regression.
        metric: Its name.
        sizes: Rows and columns.
        folds: Number of folds.
        family: Digest of its columns' names: the same table again, or later rows of it.
    """

    metafeatures: dict[str, float]
    baseline: float | None
    sort: Task
    metric: str
    sizes: tuple[int, int]
    folds: int
    family: str


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """What past tasks say about this one.

    Attributes:
        recalled: Tasks and configurations that bear on it.
        scene: The table.
        seconds: Of the time limit; what a trial costs is measured against it.
    """

    recalled: Recalled
    scene: Scene
    space: Space
    seconds: float
    adviser: Adviser = field(init=False, repr=False)
    rows: tuple[int, ...] = field(init=False, repr=False)
    _texts: Mapping[str, int] = field(init=False, repr=False)
    _failing: NDArray[np.float64] = field(init=False, repr=False)
    _clock: tuple[Foresight, float] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found = self.recalled
        pool = pool_of(_features(found.configs, self.space))
        adviser = Adviser(fit_metric(found.scores, MetricSettings.shipped()), pool, found.weights)
        tried = np.isfinite(found.scores) | found.failed
        mass = np.maximum(found.weights @ tried, 1e-12)
        for name, value in {
            "adviser": adviser,
            "rows": tuple(range(len(found.configs))),
            "_texts": {textual(config): row for row, config in enumerate(found.configs)},
            "_failing": (found.weights @ found.failed) / mass,
            "_clock": _clock(found, self.scene),
        }.items():
            object.__setattr__(self, name, value)

    @property
    def configs(self) -> tuple[dict[str, Any], ...]:
        """The configurations that it knows."""
        return self.recalled.configs

    def row_of(self, text: str) -> int | None:
        """Which of its configurations a text is."""
        return self._texts.get(text)

    def relative(self, loss: float) -> float:
        """A loss on this table in the units of the past tasks."""
        return float(relative(loss, self.scene.baseline))

    def gains(self, state: AdviserState, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Expected gains in regret, failures counted as none."""
        gains: NDArray[np.float64] = self.adviser.gains(state, rows) * (1.0 - self._failing[rows])
        return gains

    def spent(self, seen: Mapping[int, float], rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Predicted seconds of some configurations, at least a share of the time limit each."""
        floor = _FLOOR * self.seconds
        if self._clock is None:
            return np.full(len(rows), floor)
        head, offset = self._clock
        tried = np.array(list(seen), dtype=np.intp)
        logs = np.log10(np.maximum(np.array(list(seen.values()), dtype=np.float64), 1e-3)) - offset
        found = head.predict(rows, tried, logs)
        return np.maximum(np.power(10.0, found.mean + offset), floor)

    def told(self) -> dict[str, Any]:
        """Plain data for report and bundle: the experience's id, and the past tasks judged most similar."""
        found = self.recalled
        order = np.argsort(-found.weights, kind="stable")[:_SIMILAR]
        return {
            **found.about,
            "tasks": len(found.names),
            "configurations": len(found.configs),
            "similar": [self._similar(int(task)) for task in order],
        }

    def _similar(self, task: int) -> dict[str, Any]:
        scores = self.recalled.scores[task]
        best = int(np.nanargmin(scores))
        ((family, settings),) = self.configs[best]["model"].items()
        share = float(self.recalled.weights[task])
        return {"name": self.recalled.names[task], "share": round(share, 4), "model": family, "config": settings}


def _features(configs: Sequence[Mapping[str, Any]], space: Space) -> NDArray[np.float64]:
    """Configurations as numbers: which family, and its settings in the unit cube, 0 where they are not in use."""
    families = sorted({next(iter(config["model"])) for config in configs})
    chosen = np.array([[next(iter(config["model"])) == family for family in families] for config in configs])
    encoded = [space.encode(config) for config in configs]
    settings = np.stack([one.unit * one.active for one in encoded])
    found: NDArray[np.float64] = np.hstack([chosen.astype(np.float64), settings[:, 1:]])
    return found


def _clock(found: Recalled, scene: Scene) -> tuple[Foresight, float] | None:
    """What is known of seconds, and how log seconds on this table lie above the past tasks' mean."""
    known = np.isfinite(found.seconds)
    tasks, columns = known.any(axis=1), known.any(axis=0)
    if tasks.sum() < 3 or not columns.all():
        return None
    logs = np.log10(np.maximum(found.seconds[tasks], 1e-3))
    names = [feature.name for feature in METAFEATURES]
    rows = found.metafeatures[tasks, names.index("log_rows")]
    level = float(np.nanmean(rows)) if np.isfinite(rows).any() else 3.0
    folds = math.log10(max(scene.folds - 1.0, _HELD_OUT))
    offset = _TRUSTED_ROWS * (math.log10(scene.sizes[0]) - level) + folds
    return fit_head(logs), offset


def guide_for(folder: Path, found_in: Places, scene: Scene, space: Space, seconds: float) -> Guide | None:
    """The guide of a run: what experience the setting names and the table calls up; None where that is nothing.

    Args:
        folder: The run's; what was called up is kept there, so that a resumed run goes on with the same.
        found_in: Where experience is read.
        scene: The table.
        space: The joint space.
        seconds: The time limit.
    """
    file = folder / _FILE
    if file.is_file():
        return Guide(Recalled.load(file), scene, space, seconds)
    experience = read_places(found_in)
    features = np.array([scene.metafeatures[feature.name] for feature in METAFEATURES])
    asking = Asking(KIND, scene.sort, scene.metric, usual_metric(scene.sort), features)
    found = recall(experience, asking, partial(current, space=space)) if len(experience) else None
    if found is None:
        logger.info("there is too little experience of %s tasks, so the search starts without.", scene.sort)
        return None
    found.save(file)
    return Guide(found, scene, space, seconds)
