"""Prediction latency: measured milliseconds per row, and the ensemble members that meet a limit together."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from seasoned.tabular.ensemble.fitted_model import Fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from seasoned.tabular.ensemble.fitted_model import Member
    from seasoned.tabular.input.target import Task
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.preprocessing.column_plan import ColumnPlan

__all__ = ["BATCH", "PredictionTime", "members_within_limit", "milliseconds", "preparation_time"]

logger = logging.getLogger("seasoned.tabular")

BATCH: Final = 1_000  # rows per batch of a latency measurement
_FIRST: Final = 50  # rows of a first measurement, so that a slow model is not measured for long
_REPEATS: Final = 3  # largest number of measurements; the fastest counts, because a busy machine only adds time
_LONGEST: Final = 0.5  # largest time of the measurements of a model, in seconds


@dataclass(frozen=True, slots=True)
class PredictionTime:
    """Prediction latency of a model.

    Attributes:
        limit: Requested limit in milliseconds per row.
        measured: Milliseconds per row of the whole model, in batches of up to 1,000 rows.
        estimated: True if `measured` is the latency of the members' trials; no time was left to measure the model.
    """

    limit: float
    measured: float
    estimated: bool = False

    @property
    def sentence(self) -> str:
        """The latency as a sentence."""
        kept = "within" if self.measured <= self.limit else "more than"
        taken = f"{self.measured:.3g} ms to predict"
        if self.estimated:
            return (
                f"In the trials a row took {taken}, {kept} the limit of {self.limit:g}; there was no time to measure "
                "the final model."
            )
        return f"A row takes {taken} in batches of {BATCH:,}, {kept} the limit of {self.limit:g}."

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"limit": self.limit, "measured": self.measured, "estimated": self.estimated}

    @classmethod
    def from_json(cls, found: Any) -> PredictionTime | None:
        """Read the output of `to_json`; None stays None."""
        return (
            None
            if found is None
            else cls(float(found["limit"]), float(found["measured"]), found.get("estimated") is True)
        )


def milliseconds(predict: Callable[[pd.DataFrame], Any], frame: pd.DataFrame) -> float:
    """Milliseconds per row in a batch of up to 1,000 rows: the fastest of up to three measurements.

    Args:
        predict: The function to measure.
        frame: Rows like those to be predicted. The first ones are used.
    """
    first = frame.iloc[:_FIRST]
    predict(first)  # warm-up: work that only the first call does is not counted
    row = _seconds(predict, first) / len(first)
    rows = max(min(BATCH, len(frame), int(_LONGEST / _REPEATS / max(row, 1e-9))), len(first))
    batch = frame.iloc[:rows]
    repeats = max(1, min(_REPEATS, int(_LONGEST / max(row * rows, 1e-9))))
    return 1_000 * min(_seconds(predict, batch) for _ in range(repeats)) / rows


def _seconds(predict: Callable[[pd.DataFrame], Any], frame: pd.DataFrame) -> float:
    start = time.perf_counter()
    predict(frame)
    return time.perf_counter() - start


def preparation_time(plan: ColumnPlan, frame: pd.DataFrame) -> float:
    """Milliseconds per row for the conversion of a table to matrices, which every model needs."""
    return milliseconds(lambda rows: plan.matrices(rows, {"codes", "dense"}), frame)


def members_within_limit(
    members: Sequence[Member],
    plan: ColumnPlan,
    metric: Measure,
    frame: pd.DataFrame,
    limit: float,
    known: Callable[[Sequence[Member]], float | None] = lambda _: None,
) -> tuple[tuple[Member, ...], PredictionTime]:
    """Members that meet the latency limit together, with weights rescaled to sum to 1, and their latency.

    The ensemble was selected with the latencies of its trials; here the fitted models are measured. While the ensemble
    is too slow, one member is dropped. Members that are too slow alone are dropped first, then those with the most time
    per weight. If every member is too slow alone, the fastest one stays.

    Args:
        members: The fitted models, with `own` set for the user's families.
        plan: Column plan, which converts a table to matrices.
        metric: The metric, which a complete model for the measurement needs.
        frame: Rows of the table as passed to `fit`.
        limit: Milliseconds per row.
        known: Returns the latency of members if no time is left to measure them, else None.
    """
    hurried = False

    def pace(some: Sequence[Member]) -> float:
        nonlocal hurried
        latency = known(some)
        hurried = hurried or latency is not None
        return milliseconds(_whole(some, plan, metric).predict, frame) if latency is None else latency

    kept = list(members)
    taken = pace(kept)
    if taken > limit and len(kept) > 1:
        alone = {id(member): pace([member]) for member in kept}
        hopeless = {one for one, milliseconds_alone in alone.items() if milliseconds_alone > limit} - {
            min(alone, key=alone.__getitem__)
        }
        while taken > limit and len(kept) > 1:
            slowest = max(kept, key=lambda one: (id(one) in hopeless, alone[id(one)] / one.weight))
            logger.warning("%s is left out of the ensemble for predict_limit: %g ms a row.", slowest.name, limit)
            kept.remove(slowest)
            taken = pace(kept)
    if taken > limit:
        logger.warning(
            "predict_limit is %g ms a row, and %s, the quickest model found, takes %.3g with all that comes before it; "
            "it predicts alone.",
            limit,
            kept[0].name,
            taken,
        )
    total = sum(member.weight for member in kept)
    return tuple(replace(member, weight=member.weight / total) for member in kept), PredictionTime(
        limit, taken, hurried
    )


def _whole(members: Sequence[Member], plan: ColumnPlan, metric: Measure) -> Fitted:
    import numpy as np

    task: Task = "regression" if not metric.n_classes else "binary" if metric.n_classes == 2 else "multiclass"
    return Fitted(task, np.arange(metric.n_classes), metric, plan, tuple(members), ())
