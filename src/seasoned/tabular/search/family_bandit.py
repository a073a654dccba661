"""Which family to try next: a sampler over the samplers of the families.

The joint space has one choice, the model family. What is learned about LightGBM says nothing about a forest, so each
family is searched by a sampler of its own, and the families share the trials by what each is expected to bring: how
well it has done, divided by how long it is expected to take until it does better.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput, PruneReason
from seasoned.samplers._enumeration import count_of, untried
from seasoned.samplers.base import Sampler, Suggestion, generator, next_of_plan
from seasoned.samplers.random import Random
from seasoned.space import Choice
from seasoned.space.parameters import Categorical
from seasoned.trials import Asked, Config, Finished, Reported, StudySpec, TrialState, WarmStart
from seasoned.trials.trial import Remaining

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from seasoned.space import Space
    from seasoned.trials import Event

__all__ = ["GUEST", "Promising"]

GUEST: Final = {"guest": True}
"""Tag of a trial that another search chose; `Promising` is told of it, yet still tries its family's first ones."""

_DECAY: Final = 0.7  # weight of a family against the next better one: an ensemble gains by different families
_NEARNESS: Final = 0.015  # of the gap between best trial and baseline: the lag at which a family's weight is 1/e
_SLOWEST: Final = 4  # trials too slow to predict after which a family is left alone while none was quick enough
_AHEAD: Final = 4  # numbers before a trial's own that other drivers may be asking for in the same state
_LEAST: Final = 1e-3  # of its weight that any family keeps at least
_HOPELESS: Final = 2  # failures after which a family is left alone while none has succeeded; later one is enough
_NEAR: Final = 2  # trials of a family next to its default, before others
_SPREAD: Final = 0.3  # standard deviation of these, in units of the cube, and the chance that a category changes


@dataclass(frozen=True, slots=True)
class _Record:
    """What a family has shown.

    Attributes:
        best: Its smallest loss.
        complete: Trials that were completed.
        failed: Trials that failed.
        slow: Trials that were given up for predicting too slowly: others of the family may be quick.
        ended: All of its trials that have ended.
        seconds: Seconds of all its trials.
        whole: Seconds of the complete ones.
        at: Seconds of all until the best one had ended.
        before: Seconds of all until the one had ended that was the best before that.
    """

    best: float = math.inf
    complete: int = 0
    failed: int = 0
    slow: int = 0
    ended: int = 0
    seconds: float = 0.0
    whole: float = 0.0
    at: float = 0.0
    before: float = 0.0

    def after(self, event: Finished) -> _Record:
        seconds = self.seconds + (event.seconds or 0.0)
        found = replace(self, seconds=seconds, ended=self.ended + 1)
        if event.prune_reason is PruneReason.PREDICTION_TIME:
            return replace(found, slow=self.slow + 1)
        if event.state is TrialState.COMPLETE and event.values is not None:
            found = replace(found, complete=self.complete + 1, whole=self.whole + (event.seconds or 0.0))
            if event.values[0] < self.best:
                found = replace(found, best=event.values[0], at=seconds, before=self.at)
        return replace(found, failed=self.failed + 1) if event.state is TrialState.FAILED else found

    @property
    def each(self) -> float:
        """Seconds of a complete trial, on average."""
        return self.whole / max(self.complete, 1)

    @property
    def until_better(self) -> float:
        """Seconds it is expected to take until the family improves.

        The longer of the time since its best trial and the time that finding this one had taken (Wang, Wu, Weimer and
        Zhu 2021, FLAML: a fast and lightweight AutoML library, §4.2: the estimated cost for improvement).
        """
        return max(self.seconds - self.at, self.at - self.before)


@dataclass(frozen=True, slots=True)
class _State:
    """What the search knows.

    Attributes:
        spec: The study's.
        spaces: Family -> its space.
        records: Family -> what it has shown.
        places: Trial number -> its family, and its number there.
        events: Family -> what its sampler is told of, trials numbered as they are there.
        states: Family -> its sampler's state, made from the events when the sampler is first asked: what past tasks
            expect takes a while to learn, and many families get no more than their first trials.
        guests: Family -> its trials that another search chose.
        sizes: Family -> how many configurations it has, where these can be counted.
        left: Seconds that are left for trials, by the latest event that tells.
    """

    spec: StudySpec
    spaces: Mapping[str, Space]
    records: Mapping[str, _Record]
    places: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    events: Mapping[str, tuple[Event, ...]] = field(default_factory=dict)
    states: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    guests: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, int | None] = field(default_factory=dict)
    left: float = math.inf


@dataclass(frozen=True, slots=True)
class Promising(Sampler[_State]):
    """The warm start's configurations, then a bandit over families, each searched by `inner`.

    A family's weight is its rank divided by its estimated cost for improvement (FLAML), which is the predicted
    improvement per second: the family with the best trial so far is drawn with weight 1, the next with 0.7, then 0.49
    and so on, times exp(-lag / 0.015), the lag being how far its best trial is behind, beyond what may be luck, as a
    share of the gap between the best of all and the baseline: where families differ, time goes to those that are near,
    and where all are near, to all. Inside a family trials are numbered from 0 in the order of the log, so that its
    sampler sees a study without gaps. A family's first trials are its default and two near it, which on five tables
    brought as much as draws from all of the space, in two thirds of the time; what another search has tried of the
    family replaces none of these.

    Attributes:
        inner: What searches inside a family.
        timed: Divide a family's weight by the seconds that it is expected to take until it improves. What is suggested
            then depends on time.
        least: Seconds that any trial is taken to cost, to be started, stored and chosen from.
        baseline: Loss of predicting the same for all rows; None where no lag shall count.
        luck: Standard deviation of a lag by chance.
        seconds: The time limit, of which `Remaining` events tell the share that is left for trials: a family whose
            complete trials take longer on average is not drawn while there is another, for its trial would be cut off.
        expected: Gives a family's relative warm start: what past tasks expect inside it. None of its configurations is
            tried because of that; its values are the inner sampler's prior mean, if that has one. Called when the
            family's sampler is first asked.
    """

    inner: Sampler[Any] = field(default_factory=Random)
    timed: bool = False
    least: float = 0.5
    baseline: float | None = None
    luck: float = 0.0
    seconds: float = 1e9  # stands for no limit
    expected: Callable[[str], WarmStart] | None = field(default=None, compare=False, repr=False)

    def init(self, spec: StudySpec) -> _State:
        """Nothing has been tried of any option of the choice."""
        choices = list(spec.space.parameters.values())
        if len(choices) != 1 or not isinstance(choices[0], Choice):
            raise InvalidInput("Promising searches a space with one parameter, a Choice of families; use Auto here.")
        spaces = choices[0].options
        sizes = {name: count_of(space) for name, space in spaces.items()}
        return _State(spec, spaces, dict.fromkeys(spaces, _Record()), sizes=sizes)

    def _inner(self, state: _State, name: str) -> Any:
        """The state of a family's sampler: at first its first configurations, and what past tasks expect of others."""
        if name in state.states:
            return state.states[name]
        space, known = state.spaces[name], WarmStart() if self.expected is None else self.expected(name)
        start = replace(known, configurations=_first(space, state.spec.seed))
        inner = self.inner.init(replace(state.spec, space=space, warm_start=start, budget=None, first=0))
        return self.inner.tell(inner, state.events.get(name, ()))

    def ask(self, state: _State, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], _State]:
        """A family and, from its own sampler, a configuration of it, for each number.

        The state is as before but for what a family's sampler has derived from it, such as its models.
        """
        suggestions: dict[int, Suggestion] = {}
        new: dict[str, list[Config]] = {}
        ahead: Counter[str] = Counter(family for family, _ in state.places.values())
        for number in sorted({*numbers, *_asking(state, numbers)}):
            config, _ = next_of_plan(state.spec, number)
            found, state = self._suggest(state, number, ahead, new) if config is None else (Suggestion(config), state)
            suggestions[number] = found
            ((family, inside),) = found.config[self._key(state)].items()
            ahead[family] += 1
            new.setdefault(family, []).append(inside)
        return [suggestions[number] for number in numbers], state

    def _suggest(
        self, state: _State, number: int, ahead: Mapping[str, int], new: Mapping[str, Sequence[Config]]
    ) -> tuple[Suggestion, _State]:
        weights = self._weights(state, new)
        names = list(weights)
        shares = np.array(list(weights.values()))
        family = names[int(generator(state.spec, number).choice(len(names), p=shares / shares.sum()))]
        first = self._displaced(state, family, ahead[family])
        if first is not None and self._is_new(state, family, first, new):
            return Suggestion(Config({self._key(state): {family: first}})), state
        (found,), inner = self.inner.ask(self._inner(state, family), [ahead[family]])
        state = replace(state, states={**state.states, family: inner})
        if not self._is_new(state, family, found.config, new):
            return Suggestion(Config({self._key(state): {family: self._another(state, number, family, new)}})), state
        return Suggestion(Config({self._key(state): {family: dict(found.config)}}), found.tag), state

    def _is_new(
        self, state: _State, family: str, config: Mapping[str, Any], new: Mapping[str, Sequence[Config]]
    ) -> bool:
        """Whether a configuration was not asked for yet."""
        return _text(config) not in self._texts(state, family, new)

    @staticmethod
    def _another(state: _State, number: int, family: str, new: Mapping[str, Sequence[Config]]) -> dict[str, Any]:
        """A configuration of a family that was not asked for yet, if there is one."""
        space = state.spaces[family]
        taken = {space.encode(config).unit.tobytes() for config in _asked(state, family, new)}
        return space.decode(untried(space, generator(state.spec, number), taken))

    @staticmethod
    def _texts(state: _State, family: str, new: Mapping[str, Sequence[Config]]) -> set[str]:
        return {_text(config) for config in _asked(state, family, new)}

    @staticmethod
    def _displaced(state: _State, family: str, trials: int) -> dict[str, Any] | None:
        """The family's first configuration that is due after so many trials, where guests had its place; else None."""
        guests = state.guests.get(family, 0)
        due = _first(state.spaces[family], state.spec.seed) if guests and trials - guests <= _NEAR else ()
        return due[trials - guests] if trials - guests < len(due) else None

    def _weights(self, state: _State, new: Mapping[str, Sequence[Config]]) -> dict[str, float]:
        """Families that have something left to try, and how much each deserves the next trial."""
        tunable = [name for name in state.spaces if self._is_open(state, name, new)] or list(state.spaces)
        met = [name for name in tunable if _is_met(state.records[name])]
        order = sorted(met, key=lambda name: state.records[name].best)  # those with only slow trials last
        if not any(state.records[name].complete for name in order):
            untried = [name for name in tunable if state.records[name].failed < _HOPELESS]
            return dict.fromkeys(untried or tunable, 1.0)
        near = self._nearness(state, order)
        weights = {name: near[name] * _DECAY**rank for rank, name in enumerate(order)}
        if self.timed:
            seconds = {name: max(state.records[name].until_better, self.least) for name in weights}
            weights = {name: weight / seconds[name] for name, weight in weights.items()}
        return self._in_time(state, weights)

    def _nearness(self, state: _State, names: Sequence[str]) -> dict[str, float]:
        """How near the best trial of each family is to the best of all, from 0 to 1; 1 if it has no complete one."""
        bests = {name: state.records[name].best for name in names if state.records[name].complete}
        best = min(bests.values())
        gap = math.nan if self.baseline is None else self.baseline - best
        if not 0.0 < gap < math.inf:
            return dict.fromkeys(names, 1.0)
        lags = {name: max((own - best) / gap - self.luck, 0.0) for name, own in bests.items()}
        return {name: max(math.exp(-lags.get(name, 0.0) / _NEARNESS), _LEAST) for name in names}

    def _is_open(self, state: _State, name: str, new: Mapping[str, Sequence[Config]]) -> bool:
        """Whether a family has a configuration that was not asked for yet; one without settings has only its start."""
        size = state.sizes[name]
        if size is None or len(state.events.get(name, ())) + len(new.get(name, ())) < size:
            return size != 1
        return size > 1 and len(self._texts(state, name, new)) < size

    def _in_time(self, state: _State, weights: dict[str, float]) -> dict[str, float]:
        """The weights without families whose trials would not end in time; all where none would."""
        soon = {name: weight for name, weight in weights.items() if state.records[name].each <= state.left}
        return soon or weights

    @staticmethod
    def _key(state: _State) -> str:
        return next(iter(state.spec.space.parameters))

    def tell(self, state: _State, events: Sequence[Event]) -> _State:
        """Each event goes to the sampler of its trial's family."""
        places, records, guests = dict(state.places), dict(state.records), dict(state.guests)
        counts = Counter(family for family, _ in places.values())
        routed: dict[str, list[Event]] = {}
        left = state.left
        for event in events:
            if isinstance(event, Remaining):
                left = event.share * self.seconds
            elif isinstance(event, Asked):
                ((family, config),) = event.config[self._key(state)].items()
                places[event.number] = family, counts[family]
                guest = event.tag == GUEST
                tag = None if guest else event.tag
                asked = replace(event, number=counts[family], config=Config(config), tag=tag)
                counts[family] += 1
                guests[family] = guests.get(family, 0) + guest
                routed.setdefault(family, []).append(asked)
            elif isinstance(event, Finished | Reported) and event.number in places:
                family, place = places[event.number]
                routed.setdefault(family, []).append(replace(event, number=place))
                if isinstance(event, Finished):
                    records[family] = records[family].after(event)
        known = {name: (*state.events.get(name, ()), *part) for name, part in routed.items()}
        told = {
            name: self.inner.tell(state.states[name], part) for name, part in routed.items() if name in state.states
        }
        return replace(
            state,
            places=places,
            records=records,
            events={**state.events, **known},
            states={**state.states, **told},
            guests=guests,
            left=left,
        )

    def capacity(self, state: _State) -> int | None:
        """Unlimited, unless the configurations of all families can be counted: then their number."""
        sizes = [size for size in state.sizes.values() if size is not None]
        return sum(sizes) if len(sizes) == len(state.sizes) else None


def _asking(state: _State, numbers: Sequence[int]) -> set[int]:
    """Numbers shortly before these that have no configuration: other drivers are asking for them in the same state."""
    before = {one for number in numbers for one in range(max(state.spec.first, number - _AHEAD), number)}
    return before - state.places.keys()


def _is_met(record: _Record) -> bool:
    """Whether a family has shown something, and may show more."""
    return record.complete > 0 or 0 < record.slow < _SLOWEST


def _text(config: Mapping[str, Any]) -> str:
    return json.dumps(config, sort_keys=True, default=dict)


def _asked(state: _State, family: str, new: Mapping[str, Sequence[Config]]) -> list[Config]:
    """The configurations of a family that were asked for, and those that are suggested in the same call."""
    known = [event.config for event in state.events.get(family, ()) if isinstance(event, Asked)]
    return [*known, *new.get(family, ())]


def _first(space: Space, seed: int) -> tuple[dict[str, Any], ...]:
    """A family's default, and configurations near it: all numbers moved a little, some categories changed."""
    if not space.dimensions:
        return ()
    rng = np.random.default_rng([seed, len(space.dimensions)])
    start = space.encode(space.default).unit
    found = [space.default]
    for _ in range(_NEAR):
        moved = np.clip(start + _SPREAD * rng.standard_normal(len(start)), 0.0, 1.0)
        drawn = rng.random(len(start))
        for index, dimension in enumerate(space.dimensions):
            if isinstance(dimension.parameter, Categorical) and not dimension.parameter.ordered:
                moved[index] = drawn[index] if rng.random() < _SPREAD else start[index]
        if (near := space.decode(moved)) not in found:
            found.append(near)
    return tuple(found)
