"""What a model's predictions depend on, as a table with uncertainty."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned._util.blas_threads import one_thread, openmp_threads
from seasoned.errors import InvalidInput
from seasoned.report._common.labelled_rows import Known, known_rows
from seasoned.report.explain.permutation_test import permutation_importance, said_once, some_rows
from seasoned.tabular.fit.restored_metric import judging
from seasoned.tabular.input.frames import to_frame, to_series

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.ensemble.fitted_model import Fitted

__all__ = ["explain"]

_MOST_ROWS: Final = 5_000
_LEAST_ROWS: Final = 40  # of a part; below, each repeat draws from all rows instead
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
    """Permutation importance of each column, with a confidence interval that counts both shuffles and rows.

    The rows are dealt into as many parts as there are repeats, and in each part every column is shuffled once. With d_r
    the increase of the loss in part r and s the standard deviation of d, importance is the mean of d, and its interval
    mean +- t s / sqrt(repeats) with Student's t at repeats - 1 degrees of freedom, as the parts are independent rows; p
    is that of the one-sided test that the column does not help. With fewer than 40 rows a part, or fewer rows of a
    class than parts, each repeat has as many rows of each class as there are, drawn with replacement (the bootstrap):
    s is then the standard error itself, a little too wide, because it includes the shuffle of a single repeat.

    Source: Breiman 2001, Random forests, section 10; columns that say the same share their importance. Efron and
    Tibshirani 1993, An introduction to the bootstrap, chapter 6.

    Args:
        estimator: A fitted AutoClassifier or AutoRegressor.
        X: Rows that the model has not seen; at most 5,000 of them are used, and a quarter more where classes are rare.
        y: Their target.
        repeats: Shuffles of each column; at least 2.
        seconds: Stop after this time, with fewer repeats or fewer columns; None for no limit.
        random_state: Of parts and shuffles.
        sample_weight: How much each row counts in the metric; all the same if None.

    Returns:
        The most important column first: column, importance (increase of the metric's loss), low, high (95 %), p,
        repeats. Columns that the model does not use have 0.

    Raises:
        InvalidInput: If X and y do not fit, or repeats is below 2.
    """
    import pandas as pd

    if repeats < 2:
        raise InvalidInput(f"repeats is {repeats}; an interval needs at least 2.")
    fitted = judging(estimator)
    frame, truth, weights = _rows(fitted, X, y, sample_weight)
    rng = np.random.default_rng(random_state)
    order, mass = some_rows(truth, _MOST_ROWS, rng, classes=len(fitted.classes))
    share = None
    if mass is not None:  # rare classes have more rows than is their due
        share = np.ones(len(truth))
        share[order] = mass
        weights = share if weights is None else weights * share
    parts, disjoint = _parts(truth, order, repeats, rng, classes=len(fitted.classes))
    used = [column.name for column in fitted.plan.schema.used]
    drawn = np.unique(np.concatenate(parts))
    read = fitted.plan.schema.apply(frame.iloc[drawn].reset_index(drop=True))  # once, rather than at each shuffle
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
    """Rows on which each column is shuffled once: table, truth, weights of the loss, and what each row stands for."""

    rows: pd.DataFrame
    truth: NDArray[Any]
    weights: NDArray[np.float64] | None
    mass: NDArray[np.float64] | None


def _rows(fitted: Fitted, X: Any, y: Any, sample_weight: Any) -> Known:
    """The known rows; one row alone, or rows of a single class, are refused."""
    known = known_rows(fitted, to_frame(X), to_series(y), sample_weight)
    if len(known.truth) < 2:
        raise InvalidInput("only one row has a target and counts; pass at least 2 whose answer is known.")
    if len(fitted.classes) and len(np.unique(known.truth)) < 2:
        raise InvalidInput("the rows are all of one class, on which few metrics are defined; pass rows of others, too.")
    return known


def _parts(
    truth: NDArray[Any], order: NDArray[np.intp], repeats: int, rng: np.random.Generator, *, classes: int
) -> tuple[list[NDArray[np.int64]], bool]:
    """Rows of each repeat, with each class in proportion, and whether the parts are disjoint.

    If rows are few, they are drawn with replacement (the bootstrap), which tells what other rows would say. `order` is
    the rows to use, at random; where they are numbers they stay in that order, for parts that were made alike would
    differ by less than other rows do.
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
    """The increase of the loss for each column, one value per part."""
    found: dict[str, list[float]] = {}
    end = None if seconds is None else time.monotonic() + seconds
    # few rows, thousands of trees: threads would wait for each other at each
    with said_once(), one_thread(), openmp_threads(1):
        for place, (rows, truth, weights, share) in enumerate(parts):
            left = None if end is None else max(end - time.monotonic(), 0.0)
            if left == 0.0 and place:  # even without a shuffle a part costs a prediction
                break
            loss = partial(fitted.loss, weights=weights)
            one = permutation_importance(estimator, rows, truth, loss, 1, rng, columns=used, seconds=left, mass=share)
            for name, gain in zip(one.names, one.mean, strict=True):
                found.setdefault(name, []).append(gain)
    return found


def _line(name: str, gains: NDArray[np.float64], *, disjoint: bool) -> tuple[str, float, float, float, float, int]:
    """Name, mean, interval, p and number of repeats; of parts that share rows, the spread is the mean's error."""
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
