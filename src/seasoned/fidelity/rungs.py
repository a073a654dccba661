"""What rules of halving remember: who reached which rung with which value, a fold of the study's events."""

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

__all__ = ["Entry", "Ladder", "Rungs", "Standing", "passes"]

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
        value: Its value on the last of them, infinite if it is not finite.
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
    """

    first: int = 0
    tables: Mapping[tuple[int, int], tuple[Entry, ...]] = field(default_factory=dict)
    standings: Mapping[int, Standing] = field(default_factory=dict)

    def table(self, bracket: int, level: int) -> tuple[Entry, ...]:
        """Who reached the rung, the best first."""
        return self.tables.get((bracket, level), ())

    def told(
        self,
        events: Sequence[Event],
        ladder_of: Callable[[int], Ladder],
        judge: Callable[[tuple[Entry, ...], Entry], Decision],
    ) -> Rungs:
        """With more events folded in.

        Args:
            events: In log order.
            ladder_of: A trial's number, counted from the study's first, -> its rungs.
            judge: What becomes of a new entry of a rung that is not the last, from the rung with that entry.
        """
        tables, standings = dict(self.tables), dict(self.standings)
        for event in events:
            if isinstance(event, Asked):
                standings[event.number] = Standing(ladder_of(event.number - self.first))
            elif isinstance(event, Reported):
                known = standings.get(event.number)
                if known is not None and not known.ended and event.step not in known.steps:
                    standings[event.number] = _climb(known, event, tables, judge)
            elif isinstance(event, Finished) and event.number in standings:
                standings[event.number] = standings[event.number]._replace(ended=True)
        return Rungs(self.first, tables, standings)


def _climb(
    standing: Standing,
    event: Reported,
    tables: dict[tuple[int, int], tuple[Entry, ...]],
    judge: Callable[[tuple[Entry, ...], Entry], Decision],
) -> Standing:
    """Enter the trial on each rung that this report is the first to reach; the worst judgement counts."""
    bracket, levels = standing.ladder
    entry = (rank_value(event.value), event.number)
    reached = standing.reached
    verdict = Decision.GO_ON
    while reached < len(levels) and event.step >= levels[reached]:
        place = (bracket, levels[reached])
        table = list(tables.get(place, ()))
        insort(table, entry)
        tables[place] = tuple(table)
        reached += 1
        if reached < len(levels) and verdict is not Decision.STOP:
            found = judge(tables[place], entry)
            verdict = found if found is not Decision.GO_ON else verdict
    value = entry[0] if reached > standing.reached else standing.value
    return standing._replace(steps=standing.steps | {event.step}, reached=reached, value=value, verdict=verdict)


def passes(table: Sequence[Entry], value: float, count: int) -> bool:
    """Whether a finite value is among the `count` best of the rung; equal values are equally good."""
    return math.isfinite(value) and count > 0 and value <= table[min(count, len(table)) - 1][0]
