"""Replay of a study's log: a driver's view of the study, folded into a history and a sampler's state."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from seasoned._util.locking import locked
from seasoned.errors import StorageError, StudyConflict
from seasoned.fidelity.base import Decision
from seasoned.space.parameters import key_of
from seasoned.trials import Created, Reassigned, SpaceChanged, Suggested, WarmStart
from seasoned.trials.history import History
from seasoned.trials.trial import Remaining

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from seasoned.fidelity.base import Fidelity
    from seasoned.samplers.base import Sampler
    from seasoned.space import Space
    from seasoned.storage.base import Claim, EventLog
    from seasoned.trials import Config, Event, StudySpec

__all__ = ["MOST_ATTEMPTS", "Replay"]

MOST_ATTEMPTS: Final = 3
"""Number of starts of a trial after which it counts as the cause of its drivers' deaths."""

_log = logging.getLogger("seasoned.study")


class Replay:
    """Driver's view of a study: reads the log from its beginning and folds in new events.

    Threads of this process may share a ledger. A thread that reads the history or the state while other threads may
    fold in events must hold `lock`; the methods hold it.

    Args:
        log: The study's log.
        sampler: Sampler of this driver; another driver may use another one.
        space: Space of this driver. A study in another space is shown in this space, and `settle` moves it.
        fidelity: Fidelity rule of this driver, or None.
        check: Raises if the stored specification differs from the expected one; runs before any write.

    Raises:
        StudyConflict: From later calls, if another driver moves the study to another space.
    """

    def __init__(
        self,
        log: EventLog,
        sampler: Sampler[Any],
        space: Space,
        fidelity: Fidelity[Any] | None = None,
        check: Callable[[StudySpec], None] = lambda _: None,
    ) -> None:
        self.lock = threading.RLock()
        self.log = log
        self.sampler = sampler
        self.fidelity = fidelity
        events = log.read()
        self.spec = _present_spec(events)
        check(self.spec)
        self._move: SpaceChanged | None = None  # pending move: applied to the view, written by `settle`
        if self.spec.space != space:
            self._move = SpaceChanged(space, first=_numbers(events))
            self.spec = _moved(self.spec, self._move, _configurations(events))
        self._begin()
        self._fold(events)

    @staticmethod
    def present(log: EventLog) -> StudySpec:
        """Return a stored study's specification after all moves to another space."""
        return _present_spec(log.read())

    @locked
    def settle(self) -> None:
        """Move the study to this driver's space, if it differs; called before the first new trial, not for reading."""
        if self._move is None:
            return
        space, events = self._move.space, self.log.read()
        if _present_spec(events).space != space:
            self.log.append([SpaceChanged(space, first=_numbers(events))])
            events = self.log.read()
        self._move = None  # after the write, so that the next call repeats an interrupted one
        self.spec = _present_spec(events)
        self._begin()
        self._fold(events)
        if outside := len(self.history.outside):
            _log.warning(
                "the study moves to another space, in which %d of its %d trials are not valid: they stay as its "
                "history and count no longer.",
                *(outside, len(self.history)),
            )

    def _begin(self) -> None:
        """Reset to the state before the first event."""
        self.history = History(self.spec.space)
        self.state = self.sampler.init(self.spec)
        self._rungs = None if self.fidelity is None else self.fidelity.init(self.spec)
        self._position = 0
        self._torn = False  # True if Ctrl-C interrupted a fold

    @locked
    def sync(self) -> None:
        """Fold in the new events, or all events if the last fold was interrupted."""
        if self._torn:
            self._begin()
        self._fold(self.log.read(self._position))

    def _fold(self, events: Sequence[Event]) -> None:
        """Fold in the next events of the log."""
        moved = [event for event in events if isinstance(event, SpaceChanged) and event.space != self.spec.space]
        if self._position and moved:
            raise StudyConflict("another process moved this study to another space; open it anew with that space.")
        self._torn = True
        self.history.extend(events if self._position or self._move is None else [*events, self._move])
        self._position += len(events)
        told = [event for event in events if self._concerns_sampler(event)]
        if told:
            self.state = self.sampler.tell(self.state, told)
            if self.fidelity is not None:
                self._rungs = self.fidelity.tell(self._rungs, told)
        self._torn = False

    def _concerns_sampler(self, event: Event) -> bool:
        return not isinstance(event, Created | SpaceChanged | Reassigned) and self.history.counts_for(event)

    @locked
    def record(self, events: Sequence[Event]) -> Sequence[bool]:
        """Append events and fold in all new events, also of other drivers; see `EventLog.append`."""
        taken = self.log.append(events)
        self.sync()
        return taken

    @locked
    def suggest(self, numbers: Sequence[int], driver: str, remaining: Callable[[], float] | None = None) -> None:
        """Suggest configurations for reserved trials without one; the first suggestion of several drivers counts.

        Args:
            numbers: Trial numbers.
            driver: Driver with the lease on the trials.
            remaining: Returns the remaining share of the budget, which is recorded before the sampler's `ask`.
        """
        fresh = [number for number in numbers if number not in self.history]
        if not fresh:
            return
        if remaining is not None:
            self.record([Remaining(fresh[0], remaining())])
        suggestions, self.state = self.sampler.ask(self.state, fresh)
        pairs = zip(fresh, suggestions, strict=True)
        self.record([Suggested(number, given.config, given.tag, driver) for number, given in pairs])

    @locked
    def take(self, number: int, driver: str) -> bool:
        """Record a running trial as this driver's; return True if it was another driver's."""
        if self.history.running[number] == driver:
            return False
        self.record([Reassigned(number, driver)])
        return True

    @locked
    def began(self, number: int, driver: str) -> None:
        """Record the beginning of a trial taken over by this driver; its death now counts as an attempt."""
        self.record([Reassigned(number, driver, begun=True)])

    @locked
    def relaunched(self, numbers: Sequence[int], driver: str) -> None:
        """Record that paused trials run again under the same driver."""
        self.record([Reassigned(number, driver) for number in numbers])

    @locked
    def kills(self, claim: Claim, known: Decision) -> bool:
        """Return True if a trial is given up because too many drivers died while running it.

        A death counts only while the trial runs. It does not count before the trial began under a driver that took it
        over. It does not count either if the trial reported further steps later. Under the driver that asked for it,
        a trial counts as begun.
        """
        history, number = self.history, claim.number
        if known is Decision.GO_ON:
            stuck = history.begins(number) >= MOST_ATTEMPTS - 1
        else:
            stuck = known is Decision.PROMOTE and history.launches(number) >= MOST_ATTEMPTS
        return claim.attempt > MOST_ATTEMPTS and stuck

    @locked
    def decide(self, number: int) -> Decision:
        """Return the decision on a running trial after its latest report; GO_ON without a report or a rule."""
        reports = self.history[number].reports
        if self.fidelity is None or not reports or number in self.history.outside:
            return Decision.GO_ON
        return self.fidelity.decide(self._rungs, number, reports[-1][0])

    @locked
    def ready(self, paused: Collection[int]) -> Iterable[int]:
        """Return the paused trials whose decision may have changed, in any order."""
        found = None if self.fidelity is None else self.fidelity.ready(self._rungs)
        return paused if found is None else [number for number in found if number in paused]

    @locked
    def budget(self, number: int) -> int:
        """Return the step that a trial reaches in its next run."""
        assert self.fidelity is not None, "only a rule of fidelity sets budgets"
        if number in self.history.outside:
            return self.fidelity.levels[-1]
        return self.fidelity.budget(self._rungs, number)

    @property
    def end(self) -> int | None:
        """First trial number after the sampler's plan, or None for an infinite plan."""
        with self.lock:
            capacity = self.sampler.capacity(self.state)
        return None if capacity is None else self.spec.first + capacity


def _present_spec(events: Sequence[Event]) -> StudySpec:
    """Specification after all moves to another space."""
    if not events or not isinstance(events[0], Created):
        raise StorageError("the study's log does not begin with its specification; the store is damaged.")
    spec = events[0].spec
    for place, event in enumerate(events):
        if isinstance(event, SpaceChanged):
            spec = _moved(spec, event, _configurations(events[:place]))
    return spec


def _moved(spec: StudySpec, event: SpaceChanged, asked: Collection[Config]) -> StudySpec:
    """Specification in another space; of several moves to the same space, the first counts."""
    if event.space == spec.space:
        return spec
    warm = _still_to_try(spec.warm_start, event.space, asked)
    return replace(spec, space=event.space, first=event.first, warm_start=warm)


def _still_to_try(warm: WarmStart, space: Space, asked: Collection[Config]) -> WarmStart:
    """Part of a warm start for another space: its valid, untried configurations, without points."""
    valid = {key_of(space.check(config)): config for config in warm.configurations if space.contains(config)}
    tried = {key_of(space.check(config)) for config in asked if space.contains(config)} if valid else set()
    return WarmStart(configurations=tuple(config for key, config in valid.items() if key not in tried))


def _configurations(events: Iterable[Event]) -> list[Config]:
    return [event.config for event in events if isinstance(event, Suggested)]


def _numbers(events: Iterable[Event]) -> int:
    return 1 + max((event.number for event in events if isinstance(event, Suggested)), default=-1)
