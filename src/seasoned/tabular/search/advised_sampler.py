"""Sampler with experience: it mixes the advice of past tasks with the search without experience.

The warm start's configurations come first, because they give a usable model at once. The families' defaults come next,
by expected gain per second. Defaults precede the advice because they were tuned on many tables of all sizes, whereas
past tasks are small tables. A default with less than a tenth of the largest expected gain of any configuration waits.

Each later trial is either *advised* or *free*:

- An advised trial takes the configuration of past tasks with the largest expected gain. The gain is divided by the
  predicted seconds if time counts. Each new score updates the ranking (`knowledge/performance_model/model.py`). A
  family that is not yet near the best trial gains by coming near it, because this helps an ensemble
  (`knowledge/performance_model/improvement_targets.py`).
- A free trial takes a suggestion of the search without experience. Waiting defaults come first, those of untried
  families before others. `FamilyBandit` then suggests.

Both parts learn from all trials.

The share of free trials is the larger of two values. The first value follows from the errors of the advice so far
(Hedge, `knowledge/advice/adviser.py`). The second value rises from 0 to one half over the first trials: past tasks give
general knowledge, and the last gains lie near this table's best trials. The first free trial comes early and tests the
advice. Once no configuration has an expected gain, all trials are free.

Incomplete trials are informative as well. A trial that failed or reached its limit gives a lower bound on its seconds,
and its family may fail again (`experience/advice.py`). A trial that racing over rows stopped has one of two bounds
(`row_race.py`). Its score is worse than the best by at least a tenth of the best trial's gain over the baseline.
Otherwise, it is worse than the best score of its own family. It is set halfway between the two bounds, and counts
neither for nor against the advice.
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
from seasoned.tabular.search.family_bandit import EXTERNAL
from seasoned.tabular.trial.configuration import textual
from seasoned.tabular.trial.results import MAX_LAG
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState, WarmStart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.experience.advice import TaskAdvice
    from seasoned.tabular.search.family_bandit import FamilyBandit
    from seasoned.trials import Event

__all__ = ["AdvisedSampler"]

_RAMP: Final = 8  # number of advised trials after which the ramp of the share of free trials ends
_MOST_FREE: Final = 0.5  # share of free trials at the end of the ramp; errors of the advice can raise it further
_LEAST_GAIN: Final = 2e-3  # smallest expected gain of an advised trial, as a share of a task's gap from median to best
_CREDIT: Final = 0.7  # credit towards the first free trial at the start; a free trial is due at 1
_TAG: Final = "advised"
_OPENS: Final = "opens"
_HOPE: Final = 0.1  # gain below which a default waits, as a share of the largest gain of any configuration


@dataclass(frozen=True, slots=True)
class _State:
    """State of the sampler, which follows from the log of events alone.

    Attributes:
        spec: Specification of the study.
        free: State of the search without experience.
        advised: State of the adviser: tried configurations of past tasks, and errors of the predictions.
        rows: Trial number -> row of the guide, for trials with a configuration of the guide.
        seconds: Row of the guide -> seconds of its complete trial.
        least: Row of the guide -> seconds of its incomplete trial, a lower bound.
        families: Trial number -> family.
        ended: Family -> number of its completed and of its failed trials.
        bests: Family -> its best score, in the units of past tasks.
        asked: Texts of all configurations suggested so far.
        credit: Number of free trials that are due.
        led: Numbers of the advised trials.
        planned: Numbers of the trials that neither the advice nor the free search suggested.
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
class AdvisedSampler(Sampler[_State]):
    """Sampler with experience: the warm start's configurations, then advised and free trials.

    Attributes:
        free: The search without experience.
        guide: Advice of past tasks.
        defaults: Configurations that free trials begin with.
        timed: True if predicted seconds count. Suggestions then depend on time.
        most: Largest number of seconds of a trial. A longer trial is cut off.
        paced: True if trials can be stopped for slow predictions, whatever their loss. A stopped trial then has no
            score.
    """

    free: FamilyBandit
    guide: TaskAdvice
    defaults: tuple[Mapping[str, Any], ...] = ()
    timed: bool = False
    most: float = math.inf
    paced: bool = False

    def init(self, spec: StudySpec) -> _State:
        """Initial state. The free search gets no warm start, because its defaults come as free trials."""
        return _State(spec, self.free.init(replace(spec, warm_start=WarmStart())))

    def ask(self, state: _State, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], _State]:
        """Suggest a configuration for each number, as if the suggestions for earlier numbers were already in the log.

        The state changes only by results that the free search computed from it, such as its models.
        """
        suggestions = []
        ahead = state
        for number in numbers:
            config, _ = next_of_plan(state.spec, number)
            found, free = self._suggest(ahead, number) if config is None else (Suggestion(config), ahead.free)
            suggestions.append(found)
            if ahead.free is state.free:  # unchanged by the trials of this call
                state, ahead = replace(state, free=free), replace(ahead, free=free)
            ahead = self._asked(ahead, Suggested(number, found.config, found.tag))
        return suggestions, state

    def _suggest(self, state: _State, number: int) -> tuple[Suggestion, Any]:
        """Suggestion for a trial, and the state of the free search after it."""
        default = self._default(state, hopeful=True)
        if default is not None:
            return Suggestion(Config(default), {_OPENS: True}), state.free
        if state.credit + self._share(state) < 1.0:
            row = self.advised_row(state)
            if row is not None:
                return Suggestion(Config(self._form_of(row)), {_TAG: row}), state.free
        default = self._default(state)
        if default is not None:
            return Suggestion(Config(default)), state.free
        (found,), free = self.free.ask(state.free, [number])
        return found, free

    def _form_of(self, row: int) -> Mapping[str, Any]:
        """Configuration of a row of the guide, or the first configuration on this table that stands for it."""
        starts = (config for config in self.defaults if self.guide.row_of_start(config) == row)
        return next(starts, self.guide.configs[row])

    def _begun(self, state: _State) -> set[int]:
        """Rows for which a first configuration on this table was already suggested.

        Such a first configuration can have a row of its own, under which its trial is recorded.
        """
        rows = {row for start in self.defaults if (row := self.guide.row_of_start(start)) is not None}
        return {row for row in rows if textual(self._form_of(row)) in state.asked}

    def _default(self, state: _State, *, hopeful: bool = False) -> Mapping[str, Any] | None:
        """Next default that is still to be tried and would end in time; None if none is left.

        Families without a trial come first. Defaults that no past task has tried come next, such as one that learns the
        logarithm. Known defaults follow by gain per second.

        Args:
            state: The state so far.
            hopeful: True to consider only defaults that precede all advice, without those of small gain.
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
        """True if a default precedes all advice: it is its family's first trial, or no past task has tried it."""
        family = family_of(config)
        return family not in state.families.values() or (row is None and family in state.bests)

    def _worth(self, state: _State, rows: Sequence[int]) -> tuple[dict[int, tuple[float, float, float]], float]:
        """Gain, cost and seconds of some rows, and the largest gain of any row of the guide."""
        if not rows:
            return {}, 0.0
        some = np.array(rows, dtype=np.intp)
        gains = self.guide.gains(state.advised, np.array(self.guide.rows, dtype=np.intp), state.ended)
        cost, seconds = self._spent(state, some)
        told = zip(gains[some].tolist(), cost.tolist(), seconds.tolist(), strict=True)
        return dict(zip(rows, told, strict=True)), float(gains.max())

    def _spent(self, state: _State, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Cost (the divisor of gains) and predicted seconds, shape (m,) each; 1 and 0 if time does not count."""
        if not self.timed:
            return np.ones(len(rows)), np.zeros(len(rows))
        seconds = np.minimum(self.guide.expected_seconds(state.seconds, rows, state.least), self.most)
        return np.minimum(np.maximum(seconds, self.guide.floor), self.most), seconds

    def _share(self, state: _State) -> float:
        """Share of free trials."""
        return max(state.advised.share, _MOST_FREE * min(len(state.led) / _RAMP, 1.0))

    def advised_row(self, state: _State) -> int | None:
        """Row of the guide with the largest gain per cost; None if no gain is worth a trial."""
        tried = set(state.rows.values()) | self._begun(state)
        rows = np.array([row for row in self.guide.rows if row not in tried], dtype=np.intp)
        if not len(rows):
            return None
        cost, seconds = self._spent(state, rows)
        ends = seconds <= state.free.left
        if ends.any():  # other trials would be cut off
            rows, cost = rows[ends], cost[ends]
        gains = self.guide.gains(state.advised, rows, state.ended)
        return int(rows[np.argmax(gains / cost)]) if gains.max() >= _LEAST_GAIN else None

    def tell(self, state: _State, events: Sequence[Event]) -> _State:
        """Update the free search and the adviser.

        If no past task has tried the configuration of a trial, the adviser gets only its score.
        """
        for event in events:
            if isinstance(event, Suggested):
                state = self._asked(state, event)
            elif isinstance(event, Finished):
                state = self._finished(state, event)
            else:
                state = replace(state, free=self.free.tell(state.free, [event]))
        return state

    def _asked(self, state: _State, event: Suggested) -> _State:
        text = textual(event.config)
        row = self._row(event.config, text)
        advised = event.tag is not None and _TAG in event.tag
        opens = event.tag is not None and _OPENS in event.tag
        planned = opens or event.number - state.spec.first < len(state.spec.warm_start.configurations)
        share = self._share(state)
        own = {textual(start) for start in self.defaults}
        guest = advised and self.guide.advises(text) and text not in own  # a default counts as its family's
        tag = EXTERNAL if guest else None if advised or opens else event.tag
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
        """Row that states the gain of a start: its own row, or the row of the default for which the start stands."""
        own = self.guide.row_of(textual(start))
        return self.guide.row_of_start(start) if own is None else own

    def _row(self, config: Mapping[str, Any], text: str) -> int | None:
        """Row of the guide with this configuration, or the row for which it stands; None without one."""
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
        """Score of an ended trial in the units of past tasks; None if it has none."""
        advised, family = state.advised, state.families.get(event.number, "")
        if event.state is TrialState.COMPLETE and event.values is not None:
            return self.guide.relative(event.values[0])
        best = min((*advised.scores, *advised.outside.values()), default=math.inf)
        if event.state is TrialState.PRUNED and math.isfinite(best) and not self.paced:
            behind = best + MAX_LAG * max(-best, 0.0)  # 0 is the score of a constant prediction
            return (behind + min(behind, state.bests.get(family, math.inf))) / 2.0
        return None

    def capacity(self, state: _State) -> int | None:
        """None, for no limit. If no family has anything to tune: the number of known configurations."""
        free = self.free.capacity(state.free)
        if free is None:  # the usual case; it spares a count of the many known configurations
            return None
        return max(free, len({textual(config) for config in (*self.defaults, *self.guide.configs)}))


def _timed(state: _State, event: Finished) -> _State:
    """State with the facts from a trial's end: its seconds, and failures of its family."""
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
