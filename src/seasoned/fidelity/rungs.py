"""The state of rules of halving: which trial reached which rung with which value, a fold of the study's events."""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from seasoned.fidelity.base import Decision, rank_value
from seasoned.trials import Asked, Finished, Reported

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from seasoned.trials import Event

__all__ = ["Draft", "Entry", "Ladder", "Rungs", "Standing", "passes"]

Entry = tuple[float, int]
"""Value and number of a trial on a rung; in order of merit, of equals the earlier trial first."""


class Ladder(NamedTuple):
    """The rungs that a trial climbs, and with whom it competes there.

    Attributes:
        bracket: Trials of the same bracket share their rungs.
        levels: Steps of the rungs, rising; the last is that of a complete trial.
    """

    bracket: int
    levels: tuple[int, ...]


class Standing(NamedTuple):
    """Where a trial stands.

    Attributes:
        ladder: Its rungs.
        steps: The steps that it reported; the first report of a step counts.
        reached: How many of its rungs it reached.
        value: Its value on the last of them, infinity if it is not finite.
        verdict: What its latest report led to.
        ended: Whether it has finished.
    """

    ladder: Ladder
    steps: frozenset[int] = frozenset()
    reached: int = 0
    value: float = math.inf
    verdict: Decision = Decision.GO_ON
    ended: bool = False

    @property
    def next_level(self) -> int:
        """The lowest rung that it has not reached, or its last one."""
        return self.ladder.levels[min(self.reached, len(self.ladder.levels) - 1)]


@dataclass(frozen=True, slots=True)
class Rungs:
    """All rungs and all trials.

    Attributes:
        first: Number of the first trial.
        tables: Bracket and level -> its entries, the best first.
        standings: Trial number -> where it stands.
        due: Running trials that are paused and whose decision is no longer "pause", if the rule keeps this set; see
            `Fidelity.due`.
    """

    first: int = 0
    tables: Mapping[tuple[int, int], tuple[Entry, ...]] = field(default_factory=dict)
    standings: Mapping[int, Standing] = field(default_factory=dict)
    due: frozenset[int] = frozenset()

    def table(self, bracket: int, level: int) -> tuple[Entry, ...]:
        """Who reached the rung, the best first."""
        return self.tables.get((bracket, level), ())

    def told(
        self,
        events: Sequence[Event],
        ladder_of: Callable[[int], Ladder],
        judge: Callable[[Sequence[Entry], Entry], Decision],
        settle: Callable[[Draft, int, Standing], None] = lambda *_: None,
    ) -> Rungs:
        """With more events folded in.

        Args:
            events: In log order.
            ladder_of: A trial's number, counted from the study's first, -> its rungs.
            judge: The decision on a new entry of a rung other than the last, given the rung with that entry.
            settle: Updates `due`, given the rungs after an event, its trial, and that trial's standing before.
        """
        draft = Draft(self)
        for event in events:
            if isinstance(event, Asked):
                draft.standings[event.number] = Standing(ladder_of(event.number - self.first))
            elif isinstance(event, Reported | Finished):
                known = draft.standings.get(event.number)
                if known is None or known.ended or (isinstance(event, Reported) and event.step in known.steps):
                    continue
                after = (
                    known._replace(ended=True) if isinstance(event, Finished) else _climb(known, event, draft, judge)
                )
                draft.standings[event.number] = after
                settle(draft, event.number, known)
        return draft.done()


class Draft:
    """Rungs while events are folded in: a table that changes is copied once for all of the events.

    Args:
        rungs: The rungs before the events; they are not modified.
    """

    def __init__(self, rungs: Rungs) -> None:
        self.standings = dict(rungs.standings)
        self.due = set(rungs.due)
        self._rungs = rungs
        self._changed: dict[tuple[int, int], list[Entry]] = {}

    def table(self, bracket: int, level: int) -> Sequence[Entry]:
        """Who reached the rung, the best first."""
        return self._changed.get((bracket, level)) or self._rungs.table(bracket, level)

    def enter(self, bracket: int, level: int, entry: Entry) -> Sequence[Entry]:
        """Add an entry to a rung and return the rung."""
        table = self._changed.get((bracket, level))
        if table is None:
            table = self._changed[bracket, level] = list(self._rungs.table(bracket, level))
        insort(table, entry)
        return table

    def done(self) -> Rungs:
        """The rungs after the events."""
        tables = {**self._rungs.tables, **{place: tuple(table) for place, table in self._changed.items()}}
        return Rungs(self._rungs.first, tables, self.standings, frozenset(self.due))


def _climb(
    standing: Standing, event: Reported, draft: Draft, judge: Callable[[Sequence[Entry], Entry], Decision]
) -> Standing:
    """Enter the trial on each rung that this report is the first to reach; the worst judgement counts."""
    bracket, levels = standing.ladder
    entry = (rank_value(event.value), event.number)
    reached = standing.reached
    verdict = Decision.GO_ON
    while reached < len(levels) and event.step >= levels[reached]:
        table = draft.enter(bracket, levels[reached], entry)
        reached += 1
        if reached < len(levels) and verdict is not Decision.STOP:
            found = judge(table, entry)
            verdict = found if found is not Decision.GO_ON else verdict
    if reached == len(levels):  # it has reached the last rung, so there is nothing to stop
        verdict = Decision.GO_ON
    value = entry[0] if reached > standing.reached else standing.value
    return standing._replace(steps=standing.steps | {event.step}, reached=reached, value=value, verdict=verdict)


def passes(table: Sequence[Entry], value: float, count: int) -> bool:
    """Whether a finite value is among the `count` best of the rung; equal values are equally good."""
    return math.isfinite(value) and count > 0 and value <= table[min(count, len(table)) - 1][0]
