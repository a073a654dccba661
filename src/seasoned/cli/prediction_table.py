"""Predictions as a table, and tables as files."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from seasoned._util.atomic_write import check_name
from seasoned.errors import InvalidInput, StorageError
from seasoned.tabular.ensemble.fitted_model import Fitted
from seasoned.tabular.input.frames import COMPRESSED, SEPARATORS, kind_of
from seasoned.tabular.postprocessing.conformal import as_words

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "beside",
    "check_kind",
    "named_predictions",
    "prediction_table",
    "without_formulas",
    "write_table",
]

_FORMULA: Final = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
)  # first characters that a spreadsheet may take for a formula's (OWASP)
_NUMBER: Final = re.compile(r"[+-]?[\d.,]*\d[.,]?(?:[eE][+-]?\d+)?\s?%?")  # a spreadsheet reads it as what it is


def prediction_table(model: Any, X: Any, interval: float | None = None) -> pd.DataFrame:
    """One row per row of X: `prediction`, and for classification one column `probability_<label>` per class.

    With an interval also `lower` and `upper` for numbers, and `set` for classes: the labels that a row may have, as in
    "no | yes".

    Args:
        model: A fitted estimator, or a model that it adapted to a task.
        X: The table.
        interval: Share of rows whose truth is to lie inside; None for no such columns.

    Raises:
        InvalidInput: If the model cannot predict intervals.
    """
    import pandas as pd

    extra = {} if interval is None else _inside(model, X, interval)
    if not hasattr(model, "predict_proba") or not len(model.classes_):
        return pd.DataFrame({"prediction": model.predict(X), **extra})
    probabilities, fitted = model.predict_proba(X), getattr(model, "fitted_", None)
    codes = fitted.finish.codes(probabilities) if isinstance(fitted, Fitted) else None  # others have no thresholds
    found = named_predictions(probabilities, model.classes_, codes)
    return found.assign(**extra)


def named_predictions(
    found: NDArray[np.float64], classes: NDArray[Any], codes: NDArray[np.intp] | None = None
) -> pd.DataFrame:
    """`prediction`, and for classification one column `probability_<label>` per class.

    Args:
        found: Numbers, shape (n,), or probabilities, shape (n, classes).
        classes: The labels; none for numbers.
        codes: Which label each row gets; the most probable if left out.
    """
    import pandas as pd

    if not len(classes):
        return pd.DataFrame({"prediction": found})
    named = {f"probability_{label}": found[:, index] for index, label in enumerate(classes)}
    chosen = found.argmax(axis=1) if codes is None else codes
    return pd.DataFrame({"prediction": classes[chosen], **named})


def beside(kept: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Columns kept from the input table, followed by the predictions for its rows.

    Raises:
        InvalidInput: If both have a column of the same name.
    """
    import pandas as pd

    twice = [str(name) for name in kept.columns if name in predictions.columns]
    if twice:
        raise InvalidInput(
            f"{', '.join(map(repr, twice))} is a column of the predictions, too; keep it under another name."
        )
    return pd.concat([kept.reset_index(drop=True), predictions], axis="columns")


def _inside(model: Any, X: Any, coverage: float) -> dict[str, Any]:
    if hasattr(model, "predict_interval"):
        lower, upper = model.predict_interval(X, coverage=coverage).T
        return {"lower": lower, "upper": upper}
    if hasattr(model, "predict_set"):
        return {"set": as_words(model.predict_set(X, coverage=coverage), model.classes_)}
    raise InvalidInput(f"a {type(model).__name__} knows no intervals; leave the interval out.")


def check_kind(path: Path) -> None:
    """Refuse a file name that stands for no known kind of table, before there is anything to write.

    Raises:
        InvalidInput: If `write_table` would refuse it.
    """
    inner, packed = kind_of(path), path.suffix.lower() in COMPRESSED
    if inner not in SEPARATORS and (packed or inner != ".parquet"):
        raise InvalidInput(
            f"{path.name!r} is no kind of table that is known here; write to a .csv, .tsv or .parquet file."
        )


def without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before each text and name that a spreadsheet would run as a formula.

    Such a text begins with = + - @, a tab or a carriage return. Numbers are left as they are, also those in text.

    Example:
        >>> import pandas as pd
        >>> without_formulas(pd.DataFrame({"city": ["=1+1", "-7.5", "Oslo"], "@n": [-1, 2, 3]})).to_dict("list")
        {'city': ["'=1+1", '-7.5', 'Oslo'], "'@n": [-1, 2, 3]}
    """
    changed = {}
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        if column.dtype.kind in "biufcmM":
            continue
        safe = [_safe(cell) for cell in column]
        if any(new is not cell for new, cell in zip(safe, column, strict=True)):
            changed[place] = safe
    found = frame.copy(deep=False)
    for place, words in changed.items():
        found.isetitem(place, words)
    return found.set_axis([_safe(name) for name in frame.columns], axis="columns")


def _safe(cell: Any) -> Any:
    risky = isinstance(cell, str) and cell.startswith(_FORMULA) and _NUMBER.fullmatch(cell) is None
    return f"'{cell}" if risky else cell


def write_table(frame: pd.DataFrame, path: Path, *, raw: bool = False) -> None:
    """Write a table as what its name says: .parquet, .csv or .tsv, the last two also compressed (.gz, .zst ...).

    An earlier file is replaced when the new one is complete.

    Args:
        frame: The table.
        path: The file.
        raw: Text files hold texts as they are; by default those of `without_formulas`.

    Raises:
        InvalidInput: If the name ends in something else, or the file may not be written.
        StorageError: If it could not be written, as where the disk is full.
    """
    check_kind(path)
    check_name(path)
    if not raw and kind_of(path) != ".parquet":
        frame = without_formulas(frame)
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():  # such as a named pipe, which cannot be replaced
            _write(frame, target)
            return
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as folder:
            partial = Path(folder) / target.name  # archives hold the name of what they are written to
            _write(frame, partial)
            partial.replace(target)
    except PermissionError as error:
        raise InvalidInput(f"{str(path)!r} may not be written ({error.strerror}); choose another folder.") from error
    except OSError as error:
        raise StorageError(f"{str(path)!r} could not be written ({error.strerror or error}); make room.") from error


def _write(frame: pd.DataFrame, path: Path) -> None:
    inner = kind_of(path)
    if inner == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix.lower() == ".zst":  # pandas would ask for one more package
        import pyarrow as pa

        with pa.output_stream(str(path), compression="zstd") as stream:
            frame.to_csv(stream, sep=SEPARATORS[inner], index=False)
    else:
        frame.to_csv(path, sep=SEPARATORS[inner], index=False)
