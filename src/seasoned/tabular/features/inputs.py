"""Inputs of feature steps, computed from a table or read from the run folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.tabular.features.base import Given
from seasoned.tabular.features.text_cache import TextRows
from seasoned.tabular.preprocessing.column_plan import plain_texts
from seasoned.tabular.schema.schema import read

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.preprocessing.column_plan import ColumnPlan

__all__ = ["feature_inputs", "feature_width", "load_feature_inputs", "load_texts", "save_texts"]

_LEVELS: Final = "levels.npy"
_TEXTS: Final = "texts.arrow"


def feature_width(plan: ColumnPlan) -> int:
    """Number of input columns of codes: the columns of the plan, and one column of levels per text column."""
    return len(plan.dense.levels) + len(plan.text_columns)


def feature_inputs(plan: ColumnPlan, frame: pd.DataFrame, codes: NDArray[np.float64], *, texts: bool) -> Given:
    """Compute the inputs of feature steps for some rows.

    Args:
        plan: The column plan.
        frame: The rows, not yet in canonical form.
        codes: The same rows in the input encoding `codes`.
        texts: True if the steps read texts as well.
    """
    columns = [(encoder, read(column, frame[column.name])) for column, encoder in plan.text_columns]
    levels = [encoder.level_codes(values) for encoder, values in columns]
    found = tuple(TextRows.of(plain_texts(values)) for _, values in columns) if texts else ()
    return Given(np.column_stack([codes, *levels]) if levels else codes, found)


def save_texts(folder: Path, plan: ColumnPlan, canonical: pd.DataFrame) -> None:
    """Write the text inputs of `load_feature_inputs` to the run folder; nothing for a table without text columns."""
    import pandas as pd

    columns = plan.text_columns
    if not columns:
        for name in (_LEVELS, _TEXTS):  # files of an earlier fit in this folder, with another schema
            (folder / name).unlink(missing_ok=True)
        return
    np.save(folder / _LEVELS, np.column_stack([encoder.level_codes(canonical[c.name]) for c, encoder in columns]))
    texts = {str(place): canonical[column.name].astype("str") for place, (column, _) in enumerate(columns)}
    pd.DataFrame(texts).to_feather(folder / _TEXTS, compression="uncompressed")


def load_feature_inputs(folder: Path, codes: NDArray[np.float64], *, texts: bool) -> Given:
    """Read the inputs of feature steps for all rows of a run; the counterpart of `feature_inputs`."""
    if not (folder / _LEVELS).is_file():
        return Given(codes)
    found = tuple(map(TextRows.of, load_texts(folder))) if texts else ()
    return Given(np.hstack([codes, np.load(folder / _LEVELS)]), found)


def load_texts(folder: Path) -> list[list[str | None]]:
    """Read the texts of all rows of a run, column by column."""
    import pandas as pd

    columns = pd.read_feather(folder / _TEXTS)
    return [plain_texts(columns[name]) for name in columns]
