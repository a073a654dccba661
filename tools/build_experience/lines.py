"""What a build has measured so far: two files of JSON lines, one line per task, and one per task and configuration."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from seasoned.tabular.trial.configuration import outdated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Lines"]

_TASKS: Final = "tasks.jsonl"
_TRIALS: Final = "trials.jsonl"


@dataclass(frozen=True, slots=True)
class Lines:
    """The two files; each line is written at once, and a torn last line is skipped."""

    folder: Path

    def tasks(self) -> dict[str, dict[str, Any]]:
        """What is known of each task, by its name; tables that were looked at and left out are there as well."""
        return {line["task"]: line for line in _read(self.folder / _TASKS)}

    def trials(self) -> Iterator[dict[str, Any]]:
        """All trials, in the order of measuring."""
        return _read(self.folder / _TRIALS)

    def valid_trials(self) -> Iterator[dict[str, Any]]:
        """The trials without those of families whose fits have changed their meaning since."""
        for line in self.trials():
            if not outdated(next(iter(line["config"]["model"])), int(line["version"])):
                yield line

    def add_task(self, about: Mapping[str, Any]) -> None:
        """Add what is known of a task."""
        _add(self.folder / _TASKS, about)

    def add_trial(self, trial: Mapping[str, Any]) -> None:
        """Add what a configuration did on a task."""
        _add(self.folder / _TRIALS, trial)


def _add(path: Path, content: Mapping[str, Any]) -> None:
    with path.open("ab+") as file:
        if file.tell():  # at the end
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
            file.write(b"\n" if torn else b"")
        file.write(json.dumps(content, allow_nan=False).encode() + b"\n")


def _read(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            with contextlib.suppress(ValueError):  # killed while writing
                yield json.loads(line)
