"""Interface of a storage: one append-only log of events per study, and leases on trial numbers.

`append` and `read` access the log. Many drivers may share a study, so the storage also assigns trial numbers: `claim`
reserves numbers under a driver's lease, `renew` advances the driver's heartbeat, `release` returns its numbers. A
storage has no dependency on samplers, spaces or clocks. A driver counts another driver as dead if its heartbeat has not
advanced for some time on the driver's own monotonic clock. So clock jumps and suspended machines end no lease.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from seasoned.trials import Created, Event

__all__ = ["ASK_TELL", "DETACHED", "Claim", "EventLog", "Storage", "attends"]

ASK_TELL = "hand"
"""Prefix of the driver names of trials asked with `ask()`; limits do not count these trials, and no driver waits."""

DETACHED = "-"
"""Driver name of detached trials: they have no driver, stay open until their `tell`, and are never reassigned."""


def attends(driver: str) -> bool:
    """Return True if the driver runs its trials itself: it is neither detached nor a driver of `ask()`."""
    return driver != DETACHED and not driver.startswith(ASK_TELL)


class Claim(NamedTuple):
    """Reserved trial number.

    Attributes:
        number: Number of the trial.
        attempt: 1 for a fresh number; plus 1 for each driver that died with the number reserved.
    """

    number: int
    attempt: int


class EventLog(Protocol):
    """Log of one study. It is safe to use from several threads; each operation is atomic."""

    def append(self, events: Sequence[Event]) -> Sequence[bool]:
        """Append events in order, all or none; return True for each appended event.

        The first `Suggested` and the first `Finished` of a number count; a later one is dropped and marked False. A
        `Finished` ends the number's lease.
        """
        ...

    def read(self, since: int = 0) -> Sequence[Event]:
        """Return the events after the first `since` events, in log order, which is the same for every reader."""
        ...

    def claim(
        self,
        count: int,
        driver: str,
        *,
        limit: int | None = None,
        below: int | None = None,
        dead: Collection[str] = (),
    ) -> Sequence[Claim]:
        """Reserve up to `count` trial numbers for a driver.

        Released numbers and numbers of `dead` drivers come first, in increasing order. The claimed ones, finished
        numbers and numbers of living drivers together stay within `limit`. Fresh numbers follow, without gaps and
        smaller than `below`, as long as all finished and reserved numbers stay within `limit`. Numbers of `DETACHED`
        and of drivers `ASK_TELL` are not counted.
        """
        ...

    def renew(self, driver: str) -> Mapping[str, int]:
        """Advance the driver's heartbeat; return the heartbeats of all drivers with reserved numbers."""
        ...

    def release(self, driver: str, numbers: Collection[int] | None = None) -> None:
        """Release unfinished numbers of the driver, all if `numbers` is None; a release is no attempt."""
        ...


class Storage(Protocol):
    """Storage of studies by name."""

    def open(self, name: str, created: Created) -> EventLog:
        """Return the log of the study `name`; a new log begins with `created`. Atomic: one creator wins."""
        ...

    def names(self) -> Sequence[str]:
        """Return the names of all studies, in order of creation."""
        ...

    def delete(self, name: str) -> None:
        """Remove a study with all its events. Raises StudyConflict if it does not exist."""
        ...

    def close(self) -> None:
        """Free files and connections; studies stay."""
        ...
