"""From a table, or from the run folder, to what feature steps read."""

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

__all__ = ["feature_width", "given_of", "load_given", "save_texts", "text_columns"]

_LEVELS: Final = "levels.npy"
_TEXTS: Final = "texts.arrow"


def text_columns(plan: ColumnPlan) -> list[tuple[Column, TextColumn]]:
    """The text columns of a table, in its order."""
    columns = zip(plan.schema.used, plan.encoders, strict=True)
    return [(column, encoder) for column, encoder in columns if isinstance(encoder, TextColumn)]


def feature_width(plan: ColumnPlan) -> int:
    """Columns of codes that features are made from: those of the plan, and the levels of each text column."""
    return len(plan.dense.levels) + len(text_columns(plan))


def given_of(plan: ColumnPlan, frame: pd.DataFrame, codes: NDArray[np.float64], *, texts: bool) -> Given:
    """What features of these rows are made from.

    Args:
        plan: The column plan.
        frame: The rows, not yet in canonical form.
        codes: The same rows in the diet `codes`.
        texts: Whether the texts themselves are needed, too.
    """
    columns = [(encoder, read(column, frame[column.name])) for column, encoder in text_columns(plan)]
    levels = [encoder.level_codes(values) for encoder, values in columns]
    found = tuple(TextRows.of(_plain(values)) for _, values in columns) if texts else ()
    return Given(np.column_stack([codes, *levels]) if levels else codes, found)


def save_texts(folder: Path, plan: ColumnPlan, canonical: pd.DataFrame) -> None:
    """Keep in the run folder what `load_given` reads beside the codes; nothing where there is no text column."""
    import pandas as pd

    columns = text_columns(plan)
    if not columns:
        for name in (_LEVELS, _TEXTS):  # left from when the table's columns were read in another way
            (folder / name).unlink(missing_ok=True)
        return
    np.save(folder / _LEVELS, np.column_stack([encoder.level_codes(canonical[c.name]) for c, encoder in columns]))
    texts = {str(place): canonical[column.name].astype("str") for place, (column, _) in enumerate(columns)}
    pd.DataFrame(texts).to_feather(folder / _TEXTS, compression="uncompressed")


def load_given(folder: Path, codes: NDArray[np.float64], *, texts: bool) -> Given:
    """What features of all rows of a run are made from, as `given_of` has it."""
    import pandas as pd

    if not (folder / _LEVELS).is_file():
        return Given(codes)
    columns = pd.read_feather(folder / _TEXTS) if texts else pd.DataFrame()
    found = tuple(TextRows.of(_plain(columns[name])) for name in columns)
    return Given(np.hstack([codes, np.load(folder / _LEVELS)]), found)


def _plain(values: pd.Series[Any]) -> list[str | None]:
    return values.astype("str").astype(object).where(values.notna(), None).tolist()
