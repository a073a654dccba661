"""Storage in the memory of this process."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import weakref
from collections import Counter
from functools import cached_property
from heapq import nsmallest
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from seasoned.errors import StudyConflict
from seasoned.storage.base import Claim, attends
from seasoned.trials import Created, Event, Finished, Suggested

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["MemoryLog", "MemoryStorage"]


class MemoryLog:
    """Log of one study in memory, shared by the threads of this process.

    Example:
        >>> from seasoned.space import Space
        >>> from seasoned.trials import Created, StudySpec
        >>> log = MemoryLog(Created(StudySpec(Space())))
        >>> log.claim(2, "me")
        [Claim(number=0, attempt=1), Claim(number=1, attempt=1)]
    """

    def __init__(self, created: Created) -> None:
        self._lock = Lock()
        self._events: list[Event] = [created]
        self._asked: set[int] = set()
        self._finished: set[int] = set()
        self._claims: dict[int, tuple[str | None, int]] = {}  # number -> (driver or None if released, attempt)
        self._held: Counter[str | None] = Counter()  # driver -> number of its reserved trials
        self._next = 0
        self._beats: dict[str, int] = {}

    def append(self, events: Sequence[Event]) -> Sequence[bool]:
        """Append events in order; see `EventLog`."""
        with self._lock:
            return [self._append(event) for event in events]

    def _append(self, event: Event) -> bool:
        if isinstance(event, Suggested | Finished):
            known = self._asked if isinstance(event, Suggested) else self._finished
            if event.number in known:
                return False
            known.add(event.number)
            if isinstance(event, Finished):
                self._drop(event.number)
        self._events.append(event)
        return True

    def read(self, since: int = 0) -> Sequence[Event]:
        """Return the events after the first `since` events."""
        with self._lock:
            return self._events[since:]

    def claim(
        self,
        count: int,
        driver: str,
        *,
        limit: int | None = None,
        below: int | None = None,
        dead: Collection[str] = (),
    ) -> Sequence[Claim]:
        """Reserve trial numbers; see `EventLog`."""
        with self._lock:
            free = count
            if limit is not None:
                busy = sum(
                    held for name, held in self._held.items() if name not in {None, *dead} and attends(name or "")
                )
                free = min(free, limit - len(self._finished) - busy)
            claims = self._reclaim(free, driver, dead) if free > 0 else []
            fresh = count - len(claims)
            if limit is not None:
                held = sum(count for name, count in self._held.items() if name is None or attends(name))
                fresh = min(fresh, limit - len(self._finished) - held)
            if below is not None:
                fresh = min(fresh, below - self._next)
            fresh = max(0, fresh)
            for number in range(self._next, self._next + fresh):
                self._hold(number, driver, 1)
                claims.append(Claim(number, 1))
            self._next += fresh
            return claims

    def _reclaim(self, count: int, driver: str, dead: Collection[str]) -> list[Claim]:
        """Reserve released numbers and numbers of dead drivers."""
        free = {None, *dead}
        if not any(self._held[holder] for holder in free):
            return []
        found = nsmallest(count, (number for number, (holder, _) in self._claims.items() if holder in free))
        claims = [Claim(number, self._claims[number][1] + (self._claims[number][0] is not None)) for number in found]
        for claim in claims:
            self._hold(claim.number, driver, claim.attempt)
        return claims

    def _hold(self, number: int, driver: str | None, attempt: int) -> None:
        self._drop(number)
        self._claims[number] = (driver, attempt)
        self._held[driver] += 1

    def _drop(self, number: int) -> None:
        if number in self._claims:
            self._held[self._claims.pop(number)[0]] -= 1

    def renew(self, driver: str) -> Mapping[str, int]:
        """Advance the driver's heartbeat; see `EventLog`."""
        with self._lock:
            self._beats[driver] = self._beats.get(driver, 0) + 1
            return {name: beat for name, beat in self._beats.items() if self._held[name]}

    def release(self, driver: str, numbers: Collection[int] | None = None) -> None:
        """Release numbers; see `EventLog`."""
        with self._lock:
            for number, (holder, attempt) in list(self._claims.items()):
                if holder == driver and (numbers is None or number in numbers):
                    self._hold(number, None, attempt)
            if numbers is None:
                self._beats.pop(driver, None)


class MemoryStorage:
    """Storage in memory: studies and their checkpoint folder exist as long as the object."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._logs: dict[str, MemoryLog] = {}
        self.identity = uuid.uuid4().hex  # separates the checkpoints of different storages

    @cached_property
    def folder(self) -> Path:
        """Temporary folder for the checkpoints of all studies, created on first use."""
        made = tempfile.mkdtemp(prefix="seasoned-checkpoints-")
        weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)
        return Path(made)

    def open(self, name: str, created: Created) -> MemoryLog:
        """Return the log of the study `name`, created if absent."""
        with self._lock:
            return self._logs.setdefault(name, MemoryLog(created))

    def names(self) -> Sequence[str]:
        """Return the names of all studies, in order of creation."""
        with self._lock:
            return list(self._logs)

    def delete(self, name: str) -> None:
        """Remove a study."""
        with self._lock:
            if self._logs.pop(name, None) is None:
                raise StudyConflict(f"there is no study {name!r}; the names are {list(self._logs)}.")

    def close(self) -> None:
        """Do nothing: a storage in memory has no resources to free."""
