"""Predictions as a table, and tables as files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput, StorageError
from seasoned.tabular.conformal import as_words
from seasoned.tabular.fitted import Fitted
from seasoned.tabular.tables import COMPRESSED, SEPARATORS, kind_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["beside", "check_kind", "named_predictions", "prediction_table", "write_table"]


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


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as what its name says: .parquet, .csv or .tsv, the last two also compressed (.gz, .zst ...).

    An earlier file is replaced when the new one is complete.

    Raises:
        InvalidInput: If the name ends in something else, or the file may not be written.
        StorageError: If it could not be written, as where the disk is full.
    """
    check_kind(path)
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
