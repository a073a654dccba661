"""What successive halving in groups remembers: the rungs, and whom each group's judged rungs let through.

A group's rung is judged when all who compete on it have reached it or ended. `missing` counts those who have not, so an
event costs no look at the group; a look at all of it is taken once a rung, when that is judged.
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
    """How far a group's race is.

    Attributes:
        members: Who competes on each rung: on the first all, on those that follow whom the rung before let through. All
            rungs but the last of them are judged.
        missing: How many of the last ones have neither reached their rung nor ended.
    """

    members: tuple[frozenset[int], ...]
    missing: int

    @property
    def judged(self) -> int:
        """How many rungs are judged."""
        return len(self.members) - 1


@dataclass(frozen=True, slots=True)
class Groups:
    """Rungs of groups.

    Attributes:
        rungs: Who reached which rung; the bracket is the group.
        groups: Group -> how far its race is, once one of its trials has reported or ended.
    """

    rungs: Rungs
    groups: Mapping[int, Group] = field(default_factory=dict)

    def told(self, events: Sequence[Event], levels: tuple[int, ...], size: int, eta: float) -> Groups:
        """With more events folded in; of n who compete on a rung the best max(1, floor(n / eta)) are let through."""
        groups = dict(self.groups)

        def settle(draft: Draft, number: int, before: Standing) -> None:
            bracket = draft.standings[number].ladder.bracket
            known = groups.get(bracket)
            if known is None or before.reached < min(known.judged, draft.standings[number].reached):
                start = self.rungs.first + bracket * size  # new, or a judged rung has an entry more: from the beginning
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

        rungs = self.rungs.told(events, lambda place: Ladder(place // size, levels), lambda *_: Decision.PAUSE, settle)
        return Groups(rungs, groups)

    def decide(self, number: int, step: int) -> Decision:
        """A trial that paused waits until its rung is judged; then it goes on or not."""
        standing = self.rungs.standings[number]
        if step not in standing.steps or standing.verdict is not Decision.PAUSE:
            return standing.verdict
        group = self.groups[standing.ladder.bracket]
        if standing.reached > group.judged:
            return Decision.PAUSE
        return Decision.PROMOTE if number in group.members[standing.reached] else Decision.STOP


def _lacks(standing: Standing | None, rung: int) -> bool:
    """Whether a rung, counted from 0, has to wait for the trial that stands there."""
    return standing is None or not (standing.ended or standing.reached > rung)


def _missing(draft: Draft, members: Iterable[int], rung: int) -> int:
    return sum(_lacks(draft.standings.get(member), rung) for member in members)


def _counted(group: Group, draft: Draft, number: int, before: Standing) -> Group:
    """The group after an event of one trial that adds to no judged rung."""
    competes = number in group.members[-1] and _lacks(before, group.judged)
    arrived = competes and not _lacks(draft.standings[number], group.judged)
    return group._replace(missing=group.missing - arrived)


def _through(draft: Draft, bracket: int, level: int, group: Group, eta: float) -> frozenset[int]:
    """Whom a rung lets through."""
    count = max(1, int(len(group.members[-1]) / eta))
    return frozenset(number for value, number in draft.table(bracket, level)[:count] if math.isfinite(value))


def _mark(draft: Draft, numbers: Iterable[int], group: Group) -> None:
    """Of these trials, those that pause are due once their rung is judged."""
    for number in numbers:
        standing = draft.standings.get(number)
        pauses = standing is not None and standing.verdict is Decision.PAUSE and not standing.ended
        if standing is not None and pauses and standing.reached <= group.judged:
            draft.due.add(number)
        else:
            draft.due.discard(number)
