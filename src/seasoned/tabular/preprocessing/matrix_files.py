"""Matrices on the disk, written some rows at a time, so that a long table is never in memory in all its forms."""

from __future__ import annotations

import contextlib
import mmap
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.preprocessing.column_plan import ColumnPlan, Diet

__all__ = ["in_parts", "rows_of", "store"]

_LARGE: Final = 2**26  # bytes
_LEAST_ROWS: Final = 2_048  # of a part; with fewer, pandas' overhead for each column of a part exceeds its rows' work
_CELLS: Final = (
    2**22
)  # of a part, 32 MB: enough that a part's overhead is nothing, little beside any table that is long


def in_parts(frame: pd.DataFrame, width: int, most: int | None = None) -> Iterator[pd.DataFrame]:
    """A frame in parts of consecutive rows, at least one; the rows of each are numbered from 0.

    Args:
        frame: Any number of rows.
        width: Columns of what is made from them.
        most: Most rows of a part; as many as memory has room for if None.
    """
    step = max(_CELLS // max(width, 1), _LEAST_ROWS)
    step = step if most is None else min(step, most)
    if len(frame) <= step:
        yield frame
        return
    for start in range(0, len(frame), step):
        yield frame.iloc[start : start + step].reset_index(drop=True)


def rows_of(matrix: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Some rows of a matrix, as an array of its own.

    Pages of a large file that were read for it are released from this process again: otherwise every worker would keep
    all of them, and the system caches them anyway.
    """
    found: NDArray[np.float64] = matrix[rows]
    mapped = getattr(matrix, "_mmap", None)
    if mapped is not None and matrix.nbytes > _LARGE and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
    return found


def store(plan: ColumnPlan, canonical: pd.DataFrame, folder: Path, diets: Sequence[Diet]) -> None:
    """Write `<diet>.npy` for each diet, as `np.save` would write `plan.encode(canonical, diet)`.

    Args:
        plan: The column plan.
        canonical: The columns as `plan.schema.apply` gives them.
        folder: Where the files go.
        diets: Which matrices.
    """
    with contextlib.ExitStack() as stack:
        files: dict[Diet, Any] = {diet: stack.enter_context((folder / f"{diet}.npy").open("wb")) for diet in diets}
        begun = False
        for part in in_parts(canonical, plan.dense.width):
            codes = plan.encode(part, "codes")
            for diet, file in files.items():
                matrix = np.ascontiguousarray(codes if diet == "codes" else plan.dense.transform(codes))
                if not begun:
                    shape = (len(canonical), matrix.shape[1])
                    head = {"descr": matrix.dtype.str, "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, head)
                file.write(matrix.tobytes())  # `tofile` does not say why it could not write
            begun = True
