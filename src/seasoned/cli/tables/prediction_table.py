"""Tables of predictions, and output of tables to files."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from seasoned._util.atomic_write import check_name
from seasoned.errors import InvalidInput, StorageError
from seasoned.tabular.ensemble.fitted_model import Fitted
from seasoned.tabular.input.files import COMPRESSED, SEPARATORS, kind_of
from seasoned.tabular.postprocessing.conformal import as_words

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "check_kind",
    "contribution_table",
    "join_columns",
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
)  # first characters of texts that a spreadsheet may run as a formula (OWASP)
_NUMBER: Final = re.compile(r"[+-]?[\d.,]*\d[.,]?(?:[eE][+-]?\d+)?\s?%?")  # number in a text, which is no formula


def prediction_table(model: Any, X: Any, interval: float | None = None) -> pd.DataFrame:
    """Predictions of the rows of X: `prediction`, and for classification one column `probability_<label>` per class.

    With an interval also `lower` and `upper` for numbers, and `set` for classes: the labels of the prediction set, such
    as "no | yes".

    Args:
        model: A fitted estimator, or a model adapted to a task.
        X: The table.
        interval: Coverage: share of rows whose true value is to lie inside the interval; None for no interval.

    Raises:
        InvalidInput: If the model cannot predict intervals.
    """
    import pandas as pd

    extra = {} if interval is None else _inside(model, X, interval)
    if not hasattr(model, "predict_proba") or not len(model.classes_):
        return pd.DataFrame({"prediction": model.predict(X), **extra})
    probabilities, fitted = model.predict_proba(X), getattr(model, "fitted_", None)
    codes = fitted.postprocessor.codes(probabilities) if isinstance(fitted, Fitted) else None  # only it has thresholds
    found = named_predictions(probabilities, model.classes_, codes)
    return found.assign(**extra)


def named_predictions(
    found: NDArray[np.float64], classes: NDArray[Any], codes: NDArray[np.intp] | None = None
) -> pd.DataFrame:
    """Table of `prediction`, and for classification one column `probability_<label>` per class.

    Args:
        found: Numbers, shape (n,), or probabilities, shape (n, classes).
        classes: The labels, shape (classes,); empty for numbers.
        codes: Predicted class codes, shape (n,); the most probable classes if omitted.
    """
    import pandas as pd

    if not len(classes):
        return pd.DataFrame({"prediction": found})
    named = {f"probability_{label}": found[:, index] for index, label in enumerate(classes)}
    chosen = found.argmax(axis=1) if codes is None else codes
    return pd.DataFrame({"prediction": classes[chosen], **named})


def join_columns(kept: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Columns of the input table, followed by the predictions for its rows.

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


def contribution_table(found: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """Shapley values with columns to join them by: kept columns, `row`, for three or more classes `class`, and `base`.

    A line's values and its base sum to the prediction. The names get underscores where the table has such columns. The
    values of a kept column `age` are named `age_value`.

    Args:
        found: Values of the first rows of `kept`, as `explain` returns them.
        kept: Columns of the explained rows. The index contains their numbers in the table, which begin at 0.

    """
    places = found.index.get_level_values(0)
    base = found.attrs["base"]
    added: dict[str, Any] = {"row": kept.index[places]}
    if isinstance(base, dict):
        classes = found.index.get_level_values(1)
        added |= {"class": classes, "base": [base[label] for label in classes]}
    else:
        added["base"] = base
    lines = found.reset_index(drop=True)
    for name, values in reversed(added.items()):
        while name in lines.columns or name in kept.columns:
            name += "_"  # noqa: PLW2901 - the name is tried until it is free
        lines.insert(0, name, values)
    values = lines.rename(columns={name: f"{name}_value" for name in kept.columns if name in lines.columns})
    return join_columns(kept.iloc[places], values)


def _inside(model: Any, X: Any, coverage: float) -> dict[str, Any]:
    if hasattr(model, "predict_interval"):
        lower, upper = model.predict_interval(X, coverage=coverage).T
        return {"lower": lower, "upper": upper}
    if hasattr(model, "predict_set"):
        return {"set": as_words(model.predict_set(X, coverage=coverage), model.classes_)}
    raise InvalidInput(f"a {type(model).__name__} knows no intervals; leave the interval out.")


def check_kind(path: Path) -> None:
    """Refuse, before any work, a file name without the suffix of a known table format.

    Raises:
        InvalidInput: If `write_table` would refuse the name.
    """
    inner, packed = kind_of(path), path.suffix.lower() in COMPRESSED
    if inner not in SEPARATORS and (packed or inner != ".parquet"):
        raise InvalidInput(
            f"{path.name!r} is no kind of table that is known here; write to a .csv, .tsv or .parquet file."
        )


def without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before each text and column name that a spreadsheet would run as a formula.

    Such a text begins with = + - @, a tab or a carriage return. Numbers stay as they are, also numbers in text.

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
    """Write a table in the format of its suffix: .parquet, .csv or .tsv, the last two also compressed (.gz, .zst ...).

    An existing file is replaced when the new one is complete.

    Args:
        frame: The table.
        path: The file.
        raw: True to write texts as they are; by default, text files hold the texts of `without_formulas`.

    Raises:
        InvalidInput: If the suffix is unknown, or the file may not be written.
        StorageError: If writing fails, for example on a full disk.
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
            partial = Path(folder) / target.name  # archives store the name of the file
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
    elif path.suffix.lower() == ".zst":  # pandas needs one more package
        import pyarrow as pa

        with pa.output_stream(str(path), compression="zstd") as stream:
            frame.to_csv(stream, sep=SEPARATORS[inner], index=False)
    else:
        frame.to_csv(path, sep=SEPARATORS[inner], index=False)
