"""State of synchronous successive halving: the rungs, and the trials that passed each judged rung of a group.

A group's rung is judged when all its competitors have reached the rung or ended. `missing` counts the other
competitors, so an event needs no scan of the group. The whole group is scanned once per rung, when the rung is judged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from seasoned.fidelity.base import Decision
from seasoned.fidelity.rungs import Ladder, Rungs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from seasoned.fidelity.rungs import Draft, Standing
    from seasoned.trials import Event

__all__ = ["Group", "Groups"]


class Group(NamedTuple):
    """Progress of one group.

    Attributes:
        members: Competitors on each rung: all trials on the first rung, on each later rung the trials that passed the
            previous one. Every listed rung except the last is judged.
        missing: Number of competitors on the last listed rung that have neither reached the rung nor ended.
    """

    members: tuple[frozenset[int], ...]
    missing: int

    @property
    def judged(self) -> int:
        """Number of judged rungs."""
        return len(self.members) - 1


@dataclass(frozen=True, slots=True)
class Groups:
    """Rungs and progress of all groups.

    Attributes:
        rungs: The trials on each rung; each bracket is a group.
        groups: Group -> its progress. A group is listed once one of its trials has reported or ended.
    """

    rungs: Rungs
    groups: Mapping[int, Group] = field(default_factory=dict)

    def tell(self, events: Sequence[Event], levels: tuple[int, ...], size: int, eta: float) -> Groups:
        """Return the state after `events`; of n competitors on a rung the best max(1, floor(n / eta)) pass."""
        groups = dict(self.groups)

        def settle(draft: Draft, number: int, before: Standing) -> None:
            bracket = draft.standings[number].ladder.bracket
            known = groups.get(bracket)
            if known is None or before.reached < min(known.judged, draft.standings[number].reached):
                start = self.rungs.first + bracket * size  # new group, or new entry on a judged rung: restart
                everybody = frozenset(range(start, start + size))
                group = Group((everybody,), _missing(draft, everybody, 0))
                touched: Iterable[int] = everybody
            else:
                group, touched = _counted(known, draft, number, before), (number,)
            while not group.missing and group.judged < len(levels):
                passed = _through(draft, bracket, levels[group.judged], group, eta)
                touched = {*touched, *(other for _, other in draft.table(bracket, levels[group.judged]))}
                group = Group((*group.members, passed), _missing(draft, passed, group.judged + 1))
            groups[bracket] = group
            _mark(draft, touched, group)

        rungs = self.rungs.tell(events, lambda place: Ladder(place // size, levels), lambda *_: Decision.PAUSE, settle)
        return Groups(rungs, groups)

    def decide(self, number: int, step: int) -> Decision:
        """Return the decision on a trial; a paused trial is promoted or stopped once its rung is judged."""
        standing = self.rungs.standings[number]
        if step not in standing.steps or standing.verdict is not Decision.PAUSE:
            return standing.verdict
        group = self.groups[standing.ladder.bracket]
        if standing.reached > group.judged:
            return Decision.PAUSE
        return Decision.PROMOTE if number in group.members[standing.reached] else Decision.STOP


def _lacks(standing: Standing | None, rung: int) -> bool:
    """Return True if the trial has neither ended nor reached the rung, counted from 0."""
    return standing is None or not (standing.ended or standing.reached > rung)


def _missing(draft: Draft, members: Iterable[int], rung: int) -> int:
    return sum(_lacks(draft.standings.get(member), rung) for member in members)


def _counted(group: Group, draft: Draft, number: int, before: Standing) -> Group:
    """Group after an event of one trial that adds no entry to a judged rung."""
    competes = number in group.members[-1] and _lacks(before, group.judged)
    arrived = competes and not _lacks(draft.standings[number], group.judged)
    return group._replace(missing=group.missing - arrived)


def _through(draft: Draft, bracket: int, level: int, group: Group, eta: float) -> frozenset[int]:
    """Trials that pass a rung: the best finite ones of its competitors.

    The table is filtered by `members`. A trial whose first report is beyond several rungs is on the table of each rung,
    even if it failed to pass an earlier one.
    """
    members = group.members[-1]
    count = max(1, int(len(members) / eta))
    ranked = [(value, number) for value, number in draft.table(bracket, level) if number in members]
    return frozenset(number for value, number in ranked[:count] if math.isfinite(value))


def _mark(draft: Draft, numbers: Iterable[int], group: Group) -> None:
    """Add the given trials that are paused on a judged rung to `draft.ready`; remove the others from it."""
    for number in numbers:
        standing = draft.standings.get(number)
        pauses = standing is not None and standing.verdict is Decision.PAUSE and not standing.ended
        if standing is not None and pauses and standing.reached <= group.judged:
            draft.ready.add(number)
        else:
            draft.ready.discard(number)
