"""Which trial comes next, with experience: what past tasks teach, mixed with the search without it.

The families' defaults come first, because they were tuned on many tables of all sizes, while past tasks have small
ones: after the configurations of the warm start, which give a usable model at once, those with the largest expected
gain per second; a default with less than a tenth of the largest expected gain of any configuration waits. After that
each trial is either *advised* or *free*. An advised one is the configuration of past tasks with the largest expected
gain, divided by its predicted seconds where time counts; the ranking is revised with every score that arrives
(`knowledge/metric_function.py`). A family that has not yet come near the best trial gains by coming near it, because
that helps an ensemble (`knowledge/goals.py`). A free one is what the search without experience would try: first the
defaults that have waited, those of families without a trial before others, then `Promising`, in which past tasks give a
prior mean as far as they predict this table's results (`family_starts.py`). Both see all trials.

The share of free trials is the larger of two: what the advice's errors so far call for (Hedge, `knowledge/advice.py`),
and a ramp from 0 to one half over the first trials, because what past tasks know is general, and the last gains lie
near this table's best trials. The first free trial comes early, and shows whether the advice is any good. Once no
configuration is expected to gain anything, all trials are free.

Trials that did not complete are informative as well. One that failed, or ran into its limit, would have taken at least
as long, and its family may fail again (`guide.py`). One that the race stopped is worse than the best trial by at least
a tenth of the best trial's own gain over the baseline, or worse than the best of its own family (`race.py`); it is
scored halfway between the two, and counts neither for the advice nor against it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import PruneReason
from seasoned.knowledge.advice.adviser import AdviserState
from seasoned.samplers.base import Sampler, Suggestion, next_of_plan
from seasoned.tabular.experience.advice import family_of
from seasoned.tabular.search.family_bandit import GUEST
from seasoned.tabular.trial.configuration import textual
from seasoned.tabular.validation.paired_test import BEHIND
from seasoned.trials import Asked, Config, Finished, StudySpec, TrialState, WarmStart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.experience.advice import Guide
    from seasoned.tabular.search.family_bandit import Promising
    from seasoned.trials import Event

__all__ = ["Experienced"]

_RAMP: Final = 8  # advised trials until half of all are free
_MOST_FREE: Final = 0.5  # of the ramp; errors may call for more
_LEAST_GAIN: Final = 2e-3  # of the gap between a task's median and its best
_CREDIT: Final = 0.7  # towards the first free trial, before any trial
_TAG: Final = "advised"
_OPENS: Final = "opens"
_HOPE: Final = 0.1  # of the largest gain of any configuration: a default that is worth less is put off


@dataclass(frozen=True, slots=True)
class _State:
    """The sampler's state, which follows from the log of events alone.

    Attributes:
        spec: The study's.
        free: State of the search without experience.
        advised: What was tried of the guide's configurations, and how well it was predicted.
        rows: Trial number -> row of the guide, for trials that are one of its configurations.
        seconds: Row of the guide -> seconds of its trial, if that completed; other trials are not whole ones.
        least: Row of the guide -> seconds of a trial that did not complete.
        families: Trial number -> family.
        ended: Family -> how many trials completed, and how many failed.
        bests: Family -> its best score, in the units of past tasks.
        asked: Texts of all configurations asked so far.
        credit: Free trials that are due.
        led: Numbers of the trials that were advised.
        planned: Numbers of the trials that neither the advice nor the search without it chose.
    """

    spec: StudySpec
    free: Any
    advised: AdviserState = field(default_factory=AdviserState)
    rows: Mapping[int, int] = field(default_factory=dict)
    seconds: Mapping[int, float] = field(default_factory=dict)
    least: Mapping[int, float] = field(default_factory=dict)
    families: Mapping[int, str] = field(default_factory=dict)
    ended: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    bests: Mapping[str, float] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    credit: float = _CREDIT
    led: frozenset[int] = frozenset()
    planned: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Experienced(Sampler[_State]):
    """The warm start's configurations, then advised and free trials.

    Attributes:
        free: The search beside the advice.
        guide: What past tasks say about this one.
        defaults: Configurations that free trials begin with.
        timed: Whether predicted seconds decide as well; what is suggested then depends on time.
        most: Seconds after which a trial is cut off, so that none costs more.
        paced: Whether trials may be stopped for slow predictions, whatever their loss: stopped ones then tell nothing.
    """

    free: Promising
    guide: Guide
    defaults: tuple[Mapping[str, Any], ...] = ()
    timed: bool = False
    most: float = math.inf
    paced: bool = False

    def init(self, spec: StudySpec) -> _State:
        """The search without experience begins with no warm start: its defaults come as free trials."""
        return _State(spec, self.free.init(replace(spec, warm_start=WarmStart())))

    def ask(self, state: _State, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], _State]:
        """The next configuration for each number, as if the ones before it had been asked.

        The state changes only by what the search without experience has worked out from it, such as its models.
        """
        suggestions = []
        ahead = state
        for number in numbers:
            config, _ = next_of_plan(state.spec, number)
            found, free = self._suggest(ahead, number) if config is None else (Suggestion(config), ahead.free)
            suggestions.append(found)
            if ahead.free is state.free:  # none of these trials has been told to it yet
                state, ahead = replace(state, free=free), replace(ahead, free=free)
            ahead = self._asked(ahead, Asked(number, found.config, found.tag))
        return suggestions, state

    def _suggest(self, state: _State, number: int) -> tuple[Suggestion, Any]:
        """What to try, and the state of the search without experience after that."""
        default = self._default(state, hopeful=True)
        if default is not None:
            return Suggestion(Config(default), {_OPENS: True}), state.free
        if state.credit + self._share(state) < 1.0:
            row = self._advised(state)
            if row is not None:
                return Suggestion(Config(self._form_of(row)), {_TAG: row}), state.free
        default = self._default(state)
        if default is not None:
            return Suggestion(Config(default)), state.free
        (found,), free = self.free.ask(state.free, [number])
        return found, free

    def _form_of(self, row: int) -> Mapping[str, Any]:
        """A configuration of the guide, in the form in which this table's search begins with it, if it does."""
        starts = (config for config in self.defaults if self.guide.row_of_start(config) == row)
        return next(starts, self.guide.configs[row])

    def _begun(self, state: _State) -> set[int]:
        """Rows whose form here has been asked for: a start that past tasks know is recorded under a row of its own."""
        rows = {row for start in self.defaults if (row := self.guide.row_of_start(start)) is not None}
        return {row for row in rows if textual(self._form_of(row)) in state.asked}

    def _default(self, state: _State, *, hopeful: bool = False) -> Mapping[str, Any] | None:
        """The next of the defaults that is still to be tried, and would end in time; None if there is none.

        Families without a trial come first, then what past tasks do not know (such as one that learns the logarithm);
        of what they know, the one with the largest gain per second.

        Args:
            state: The state so far.
            hopeful: Whether only defaults that come before all advice are wanted, without those that are worth little.
        """
        tried, met = set(state.rows.values()), set(state.families.values())
        starts = [(config, self._known_as(config)) for config in self.defaults]
        waiting = [(config, row) for config, row in starts if textual(config) not in state.asked and row not in tried]
        if hopeful:
            waiting = [(config, row) for config, row in waiting if self._opens(state, config, row)]
        worth, most = self._worth(state, [row for _, row in waiting if row is not None])
        least = _HOPE * most if hopeful else -math.inf
        found, left = [], state.free.left
        for config, row in waiting:
            gain, cost, seconds = (math.inf, 1.0, 1.0) if row is None else worth[row]
            if seconds <= left and gain >= least:
                found.append((family_of(config) in met, -gain / cost, config))
        return min(found, key=lambda one: one[:2])[2] if found else None

    @staticmethod
    def _opens(state: _State, config: Mapping[str, Any], row: int | None) -> bool:
        """Whether a default comes before all advice: its family's first trial, or one that past tasks do not know."""
        family = family_of(config)
        return family not in state.families.values() or (row is None and family in state.bests)

    def _worth(self, state: _State, rows: Sequence[int]) -> tuple[dict[int, tuple[float, float, float]], float]:
        """Gain, cost and seconds of some configurations, and the largest gain of any in the guide."""
        if not rows:
            return {}, 0.0
        some = np.array(rows, dtype=np.intp)
        gains = self.guide.gains(state.advised, np.array(self.guide.rows, dtype=np.intp), state.ended)
        cost, seconds = self._spent(state, some)
        told = zip(gains[some].tolist(), cost.tolist(), seconds.tolist(), strict=True)
        return dict(zip(rows, told, strict=True)), float(gains.max())

    def _spent(self, state: _State, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What gains are divided by, and predicted seconds; 1 and 0 where time does not count."""
        if not self.timed:
            return np.ones(len(rows)), np.zeros(len(rows))
        seconds = np.minimum(self.guide.expected_seconds(state.seconds, rows, state.least), self.most)
        return np.minimum(np.maximum(seconds, self.guide.floor), self.most), seconds

    def _share(self, state: _State) -> float:
        """The share of free trials."""
        return max(state.advised.share, _MOST_FREE * min(len(state.led) / _RAMP, 1.0))

    def _advised(self, state: _State) -> int | None:
        """The row of the guide with the largest gain for its cost; None if no gain is worth a trial."""
        tried = set(state.rows.values()) | self._begun(state)
        rows = np.array([row for row in self.guide.rows if row not in tried], dtype=np.intp)
        if not len(rows):
            return None
        cost, seconds = self._spent(state, rows)
        ends = seconds <= state.free.left
        if ends.any():  # others would be cut off
            rows, cost = rows[ends], cost[ends]
        gains = self.guide.gains(state.advised, rows, state.ended)
        return int(rows[np.argmax(gains / cost)]) if gains.max() >= _LEAST_GAIN else None

    def tell(self, state: _State, events: Sequence[Event]) -> _State:
        """Tell both experts of every trial; if past tasks do not know its configuration, the advice gets the score."""
        for event in events:
            if isinstance(event, Asked):
                state = self._asked(state, event)
            elif isinstance(event, Finished):
                state = self._finished(state, event)
            else:
                state = replace(state, free=self.free.tell(state.free, [event]))
        return state

    def _asked(self, state: _State, event: Asked) -> _State:
        text = textual(event.config)
        row = self._row(event.config, text)
        advised = event.tag is not None and _TAG in event.tag
        opens = event.tag is not None and _OPENS in event.tag
        planned = opens or event.number - state.spec.first < len(state.spec.warm_start.configurations)
        share = self._share(state)
        own = {textual(start) for start in self.defaults}
        guest = advised and self.guide.advises(text) and text not in own  # a default is its family's, whoever chose it
        tag = GUEST if guest else None if advised or opens else event.tag
        credit = state.credit if planned else min(state.credit + share - (0.0 if advised else 1.0), 1.0)
        return replace(
            state,
            free=self.free.tell(state.free, [replace(event, tag=tag)]),
            rows=state.rows if row is None else {**state.rows, event.number: row},
            families={**state.families, event.number: family_of(event.config)},
            asked=state.asked | {text},
            credit=max(credit, -1.0),
            led=state.led | {event.number} if advised else state.led,
            planned=state.planned | {event.number} if planned else state.planned,
        )

    def _known_as(self, start: Mapping[str, Any]) -> int | None:
        """The row that tells what a start is worth: its own, or that of the default it stands for."""
        own = self.guide.row_of(textual(start))
        return self.guide.row_of_start(start) if own is None else own

    def _row(self, config: Mapping[str, Any], text: str) -> int | None:
        """Which of the guide's configurations it is, or stands for."""
        row = self.guide.row_of(text)
        if row is None and any(textual(start) == text for start in self.defaults):
            return self.guide.row_of_start(config)
        return row

    def _finished(self, state: _State, event: Finished) -> _State:
        state = replace(_timed(state, event), free=self.free.tell(state.free, [event]))
        row, advised = state.rows.get(event.number), state.advised
        score = self._score(state, event)
        if score is None:
            return state
        family, whole = state.families.get(event.number, ""), event.state is TrialState.COMPLETE
        if family and whole:
            state = replace(state, bests={**state.bests, family: min(score, state.bests.get(family, math.inf))})
        cold = event.number not in state.led | state.planned
        if row is not None:
            return replace(state, advised=self.guide.adviser.tell(advised, row, score, cold=cold, whole=whole))
        if not whole:
            return state
        kind = self.guide.kind_of(family)
        return replace(state, advised=self.guide.adviser.tell_outside(advised, score, cold=cold, kind=kind))

    def _score(self, state: _State, event: Finished) -> float | None:
        """The score that a trial tells, in the units of past tasks; None if it tells none."""
        advised, family = state.advised, state.families.get(event.number, "")
        if event.state is TrialState.COMPLETE and event.values is not None:
            return self.guide.relative(event.values[0])
        best = min((*advised.scores, *advised.outside.values()), default=math.inf)
        if event.state is TrialState.PRUNED and math.isfinite(best) and not self.paced:
            behind = best + BEHIND * max(-best, 0.0)  # 0 is the score of predicting the same for all rows
            return (behind + min(behind, state.bests.get(family, math.inf))) / 2.0
        return None

    def capacity(self, state: _State) -> int | None:
        """None, for no limit, unless no family has anything to tune: then only the known configurations are there."""
        free = self.free.capacity(state.free)
        if free is None:  # the usual case, in which known configurations, whose texts are many, need not be counted
            return None
        return max(free, len({textual(config) for config in (*self.defaults, *self.guide.configs)}))


def _timed(state: _State, event: Finished) -> _State:
    """The state with what a trial's end says about time, and about whether its family fails here."""
    whole = event.state is TrialState.COMPLETE
    failed = event.state is TrialState.FAILED or event.prune_reason is PruneReason.PREDICTION_TIME
    family, row = state.families.get(event.number), state.rows.get(event.number)
    if family is not None:
        before = state.ended.get(family, (0, 0))
        state = replace(state, ended={**state.ended, family: (before[0] + whole, before[1] + failed)})
    if row is None or event.seconds is None:
        return state
    if whole:
        return replace(state, seconds={**state.seconds, row: event.seconds})
    return replace(state, least={**state.least, row: max(event.seconds, state.least.get(row, 0.0))})
