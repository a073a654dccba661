"""Number columns of wide tables, processed together.

Pandas has a fixed cost per column and step, which dominates in tables of many columns and few rows. The decisions are
the same as those of `schema.py` and `type_inference.py`, which process one column at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.tabular.schema.column import Column
from seasoned.tabular.schema.identifiers import identifier, is_named
from seasoned.tabular.schema.type_inference import EMPTY, SAME

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Decided", "decide", "is_wide", "mark", "number_places", "numbers"]

WIDE_COLUMNS: Final = 500  # columns above which a table is wide; with fewer, the fixed cost of pandas is small
_ROWS: Final = 10_000  # largest number of rows of a wide table; with more, the fixed cost is small and copies are large
_CELLS: Final = 2**22  # largest number of cells that are processed at once
_MARKS: Final = 50  # largest number of rows in a mark


class Decided(NamedTuple):
    """Column, mark that equal columns share, and the reason why the column identifies rows, if it does."""

    column: Column
    mark: Hashable
    identifies: str | None


def is_wide(frame: pd.DataFrame) -> bool:
    """Return True if the number columns of the table are processed together."""
    return frame.shape[1] > WIDE_COLUMNS and len(frame) <= _ROWS


def number_places(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Mask of the columns with numeric numpy dtypes, shape (columns,); all False in a table that is not wide."""
    if not is_wide(frame):
        return np.zeros(frame.shape[1], np.bool_)
    return np.array([isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in frame.dtypes], np.bool_)


def numbers(frame: pd.DataFrame, places: NDArray[Any]) -> NDArray[np.float64]:
    """Columns as a new array of numbers, shape (n, columns); infinities become NaN."""
    some = frame if len(places) and places.dtype == np.bool_ and places.all() else frame.iloc[:, places]
    block = np.array(some.to_numpy(dtype=np.float64), order="C")
    block[~np.isfinite(block)] = np.nan
    return block


def mark(values: NDArray[np.float64]) -> Hashable:
    """Mark that equal columns of numbers, shape (n,), share: the number of missing cells, and cells of a few rows."""
    cells = values[_marked(len(values))] + 0.0  # 0.0 and -0.0 are the same
    return int(np.isnan(values).sum()), np.where(np.isnan(cells), np.nan, cells).tobytes()


def decide(frame: pd.DataFrame) -> dict[str, Decided]:
    """Kind, mark and reason of identification of the number columns of a wide table, by name."""
    found: dict[str, Decided] = {}
    places = np.flatnonzero(number_places(frame))
    step = max(_CELLS // max(len(frame), 1), 1)
    for start in range(0, len(places), step):
        some = places[start : start + step]
        found.update(_decided([str(name) for name in frame.columns[some]], numbers(frame, some)))
    return found


def _decided(names: list[str], block: NDArray[np.float64]) -> Iterator[tuple[str, Decided]]:
    """Result of `decide` for a block of columns, shape (n, columns)."""
    import pandas as pd

    gaps = np.isnan(block)
    low = np.where(gaps, np.inf, block).min(axis=0, initial=np.inf)
    high = np.where(gaps, -np.inf, block).max(axis=0, initial=-np.inf)
    missing = gaps.sum(axis=0)
    boolean = (gaps | (block == 0.0) | (block == 1.0)).all(axis=0)
    whole = (missing == 0) & (block == np.floor(block)).all(axis=0)
    counts = whole & (np.diff(block, axis=0) == 1.0).all(axis=0)
    cells = np.ascontiguousarray((block[_marked(len(block))] + 0.0).T)
    for place, name in enumerate(names):
        reason = (
            EMPTY if low[place] > high[place] else SAME if low[place] == high[place] and not missing[place] else None
        )
        if reason is not None:
            yield name, Decided(Column(name, "constant", reason=reason), None, None)
            continue
        column = Column(name, "boolean" if boolean[place] else "numeric")
        named = counts[place] or (whole[place] and is_named(name))  # others never identify rows
        identifies = identifier(name, column.kind, pd.Series(block[:, place])) if named else None
        yield name, Decided(column, (int(missing[place]), cells[place].tobytes()), identifies)


def _marked(rows: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, rows - 1, _MARKS).astype(np.int64))
