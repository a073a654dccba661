"""Big data for many tasks: written once, memory-mapped by each process that loads it.

A handle is small and picklable, so it may sit in a callable or an argument; its `load` gives read-only data whose pages
all processes share. The files live in the caller's folder, for as long as the caller keeps them.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pyarrow as pa

__all__ = ["SharedArray", "SharedTable", "share_array", "share_table"]


@dataclass(frozen=True)
class SharedArray:
    """A numpy array in a file.

    Attributes:
        path: The `.npy` file.
    """

    path: str
    _loaded: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)

    def load(self) -> np.ndarray[Any, Any]:
        """The array, read-only and memory-mapped; once per process and handle.

        Raises:
            StorageError: The file is gone or damaged.
        """
        if not self._loaded:
            self._loaded.append(_read(self.path, _load_array))
        array: np.ndarray[Any, Any] = self._loaded[0]
        return array

    def __reduce__(self) -> tuple[type[SharedArray], tuple[str]]:
        return SharedArray, (self.path,)  # what is loaded stays here


@dataclass(frozen=True)
class SharedTable:
    """An Arrow table in a file.

    Attributes:
        path: The `.arrow` file (Arrow IPC).
    """

    path: str
    _loaded: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)

    def load(self) -> pa.Table:
        """The table, memory-mapped without a copy; once per process and handle.

        Raises:
            StorageError: The file is gone or damaged.
        """
        if not self._loaded:
            self._loaded.append(_read(self.path, _load_table))
        table: pa.Table = self._loaded[0]
        return table

    def __reduce__(self) -> tuple[type[SharedTable], tuple[str]]:
        return SharedTable, (self.path,)


def share_array(array: np.ndarray[Any, Any], folder: str | Path) -> SharedArray:
    """Write the array to a new file in `folder`.

    Raises:
        InvalidInput: It holds Python objects, which no other process can map.
        StorageError: The disk is full, or the folder cannot be written.
    """
    import numpy as np

    if array.dtype.hasobject:
        raise InvalidInput(f"an array of {array.dtype} cannot be shared: convert it to numbers, or to codes and a list")

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, array, allow_pickle=False)

    return SharedArray(_write(Path(folder), ".npy", write))


def share_table(table: pa.Table, folder: str | Path) -> SharedTable:
    """Write the table to a new file in `folder`.

    Raises:
        StorageError: The disk is full, or the folder cannot be written.
    """
    import pyarrow as pa

    def write(path: Path) -> None:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)

    return SharedTable(_write(Path(folder), ".arrow", write))


def _load_array(path: str) -> Any:
    import numpy as np

    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return np.asarray(array)  # a plain array over the map: np.memmap slows every operation down


def _load_table(path: str) -> Any:
    import pyarrow as pa

    with pa.memory_map(path) as source, pa.ipc.open_file(source) as reader:
        return reader.read_all()


def _read(path: str, load: Callable[[str], Any]) -> Any:
    try:
        return load(path)
    except (OSError, ValueError) as error:  # Arrow's errors are ValueErrors
        raise StorageError(f"the shared data in {path} cannot be read ({error}): share it again") from error


def _write(folder: Path, suffix: str, write: Callable[[Path], None]) -> str:
    """Write under a temporary name, then rename: what has its final name is whole."""
    path = folder.absolute() / f"{uuid.uuid4().hex}{suffix}"
    partial = path.with_suffix(".partial")
    try:
        write(partial)
        os.replace(partial, path)  # noqa: PTH105 - the atomic one, by its known name
    except OSError as error:
        raise StorageError(
            f"shared data cannot be written to {folder} ({error}): free space, or choose another folder"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return str(path)
