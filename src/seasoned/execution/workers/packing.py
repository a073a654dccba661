"""Packing of callables and arguments for workers: small ones travel in the message, large ones in a mapped file."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from seasoned.errors import InvalidInput, StorageError
from seasoned.execution.workers.shared_file import Parcel, freeze, size, write_parcel

if TYPE_CHECKING:
    from collections.abc import Callable

    from seasoned.execution.workers.session import Session

__all__ = ["Packed", "Packer", "Recent", "frozen", "in_file", "packed"]

_INLINE = 1 << 16  # largest parcel inside a message, in bytes; larger ones go through a file
_CALLABLES = 16  # number of cached callables; equal to `_CALLABLES` of the worker


Made = TypeVar("Made")


class Packed:
    """Packed object: the path of its file, or the parcel itself. The file is deleted with this object."""

    def __init__(self, content: str | Parcel) -> None:
        self.content = content
        if isinstance(content, str):
            weakref.finalize(self, _remove, content, os.getpid()).atexit = False  # at exit the whole folder is removed


def _remove(path: str, owner: int) -> None:
    if os.getpid() == owner:  # a forked child must not delete its parent's files
        with contextlib.suppress(OSError):
            Path(path).unlink()


class Recent(Generic[Made]):
    """Least-recently-used cache of results per callable; as large as the cache of a worker."""

    def __init__(self) -> None:
        self._made: OrderedDict[int, Made] = OrderedDict()

    def get(self, key: int, make: Callable[[], Made]) -> Made:
        """Return the cached result for `key`, or create it; the least recently used entry is dropped."""
        if key not in self._made:
            self._made[key] = make()
            if len(self._made) > _CALLABLES:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]


class Packer:
    """Packs each callable once, compared by identity; the callable is kept alive with its parcel."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._recent: Recent[tuple[Callable[..., Any], Packed]] = Recent()

    def function(self, function: Callable[..., Any]) -> Packed:
        """Return the callable, packed in a file.

        Raises:
            InvalidInput: The callable cannot be pickled.
            StorageError: The temporary folder is full.
        """
        return self._recent.get(id(function), lambda: (function, in_file(frozen(function, function), self._session)))[1]

    def arguments(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Packed:
        """Return the packed arguments of one call, in the message or in a file.

        Raises:
            InvalidInput: An argument cannot be pickled.
            StorageError: The temporary folder is full.
        """
        return packed(frozen(arguments, function), self._session)


def frozen(value: Any, function: Callable[..., Any]) -> Parcel:
    """Return the pickled value for a task of `function`.

    Raises:
        InvalidInput: The value cannot be pickled.
    """
    try:
        return freeze(value)
    except Exception as error:
        raise InvalidInput(
            f"{function!r} cannot be sent to a worker process ({type(error).__name__}: {error}): keep locks, open "
            "files and connections out of what it refers to, or open them inside"
        ) from error


def packed(parcel: Parcel, session: Session) -> Packed:
    """Return the parcel for the message if it is small, otherwise in a file."""
    if size(parcel) > _INLINE:
        return in_file(parcel, session)
    return Packed((parcel[0], [bytes(buffer) for buffer in parcel[1]]))


def in_file(parcel: Parcel, session: Session) -> Packed:
    """Write the parcel to a file of the session.

    Raises:
        StorageError: The temporary folder is full.
    """
    path = session.new_path()
    try:
        write_parcel(parcel, path)
    except OSError as error:
        raise StorageError(
            f"{size(parcel) / 1e6:.0f} MB for the workers cannot be written to {session.folder} ({error}): free space "
            "there, or set TMPDIR to a folder that has some"
        ) from error
    return Packed(path)
