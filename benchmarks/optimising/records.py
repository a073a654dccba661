"""Curves on disk: one JSON line a run, in one file for each framework's version and suite, written as it comes.

A line holds what was run (`suite`, `problem`, `seed`, `trials`), `curve` (pairs of evaluation and value, improvements
only), `sampler_seconds`, `versions`, and `error` for a run that failed. Later lines replace earlier ones.
"""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

Record = dict[str, Any]


class Run(NamedTuple):
    """What identifies a run of a framework."""

    suite: str
    problem: str
    seed: int


class Curves:
    """The runs of one framework on one suite.

    Args:
        path: The file; made with the first run.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        lines = path.read_text().splitlines() if path.exists() else []
        self._records = {run_of(record): record for record in map(json.loads, lines)}

    def find(self, run: Run, trials: int, source: str | None = None) -> Record | None:
        """The record of a run that was at least so long, and of this state of the source if one is given."""
        record = self._records.get(run)
        if record is None or record["trials"] < trials:
            return None
        return record if source in {None, record.get("source")} else None

    def all(self) -> list[Record]:
        """All records."""
        return list(self._records.values())

    def put(self, record: Record) -> None:
        """Add a run, here and in the file; safe from several threads."""
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps(record, separators=(",", ":")) + "\n")
            self._records[run_of(record)] = record


def run_of(record: Record) -> Run:
    return Run(record["suite"], record["problem"], record["seed"])


class References:
    """Optimum and random search's medians by problem and instance, in one JSON file.

    Args:
        path: The file; made with the first entry.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def put(self, key: str, reference: Record) -> None:
        """Add one; safe from several threads."""
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists():
                self.found |= json.loads(self._path.read_text())  # another process may have added some
            self.found[key] = reference
            rows = ",\n".join(f"{json.dumps(key)}: {json.dumps(self.found[key])}" for key in sorted(self.found))
            half = self._path.with_suffix(f".{os.getpid()}.new")
            half.write_text(f"{{\n{rows}\n}}\n")
            half.replace(self._path)


def key_of(suite: str, problem: str, instance: str) -> str:
    """Name of a problem's instance; recorded problems have one."""
    return "/".join(part for part in (suite, problem, instance) if part)
