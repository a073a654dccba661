"""Reader of FlatBuffers, the format inside CatBoost's models; it checks every offset: https://flatbuffers.dev."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from seasoned.tabular.safe_files.tree_structure import forged

__all__ = ["Table", "root"]


@dataclass(frozen=True, slots=True)
class Table:
    """Table at a position of a buffer: numbered fields, each of which may be absent."""

    data: bytes
    place: int

    def number(self, field: int, kind: str, default: float) -> Any:
        """Return a number of a `struct` kind; the default if the field is absent."""
        place = self._field(field)
        return self._at(place, kind) if place else default

    def table(self, field: int) -> Table:
        """Return a required table."""
        return Table(self.data, self._reference(self._needed(field)))

    def text(self, field: int) -> str:
        """Return a required string."""
        return self._bytes(self._reference(self._needed(field))).decode()

    def array(self, field: int, dtype: str) -> Any:
        """Return a vector of numbers or structs as a numpy array; empty if the field is absent."""
        place = self._field(field)
        if not place:
            return np.zeros(0, dtype)
        start = self._reference(place)
        size = self._at(start, "I") * np.dtype(dtype).itemsize
        if start + 4 + size > len(self.data):
            raise forged("a vector that points outside")
        return np.frombuffer(self.data[start + 4 : start + 4 + size], dtype)

    def tables(self, field: int) -> list[Table]:
        """Return a vector of tables; empty if the field is absent."""
        return [Table(self.data, place) for place in self._references(field)]

    def texts(self, field: int) -> list[str]:
        """Return a vector of strings; empty if the field is absent."""
        return [self._bytes(place).decode() for place in self._references(field)]

    def _references(self, field: int) -> list[int]:
        place = self._field(field)
        if not place:
            return []
        start = self._reference(place)
        count = len(self.array(field, "<u4"))
        return [self._reference(start + 4 + 4 * index) for index in range(count)]

    def _field(self, field: int) -> int:
        """Return the position of a field, 0 if absent. A table starts with the distance back to its field offsets."""
        offsets = self.place - self._at(self.place, "i")
        if self._at(offsets, "H") < 6 + 2 * field:
            return 0
        inside = self._at(offsets + 4 + 2 * field, "H")
        return self.place + inside if inside else 0

    def _needed(self, field: int) -> int:
        place = self._field(field)
        if not place:
            raise forged(f"a table without its field {field}")
        return place

    def _reference(self, place: int) -> int:
        return int(place + self._at(place, "I"))

    def _bytes(self, place: int) -> bytes:
        size = self._at(place, "I")
        if place + 4 + size > len(self.data):
            raise forged("a string that points outside")
        return self.data[place + 4 : place + 4 + size]

    def _at(self, place: int, kind: str) -> Any:
        if not 0 <= place <= len(self.data) - struct.calcsize(f"<{kind}"):
            raise forged("an offset that points outside")
        return struct.unpack_from(f"<{kind}", self.data, place)[0]


def root(data: bytes) -> Table:
    """Return the outermost table of a buffer."""
    return Table(data, Table(data, 0)._reference(0))  # noqa: SLF001 - a function of this module
