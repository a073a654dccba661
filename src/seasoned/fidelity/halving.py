"""Successive halving: the best 1/eta of the trials on a rung go on to eta times as many steps.

The best k = floor(n / eta) of n trials on a rung pass. The rules differ in the time of the comparison:

- `ASHA()` stops trials. A trial runs up to max. At each rung it must be among the best max(1, k) of the n trials that
  have reached the rung so far, itself included. Else it is pruned at once. No checkpoint is needed.
- `ASHA(promote=True)` pauses trials. A trial runs up to a rung and pauses. It continues from its checkpoint as soon as
  it is among the best k; without a checkpoint it trains from scratch. Fewer steps go to trials that led only a small
  rung.
- `SuccessiveHalving` waits until all trials of a group of `size` have reached the rung.

Sources: Jamieson and Talwalkar (2016), Non-stochastic best arm identification and hyperparameter optimization; Li et
al. (2020), A system for massively parallel hyperparameter tuning, algorithm 2. The variant that stops is Optuna's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from seasoned.fidelity.base import Decision, Fidelity, as_whole, check_count, check_steps, ladder
from seasoned.fidelity.rungs import Draft, Entry, Ladder, Rungs, Standing, passes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from seasoned.trials import Event, StudySpec

__all__ = ["ASHA", "SuccessiveHalving", "judge_at_rung", "promotable", "settle_best"]


@dataclass(frozen=True, slots=True)
class ASHA(Fidelity[Rungs]):
    """Asynchronous successive halving: no comparison waits for a trial that is still running.

    Attributes:
        min: The first rung; no trial is stopped before it.
        max: Steps of a complete trial.
        eta: One in `eta` trials on a rung goes on, to `eta` times as many steps.
        promote: True if trials pause at rungs and are promoted; False if they run until they are stopped.

    Raises:
        InvalidInput: Unless 1 <= min <= max and eta >= 2.

    Example:
        >>> from seasoned import Float, Space, Study
        >>> def train(config, trial):
        ...     for epoch in range(1, trial.budget + 1):
        ...         loss = abs(config["x"]) + 1 / epoch
        ...         trial.report(epoch, loss)
        ...     return loss
        >>> study = Study(Space(x=Float(-1, 1)), fidelity=ASHA(min=1, max=27, eta=3), seed=0)
        >>> study.optimize(train, trials=40)
        >>> steps = sum(len(trial.reports) for trial in study.trials)
        >>> study.best.value < 0.2, steps < 40 * 27 / 2
        (True, True)
    """

    min: int = 1
    max: int = 81
    eta: float = 3
    promote: bool = False

    def __post_init__(self) -> None:
        as_whole(self, "min", "max")
        check_steps(self.min, self.max, self.eta)

    @property
    def levels(self) -> tuple[int, ...]:
        """Steps of the rungs."""
        return ladder(self.min, self.max, self.eta)

    def init(self, spec: StudySpec) -> Rungs:
        """Return empty rungs."""
        return Rungs(spec.first)

    def tell(self, state: Rungs, events: Sequence[Event]) -> Rungs:
        """Fold the events in: each report enters the rungs that it reaches."""
        only = Ladder(0, self.levels)
        judge, settle = judge_at_rung(self.eta, promote=self.promote), settle_best(self.eta, promote=self.promote)
        return state.tell(events, lambda _: only, judge, settle)

    def decide(self, state: Rungs, number: int, step: int) -> Decision:
        """See `Fidelity.decide`."""
        return promotable(state, number, step, self.eta)

    def ready(self, state: Rungs) -> frozenset[int] | None:
        """Paused trials that are to be promoted; None unless `promote`."""
        return state.ready if self.promote else None

    def budget(self, state: Rungs, number: int) -> int:
        """Return the next rung if `promote`, else `max`."""
        return state.standings[number].next_level if self.promote else self.max


def judge_at_rung(eta: float, *, promote: bool) -> Callable[[Sequence[Entry], Entry], Decision]:
    """Return the judge of a new rung entry: pause if `promote`, else stop unless in the best max(1, floor(n / eta))."""

    def judge(table: Sequence[Entry], entry: Entry) -> Decision:
        if promote:
            return Decision.PAUSE
        return Decision.GO_ON if passes(table, entry[0], max(1, int(len(table) / eta))) else Decision.STOP

    return judge


def promotable(state: Rungs, number: int, step: int, eta: float) -> Decision:
    """Return the decision on a trial; a paused trial is promoted once it is in the best floor(n / eta) of its rung."""
    standing = state.standings[number]
    if step not in standing.steps or standing.verdict is not Decision.PAUSE:
        return standing.verdict
    return Decision.PROMOTE if _chosen(_own_rung(state, standing), standing, number, eta) else Decision.PAUSE


def settle_best(eta: float, *, promote: bool) -> Callable[[Draft, int, Standing], None]:
    """Return the function that updates `due`, the trials to be promoted, after an event.

    A new entry moves the cut-off at floor(n / eta) by at most one place. So only the trial itself, and the two entries
    at the cut-off of each rung that the trial entered, can change sides.
    """

    def settle(draft: Draft, number: int, before: Standing) -> None:
        standing = draft.standings[number]
        touched = {number}
        for level in standing.ladder.levels[before.reached : standing.reached]:
            table = draft.table(standing.ladder.bracket, level)
            count = int(len(table) / eta)
            touched.update(other for _, other in table[max(0, count - 1) : count + 1])
        for other in touched:
            where = draft.standings[other]
            pauses = where.verdict is Decision.PAUSE and not where.ended
            if pauses and _chosen(_own_rung(draft, where), where, other, eta):
                draft.ready.add(other)
            else:
                draft.ready.discard(other)

    return settle if promote else lambda *_: None


def _own_rung(rungs: Rungs | Draft, standing: Standing) -> Sequence[Entry]:
    """Entries of the last rung that a trial reached."""
    return rungs.table(standing.ladder.bracket, standing.ladder.levels[standing.reached - 1])


def _chosen(table: Sequence[Entry], standing: Standing, number: int, eta: float) -> bool:
    count = int(len(table) / eta)
    return count > 0 and math.isfinite(standing.value) and (standing.value, number) <= table[count - 1]


class _Group(NamedTuple):
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
    """State of synchronous successive halving: the rungs, and the progress of all groups.

    A group's rung is judged when all its competitors have reached the rung or ended. `missing` counts the other
    competitors, so an event needs no scan of the group. The whole group is scanned once per rung, when the rung is
    judged.

    Attributes:
        rungs: The trials on each rung; each bracket is a group.
        groups: Group -> its progress. A group is listed once one of its trials has reported or ended.
    """

    rungs: Rungs
    groups: Mapping[int, _Group] = field(default_factory=dict)

    def tell(self, events: Sequence[Event], levels: tuple[int, ...], size: int, eta: float) -> Groups:
        """Return the state after `events`; of n competitors on a rung the best max(1, floor(n / eta)) pass."""
        groups = dict(self.groups)

        def settle(draft: Draft, number: int, before: Standing) -> None:
            bracket = draft.standings[number].ladder.bracket
            known = groups.get(bracket)
            if known is None or before.reached < min(known.judged, draft.standings[number].reached):
                start = self.rungs.first + bracket * size  # new group, or new entry on a judged rung: restart
                everybody = frozenset(range(start, start + size))
                group = _Group((everybody,), _missing(draft, everybody, 0))
                touched: Iterable[int] = everybody
            else:
                group, touched = _counted(known, draft, number, before), (number,)
            while not group.missing and group.judged < len(levels):
                passed = _through(draft, bracket, levels[group.judged], group, eta)
                touched = {*touched, *(other for _, other in draft.table(bracket, levels[group.judged]))}
                group = _Group((*group.members, passed), _missing(draft, passed, group.judged + 1))
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


def _counted(group: _Group, draft: Draft, number: int, before: Standing) -> _Group:
    """Group after an event of one trial that adds no entry to a judged rung."""
    competes = number in group.members[-1] and _lacks(before, group.judged)
    arrived = competes and not _lacks(draft.standings[number], group.judged)
    return group._replace(missing=group.missing - arrived)


def _through(draft: Draft, bracket: int, level: int, group: _Group, eta: float) -> frozenset[int]:
    """Trials that pass a rung: the best finite ones of its competitors.

    The table is filtered by `members`. A trial whose first report is beyond several rungs is on the table of each rung,
    even if it failed to pass an earlier one.
    """
    members = group.members[-1]
    count = max(1, int(len(members) / eta))
    ranked = [(value, number) for value, number in draft.table(bracket, level) if number in members]
    return frozenset(number for value, number in ranked[:count] if math.isfinite(value))


def _mark(draft: Draft, numbers: Iterable[int], group: _Group) -> None:
    """Add the given trials that are paused on a judged rung to `draft.ready`; remove the others from it."""
    for number in numbers:
        standing = draft.standings.get(number)
        pauses = standing is not None and standing.verdict is Decision.PAUSE and not standing.ended
        if standing is not None and pauses and standing.reached <= group.judged:
            draft.ready.add(number)
        else:
            draft.ready.discard(number)


@dataclass(frozen=True, slots=True)
class SuccessiveHalving(Fidelity[Groups]):
    """Synchronous successive halving in groups: a rung is judged when all its competitors have reached it or ended.

    Trials pause at rungs. Let s_i be the number of a group's trials on rung i, failed trials included. The best
    max(1, floor(s_i / eta)) go on, so each full group completes a trial. At the end of the study, trials that still
    wait in a group that is not full are pruned.

    Attributes:
        min: The first rung.
        max: Steps of a complete trial.
        eta: One in `eta` trials on a rung goes on, to `eta` times as many steps.
        size: Trials in a group; by default eta^(rungs - 1), so that one trial is left for the last rung.

    Raises:
        InvalidInput: Unless 1 <= min <= max, eta >= 2 and size >= 1.

    Example:
        >>> SuccessiveHalving(min=1, max=27, eta=3).group
        27
    """

    min: int = 1
    max: int = 81
    eta: float = 3
    size: int | None = None

    def __post_init__(self) -> None:
        as_whole(self, "min", "max", "size")
        check_steps(self.min, self.max, self.eta)
        if self.size is not None:
            check_count("size", self.size)

    @property
    def levels(self) -> tuple[int, ...]:
        """Steps of the rungs."""
        return ladder(self.min, self.max, self.eta)

    @property
    def group(self) -> int:
        """Number of trials in a group."""
        return self.size or round(self.eta ** (len(self.levels) - 1))

    def init(self, spec: StudySpec) -> Groups:
        """Return empty rungs."""
        return Groups(Rungs(spec.first))

    def tell(self, state: Groups, events: Sequence[Event]) -> Groups:
        """Fold the events in; a rung is judged when it waits for no further trial."""
        return state.tell(events, self.levels, self.group, self.eta)

    def decide(self, state: Groups, number: int, step: int) -> Decision:
        """See `Fidelity.decide`."""
        return state.decide(number, step)

    def ready(self, state: Groups) -> frozenset[int]:
        """Paused trials whose rung is judged."""
        return state.rungs.ready

    def budget(self, state: Groups, number: int) -> int:
        """Return the next rung."""
        return state.rungs.standings[number].next_level
