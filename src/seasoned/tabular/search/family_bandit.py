"""Bandit over model families: a sampler that distributes the trials over the families, at random inside each.

The joint space has one choice, the model family. The families share the trials by expected benefit: the results so far,
divided by the expected time until an improvement. Inside a family, configurations are its default, two near it, then
random ones: Bayesian optimisation in their place was no better in fits of one and of five minutes
(`docs/notes/measurements/defaults.md`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput, PruneReason
from seasoned.samplers._enumeration import count_of, untried
from seasoned.samplers.base import Sampler, Suggestion, generator, next_of_plan
from seasoned.space import Choice
from seasoned.space.parameters import Categorical
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState
from seasoned.trials.trial import Remaining

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.space import Space
    from seasoned.trials import Event

__all__ = ["EXTERNAL", "FamilyBandit"]

EXTERNAL: Final = {"guest": True}
"""Tag of a trial that an outer sampler suggested.

`FamilyBandit` learns from its score, and still tries the family's initial configurations.
"""

_DECAY: Final = 0.7  # weight of a family relative to the next better one: an ensemble gains by different families
_NEARNESS: Final = 0.015  # lag at which a family's weight is 1/e, as a share of the gap from best trial to baseline
_SLOWEST: Final = 4  # number of trials too slow to predict after which a family without a fast trial is skipped
_CONCURRENT_NUMBERS: Final = 4  # numbers before a trial's own that other drivers may request in the same state
_MIN_WEIGHT_SHARE: Final = 1e-3  # smallest share of its weight that a lagging family keeps
_HOPELESS: Final = 2  # failures after which a family is skipped while none has succeeded; later one is sufficient
_TRIALS_NEAR_DEFAULT: Final = 2  # number of trials near a family's default, before other trials
_SPREAD: Final = 0.3  # standard deviation of such trials in the unit cube, and probability of a new category


@dataclass(frozen=True, slots=True)
class _Record:
    """Results of a family.

    Attributes:
        best: The smallest loss.
        complete: Number of completed trials.
        failed: Number of failed trials.
        slow: Number of trials stopped for slow predictions. Other trials of the family can be fast.
        ended: Number of all ended trials.
        seconds: Seconds of all trials.
        whole: Seconds of the complete trials.
        at: Seconds of all trials until the end of the best one.
        before: Seconds of all trials until the end of the previous best one.
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
        """Mean seconds of a complete trial."""
        return self.whole / max(self.complete, 1)

    @property
    def until_better(self) -> float:
        """Expected seconds until the family improves.

        The longer of the time since its best trial and the time that this trial took after the previous best one. Wang,
        Wu, Weimer and Zhu (2021), FLAML: a fast and lightweight AutoML library, section 4.2: estimated cost for
        improvement.
        """
        return max(self.seconds - self.at, self.at - self.before)


@dataclass(frozen=True, slots=True)
class _State:
    """State of the bandit.

    Attributes:
        spec: Specification of the study.
        spaces: Family -> its space.
        records: Family -> its results.
        places: Trial number -> its family.
        asked: Family -> its configurations so far.
        guests: Family -> number of its trials that an outer sampler suggested.
        sizes: Family -> number of its configurations; None if they cannot be counted.
        left: Seconds left for trials, by the latest `Remaining` event.
    """

    spec: StudySpec
    spaces: Mapping[str, Space]
    records: Mapping[str, _Record]
    places: Mapping[int, str] = field(default_factory=dict)
    asked: Mapping[str, tuple[Config, ...]] = field(default_factory=dict)
    guests: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, int | None] = field(default_factory=dict)
    left: float = math.inf


@dataclass(frozen=True, slots=True)
class FamilyBandit(Sampler[_State]):
    """Bandit over model families: the warm start's configurations, then families by weight.

    The weight of a family is its rank weight divided by its estimated cost for improvement (FLAML), that is, its
    predicted improvement per second. The rank weight is 1 for the family with the best trial, 0.7 for the next, then
    0.49, and so on. The rank weight is multiplied by exp(-lag / 0.015). The lag is the distance of the family's best
    trial from the best of all. Its unit is the gap between the best of all and the baseline, and an allowance for
    chance is subtracted. Where families differ, time goes to the near ones; where all are near, time goes to all.

    A family's first trials are its default and two configurations near it. Trials that an outer sampler suggested do
    not replace them. Later ones are random, and new.

    Attributes:
        timed: Divide a family's weight by its expected seconds until an improvement. Suggestions then depend on time.
        least: Smallest cost of a trial in seconds: its start, storage and selection.
        baseline: Loss of a constant prediction; None to ignore lags.
        luck: Standard deviation of a lag by chance.
        seconds: The time limit. `Remaining` events contain the share left for trials. A family is skipped if its mean
            complete trial takes longer than that and another family is left, because the trial would be cut off.
    """

    timed: bool = False
    least: float = 0.5
    baseline: float | None = None
    luck: float = 0.0
    seconds: float = 1e9  # 1e9 means no limit

    def init(self, spec: StudySpec) -> _State:
        """Initial state without trials.

        Raises:
            InvalidInput: If the space is not a single choice of families.
        """
        choices = list(spec.space.parameters.values())
        if len(choices) != 1 or not isinstance(choices[0], Choice):
            raise InvalidInput("FamilyBandit searches a space with one parameter, a Choice of families; use Auto here.")
        spaces = choices[0].options
        sizes = {name: count_of(space) for name, space in spaces.items()}
        return _State(spec, spaces, dict.fromkeys(spaces, _Record()), sizes=sizes)

    def ask(self, state: _State, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], _State]:
        """Suggest a family for each number and a configuration of it. The state does not change."""
        suggestions: dict[int, Suggestion] = {}
        new: dict[str, list[Config]] = {}
        for number in sorted({*numbers, *_asking(state, numbers)}):
            config, _ = next_of_plan(state.spec, number)
            found = self._suggest(state, number, new) if config is None else config
            suggestions[number] = Suggestion(found)
            ((family, inside),) = found[self._key(state)].items()
            new.setdefault(family, []).append(inside)
        return [suggestions[number] for number in numbers], state

    def _suggest(self, state: _State, number: int, new: Mapping[str, Sequence[Config]]) -> Config:
        rng = generator(state.spec, number)
        weights = self.weights(state, new)
        shares = np.array(list(weights.values()))
        family = list(weights)[int(rng.choice(len(shares), p=shares / shares.sum()))]
        space, asked = state.spaces[family], _asked(state, family, new)
        own = len(asked) - state.guests.get(family, 0)
        near = initial_configurations(space, state.spec.seed) if own <= _TRIALS_NEAR_DEFAULT else ()
        config = near[own] if own < len(near) else space.sample(rng)
        if Config(config) in asked:
            config = space.decode(untried(space, rng, {space.encode(one).unit.tobytes() for one in asked}))
        return Config({self._key(state): {family: config}})

    def weights(self, state: _State, new: Mapping[str, Sequence[Config]]) -> dict[str, float]:
        """Weights of the families that have an untried configuration."""
        tunable = [name for name in state.spaces if self._is_open(state, name, new)] or list(state.spaces)
        met = [name for name in tunable if _is_met(state.records[name])]
        order = sorted(met, key=lambda name: state.records[name].best)  # families with slow trials only come last
        if not any(state.records[name].complete for name in order):
            hopeful = [name for name in tunable if state.records[name].failed < _HOPELESS]
            return dict.fromkeys(hopeful or tunable, 1.0)
        near = self._nearness(state, order)
        weights = {name: near[name] * _DECAY**rank for rank, name in enumerate(order)}
        if self.timed:
            seconds = {name: max(state.records[name].until_better, self.least) for name in weights}
            weights = {name: weight / seconds[name] for name, weight in weights.items()}
        return self._in_time(state, weights)

    def _nearness(self, state: _State, names: Sequence[str]) -> dict[str, float]:
        """Factor from 0 to 1 for each family's lag behind the best trial; 1 without a complete trial."""
        bests = {name: state.records[name].best for name in names if state.records[name].complete}
        best = min(bests.values())
        gap = math.nan if self.baseline is None else self.baseline - best
        if not 0.0 < gap < math.inf:
            return dict.fromkeys(names, 1.0)
        lags = {name: max((own - best) / gap - self.luck, 0.0) for name, own in bests.items()}
        return {name: max(math.exp(-lags.get(name, 0.0) / _NEARNESS), _MIN_WEIGHT_SHARE) for name in names}

    def _is_open(self, state: _State, name: str, new: Mapping[str, Sequence[Config]]) -> bool:
        """True if a family has an untried configuration. A family without settings has only its start."""
        size = state.sizes[name]
        asked = _asked(state, name, new)
        if size is None or len(asked) < size:
            return size != 1
        return size > 1 and len(set(asked)) < size

    def _in_time(self, state: _State, weights: dict[str, float]) -> dict[str, float]:
        """Weights without the families whose trials would not end in time; all weights if no trial would."""
        soon = {name: weight for name, weight in weights.items() if state.records[name].each <= state.left}
        return soon or weights

    @staticmethod
    def _key(state: _State) -> str:
        return next(iter(state.spec.space.parameters))

    def tell(self, state: _State, events: Sequence[Event]) -> _State:
        """Add suggestions and results to the records of their families."""
        places, records, guests, left = dict(state.places), dict(state.records), dict(state.guests), state.left
        new: dict[str, list[Config]] = {}
        for event in events:
            if isinstance(event, Remaining):
                left = event.share * self.seconds
            elif isinstance(event, Suggested):
                ((family, config),) = event.config[self._key(state)].items()
                places[event.number] = family
                guests[family] = guests.get(family, 0) + (event.tag == EXTERNAL)
                new.setdefault(family, []).append(Config(config))
            elif isinstance(event, Finished) and event.number in places:
                family = places[event.number]
                records[family] = records[family].after(event)
        asked = {**state.asked, **{name: (*state.asked.get(name, ()), *part) for name, part in new.items()}}
        return replace(state, places=places, records=records, asked=asked, guests=guests, left=left)

    def capacity(self, state: _State) -> int | None:
        """None, for no limit, unless the configurations of all families can be counted: then their number."""
        sizes = [size for size in state.sizes.values() if size is not None]
        return sum(sizes) if len(sizes) == len(state.sizes) else None


def _asking(state: _State, numbers: Sequence[int]) -> set[int]:
    """Numbers shortly before `numbers` without a configuration: other drivers request them in the same state."""
    before = {one for number in numbers for one in range(max(state.spec.first, number - _CONCURRENT_NUMBERS), number)}
    return before - state.places.keys()


def _is_met(record: _Record) -> bool:
    """True if a family has a complete trial, or only a few slow ones."""
    return record.complete > 0 or 0 < record.slow < _SLOWEST


def _asked(state: _State, family: str, new: Mapping[str, Sequence[Config]]) -> list[Config]:
    """Configurations of a family suggested so far, including the present call."""
    return [*state.asked.get(family, ()), *new.get(family, ())]


def initial_configurations(space: Space, seed: int) -> tuple[dict[str, Any], ...]:
    """Default of a family, and configurations near it: all numbers moved a little, some categories changed."""
    if not space.dimensions:
        return ()
    rng = np.random.default_rng([seed, len(space.dimensions)])
    start = space.encode(space.default).unit
    found = [space.default]
    for _ in range(_TRIALS_NEAR_DEFAULT):
        moved = np.clip(start + _SPREAD * rng.standard_normal(len(start)), 0.0, 1.0)
        drawn = rng.random(len(start))
        for index, dimension in enumerate(space.dimensions):
            if isinstance(dimension.parameter, Categorical) and not dimension.parameter.ordered:
                moved[index] = drawn[index] if rng.random() < _SPREAD else start[index]
        if (near := space.decode(moved)) not in found:
            found.append(near)
    return tuple(found)
