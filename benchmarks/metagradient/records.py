"""Runs kept as they come, one JSON line each, so that a benchmark that was cut off goes on where it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Records"]

Record = dict[str, Any]


class Records:
    """The finished runs of one part.

    Args:
        path: The file; made with the first run. Later lines replace earlier ones of the same key.
        fresh: Whether to forget what is there.
    """

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self._path = path
        self.unfinished = path.parent / "unfinished"
        """For what a run keeps until it ends."""
        if fresh:
            path.unlink(missing_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self._found = {_name(line["key"]): line["found"] for line in map(json.loads, lines)}

    def keep(self, key: Record, make: Callable[[], Record]) -> Record:
        """What `make` gave for this key, now or in an earlier run."""
        name = _name(key)
        if name not in self._found:
            found = make()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps({"key": key, "found": found}, separators=(",", ":")) + "\n")
            self._found[name] = found
        return self._found[name]


def _name(key: Record) -> str:
    return json.dumps(key, sort_keys=True)
