"""Permutation importance with confidence intervals, as a table."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned._util.blas_threads import one_thread, openmp_threads
from seasoned.errors import InvalidInput
from seasoned.report._common.labelled_rows import Known, known_rows
from seasoned.report.explain.permutation_test import permutation_importance, said_once, some_rows
from seasoned.tabular.fit.restored_metric import with_metric
from seasoned.tabular.input.frames import to_frame, to_series

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.ensemble.fitted_model import Fitted

__all__ = ["explain"]

_MOST_ROWS: Final = 5_000
_LEAST_ROWS: Final = 40  # smallest number of rows of a part; with fewer rows each repeat is a bootstrap sample
_LEVEL: Final = 0.95


def explain(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    repeats: int = 10,
    seconds: float | None = 60.0,
    random_state: int = 0,
    sample_weight: Any = None,
) -> pd.DataFrame:
    """Permutation importance of each column, with a confidence interval for the variation of shuffles and rows.

    The rows are divided into as many parts as there are repeats. In each part every column is shuffled once. Let d_r be
    the increase of the loss in part r, and s the standard deviation of d. Importance is the mean of d. The parts are
    independent, so its interval is mean +- t s / sqrt(repeats), with Student's t at repeats - 1 degrees of freedom. p
    belongs to the one-sided test of the hypothesis that the column does not help.

    Small samples use the bootstrap: fewer than 40 rows per part, or fewer rows of a class than parts. Each repeat then
    draws as many rows of each class as available, with replacement. s is then the standard error itself, slightly too
    large because it includes the variation of a single shuffle.

    Source: Breiman 2001, Random forests, section 10. Efron and Tibshirani 1993, An introduction to the bootstrap,
    chapter 6. Columns with the same information share their importance.

    Args:
        estimator: A fitted AutoClassifier or AutoRegressor.
        X: Rows that were not in the training data; at most 5,000 are used, and up to a quarter more with rare classes.
        y: Target of the rows.
        repeats: Number of shuffles of each column; at least 2.
        seconds: Time limit in seconds. A short limit reduces repeats or columns; None for no limit.
        random_state: Seed of parts and shuffles.
        sample_weight: Weights of the rows in the metric; None for equal weights.

    Returns:
        The most important column first: column, importance (increase of the metric's loss), low, high (95 %), p,
            repeats. Columns that the model does not use have 0.

    Raises:
        InvalidInput: X and y do not match, or repeats is below 2.
    """
    import pandas as pd

    if repeats < 2:
        raise InvalidInput(f"repeats is {repeats}; an interval needs at least 2.")
    fitted = with_metric(estimator)
    frame, truth, weights = _rows(fitted, X, y, sample_weight)
    rng = np.random.default_rng(random_state)
    order, mass = some_rows(truth, _MOST_ROWS, rng, classes=len(fitted.classes))
    share = None
    if mass is not None:  # rare classes are over-represented in the sample
        share = np.ones(len(truth))
        share[order] = mass
        weights = share if weights is None else weights * share
    parts, disjoint = stratified_parts(truth, order, repeats, rng, classes=len(fitted.classes))
    used = [column.name for column in fitted.plan.schema.used]
    drawn = np.unique(np.concatenate(parts))
    read = fitted.plan.schema.apply(frame.iloc[drawn].reset_index(drop=True))  # once instead of at each shuffle
    places = [np.searchsorted(drawn, part) for part in parts]
    dealt = [
        Part(
            read.iloc[place].reset_index(drop=True),
            truth[part],
            None if weights is None else weights[part],
            None if share is None else share[part],
        )
        for place, part in zip(places, parts, strict=True)
    ]
    gains = _gains(estimator, fitted, dealt, used, rng, seconds)
    rows = [_line(name, np.array(gains.get(name, [])), disjoint=disjoint) for name in used]
    rows += [(c.name, 0.0, 0.0, 0.0, 1.0, 0) for c in fitted.plan.schema.columns if c.reason is not None]
    columns = ["column", "importance", "low", "high", "p", "repeats"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("importance", ascending=False, kind="stable").reset_index(drop=True)


class Part(NamedTuple):
    """Rows of one repeat: table, truth, loss weights, and sampling weights of rare classes."""

    rows: pd.DataFrame
    truth: NDArray[Any]
    weights: NDArray[np.float64] | None
    mass: NDArray[np.float64] | None


def _rows(fitted: Fitted, X: Any, y: Any, sample_weight: Any) -> Known:
    """Return the labelled rows; refuse a single row, and rows of a single class."""
    known = known_rows(fitted, to_frame(X), to_series(y), sample_weight)
    if len(known.truth) < 2:
        raise InvalidInput("only one row has a target and counts; pass at least 2 whose answer is known.")
    if len(fitted.classes) and len(np.unique(known.truth)) < 2:
        raise InvalidInput("the rows are all of one class, on which few metrics are defined; pass rows of others, too.")
    return known


def stratified_parts(
    truth: NDArray[Any], order: NDArray[np.intp], repeats: int, rng: np.random.Generator, *, classes: int
) -> tuple[list[NDArray[np.int64]], bool]:
    """Return the rows of each repeat, stratified by class, and True if the parts are disjoint.

    Few rows are drawn with replacement (the bootstrap), to estimate the variation between samples. `order` contains the
    indices of the rows to use, at random. For regression the random order is preserved. Stratified parts would vary
    less than independent samples, and the interval would be too narrow.
    """
    counts = np.unique(truth[order], return_counts=True)[1] if classes else np.array([len(order)])
    if len(order) < repeats * _LEAST_ROWS or counts.min() < repeats:
        alike = np.split(order[np.argsort(truth[order], kind="stable")], np.cumsum(counts)[:-1]) if classes else [order]
        return [np.sort(np.concatenate([rng.choice(rows, len(rows)) for rows in alike])) for _ in range(repeats)], False
    if classes:
        order = order[np.argsort(truth[order], kind="stable")]
    return [np.sort(order[place::repeats]) for place in range(repeats)], True


def _gains(
    estimator: Any,
    fitted: Fitted,
    parts: list[Part],
    used: list[str],
    rng: np.random.Generator,
    seconds: float | None,
) -> dict[str, list[float]]:
    """Return the increase of the loss for each column, one value per part."""
    found: dict[str, list[float]] = {}
    end = None if seconds is None else time.monotonic() + seconds
    # with few rows, more threads would only wait for each other at each tree
    with said_once(), one_thread(), openmp_threads(1):
        for place, (rows, truth, weights, share) in enumerate(parts):
            left = None if end is None else max(end - time.monotonic(), 0.0)
            if left == 0.0 and place:  # a part costs a prediction even without a shuffle
                break
            loss = partial(fitted.loss, weights=weights)
            one = permutation_importance(estimator, rows, truth, loss, 1, rng, columns=used, seconds=left, mass=share)
            for name, gain in zip(one.names, one.mean, strict=True):
                found.setdefault(name, []).append(gain)
    return found


def _line(name: str, gains: NDArray[np.float64], *, disjoint: bool) -> tuple[str, float, float, float, float, int]:
    """Return name, mean, interval, p and number of repeats.

    For overlapping parts (the bootstrap) the standard deviation is already the standard error of the mean.
    """
    from scipy.stats import t

    count = len(gains)
    if count < 2:
        mean = float(gains[0]) if count else float("nan")
        return name, mean, float("nan"), float("nan"), float("nan"), count
    mean, error = float(gains.mean()), float(gains.std(ddof=1)) / (count**0.5 if disjoint else 1.0)
    if error == 0.0:
        return name, mean, mean, mean, 0.0 if mean > 0 else 1.0, count
    half = float(t.ppf(0.5 + _LEVEL / 2, count - 1)) * error
    return name, mean, mean - half, mean + half, float(t.sf(mean / error, count - 1)), count
