"""Inputs of feature steps, computed from a table or read from the run folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.features.base import Given
from seasoned.tabular.features.text_cache import TextRows
from seasoned.tabular.preprocessing.text import TextColumn
from seasoned.tabular.schema.schema import read

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.preprocessing.column_plan import ColumnPlan
    from seasoned.tabular.schema.column import Column

__all__ = ["feature_inputs", "feature_width", "load_feature_inputs", "save_texts", "text_columns"]

_LEVELS: Final = "levels.npy"
_TEXTS: Final = "texts.arrow"


def text_columns(plan: ColumnPlan) -> list[tuple[Column, TextColumn]]:
    """Return the text columns of a table, in the order of the table."""
    columns = zip(plan.schema.used, plan.encoders, strict=True)
    return [(column, encoder) for column, encoder in columns if isinstance(encoder, TextColumn)]


def feature_width(plan: ColumnPlan) -> int:
    """Number of input columns of codes: the columns of the plan, and one column of levels per text column."""
    return len(plan.dense.levels) + len(text_columns(plan))


def feature_inputs(plan: ColumnPlan, frame: pd.DataFrame, codes: NDArray[np.float64], *, texts: bool) -> Given:
    """Compute the inputs of feature steps for some rows.

    Args:
        plan: The column plan.
        frame: The rows, not yet in canonical form.
        codes: The same rows in the input encoding `codes`.
        texts: True if the steps read texts as well.
    """
    columns = [(encoder, read(column, frame[column.name])) for column, encoder in text_columns(plan)]
    levels = [encoder.level_codes(values) for encoder, values in columns]
    found = tuple(TextRows.of(_plain(values)) for _, values in columns) if texts else ()
    return Given(np.column_stack([codes, *levels]) if levels else codes, found)


def save_texts(folder: Path, plan: ColumnPlan, canonical: pd.DataFrame) -> None:
    """Write the text inputs of `load_feature_inputs` to the run folder; nothing for a table without text columns."""
    import pandas as pd

    columns = text_columns(plan)
    if not columns:
        for name in (_LEVELS, _TEXTS):  # files of an earlier fit in this folder, with another schema
            (folder / name).unlink(missing_ok=True)
        return
    np.save(folder / _LEVELS, np.column_stack([encoder.level_codes(canonical[c.name]) for c, encoder in columns]))
    texts = {str(place): canonical[column.name].astype("str") for place, (column, _) in enumerate(columns)}
    pd.DataFrame(texts).to_feather(folder / _TEXTS, compression="uncompressed")


def load_feature_inputs(folder: Path, codes: NDArray[np.float64], *, texts: bool) -> Given:
    """Read the inputs of feature steps for all rows of a run; the counterpart of `feature_inputs`."""
    import pandas as pd

    if not (folder / _LEVELS).is_file():
        return Given(codes)
    columns = pd.read_feather(folder / _TEXTS) if texts else pd.DataFrame()
    found = tuple(TextRows.of(_plain(columns[name])) for name in columns)
    return Given(np.hstack([codes, np.load(folder / _LEVELS)]), found)


def _plain(values: pd.Series[Any]) -> list[str | None]:
    return values.astype("str").astype(object).where(values.notna(), None).tolist()
