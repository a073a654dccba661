"""Strict reader of UBJSON, the format of XGBoost's models: https://ubjson.org."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np

from seasoned.tabular.safe_files.tree_structure import forged

__all__ = ["read"]

_INTEGERS: Final = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8"}
_NUMBERS: Final = {**_INTEGERS, b"d": ">f4", b"D": ">f8"}
_CONSTANTS: Final = {b"Z": None, b"T": True, b"F": False}
_DEEPEST: Final = 20  # largest nesting depth


def read(data: bytes) -> Any:
    """Return the value of the bytes, with typed arrays as numpy arrays.

    Raises:
        InvalidInput: If the bytes are cut, nested too deeply, contain a key twice or an unknown type, or continue after
            the value.
    """
    reader = _Reader(data)
    try:
        value = reader.value(reader.take(1), 0)
    except (struct.error, UnicodeDecodeError, ValueError) as error:
        raise forged(f"no UBJSON ({error})") from error
    if reader.place != len(data):
        raise forged("more than one UBJSON value")
    return value


class _Reader:
    """Position in the bytes; every read is checked against the end of the bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        if not 0 <= count <= len(self.data) - self.place:
            raise forged("UBJSON that is cut")
        self.place += count
        return self.data[self.place - count : self.place]

    def next_is(self, mark: bytes) -> bool:
        """Return True and take the next byte if it is `mark`."""
        found = self.data[self.place : self.place + 1] == mark
        self.place += found
        return found

    def value(self, kind: bytes, depth: int) -> Any:
        """Return a value of type `kind`, from the bytes after its type mark."""
        if depth > _DEEPEST:
            raise forged("UBJSON that is nested too deeply")
        if kind in _NUMBERS:
            dtype = np.dtype(_NUMBERS[kind])
            return np.frombuffer(self.take(dtype.itemsize), dtype)[0].item()
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind == b"S":
            return self.take(self.count()).decode()
        if kind == b"[":
            return self.array(depth)
        if kind == b"{":
            return self.mapping(depth)
        raise forged(f"UBJSON of the unknown type {kind!r}")

    def count(self) -> int:
        """Return a length."""
        kind = self.take(1)
        if kind not in _INTEGERS:
            raise forged("UBJSON with a length that is no integer")
        return int(self.value(kind, 0))

    def array(self, depth: int) -> Any:
        """Return a list, or a numpy array if the type of all elements precedes them."""
        if self.next_is(b"$"):
            kind = self.take(1)
            if kind not in _NUMBERS or not self.next_is(b"#"):
                raise forged("UBJSON with a typed array of something else than numbers")
            dtype = np.dtype(_NUMBERS[kind])
            return np.frombuffer(self.take(self.count() * dtype.itemsize), dtype).astype(dtype.newbyteorder("="))
        if self.next_is(b"#"):
            return [self.value(self.take(1), depth + 1) for _ in range(self.count())]
        found = []
        while not self.next_is(b"]"):
            found.append(self.value(self.take(1), depth + 1))
        return found

    def mapping(self, depth: int) -> dict[str, Any]:
        """Return a dict."""
        found: dict[str, Any] = {}
        while not self.next_is(b"}"):
            key = self.take(self.count()).decode()
            if key in found:
                raise forged(f"UBJSON with the key {key!r} for the second time")
            found[key] = self.value(self.take(1), depth + 1)
        return found
