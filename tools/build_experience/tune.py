"""The learned metric's own settings, from a build's tasks: `build --tune`, families left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from build_experience.ship import studies_of
from seasoned.errors import InvalidInput
from seasoned.knowledge.advice.similar_tasks import relative
from seasoned.knowledge.experience.experience import Experience
from seasoned.knowledge.performance_model.settings import MetricSettings
from seasoned.knowledge.tuning.performance_model import PastTable, tune_metric
from seasoned.tabular.metrics.registry import usual_metric

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["tables_of", "tune"]

_SORTS: Final = ("binary", "multiclass", "regression")
_LEAST: Final = 8  # tasks of a table that judges


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


def tune(folder: Path, out: Path, *, trials: int, seed: int = 0) -> dict[str, Any]:
    """Write the best settings to a JSON file; returns what was gained.

    Args:
        folder: Of a build.
        out: The file.
        trials: Settings of the learned metric that are judged.
        seed: Of the sampler.

    Raises:
        InvalidInput: If the build holds too few tasks.
    """
    experience = Experience.of_studies(studies_of(folder))
    tables = tables_of(experience)
    if not tables:
        raise InvalidInput(f"{str(folder)!r} holds no sort with {_LEAST} tasks; let the build go on.")
    found = tune_metric(tables, trials=trials, default=MetricSettings.shipped(), seed=seed)
    out.write_text(found.settings.to_text(), encoding="utf-8")
    values = [trial.value for trial in found.study.trials if trial.value is not None]
    return {"trials": len(values), "default": values[0], "best": min(values), "settings": found.settings}
