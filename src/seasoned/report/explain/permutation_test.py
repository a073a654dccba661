"""Permutation importance: dependence of a model's predictions on each column of the raw table.

The importance is the loss after shuffling a column, minus the loss before. Sources: Breiman (2001), Random forests,
section 10; Fisher, Rudin and Dominici (2019), All models are wrong, but many are useful, JMLR 20(177).
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.report._common.data import Importance
from seasoned.tabular.validation.rare_classes import LEAST, mass_of, with_rare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Loss = Callable[[NDArray[Any], NDArray[Any]], float]

__all__ = ["permutation_importance", "said_once", "some_rows"]

_EXTRA_ROWS_SHARE: Final = 0.25  # maximum number of extra rows of rare classes, as a share of the drawn rows


def some_rows(
    truth: NDArray[Any], most: int, rng: np.random.Generator, *, classes: int
) -> tuple[NDArray[np.intp], NDArray[np.float64] | None]:
    """Draw about `most` rows without replacement, plus some rows of classes that the draw missed.

    Args:
        truth: The target, shape (n,); codes of classes.
        most: Number of rows.
        rng: Random generator.
        classes: Number of classes, 0 for regression; with very many classes rare ones get no extra rows.

    Returns:
        Indices, shape (m,), in random order, with m at most 1.25 times `most`; and the sampling weight of each row if
            extra rows were added, otherwise None.
    """
    drawn = rng.permutation(len(truth))[:most]
    if not classes or len(drawn) == len(truth) or classes * LEAST > _EXTRA_ROWS_SHARE * most:
        return drawn, None
    found = with_rare(drawn, truth)
    if len(found) == len(drawn):
        return drawn, None
    found = rng.permutation(found)
    return found, mass_of(found, truth)


def permutation_importance(
    estimator: Any,
    X: pd.DataFrame,
    y: NDArray[Any],
    metric: Loss,
    repeats: int = 5,
    rng: np.random.Generator | None = None,
    *,
    columns: Sequence[str] | None = None,
    seconds: float | None = None,
    mass: NDArray[np.float64] | None = None,
    after: Callable[[], object] = lambda: None,
) -> Importance:
    """Increase of the loss when a column is shuffled, for any model.

    Columns with the same information share their importance: while one column is shuffled, the model uses the other. On
    unseen rows the result measures usefulness for predictions. On training rows it measures memorisation.

    Args:
        estimator: Model with `predict_proba` or `predict`; it receives frames like X.
        X: The raw table, one row per value of y.
        y: The truth in the form for `metric`, shape (n,).
        metric: Function of y and the predictions that returns a loss (lower is better).
        repeats: Number of shuffles of each column; at least 1.
        rng: Random generator of the shuffles.
        columns: Columns to measure; None for all.
        seconds: Time limit in seconds. A short limit reduces repeats or columns, and the result then depends on time.
        mass: Sampling weights, shape (n,): each shuffled value is drawn with a probability proportional to its weight.
            None permutes the values, so that each value occurs once.
        after: Function that is called after each shuffle.

    Raises:
        InvalidInput: There are no rows, no repeats, or another number of values in y.

    Example:
        >>> import pandas as pd
        >>> class Model:
        ...     def predict(self, X):
        ...         return X["a"].to_numpy()
        >>> X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 1.0, 2.0, 2.0]})
        >>> mse = lambda y, predicted: float(((y - predicted) ** 2).mean())
        >>> permutation_importance(Model(), X, X["a"].to_numpy(), mse, rng=np.random.default_rng(0)).mean[1]
        0.0
    """
    if repeats < 1:
        raise InvalidInput(f"repeats is {repeats}; shuffle each column at least once.")
    if len(X) == 0 or len(X) != len(y):
        raise InvalidInput(f"X has {len(X)} rows and y has {len(y)} values; give the same number, at least 1.")
    predict = getattr(estimator, "predict_proba", None) or estimator.predict
    rng = np.random.default_rng() if rng is None else rng
    names = list(X.columns) if columns is None else list(columns)
    stop = None if seconds is None else time.monotonic() + seconds
    found: dict[str, list[float]] = {}
    with said_once():
        before = metric(y, predict(X))
        for _ in range(repeats):  # outer loop, so that a time limit reduces repeats before columns
            for name in names:
                if stop is not None and time.monotonic() > stop:
                    return _summary(found, len(names), len(X))
                found.setdefault(name, []).append(metric(y, predict(_shuffled(X, name, rng, mass))) - before)
                after()
    return _summary(found, len(names), len(X))


@contextlib.contextmanager
def said_once() -> Iterator[None]:
    """Log each kind of warning about a table's cells at most once, because every shuffle reads the same cells again.

    Warnings of other threads are not filtered.
    """
    logger, seen, mine = logging.getLogger("seasoned.tabular"), set[str](), threading.get_ident()

    def new(record: logging.LogRecord) -> bool:
        if record.thread != mine:
            return True
        known = record.levelno >= logging.WARNING and str(record.msg) in seen
        seen.add(str(record.msg))
        return not known

    logger.addFilter(new)
    try:
        yield
    finally:
        logger.removeFilter(new)


def _shuffled(
    X: pd.DataFrame, name: str, rng: np.random.Generator, mass: NDArray[np.float64] | None = None
) -> pd.DataFrame:
    """Return the table with one column permuted, or drawn with weights `mass`; its dtype stays."""
    order = rng.permutation(len(X)) if mass is None else rng.choice(len(X), len(X), p=mass / mass.sum())
    changed = X.copy(deep=False)
    changed[name] = X[name].iloc[order].set_axis(X.index)
    return changed


def _summary(found: dict[str, list[float]], wanted: int, rows: int) -> Importance:
    return Importance(
        names=tuple(map(str, found)),
        mean=tuple(float(np.mean(values)) for values in found.values()),
        spread=tuple(float(np.std(values)) for values in found.values()),
        rows=rows,
        repeats=min((len(values) for values in found.values()), default=0),
        left_out=wanted - len(found),
    )
