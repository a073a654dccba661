"""The target: which task it poses, its classes, and its values as numbers."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.tables import to_series

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Target", "Task", "encode", "infer_task", "read_target"]

logger = logging.getLogger("seasoned.tabular")

Task = Literal["binary", "multiclass", "regression"]
_COLUMN = "A column-vector y was passed when a 1d array was expected; pass y.ravel(), for one target is supported."
_FEW = 20  # integer targets with at most this many values, repeated often, are classes


@dataclass(frozen=True, slots=True)
class Target:
    """A target that can be learned from.

    Attributes:
        task: binary, multiclass or regression.
        values: Class codes (int64) or numbers (float64), shape (n,), for the rows kept.
        classes: The labels behind the codes, sorted; empty for regression.
        kept: Which rows have a target, shape (rows given,).
    """

    task: Task
    values: NDArray[Any]
    classes: NDArray[Any]
    kept: NDArray[np.bool_]


def infer_task(y: Any) -> Literal["classification", "regression"]:
    """Whether a target asks for classes or for a number.

    Text, booleans and categories are classes, and so are whole numbers with at most 20 values, each repeated at least
    10 times on average; all other numbers are regression.

    Example:
        >>> infer_task([0.1, 2.5, 3.7]), infer_task(["yes", "no", "yes"])
        ('regression', 'classification')
    """
    import pandas as pd

    series = to_series(y).dropna()
    if series.dtype == object:
        series = series.infer_objects()
    if not pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series):
        return "classification"
    numbers = series.to_numpy(dtype=np.float64)
    few = len(np.unique(numbers)) <= min(_FEW, max(2, len(numbers) // 10))
    return "classification" if few and bool((numbers == np.round(numbers)).all()) else "regression"


def read_target(y: Any, task: Literal["classification", "regression"]) -> Target:
    """Check a target and turn it into numbers; rows without one are left out, with a logged note.

    Raises:
        InvalidInput: If it is empty, all missing, of one class, infinite, or no number where one is needed.
    """
    if y is None:
        raise InvalidInput("y is None; this estimator requires y to be passed, but the target y is None.")
    from sklearn.exceptions import DataConversionWarning

    if isinstance(y, np.ndarray) and y.ndim == 2 and y.shape[1] == 1:
        warnings.warn(_COLUMN, DataConversionWarning, stacklevel=4)
    series = to_series(y)
    kept = series.notna().to_numpy(dtype=np.bool_)
    if not len(series):
        raise InvalidInput(
            "the target has 0 rows (0 sample(s)); a minimum of 2 is required, so pass a table with rows."
        )
    if not kept.any():
        raise InvalidInput(f"all {len(series)} values of the target are missing; choose another target column.")
    if not kept.all():
        logger.warning("%d of %d rows have no target and are left out.", int((~kept).sum()), len(series))
    present = series[kept]
    return _numbers(present, kept) if task == "regression" else _classes(present, kept)


def _numbers(series: pd.Series[Any], kept: NDArray[np.bool_]) -> Target:
    try:
        values = series.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        example = next((value for value in series if not isinstance(value, int | float)), series.iloc[0])
        raise InvalidInput(
            f"the target holds {example!r}, which is no number, as regression needs; use classification, or clean it."
        ) from None
    if not np.isfinite(values).all():
        raise InvalidInput("the target holds an infinity; Input contains NaN or infinity cannot be learned: drop it.")
    if len(values) < 2:
        raise InvalidInput(f"the target has {len(values)} row (1 sample); a minimum of 2 is required: add rows.")
    return Target("regression", values, np.array([]), kept)


def _classes(series: pd.Series[Any], kept: NDArray[np.bool_]) -> Target:
    labels = _labels(series)
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            raise InvalidInput("the target holds an infinity; Input contains NaN or infinity is no class: drop it.")
        if (labels != np.round(labels)).any():
            example = labels[labels != np.round(labels)].tolist()[0]
            raise InvalidInput(
                f"the target holds {example!r}, and continuous values are no classes "
                "(Unknown label type: continuous); use regression, or pass the classes as text."
            )
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise InvalidInput(
            f"the target has only one class, {classes.tolist()[0]!r}; it needs at least 2: add rows of another."
        )
    return Target("binary" if len(classes) == 2 else "multiclass", codes.astype(np.int64), classes, kept)


def encode(y: Any, classes: NDArray[Any]) -> NDArray[np.int64]:
    """The codes of labels seen before.

    Raises:
        InvalidInput: If a label is none of the classes.
    """
    import pandas as pd

    labels = _labels(to_series(y))
    if classes.dtype.kind == "U":
        labels = labels.astype(np.str_)
    codes = pd.Index(classes.tolist()).get_indexer(pd.Index(labels.tolist()))
    if (codes < 0).any():
        strange = labels[codes < 0].tolist()[0]
        raise InvalidInput(f"y holds {strange!r}, a class that was not there in fit; score the other rows.")
    return np.asarray(codes, dtype=np.int64)


def _labels(series: pd.Series[Any]) -> NDArray[Any]:
    """The labels as a plain array: numbers, booleans or text."""
    values = series.to_numpy()
    if values.dtype.kind in "iufb":
        return np.asarray(values)
    objects = series.astype(object)
    kinds = {type(value) for value in objects}
    if kinds <= {bool, np.bool_}:
        return objects.to_numpy(dtype=np.bool_)
    if kinds <= {int, np.int64, np.int32}:
        return objects.to_numpy(dtype=np.int64)
    return np.array([str(value) for value in objects])
