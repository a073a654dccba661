"""What a storage promises: an append-only log of events per study, and leases on trial numbers.

The log is `append` and `read`. Since many drivers share a study, the storage also hands out trial numbers: `claim`
reserves numbers under a driver's lease, `renew` says that the driver is alive, `release` gives its numbers back. A
storage knows no sampler, no space and no clock: a driver judges another dead when its heartbeat has stood still for a
time measured by the judge's own monotonic clock, so clock jumps and suspended machines kill nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from seasoned.trials import Created, Event

__all__ = ["BY_HAND", "DETACHED", "Claim", "EventLog", "Storage", "attends"]

BY_HAND = "hand"
"""How the name of a driver begins whose trials were asked with `ask()`: no limit counts them, nobody waits for them."""

DETACHED = "-"
"""The driver of trials that belong to nobody: they wait for their `tell` for ever and are never handed out again."""


def attends(driver: str) -> bool:
    """Whether the driver will finish its trials without being asked to."""
    return driver != DETACHED and not driver.startswith(BY_HAND)


class Claim(NamedTuple):
    """A reserved trial number.

    Attributes:
        number: The trial's number.
        attempt: 1 for a fresh number; one more each time that a driver died holding it.
    """

    number: int
    attempt: int


class EventLog(Protocol):
    """The log of one study. Safe to use from several threads; each operation is atomic."""

    def append(self, events: Sequence[Event]) -> Sequence[bool]:
        """Append events in order, all or none.

        The first `Asked` and the first `Finished` of a number count; a later one is dropped and marked False in the
        answer. A `Finished` ends the number's lease.
        """
        ...

    def read(self, since: int = 0) -> Sequence[Event]:
        """The events after the first `since`, in log order, which is the same for every reader."""
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

        Numbers released or held by `dead` drivers come first, the smallest first, as long as they, finished numbers and
        those that living drivers hold together stay within `limit`; then fresh ones, without gaps, as long as they are
        smaller than `below`, and finished and reserved numbers together stay within `limit`. Those that `DETACHED` and
        drivers `BY_HAND` hold do not count.
        """
        ...

    def renew(self, driver: str) -> Mapping[str, int]:
        """Advance the driver's heartbeat, and return the heartbeats of all drivers that hold numbers."""
        ...

    def release(self, driver: str, numbers: Collection[int] | None = None) -> None:
        """Give back the driver's unfinished numbers (all, or these); this does not count as an attempt."""
        ...


class Storage(Protocol):
    """Holds studies by name."""

    def open(self, name: str, created: Created) -> EventLog:
        """The log of the study of that name; a new one begins with `created`. Atomic: one creator wins."""
        ...

    def names(self) -> Sequence[str]:
        """The names of all studies, in order of creation."""
        ...

    def delete(self, name: str) -> None:
        """Remove a study with all its events; StudyConflict if there is none."""
        ...

    def close(self) -> None:
        """Free files and connections; studies stay."""
        ...
