"""Append-only table of rows: appending costs one row, and older versions stay unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Rows"]


class Rows:
    """Immutable rows of numbers.

    Versions share one buffer. Appending to the newest version writes behind the rows of the older versions. Appending
    to an older version copies the buffer first.

    Args:
        width: Numbers per row.

    Example:
        >>> one = Rows(2).append([1.0, 2.0])
        >>> two, other = one.append([3.0, 4.0]), one.append([5.0, 6.0])
        >>> len(one), two.table[-1].tolist(), other.table[-1].tolist()
        (1, [3.0, 4.0], [5.0, 6.0])
    """

    __slots__ = ("_buffer", "_count", "_used")

    def __init__(self, width: int) -> None:
        self._buffer = np.empty((16, width))
        self._count = 0
        self._used = [0]  # rows of the buffer in use by any version; all versions share the list

    def append(self, row: ArrayLike) -> Rows:
        """Return the rows with one more row, shape (width,)."""
        longer = Rows.__new__(Rows)
        longer._buffer, longer._used = self._buffer, self._used  # noqa: SLF001 - of the same class
        if self._used[0] != self._count or self._count == len(self._buffer):
            longer._buffer = np.empty((2 * self._count + 16, self._buffer.shape[1]))  # noqa: SLF001
            longer._buffer[: self._count] = self.table  # noqa: SLF001
            longer._used = [0]  # noqa: SLF001
        longer._buffer[self._count] = row  # noqa: SLF001
        longer._count = longer._used[0] = self._count + 1  # noqa: SLF001
        return longer

    @property
    def table(self) -> NDArray[np.float64]:
        """All rows, shape (n, width), read-only."""
        view = self._buffer[: self._count]
        view.flags.writeable = False
        return view

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and np.array_equal(self.table, other.table)

    def __hash__(self) -> int:
        return hash(self.table.tobytes())
