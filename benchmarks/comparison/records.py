"""Results on disk: one file for each peer's version and budget, reused, and our own in the file of the comparison."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Record = dict[str, Any]


def read(path: Path) -> list[Record]:
    """The results in a file of `Records`, those of peers that a comparison repeats in its own among them."""
    kept = json.loads(path.read_text())
    return [*kept["records"], *kept.get("peers", [])]


def _place(record: Record) -> tuple[Any, ...]:
    """What a result is of: at most one of these is kept."""
    return tuple(
        str(record.get(key)) for key in ("framework", "version", "budget", "cores", "table", "fold", "declared")
    )


class Records:
    """A list of results in a JSON file, written after each one; at most one for each table, fold and machine size.

    Args:
        path: The file, made when the first result comes; None keeps them in memory.
        header: What else the file says.
    """

    def __init__(self, path: Path | None, header: Mapping[str, Any]) -> None:
        self._path = path
        self._header = dict(header)
        self._records: list[Record] = []
        self._peers: list[Record] = []
        if path is not None and path.exists():
            kept = json.loads(path.read_text())
            self._records, self._peers = kept["records"], kept.get("peers", [])

    def __iter__(self) -> Any:
        return iter(self._records)

    def find(self, wanted: Mapping[str, Any]) -> Record | None:
        """The result whose fields equal those wanted, if there is one."""
        return next((r for r in self._records if all(r.get(key) == wanted[key] for key in wanted)), None)

    def put(self, record: Record, identity: Mapping[str, Any]) -> None:
        """Add a result in place of the one with the same identity, and store all."""
        old = self.find(identity)
        self._records = [r for r in self._records if r is not old] + [record]
        self.store()

    def conclude(self, summary: Mapping[str, Any], peers: list[Record]) -> None:
        """Add the verdict, and the peers' results that it rests on; those of earlier verdicts stay."""
        known = {_place(record): record for record in [*self._peers, *peers]}
        self._peers = list(known.values())
        self.store({"summary": dict(summary)})

    def store(self, extra: Mapping[str, Any] | None = None) -> None:
        """Write the file; a reader sees the old or the new one, never half of it."""
        if self._path is None:
            return
        extra = {**(extra or {}), **({"peers": self._peers} if self._peers else {})}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        half = self._path.with_name(self._path.name + ".new")
        half.write_text(json.dumps({**self._header, **extra, "records": self._records}, indent=1) + "\n")
        os.replace(half, self._path)  # noqa: PTH105  # atomic on every system
