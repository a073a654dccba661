"""The learned metric's and the deep kernel's own settings, from a build's tasks: `build --tune`, families left out."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from build_experience.ship import studies_of
from seasoned.errors import InvalidInput
from seasoned.knowledge.advice.similar_tasks import relative
from seasoned.knowledge.experience.evaluations import Evaluations
from seasoned.knowledge.experience.experience import Experience
from seasoned.knowledge.performance_model.settings import MetricSettings
from seasoned.knowledge.transfer.deep_kernel_settings import DeepSettings
from seasoned.knowledge.tuning.performance_model import PastTable, tune_metric
from seasoned.tabular.metrics.registry import usual_metric
from seasoned.tabular.models.registry import MODELS, NAMED_ONLY, joint_space
from seasoned.tabular.trial.configuration import current

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from seasoned.space import Space

__all__ = ["evaluations_of", "tables_of", "tune"]

_SORTS: Final = ("binary", "multiclass", "regression")
_LEAST: Final = 8  # tasks of a table that judges
_FEWEST: Final = 6  # trials of a task from which a kernel learns


def tables_of(experience: Experience) -> list[PastTable]:
    """One table for each sort of task, by its usual metric in units of predicting the same for all rows."""
    found = []
    for sort in _SORTS:
        some = experience.where(sort=sort, metric=usual_metric(sort))
        if len(some) < _LEAST:
            continue
        recorded = some.table()
        heads = [some.heads[place] for place in recorded.studies]
        scores = np.stack([relative(row, head.baseline) for row, head in zip(recorded.scores, heads, strict=True)])
        found.append(PastTable(scores, tuple(head.family for head in heads), recorded.seconds))
    return found


def evaluations_of(experience: Experience) -> tuple[list[Evaluations], list[str]]:
    """Tasks of one sort as points of the joint space of all families, and the families of the tasks.

    A kernel belongs to one space, and each sort has its own, so the sort with the most tasks is taken, by its usual
    metric.
    """
    sorts = [experience.where(sort=sort, metric=usual_metric(sort)) for sort in _SORTS]
    place = max(range(len(sorts)), key=lambda at: len(sorts[at]))
    some = sorts[place]
    space = joint_space([model for name, model in MODELS.items() if name not in NAMED_ONLY], _SORTS[place])
    known = _encoded(some, space)
    tasks, families = [], []
    for at, head in enumerate(some.heads):
        span = range(some.starts[at], some.starts[at + 1])
        pairs = {row: (int(some.configurations[row]), head.version) for row in span}
        valid = [row for row, pair in pairs.items() if pair in known and np.isfinite(some.scores[row])]
        if len(valid) >= _FEWEST and np.ptp(some.scores[valid]) > 0.0:
            tasks.append(Evaluations(np.stack([known[pairs[row]] for row in valid]), some.scores[valid]))
            families.append(head.family)
    return tasks, families


def _encoded(some: Experience, space: Space) -> dict[tuple[int, int], NDArray[np.float64]]:
    """Number and version of each configuration that is valid today -> its point."""
    found = {}
    for version in {head.version for head in some.heads}:
        for number, config in some.configs(np.unique(some.configurations)).items():
            valid = current(config, version, space)
            if valid is not None:
                found[number, version] = space.encode(valid).unit
    return found


def tune(
    folder: Path,
    out: Path,
    *,
    trials: int,
    deep_trials: int = 0,
    deep: DeepSettings | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Write the best settings to a JSON file; returns what was gained.

    Args:
        folder: Of a build.
        out: The file.
        trials: Settings of the learned metric that are judged.
        deep_trials: Settings of the deep kernel that are judged; with 0 it keeps those that it has.
        deep: The settings that the deep kernel has; its defaults if left out.
        seed: Of the samplers.

    Raises:
        InvalidInput: If the build holds too few tasks.
        MissingExtra: If there are deep trials and JAX is not installed.
    """
    # Imported by name: it needs JAX, which the learned metric does not.
    tuning = importlib.import_module("seasoned.knowledge.tuning.deep_kernel") if deep_trials else None
    experience = Experience.of_studies(studies_of(folder))
    tables = tables_of(experience)
    if not tables:
        raise InvalidInput(f"{str(folder)!r} holds no sort with {_LEAST} tasks; let the build go on.")
    found = tune_metric(tables, trials=trials, default=MetricSettings.shipped(), seed=seed)
    told = {"metric": _told(found)}
    if tuning is not None:
        tuned = tuning.tune_deep_kernel(*evaluations_of(experience), trials=deep_trials, default=deep, seed=seed)
        deep, told["deep"] = tuned.settings, _told(tuned)
    settings = {**json.loads(found.settings.to_text()), "deep": (deep or DeepSettings()).to_json()}
    out.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    return told


def _told(tuned: Any) -> dict[str, Any]:
    """What a study of settings gained."""
    values = [trial.value for trial in tuned.study.trials if trial.value is not None]
    return {"trials": len(values), "default": values[0], "best": min(values), "settings": tuned.settings}
