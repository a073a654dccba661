"""Predictions as a table, and tables as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput
from seasoned.tabular.tables import COMPRESSED, SEPARATORS

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

__all__ = ["prediction_table", "write_table"]


def prediction_table(model: Any, X: Any) -> pd.DataFrame:
    """One row per row of X: `prediction`, and for classes a column `probability_<label>` each.

    Args:
        model: A fitted estimator, or a model that it adapted to a task.
        X: The table.
    """
    import pandas as pd

    if not hasattr(model, "predict_proba") or not len(model.classes_):
        return pd.DataFrame({"prediction": model.predict(X)})
    probabilities = model.predict_proba(X)
    named = {f"probability_{label}": probabilities[:, index] for index, label in enumerate(model.classes_)}
    return pd.DataFrame({"prediction": model.classes_[probabilities.argmax(axis=1)], **named})


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as what its name says: .parquet, .csv or .tsv, the last two also compressed (.gz, .zst ...).

    Raises:
        InvalidInput: If the name ends in something else.
    """
    inner = path.suffixes[-2] if path.suffix in COMPRESSED and len(path.suffixes) > 1 else path.suffix
    if inner == ".parquet" and path.suffix == inner:
        frame.to_parquet(path, index=False)
    elif inner not in SEPARATORS:
        raise InvalidInput(
            f"{path.name!r} is no kind of table that is known here; write to a .csv, .tsv or .parquet file."
        )
    elif path.suffix == ".zst":  # pandas would ask for one more package
        import pyarrow as pa

        with pa.output_stream(str(path), compression="zstd") as stream:
            frame.to_csv(stream, sep=SEPARATORS[inner], index=False)
    else:
        frame.to_csv(path, sep=SEPARATORS[inner], index=False)
