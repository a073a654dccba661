"""Permutation importance: how much a model's predictions depend on each column of the raw table.

Breiman (2001), Random forests, section 10; Fisher, Rudin and Dominici (2019), All models are wrong, but many are
useful, JMLR 20(177): the loss after shuffling a column, minus the loss before.
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

_SHARE: Final = 0.25  # share of the rows drawn that may be added for rare classes


def some_rows(
    truth: NDArray[Any], most: int, rng: np.random.Generator, *, classes: int
) -> tuple[NDArray[np.intp], NDArray[np.float64] | None]:
    """Indices of about `most` rows, drawn without replacement, and of a class that the draw misses a few; their mass.

    Args:
        truth: The target, shape (n,); codes of classes.
        most: How many rows.
        rng: Source of the draw.
        classes: Number of classes, 0 for numbers; where they are very many, rare ones get no extra rows.

    Returns:
        Shape (m,), in random order, m at most 1.25 times what is asked for; and how much each row counts where a class
        got more rows than is its due, else None.
    """
    drawn = rng.permutation(len(truth))[:most]
    if not classes or len(drawn) == len(truth) or classes * LEAST > _SHARE * most:
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
    """The increase of the loss when a column is shuffled, for any model.

    Columns that say the same share their importance: while one is shuffled, the model reads the other. Measured on
    rows that the model has not seen, it tells what helps to predict; on others, what was memorised.

    Args:
        estimator: Has `predict_proba` or else `predict`; it gets frames like X.
        X: The raw table, one row per value of y.
        y: The truth as `metric` takes it, shape (n,).
        metric: From y and what the estimator predicts to a loss (lower is better).
        repeats: Shuffles of each column; at least 1.
        rng: Source of the shuffles.
        columns: Which columns to measure; all if None.
        seconds: Stop after this time, with fewer repeats or fewer columns; the result then depends on time.
        mass: How often each row's value is to be drawn, shape (n,), where some rows stand for more others than some;
            if left out, values change places, and each comes once.
        after: Called after each shuffle.

    Raises:
        InvalidInput: If there are no rows, no repeats, or another number of values in y.

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
        for _ in range(repeats):  # round by round, so that a time limit costs repeats before it costs columns
            for name in names:
                if stop is not None and time.monotonic() > stop:
                    return _summary(found, len(names), len(X))
                found.setdefault(name, []).append(metric(y, predict(_shuffled(X, name, rng, mass))) - before)
                after()
    return _summary(found, len(names), len(X))


@contextlib.contextmanager
def said_once() -> Iterator[None]:
    """Each kind of warning about a table's cells at most once: every shuffle has the same cells, and is read anew.

    Warnings of other threads, which predict or fit meanwhile, are not touched.
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
    """The table with one column in another order, or drawn anew by mass; its dtype stays."""
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
