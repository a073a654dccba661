"""The target: its task (classes or numbers), its classes, and its values as numbers."""

from __future__ import annotations

import contextlib
import logging
import warnings
from dataclasses import dataclass, replace
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.input.frames import to_series
from seasoned.tabular.input.label_spellings import as_known, merged
from seasoned.tabular.schema.object_columns import absent, number_word

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Target", "Task", "encode", "infer_task", "read_numbers", "read_target", "without_gaps"]

logger = logging.getLogger("seasoned.tabular")

Task = Literal["binary", "multiclass", "regression"]
_COLUMN = "A column-vector y was passed when a 1d array was expected; pass y.ravel(), for one target is supported."
_MAX_TARGET = 1e37  # largest absolute value of a numeric target; single precision ends at 3.4e38
_SMALLEST = 1e-150  # smallest range of a numeric target; squares of smaller ranges underflow
_EXACT = 2**53  # largest whole number up to which floats are exact
_LONGEST = 1000  # largest number of characters of a label
_COLLECTIONS = (list, tuple, set, frozenset, dict, np.ndarray)
_MAX_INTEGER_CLASSES = 20  # largest number of different values of a whole-number target with classes


@dataclass(frozen=True, slots=True)
class Target:
    """Checked target of a fit.

    Attributes:
        task: binary, multiclass or regression.
        values: Class codes (int64) or numbers (float64) of the labelled rows, shape (n,).
        classes: The labels of the codes, sorted; empty for regression.
        labelled: Mask of the rows with a target, shape (rows passed,).
        name: Name of the target; None without a name.
    """

    task: Task
    values: NDArray[Any]
    classes: NDArray[Any]
    labelled: NDArray[np.bool_]
    name: str | None = None


def without_gaps(series: pd.Series[Any]) -> pd.Series[Any]:
    """Convert floats that are all whole numbers to integers: they were floats for missing values, since removed.

    Example:
        >>> import pandas as pd
        >>> without_gaps(pd.Series([0.0, 1.0])).tolist(), without_gaps(pd.Series([0.5, 1.0])).tolist()
        ([0, 1], [0.5, 1.0])
    """
    whole = series.dtype.kind == "f" and bool((series % 1 == 0).all()) and float(series.abs().max()) <= _EXACT
    return series.astype(np.int64) if whole else series


def infer_task(y: Any) -> Literal["classification", "regression"]:
    """Infer the task of a target: classification or regression.

    Text, booleans and categories are classes. Whole numbers are classes if they have at most 20 different values, each
    repeated at least 10 times on average; two values are always few enough. All other numbers are regression.

    Example:
        >>> infer_task([0.1, 2.5, 3.7]), infer_task(["yes", "no", "yes"])
        ('regression', 'classification')
    """
    import pandas as pd

    series = to_series(y)
    series = series[~absent(series, "the target")]
    if series.dtype == object:
        series = series.astype(np.float64) if _are_decimals(series) else series.infer_objects()
    if not pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series):
        return "classification"
    numbers = series.to_numpy(dtype=np.float64)
    few = len(np.unique(numbers)) <= min(_MAX_INTEGER_CLASSES, max(2, len(numbers) // 10))
    return "classification" if few and bool((numbers == np.round(numbers)).all()) else "regression"


def _are_decimals(series: pd.Series[Any]) -> bool:
    """Return True if the objects are numbers, and some are `Decimal`."""
    kinds = set(map(type, series))
    return Decimal in kinds and all(issubclass(kind, Real | Decimal) for kind in kinds) and bool not in kinds


def read_target(
    y: Any,
    task: Literal["classification", "regression"],
    counted: NDArray[np.bool_] | None = None,
    *,
    few: bool = False,
    classes: NDArray[Any] | None = None,
) -> Target:
    """Check a target and convert it to codes or numbers. Rows without a target are left out, with a warning.

    Args:
        y: The target, one value per row.
        task: Classification or regression.
        counted: Mask of the rows with a weight above 0, shape (rows passed,); the others are left out as well.
        few: True to accept a single number and equal numbers, for the adaptation of a model.
        classes: Classes of an earlier fit, in whose spelling labels are read. None for a first fit, which merges labels
            that differ only in blanks, width or case.

    Raises:
        InvalidInput: If the target is empty, all missing, of one class, infinite, complex, or not numeric where numbers
            are needed.
    """
    if y is None:
        raise InvalidInput("y is None; this estimator requires y to be passed, but the target y is None.")
    from sklearn.exceptions import DataConversionWarning

    if isinstance(y, np.ndarray) and y.ndim == 2 and y.shape[1] == 1:
        warnings.warn(_COLUMN, DataConversionWarning, stacklevel=5)
    series = to_series(y)
    labelled = ~absent(series, "the target").to_numpy(dtype=np.bool_)
    if not len(series):
        raise InvalidInput(
            "the target has 0 rows (0 sample(s)); a minimum of 2 is required, so pass a table with rows."
        )
    if not labelled.any():
        raise InvalidInput(f"all {len(series)} values of the target are missing; choose another target column.")
    gaps = not labelled.all()
    if gaps:
        logger.warning("%d of %d rows have no target and are left out.", int((~labelled).sum()), len(series))
    if counted is not None and len(counted) == len(labelled):  # the caller refuses other lengths
        labelled &= counted
        if not labelled.any():
            raise InvalidInput("no row has both a target and a sample_weight above 0; give such rows.")
    present = series[labelled]
    if present.dtype.kind == "c" or any(isinstance(value, complex | np.complexfloating) for value in present.head()):
        raise InvalidInput("the target is complex; pass its real part, its imaginary part or its size.")
    number = task == "regression"
    found = _numbers(present, labelled, few=few) if number else _classes(present, labelled, classes, gaps=gaps)
    return replace(found, name=series.name if isinstance(series.name, str) else None)


def _numbers(series: pd.Series[Any], labelled: NDArray[np.bool_], *, few: bool) -> Target:
    if series.dtype.kind in "mM":
        what = "dates" if series.dtype.kind == "M" else "durations"
        raise InvalidInput(f"the target holds {what}; pass a number instead, such as days since the first of January.")
    values = _as_floats(series)
    if not np.isfinite(values).all():
        raise InvalidInput("the target holds an infinity, which cannot be learned; leave such rows out.")
    if len(values) < 2 and not few:
        raise InvalidInput(f"the target has {len(values)} row (1 sample); a minimum of 2 is required: add rows.")
    _check_range(values, few=few)
    return Target("regression", values, np.array([]), labelled)


def _as_floats(series: pd.Series[Any]) -> NDArray[np.float64]:
    try:
        return series.to_numpy(dtype=np.float64)
    except (ArithmeticError, TypeError, ValueError):
        example = next((value for value in series if not isinstance(value, int | float)), series.iloc[0])
        raise InvalidInput(
            f"the target holds {_short(example)}, which is no number, and regression needs numbers; use "
            "classification, or clean the target."
        ) from None


def read_numbers(y: Any) -> NDArray[np.float64]:
    """True numbers of a regression, shape (n,), for the comparison with predictions.

    Raises:
        InvalidInput: If a value is missing, infinite, or no number.
    """
    series = to_series(y)
    gaps = int(absent(series, "y").sum())
    if gaps:
        raise InvalidInput(f"y is missing in {gaps} of {len(series)} rows; score the other rows.")
    values = _as_floats(series)
    if not np.isfinite(values).all():
        raise InvalidInput("y holds an infinity, whose error is infinite whatever is predicted; score the other rows.")
    return values


def _check_range(values: NDArray[np.float64], *, few: bool) -> None:
    """Refuse numbers that are too large or too close together: models use single precision and squares."""
    largest, spread = float(np.abs(values).max()), float(np.ptp(values))
    if largest > _MAX_TARGET:
        raise InvalidInput(
            f"the target goes up to {largest:.3g}, and models compute up to {_MAX_TARGET:g}; divide it by a power "
            "of ten, or learn its logarithm."
        )
    if 0 < spread < _SMALLEST:
        raise InvalidInput(
            f"the target's values are all within {spread:.3g} of each other, too small a difference to be squared in "
            "floating point; multiply them by a power of ten."
        )
    if spread == 0 and not few:
        logger.warning("the target is %.6g in all rows, so there is nothing to learn.", values[0])


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _classes(series: pd.Series[Any], labelled: NDArray[np.bool_], known: NDArray[Any] | None, *, gaps: bool) -> Target:
    collection = next((value for value in series if isinstance(value, _COLLECTIONS)), None)
    if collection is not None:
        raise InvalidInput(
            f"the target holds {_short(collection)}, a {type(collection).__name__}, as where rows have several labels, "
            "which is not covered; pass one label a row, or fit a model for each."
        )
    import pandas as pd

    labels = _labels(series)
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            raise InvalidInput("the target holds an infinity, which is no class; leave such rows out.")
        if (labels != np.round(labels)).any():
            example = labels[labels != np.round(labels)].tolist()[0]
            raise InvalidInput(
                f"the target holds {example!r}, and continuous values are no classes "
                "(Unknown label type: continuous); use regression, or pass the classes as text."
            )
        if gaps:
            labels = without_gaps(pd.Series(labels)).to_numpy()
    if labels.dtype.kind == "U":
        labels = merged(labels) if known is None or known.dtype.kind != "U" else as_known(labels, known)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise InvalidInput(
            f"the target has only one class, {classes.tolist()[0]!r}; it needs at least 2: add rows of another."
        )
    return Target("binary" if len(classes) == 2 else "multiclass", codes.astype(np.int64), classes, labelled)


def encode(y: Any, classes: NDArray[Any]) -> NDArray[np.int64]:
    """Class codes of labels, shape (n,), by the classes of a fit.

    Raises:
        InvalidInput: If a label is missing, or is none of the classes.
    """
    import pandas as pd

    series = to_series(y)
    gaps = int(absent(series, "y").sum())
    if gaps:
        raise InvalidInput(f"y is missing in {gaps} of {len(series)} rows; score the other rows.")
    labels = _labels(series)
    if classes.dtype.kind == "U":
        words = labels.astype(np.str_)
        if labels.dtype.kind == "f":  # 1.0 may be "1" in a column of text
            there = set(classes.tolist())
            pairs = zip(words.tolist(), labels.tolist(), strict=True)
            words = np.array([word if word in there else number_word(label) for word, label in pairs], dtype=np.str_)
        labels = as_known(words, classes)
    known = pd.Index(classes.tolist(), dtype=object)  # as objects, because pyarrow accepts UTF-8 only
    codes = known.get_indexer(pd.Index(labels.tolist(), dtype=object))
    if (codes < 0).any():
        strange = labels[codes < 0].tolist()[0]
        raise InvalidInput(f"y holds {strange!r}, a class that was not there in fit; score the other rows.")
    return np.asarray(codes, dtype=np.int64)


def _labels(series: pd.Series[Any]) -> NDArray[Any]:
    """Labels as a plain array of numbers, booleans or text, shape (n,)."""
    values = series.to_numpy()
    if values.dtype.kind in "iufb":
        return np.asarray(values)
    if values.dtype == object and _are_decimals(series):
        return np.asarray(values, dtype=np.float64)
    objects = series.astype(object)
    kinds = {type(value) for value in objects}
    if kinds <= {bool, np.bool_}:
        return objects.to_numpy(dtype=np.bool_)
    if not kinds & {bool, np.bool_} and all(issubclass(kind, Real) for kind in kinds):
        whole = all(issubclass(kind, Integral) for kind in kinds)
        with contextlib.suppress(OverflowError):  # too large numbers become text
            return objects.to_numpy(dtype=np.int64 if whole else np.float64)
    words = [value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in objects]
    longest = max(map(len, words), default=0)
    if longest > _LONGEST:
        raise InvalidInput(
            f"the target holds a text of {longest} characters, and labels have up to {_LONGEST}; pass short labels (to "
            "predict texts is not covered)."
        )
    return np.array(words)
