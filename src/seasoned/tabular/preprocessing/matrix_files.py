"""Matrices on disk, written in blocks of rows, so that memory never contains all forms of a long table."""

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

RELEASED_BYTES: Final = 2**26  # size in bytes of a file whose pages are released after a read
# smallest number of rows of a block; with fewer, pandas' overhead per column exceeds the work
MIN_BLOCK_ROWS: Final = 2_048
BLOCK_CELLS: Final = (
    2**22
)  # cells of a block (32 MB): large against the overhead of a block, small against a long table


def in_parts(frame: pd.DataFrame, width: int, most: int | None = None) -> Iterator[pd.DataFrame]:
    """Yield a frame in blocks of consecutive rows, at least one block; the rows of each block count from 0.

    Args:
        frame: Any number of rows.
        width: Number of columns that a caller computes per row.
        most: Largest number of rows of a block; None for a default by memory.
    """
    step = max(BLOCK_CELLS // max(width, 1), MIN_BLOCK_ROWS)
    step = step if most is None else min(step, most)
    if len(frame) <= step:
        yield frame
        return
    for start in range(0, len(frame), step):
        yield frame.iloc[start : start + step].reset_index(drop=True)


def rows_of(matrix: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Copy some rows of a matrix.

    Pages of a large memory-mapped file are released from this process afterwards. Otherwise every worker would hold all
    pages, which the system caches anyway.
    """
    found: NDArray[np.float64] = matrix[rows]
    mapped = getattr(matrix, "_mmap", None)
    if mapped is not None and matrix.nbytes > RELEASED_BYTES and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
    return found


def store(
    plan: ColumnPlan,
    canonical: pd.DataFrame,
    folder: Path,
    diets: Sequence[Diet],
    scores: NDArray[np.float64] | None = None,
) -> None:
    """Write `<diet>.npy` for each input encoding, equal to the file of `np.save(plan.encode(canonical, diet, scores))`.

    Args:
        plan: The column plan.
        canonical: Columns in canonical form (`plan.schema.apply`).
        folder: Folder of the files.
        diets: Input encodings.
        scores: Scores of the rows' texts, shape (n, plan.scores.count); by default those of `plan.scores`.
    """
    with contextlib.ExitStack() as stack:
        files: dict[Diet, Any] = {diet: stack.enter_context((folder / f"{diet}.npy").open("wb")) for diet in diets}
        begun, start = False, 0
        for part in in_parts(canonical, plan.dense.width):
            codes = plan.encode(part, "codes", None if scores is None else scores[start : start + len(part)])
            start += len(part)
            for diet, file in files.items():
                matrix = np.ascontiguousarray(codes if diet == "codes" else plan.dense.transform(codes))
                if not begun:
                    shape = (len(canonical), matrix.shape[1])
                    head = {"descr": matrix.dtype.str, "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, head)
                file.write(matrix.tobytes())  # errors of `tofile` lack the cause
            begun = True
