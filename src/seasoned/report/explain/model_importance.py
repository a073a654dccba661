"""Permutation importance of a fitted model's columns, within a time limit."""

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
from seasoned.tabular.fit.restored_metric import with_metric

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.report._common.data import Importance
    from seasoned.tabular.ensemble.fitted_model import Fitted

__all__ = ["SECONDS", "affordable_rows", "by_relevance", "model_importance"]

SECONDS: Final = 60.0
"""Default time limit of the importance measurement, in seconds."""
_MOST_ROWS: Final = 2_000  # maximum number of rows; more rows rarely change the ranking of columns
_FEWEST_ROWS: Final = 200  # minimum number of rows, for any time limit
_REPEATS: Final = 5
_CAUTION: Final = 0.8  # safety factor on the number of affordable rows


def model_importance(
    estimator: Any,
    frame: pd.DataFrame,
    truth: NDArray[Any],
    weights: NDArray[np.float64] | None,
    seconds: float | None = SECONDS,
    progress: bool | None = False,
) -> Importance | None:
    """Measure permutation importance on about 2,000 rows at most; None if the metric is undefined on them.

    If the time is too short to shuffle each column once, fewer rows are used, and the columns most related to the
    target come first. With enough time the result is deterministic.

    Args:
        estimator: A fitted AutoClassifier or AutoRegressor.
        frame: The rows.
        truth: Class codes or numbers, shape (n,).
        weights: Sample weights, shape (n,); None for equal weights.
        seconds: Time limit of the whole measurement in seconds; None for no limit.
        progress: True shows a progress line, False hides it; None shows it on a terminal and in a notebook.
    """
    fitted, rng = with_metric(estimator), np.random.default_rng(0)
    began = time.monotonic()
    rows, mass = some_rows(truth, _MOST_ROWS, rng, classes=len(fitted.classes))
    chosen = fitted.plan.schema.apply(frame.iloc[rows].reset_index(drop=True), [])  # applied once, without a warning
    answers = truth[rows]
    given = None if weights is None else weights[rows]
    counts = given if mass is None else mass if given is None else given * mass
    used = by_relevance(fitted, chosen, answers)

    def left() -> float | None:
        return None if seconds is None else max(seconds - (time.monotonic() - began), 0.0)

    def defined(size: int) -> bool:
        some = None if counts is None else counts[:size]
        return score_on(fitted, answers[:size], fitted.predict(chosen[:size]), some) is not None

    with one_thread(), openmp_threads(1):  # with few rows, more threads would only wait for each other at each tree
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
    """Return the number of rows for which the time suffices to shuffle each column once, at least 200.

    Args:
        rows: Number of available rows.
        columns: Number of columns to shuffle.
        seconds: Duration of one prediction of all rows, in seconds.
        left: Remaining seconds; None for no limit.

    Example:
        >>> affordable_rows(2_000, 20, 0.5, 60.0), affordable_rows(2_000, 20, 0.5, 4.0)
        (2000, 640)
    """
    needed = columns * seconds
    if left is None or needed <= left:
        return rows
    return min(rows, max(_FEWEST_ROWS, int(_CAUTION * rows * left / needed)))


def by_relevance(fitted: Fitted, rows: pd.DataFrame, truth: NDArray[Any]) -> list[str]:
    """Return the columns that a model uses, ordered by their individual relevance for the target.

    Args:
        fitted: The model.
        rows: Canonical rows, in random order.
        truth: Class codes or numbers, shape (n,).
    """
    names = [column.name for column in fitted.plan.schema.used]
    aims = truth.astype(np.float64)[:, None]
    if len(fitted.classes):
        aims = (truth[:, None] == np.unique(truth)[None, :50]).astype(np.float64)
    codes = [_numbers(rows[name]) for name in names]
    order = np.argsort(-relevance(np.column_stack(codes), aims), kind="stable")
    return [names[place] for place in order]


def _numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    """Return a canonical column as numbers; words become their frequency, which suffices to rank columns."""
    if column.dtype.kind in "fiub":
        return np.asarray(column, dtype=np.float64)
    if column.dtype.kind == "M":
        return np.asarray(column.to_numpy().astype("datetime64[s]"), dtype=np.float64)
    return np.asarray(column.map(column.value_counts()), dtype=np.float64)
