"""Which columns a model depends on, measured within a limit of time."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned._util.blas_threads import one_thread, openmp_threads
from seasoned._util.progress_bar import Display
from seasoned.report._common.score import score_on
from seasoned.report.explain.permutation_test import permutation_importance, some_rows
from seasoned.tabular.features.relevance import relevance
from seasoned.tabular.fit.restored_metric import judging

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.report._common.data import Importance
    from seasoned.tabular.ensemble.fitted_model import Fitted

__all__ = ["SECONDS", "affordable_rows", "by_relevance", "model_importance"]

SECONDS: Final = 60.0
"""The time to measure importance where nothing else is asked for."""
_MOST_ROWS: Final = 2_000  # more rows change the order of columns rarely, and cost time always
_FEWEST_ROWS: Final = 200  # however short the time is
_REPEATS: Final = 5
_CAUTION: Final = 0.8  # of the rows that there seems to be time for


def model_importance(
    estimator: Any,
    frame: pd.DataFrame,
    truth: NDArray[Any],
    weights: NDArray[np.float64] | None,
    seconds: float | None = SECONDS,
    progress: bool | None = False,
) -> Importance | None:
    """Permutation importance on at most 2,000 rows; None where the metric is undefined on them.

    Where time is too short to shuffle each column once, fewer rows are used, and the columns most related to the target
    come first. With enough time the result is the same each time.

    Args:
        estimator: A fitted AutoClassifier or AutoRegressor.
        frame: The rows.
        truth: Their class codes or numbers, shape (n,).
        weights: How much each row counts, shape (n,); None if all count the same.
        seconds: Time for all of it; None for no limit.
        progress: Whether to show a line meanwhile; None shows it on a terminal and in a notebook.
    """
    fitted, rng = judging(estimator), np.random.default_rng(0)
    began = time.monotonic()
    rows, mass = some_rows(truth, _MOST_ROWS, rng, classes=len(fitted.classes))
    chosen = fitted.plan.schema.apply(frame.iloc[rows].reset_index(drop=True), [])  # read once, without a warning
    answers = truth[rows]
    given = None if weights is None else weights[rows]
    counts = given if mass is None else mass if given is None else given * mass
    used = by_relevance(fitted, chosen, answers)

    def left() -> float | None:
        return None if seconds is None else max(seconds - (time.monotonic() - began), 0.0)

    def defined(size: int) -> bool:
        some = None if counts is None else counts[:size]
        return score_on(fitted, answers[:size], fitted.predict(chosen[:size]), some) is not None

    with one_thread(), openmp_threads(1):  # few rows, thousands of trees: threads would wait for each other at each
        started = time.monotonic()
        if not defined(len(chosen)):
            return None
        size = affordable_rows(len(chosen), len(used), time.monotonic() - started, left())
        size = size if size == len(chosen) or defined(size) else len(chosen)

        def loss(y: NDArray[Any], predicted: NDArray[Any]) -> float:
            return fitted.loss(y, predicted, None if counts is None else counts[:size])

        clock = None if seconds is None else lambda: left() or 0.0
        with Display("measuring which columns matter", len(used) * _REPEATS, shown=progress, left=clock) as display:
            done = count(1)
            found = permutation_importance(
                estimator,
                chosen[:size],
                answers[:size],
                loss,
                _REPEATS,
                rng,
                columns=used,
                seconds=left(),
                mass=None if mass is None else mass[:size],
                after=lambda: display.update(next(done)),
            )
    weighed = weights is not None and fitted.metric.weighs
    return replace(found, weighted=weighed, limit=seconds, wanted=(_REPEATS, len(chosen), len(used)))


def affordable_rows(rows: int, columns: int, seconds: float, left: float | None) -> int:
    """Rows for which there is time to shuffle each column once: all of them, or fewer, 200 at least.

    Args:
        rows: Rows at hand.
        columns: Columns to shuffle.
        seconds: Time that one prediction of all rows takes.
        left: Seconds left; None for no limit.

    Example:
        >>> affordable_rows(2_000, 20, 0.5, 60.0), affordable_rows(2_000, 20, 0.5, 4.0)
        (2000, 640)
    """
    needed = columns * seconds
    if left is None or needed <= left:
        return rows
    return min(rows, max(_FEWEST_ROWS, int(_CAUTION * rows * left / needed)))


def by_relevance(fitted: Fitted, rows: pd.DataFrame, truth: NDArray[Any]) -> list[str]:
    """The columns that a model uses, those first that tell most about the target by themselves.

    Args:
        fitted: The model.
        rows: Canonical rows, in random order.
        truth: Their class codes or numbers, shape (n,).
    """
    names = [column.name for column in fitted.plan.schema.used]
    aims = truth.astype(np.float64)[:, None]
    if len(fitted.classes):
        aims = (truth[:, None] == np.unique(truth)[None, :50]).astype(np.float64)
    codes = [_numbers(rows[name]) for name in names]
    order = np.argsort(-relevance(np.column_stack(codes), aims), kind="stable")
    return [names[place] for place in order]


def _numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    """A canonical column as numbers: words by their frequency, which is enough to order columns."""
    if column.dtype.kind in "fiub":
        return np.asarray(column, dtype=np.float64)
    if column.dtype.kind == "M":
        return np.asarray(column.to_numpy().astype("datetime64[s]"), dtype=np.float64)
    return np.asarray(column.map(column.value_counts()), dtype=np.float64)
