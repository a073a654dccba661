"""How long predictions take: milliseconds a row, measured, and the members kept within a limit."""

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

__all__ = ["BATCH", "Pace", "milliseconds", "preparing", "within"]

logger = logging.getLogger("seasoned.tabular")

BATCH: Final = 1_000  # rows that are predicted together when the time is measured
_FIRST: Final = 50  # rows of a first look, so that what is slow is not measured for long
_REPEATS: Final = 3  # of which the quickest counts: a busy machine only ever makes it slower
_LONGEST: Final = 0.5  # seconds for one measurement


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a prediction takes.

    Attributes:
        limit: Milliseconds a row that were asked for.
        measured: Milliseconds a row that the whole model took, in batches of up to 1,000 rows.
        told: Whether that is only what its members' trials took, as there was no time to measure the model.
    """

    limit: float
    measured: float
    told: bool = False

    @property
    def sentence(self) -> str:
        """The same for people."""
        kept = "within" if self.measured <= self.limit else "more than"
        taken = f"{self.measured:.3g} ms to predict"
        if self.told:
            return (
                f"In the trials a row took {taken}, {kept} the limit of {self.limit:g}; there was no time to measure "
                "the final model."
            )
        return f"A row takes {taken} in batches of {BATCH:,}, {kept} the limit of {self.limit:g}."

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"limit": self.limit, "measured": self.measured, "told": self.told}

    @classmethod
    def from_json(cls, found: Any) -> Pace | None:
        """What `to_json` wrote; None where there was none."""
        return (
            None if found is None else cls(float(found["limit"]), float(found["measured"]), found.get("told") is True)
        )


def milliseconds(predict: Callable[[pd.DataFrame], Any], frame: pd.DataFrame) -> float:
    """Milliseconds a row in a batch of up to 1,000 rows; the quickest of up to three measurements.

    Args:
        predict: What is measured.
        frame: Rows like those to come; the first ones are taken.
    """
    first = frame.iloc[:_FIRST]
    predict(first)  # what the first call builds is not part of a row's time
    row = _seconds(predict, first) / len(first)
    rows = max(min(BATCH, len(frame), int(_LONGEST / _REPEATS / max(row, 1e-9))), len(first))
    batch = frame.iloc[:rows]
    repeats = max(1, min(_REPEATS, int(_LONGEST / max(row * rows, 1e-9))))
    return 1_000 * min(_seconds(predict, batch) for _ in range(repeats)) / rows


def _seconds(predict: Callable[[pd.DataFrame], Any], frame: pd.DataFrame) -> float:
    start = time.perf_counter()
    predict(frame)
    return time.perf_counter() - start


def preparing(plan: ColumnPlan, frame: pd.DataFrame) -> float:
    """Milliseconds a row from a table to matrices, which any model needs."""
    return milliseconds(lambda rows: plan.matrices(rows, {"codes", "dense"}), frame)


def within(
    members: Sequence[Member],
    plan: ColumnPlan,
    metric: Measure,
    frame: pd.DataFrame,
    limit: float,
    told: Callable[[Sequence[Member]], float | None] = lambda _: None,
) -> tuple[tuple[Member, ...], Pace]:
    """The members that keep the limit together, their weights scaled to sum to 1, and how long they then take.

    The ensemble was chosen by what its trials took; here the fitted models are measured. While they are too slow
    together, one is left out: first those that are too slow alone, then the one that takes most time for its weight.
    One stays, the quickest, even if it is too slow alone.

    Args:
        members: The fitted models, with the user's own families where they have one.
        plan: Turns a table into matrices.
        metric: Needed for what is measured to be a whole model.
        frame: Rows of the table as `fit` was given it.
        limit: Milliseconds a row.
        told: Gives what some of the members take, where there is no time to measure it; None where there is.
    """
    hurried = False

    def pace(some: Sequence[Member]) -> float:
        nonlocal hurried
        known = told(some)
        hurried = hurried or known is not None
        return milliseconds(_whole(some, plan, metric).predict, frame) if known is None else known

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
    return tuple(replace(member, weight=member.weight / total) for member in kept), Pace(limit, taken, hurried)


def _whole(members: Sequence[Member], plan: ColumnPlan, metric: Measure) -> Fitted:
    import numpy as np

    task: Task = "regression" if not metric.n_classes else "binary" if metric.n_classes == 2 else "multiclass"
    return Fitted(task, np.arange(metric.n_classes), metric, plan, tuple(members), ())
