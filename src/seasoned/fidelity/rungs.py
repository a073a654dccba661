"""State of the successive-halving rules: the trials and values on each rung, folded from the study's events."""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from seasoned.fidelity.base import Decision, rank_value
from seasoned.trials import Finished, Reported, Suggested

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from seasoned.trials import Event

__all__ = ["Draft", "Entry", "Ladder", "Rungs", "Standing", "passes"]

Entry = tuple[float, int]
"""Value and number of a trial on a rung; entries sort by value, then by number."""


class Ladder(NamedTuple):
    """Rungs and bracket of a trial.

    Attributes:
        bracket: Bracket of the trial; trials of the same bracket compete.
        levels: Steps of the rungs, in increasing order; a complete trial reaches the last one.
    """

    bracket: int
    levels: tuple[int, ...]


class Standing(NamedTuple):
    """Progress of one trial on its rungs.

    Attributes:
        ladder: Rungs and bracket of the trial.
        steps: Reported steps; the first report of a step counts.
        reached: Number of rungs reached.
        value: Value on the last rung reached; infinity if not finite.
        verdict: Decision on the latest report.
        ended: True if the trial has finished.
    """

    ladder: Ladder
    steps: frozenset[int] = frozenset()
    reached: int = 0
    value: float = math.inf
    verdict: Decision = Decision.GO_ON
    ended: bool = False

    @property
    def next_level(self) -> int:
        """Step of the lowest rung not yet reached, or of the last rung."""
        return self.ladder.levels[min(self.reached, len(self.ladder.levels) - 1)]


@dataclass(frozen=True, slots=True)
class Rungs:
    """Rungs and standings of all trials.

    Attributes:
        first: Number of the first trial.
        tables: (Bracket, level) -> the entries of the rung, best first.
        standings: Trial number -> standing.
        ready: Running trials that are paused and now to be promoted or stopped, if the rule maintains this set; see
            `Fidelity.ready`.
    """

    first: int = 0
    tables: Mapping[tuple[int, int], tuple[Entry, ...]] = field(default_factory=dict)
    standings: Mapping[int, Standing] = field(default_factory=dict)
    ready: frozenset[int] = frozenset()

    def table(self, bracket: int, level: int) -> tuple[Entry, ...]:
        """Return the entries of a rung, best first."""
        return self.tables.get((bracket, level), ())

    def tell(
        self,
        events: Sequence[Event],
        ladder_of: Callable[[int], Ladder],
        judge: Callable[[Sequence[Entry], Entry], Decision],
        settle: Callable[[Draft, int, Standing], None] = lambda *_: None,
    ) -> Rungs:
        """Return the rungs with `events` folded in.

        Args:
            events: New events, in log order.
            ladder_of: Maps a trial's number, counted from the study's first trial, to its rungs.
            judge: Decides on a new entry of any rung but the last, from the rung's entries and the new one.
            settle: Updates `due`, from the rungs after an event, the event's trial, and its standing before the event.
        """
        draft = Draft(self)
        for event in events:
            if isinstance(event, Suggested):
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
    """Mutable rungs during a fold: a table that changes is copied once for all events.

    Args:
        rungs: The rungs before the events; they are not modified.
    """

    def __init__(self, rungs: Rungs) -> None:
        self.standings = dict(rungs.standings)
        self.ready = set(rungs.ready)
        self._rungs = rungs
        self._changed: dict[tuple[int, int], list[Entry]] = {}

    def table(self, bracket: int, level: int) -> Sequence[Entry]:
        """Return the entries of a rung, best first."""
        return self._changed.get((bracket, level)) or self._rungs.table(bracket, level)

    def enter(self, bracket: int, level: int, entry: Entry) -> Sequence[Entry]:
        """Add an entry to a rung and return the rung."""
        table = self._changed.get((bracket, level))
        if table is None:
            table = self._changed[bracket, level] = list(self._rungs.table(bracket, level))
        insort(table, entry)
        return table

    def done(self) -> Rungs:
        """Return the rungs after the events."""
        tables = {**self._rungs.tables, **{place: tuple(table) for place, table in self._changed.items()}}
        return Rungs(self._rungs.first, tables, self.standings, frozenset(self.ready))


def _climb(
    standing: Standing, event: Reported, draft: Draft, judge: Callable[[Sequence[Entry], Entry], Decision]
) -> Standing:
    """Enter the trial on each rung that this report reaches first; of several decisions, STOP counts before PAUSE."""
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
    if reached == len(levels):  # a trial on the last rung is complete
        verdict = Decision.GO_ON
    value = entry[0] if reached > standing.reached else standing.value
    return standing._replace(steps=standing.steps | {event.step}, reached=reached, value=value, verdict=verdict)


def passes(table: Sequence[Entry], value: float, count: int) -> bool:
    """Return True if a finite value is among the `count` best of the rung; ties with the last one pass."""
    return math.isfinite(value) and count > 0 and value <= table[min(count, len(table)) - 1][0]
