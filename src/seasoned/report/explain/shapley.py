"""Shapley values of predictions: contribution of each column to the difference from the mean prediction.

Let f be the prediction, x a row to explain and z a row of the background. v(S) is f of the row with x's values in the
columns S and z's values in the other columns. The value of a column is its contribution v(S + j) - v(S), averaged over
all orders in which columns can join S, and over the background. The values of a row sum to f(x) - mean f(z).

f is the final prediction, including ensemble, calibration, categories and missing values, so the method works for all
model families. Values for trees alone (TreeSHAP) would be in log odds and for category codes, and values of different
families could not be added.

Each order is also used backwards (antithetic sampling). Columns with the same information share their value. A row that
mixes such columns from x and z may be unrealistic, and the prediction for it arbitrary.

Sources: Lundberg and Lee (2017), A unified approach to interpreting model predictions; Strumbelj and Kononenko (2014),
Explaining prediction models and individual predictions with feature contributions, algorithm 1; Mitchell, Cooper, Frank
and Holmes (2022), Sampling permutations for Shapley value estimation, section 4.1.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.input.frames import to_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Predict = Callable[[pd.DataFrame], NDArray[np.float64]]

__all__ = ["Contributions", "contributions", "shap"]

_BACKGROUND: Final = 50
MAX_BATCH_ROWS: Final = 20_000  # maximum number of rows in one prediction
MAX_BATCH_CELLS: Final = (
    20_000_000  # maximum number of cells in one prediction; reduces the rows for more than 1,000 columns
)


class Contributions(NamedTuple):
    """Contributions of columns to predictions.

    Attributes:
        values: Shape (rows, columns), or (rows, columns, outputs); only the rows that were computed within the time.
        base: Mean prediction for the background, shape () or (outputs,).
    """

    values: NDArray[np.float64]
    base: NDArray[np.float64]


def shap(
    estimator: Any,
    X: Any,
    background: Any = None,
    *,
    repeats: int | None = None,
    seconds: float | None = 60.0,
    random_state: int = 0,
) -> pd.DataFrame:
    """Shapley values of an estimator's predictions: one line per row (and class), one column per column of the table.

    Args:
        estimator: A fitted AutoClassifier or AutoRegressor.
        X: The rows to explain.
        background: Reference rows; None for the rows of X.
        repeats: Number of reference rows for the comparison, drawn at random; None for 50, or all if there are fewer.
        seconds: Time limit in seconds; the result contains the rows explained so far, at least one. None for no limit.
        random_state: Seed of the background and the orders.

    Returns:
        Values in units of the prediction. Regression: numbers. Two classes: probabilities of the metric's positive
            class. More classes: probabilities of each class, with an index of row and class. Columns that the model
            does not use have 0. `attrs["base"]` is the mean prediction for the background, by class for more than two
            classes. The base and a line's values sum to the prediction.

    Raises:
        InvalidInput: There are no rows, or no reference rows.
    """
    import pandas as pd

    fitted, rng = estimator.fitted_, np.random.default_rng(random_state)
    frame = to_frame(X)
    usual = frame if background is None else to_frame(background)
    if not len(frame) or len(usual) < (2 if background is None else 1):
        raise InvalidInput(
            f"there are {len(frame)} rows to explain and {len(usual)} to compare them with; pass a row at least, and "
            "with background= others that are usual."
        )
    if repeats is not None and repeats < 1:
        raise InvalidInput(f"repeats is {repeats}; each row is compared with at least 1 other.")
    usual = usual.iloc[np.sort(rng.permutation(len(usual))[: repeats or _BACKGROUND])]
    schema = fitted.plan.schema
    schema.check(frame)
    schema.check(usual)
    used = [column.name for column in schema.used]
    classes: list[Any] = fitted.classes.tolist()
    single = fitted.metric.positive if len(classes) == 2 else None
    found = contributions(_predict(estimator, single), frame, usual, used, rng, seconds)
    several = len(classes) > 2
    values = np.moveaxis(found.values, 2, 1).reshape(-1, len(used)) if several else found.values
    rows = range(len(found.values))
    index = pd.MultiIndex.from_product([rows, classes], names=["row", "class"]) if several else pd.RangeIndex(len(rows))
    names = [column.name for column in schema.columns]
    table = pd.DataFrame(values, index=index, columns=used).reindex(columns=names, fill_value=0.0)
    table.attrs["base"] = dict(zip(classes, found.base.tolist(), strict=True)) if several else float(found.base)
    return table


def _predict(estimator: Any, single: int | None) -> Predict:
    """Return a function that predicts numbers, the probability of one class, or of all classes."""

    def predict(frame: pd.DataFrame) -> NDArray[np.float64]:
        method = getattr(estimator, "predict_proba", None) or estimator.predict
        found = np.asarray(method(frame), dtype=np.float64)
        return found if single is None else found[:, single]

    return predict


def contributions(
    predict: Predict,
    frame: pd.DataFrame,
    background: pd.DataFrame,
    columns: Sequence[str],
    rng: np.random.Generator,
    seconds: float | None = None,
) -> Contributions:
    """Contributions of each row against each background row, along one random order of the columns and its reverse.

    Args:
        predict: Function from rows to numbers, shape (n,) or (n, outputs).
        frame: The rows to explain.
        background: Reference rows, with the same columns.
        columns: Columns that the model uses, shape (m,).
        rng: Random generator of the orders.
        seconds: Time limit in seconds; None for no limit.

    Example:
        >>> import pandas as pd
        >>> rows, usual = pd.DataFrame({"a": [1.0], "b": [3.0]}), pd.DataFrame({"a": [0.0, 2.0], "b": [0.0, 0.0]})
        >>> found = contributions(
        ...     lambda X: X["a"].to_numpy() * 2 + X["b"].to_numpy(), rows, usual, ["a", "b"], np.random.default_rng(0)
        ... )
        >>> found.values.tolist(), float(found.base)
        ([[0.0, 3.0]], 2.0)
    """
    import pandas as pd

    end = None if seconds is None else time.monotonic() + seconds
    usual = predict(background)
    both = pd.concat([frame, background], ignore_index=True)
    walked = 2 * len(background) * (len(columns) + 1)  # number of intermediate rows per explained row
    step = max(MAX_BATCH_ROWS // walked, 1)
    most = max(MAX_BATCH_ROWS // (2 * (len(columns) + 1)), 1)  # background rows at a time, for many columns
    places = len(frame) + np.arange(len(background))
    parts = [places[first : first + most] for first in range(0, len(places), most)]
    found: list[NDArray[np.float64]] = []
    for start in range(0, len(frame), step):
        if found and end is not None and time.monotonic() >= end:
            break
        rows = np.arange(start, min(start + step, len(frame)))
        values = [len(part) / len(places) * _walk(predict, both, rows, part, columns, rng) for part in parts]
        found.append(np.sum(values, axis=0))
    return Contributions(np.concatenate(found), usual.mean(axis=0))


def _walk(
    predict: Predict,
    both: pd.DataFrame,
    rows: NDArray[np.int64],
    background: NDArray[np.int64],
    columns: Sequence[str],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the values of some rows, shape (rows, columns[, outputs])."""
    count, others, width = len(rows), len(background), len(columns)
    order = rng.permuted(np.broadcast_to(np.arange(width), (count, others, width)), axis=2)
    order = np.stack([order, order[:, :, ::-1]], axis=2)  # (rows, background, 2, columns): the joining column per step
    places = np.argsort(order, axis=3)  # the step at which each column joins
    size = max(MAX_BATCH_CELLS // (2 * count * others * width), 1)  # steps at a time
    steps = [np.arange(first, min(first + size, width + 1)) for first in range(0, width + 1, size)]
    joined = (places[:, :, :, None, :] < some[:, None] for some in steps)  # each (rows, background, 2, steps, columns)
    found = [_predicted(predict, both, rows, background, columns, some) for some in joined]
    predicted = np.concatenate(found, axis=3)
    gains = np.diff(predicted, axis=3)  # gain of the column that joined at each step
    if gains.ndim > places.ndim:
        places = places[..., None]
    values: NDArray[np.float64] = np.take_along_axis(gains, places, axis=3).mean(axis=(1, 2))
    return values


def _predicted(
    predict: Predict,
    both: pd.DataFrame,
    rows: NDArray[np.int64],
    background: NDArray[np.int64],
    columns: Sequence[str],
    joined: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return predictions after some steps of all walks, with the shape of `joined` without columns, and [outputs]."""
    source = np.where(joined, rows[:, None, None, None, None], background[:, None, None, None])
    outside = both.iloc[np.broadcast_to(background[:, None, None], source.shape[:-1]).ravel()].reset_index(drop=True)
    for place, name in enumerate(columns):
        outside[name] = both[name].array.take(source[..., place].ravel())
    predicted = predict(outside)
    return predicted.reshape(*source.shape[:-1], *predicted.shape[1:])
