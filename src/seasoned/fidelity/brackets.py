"""The state of successive halving in groups: the rungs, and which trials each group's judged rungs let through.

A group's rung is judged when all trials that compete on it have reached it or ended. `missing` counts those that have
not, so that an event needs no scan of the group; the whole group is scanned once per rung, when the rung is judged.
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
    """How far a group has got.

    Attributes:
        members: The trials that compete on each rung: on the first all, on each later one those that the rung before
            let through. All of these rungs but the last are judged.
        missing: How many trials that compete on the last of these rungs have neither reached it nor ended.
    """

    members: tuple[frozenset[int], ...]
    missing: int

    @property
    def judged(self) -> int:
        """How many rungs are judged."""
        return len(self.members) - 1


@dataclass(frozen=True, slots=True)
class Groups:
    """The rungs of all groups.

    Attributes:
        rungs: Which trial reached which rung; each bracket is a group.
        groups: Group -> how far it has got, once one of its trials has reported or ended.
    """

    rungs: Rungs
    groups: Mapping[int, Group] = field(default_factory=dict)

    def told(self, events: Sequence[Event], levels: tuple[int, ...], size: int, eta: float) -> Groups:
        """With more events folded in; of n trials that compete on a rung, the best max(1, floor(n / eta)) go on."""
        groups = dict(self.groups)

        def settle(draft: Draft, number: int, before: Standing) -> None:
            bracket = draft.standings[number].ladder.bracket
            known = groups.get(bracket)
            if known is None or before.reached < min(known.judged, draft.standings[number].reached):
                start = self.rungs.first + bracket * size  # new, or a judged rung has one more entry: start over
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
        """A trial that paused waits until its rung is judged; then it is promoted or stopped."""
        standing = self.rungs.standings[number]
        if step not in standing.steps or standing.verdict is not Decision.PAUSE:
            return standing.verdict
        group = self.groups[standing.ladder.bracket]
        if standing.reached > group.judged:
            return Decision.PAUSE
        return Decision.PROMOTE if number in group.members[standing.reached] else Decision.STOP


def _lacks(standing: Standing | None, rung: int) -> bool:
    """Whether a rung, counted from 0, still has to wait for the trial with this standing."""
    return standing is None or not (standing.ended or standing.reached > rung)


def _missing(draft: Draft, members: Iterable[int], rung: int) -> int:
    return sum(_lacks(draft.standings.get(member), rung) for member in members)


def _counted(group: Group, draft: Draft, number: int, before: Standing) -> Group:
    """The group after an event of one trial that adds to no judged rung."""
    competes = number in group.members[-1] and _lacks(before, group.judged)
    arrived = competes and not _lacks(draft.standings[number], group.judged)
    return group._replace(missing=group.missing - arrived)


def _through(draft: Draft, bracket: int, level: int, group: Group, eta: float) -> frozenset[int]:
    """The trials that a rung lets through: the best of those that compete on it.

    A trial whose first report is beyond several rungs is on the table of each, whether or not it got through the ones
    before.
    """
    members = group.members[-1]
    count = max(1, int(len(members) / eta))
    ranked = [(value, number) for value, number in draft.table(bracket, level) if number in members]
    return frozenset(number for value, number in ranked[:count] if math.isfinite(value))


def _mark(draft: Draft, numbers: Iterable[int], group: Group) -> None:
    """Enter those of these trials as due that are paused and whose rung is judged; remove the others."""
    for number in numbers:
        standing = draft.standings.get(number)
        pauses = standing is not None and standing.verdict is Decision.PAUSE and not standing.ended
        if standing is not None and pauses and standing.reached <= group.judged:
            draft.due.add(number)
        else:
            draft.due.discard(number)
