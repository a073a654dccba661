"""Parcels: objects packed once into a file, memory-mapped read-only by every worker that opens it.

Pickle protocol 5 passes large buffers (numpy, pandas, Arrow) out of band. They are written unchanged and mapped without
a copy; all workers share one set of pages. Pickles travel only between a driver and its own workers, and are never
stored permanently.

Layout: the number of blocks, then offset and size of each block (unsigned 64-bit, little endian), then the blocks,
aligned. The first block is the pickle, the others are its buffers.
"""

from __future__ import annotations

import mmap
import os
import pickle
import struct
from typing import Any

__all__ = ["Parcel", "freeze", "open_parcel", "pack", "size", "thaw", "write_parcel"]

_ALIGN = 64  # alignment of blocks in bytes: a cache line, as required by vector code of Arrow and numpy

Block = bytes | memoryview
Parcel = tuple[Block, list[Block]]  # a pickle and its buffers


def freeze(value: Any) -> Parcel:
    """Pickle `value`, including objects of `__main__`, lambdas and closures; its buffers are not copied."""
    import cloudpickle

    buffers: list[pickle.PickleBuffer] = []
    data = cloudpickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return data, [buffer.raw() for buffer in buffers]


def pack(value: Any) -> bytes:
    """Pickle `value` in one piece, for results; its arrays stay writable after unpickling."""
    import cloudpickle

    return bytes(cloudpickle.dumps(value, protocol=5))


def thaw(parcel: Parcel) -> Any:
    """Return the unpickled value; its arrays are read-only, because they do not own their memory."""
    data, buffers = parcel
    return pickle.loads(data, buffers=[memoryview(buffer).toreadonly() for buffer in buffers])  # noqa: S301 - from our own driver or worker


def size(parcel: Parcel) -> int:
    """Return the bytes of the parcel, without its header."""
    return len(parcel[0]) + sum(memoryview(buffer).nbytes for buffer in parcel[1])


def write_parcel(parcel: Parcel, path: str) -> None:
    """Write the parcel to a new file that only this user may read.

    Raises:
        OSError: The file exists, or the disk is full; no partial file remains.
    """
    blocks = [memoryview(block) for block in (parcel[0], *parcel[1])]
    position = _align(8 + 16 * len(blocks))
    header = [len(blocks)]
    for block in blocks:
        header += [position, block.nbytes]
        position = _align(position + block.nbytes)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(struct.pack(f"<{len(header)}Q", *header))
            for offset, block in zip(header[1::2], blocks, strict=True):
                file.seek(offset)
                file.write(block)
    except BaseException:
        os.unlink(path)  # noqa: PTH108 - pathlib is slow to import in a worker
        raise


def open_parcel(path: str) -> Any:
    """Map the file read-only and unpickle its value; the map lives as long as the value's buffers."""
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib is slow to import in a worker
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    (count,) = struct.unpack_from("<Q", view)
    header = struct.unpack_from(f"<{2 * count}Q", view, 8)
    blocks = [view[start : start + length] for start, length in zip(header[::2], header[1::2], strict=True)]
    return thaw((blocks[0], list(blocks[1:])))


def _align(position: int) -> int:
    return -(-position // _ALIGN) * _ALIGN
