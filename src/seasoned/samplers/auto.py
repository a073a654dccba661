"""Auto: the sampler that suits the space, the budget and what the trials cost; a better one takes over in long runs.

No one sampler is best everywhere (Benjamins et al. 2025, CARP-S, arXiv 2506.06143): a model of the objective pays while
trials are few or dear, evolution and densities while they are many and cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.parameters import Categorical
from seasoned.pareto import pareto_front
from seasoned.samplers._population import Running, evaluations
from seasoned.samplers._rows import Rows
from seasoned.samplers.base import Sampler, Suggestion
from seasoned.samplers.bayes import Bayes
from seasoned.samplers.cmaes import CMAES
from seasoned.samplers.differential import DifferentialEvolution
from seasoned.samplers.genetic import Genetic
from seasoned.samplers.tpe import TPE
from seasoned.trials import Asked, Finished, StudySpec, WarmStart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.space import Space
    from seasoned.trials import Event

__all__ = ["Auto", "choose"]

_DECISIONS: Final = (100, 250, 1000)  # numbers of finished trials at which another sampler may take over
_CHEAP: Final = 1.0  # mean seconds of a trial below which a model's own time is worth saving
_LARGE: Final = 1000  # trials beyond which a model of them all is too slow
_HUGE: Final = 10_000  # trials that differential evolution needs to be worth its patience
_WIDE: Final = 100  # parameters beyond which a model of them all says little
_PASSED_ON: Final = 1000  # trials that a sampler taking over hears of, the best


def choose(spec: StudySpec, finished: int = 0, seconds: float | None = None) -> Sampler[Any]:
    """The sampler for a study that stands there.

    | study | sampler |
    |---|---|
    | one objective, up to 250 trials; up to 1,000 if the budget is no larger or a trial takes a second | Bayes |
    | more trials, mostly categories and conditional parameters | TPE |
    | more trials, numbers | CMAES; DifferentialEvolution if 10,000 or more are planned |
    | more than 100 parameters | at once as for more trials |
    | several objectives | Bayes for 100 trials, 250 if they take a second; then Genetic (NSGA-II) |

    Args:
        spec: The study's space, objectives and budget.
        finished: How many trials have finished.
        seconds: What one took on average, if known.

    Example:
        >>> from seasoned import Float, Space
        >>> type(choose(StudySpec(Space(x=Float(0, 1))))).__name__
        'Bayes'
        >>> type(choose(StudySpec(Space(x=Float(0, 1)), budget=5000), finished=250, seconds=0.01)).__name__
        'CMAES'
    """
    wide = len(spec.space) > _WIDE
    planned = max(spec.budget or 0, finished + 1)
    cheap = seconds is not None and seconds < _CHEAP
    if len(spec.directions) > 1:
        return Genetic() if wide or finished >= (100 if cheap else 250) else Bayes()
    if not wide and finished < (250 if cheap and planned > _LARGE else _LARGE):
        return Bayes()
    if _mostly_nominal(spec.space):
        return TPE()
    return DifferentialEvolution() if planned >= _HUGE else CMAES()


def _mostly_nominal(space: Space) -> bool:
    """Whether at least half of the parameters are categories or in use only at times."""
    found = [isinstance(d.parameter, Categorical) or d.parent >= 0 for d in space.dimensions]
    return sum(found) >= max(1, len(found) / 2)


@dataclass(frozen=True, slots=True)
class AutoState:
    """What is known.

    Attributes:
        spec: What the study is.
        chosen: The sampler at work.
        inner: Its state.
        points: Trials that ended, in log order, shape (n, d).
        results: Violation and objectives of each, infinite if it failed or was pruned, shape (n, 1 + m).
        running: Trials that have not ended.
        asked: What was asked for each of these.
        seconds: Time of all trials whose time is known.
        timed: How many these are.
        highest: The largest number asked.
    """

    spec: StudySpec
    chosen: Sampler[Any]
    inner: Any
    points: Rows
    results: Rows
    running: dict[int, Running] = field(default_factory=dict)
    asked: dict[int, Asked] = field(default_factory=dict)
    seconds: float = 0.0
    timed: int = 0
    highest: int = -1


@dataclass(frozen=True, slots=True)
class Auto(Sampler[AutoState]):
    """Chooses among Bayes, TPE, CMAES, DifferentialEvolution and Genetic; the default of every study.

    The choice is made at the start and again after 100, 250 and 1,000 finished trials, by `choose`, from the study's
    log alone, so that all drivers make the same one. A sampler that takes over starts from the best trials so far.
    Give `Study(budget=...)`, or `trials=` to `minimize`, so that it can plan.

    Example:
        >>> from seasoned import Float, Space, minimize
        >>> space = Space(x=Float(-9, 9))
        >>> best = minimize(lambda config: (config["x"] - 1) ** 2, space, trials=15, sampler=Auto(), seed=0)
        >>> best.value < 0.01
        True
    """

    def init(self, spec: StudySpec) -> AutoState:
        """The first choice."""
        chosen = choose(spec)
        rows = Rows(len(spec.space)), Rows(1 + len(spec.directions))
        return AutoState(spec, chosen, chosen.init(spec), *rows)

    def ask(self, state: AutoState, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], AutoState]:
        """What the chosen sampler says."""
        suggestions, inner = state.chosen.ask(state.inner, numbers)
        return suggestions, replace(state, inner=inner)

    def tell(self, state: AutoState, events: Sequence[Event]) -> AutoState:
        """The chosen sampler hears all; at a decision another may take over."""
        begun = 0
        for index, event in enumerate(events):
            ended = len(state.points)
            state = _noted(state, event)
            if len(state.points) > ended and len(state.points) in _DECISIONS:
                heard = events[begun : index + 1]
                state = _decided(replace(state, inner=state.chosen.tell(state.inner, heard)))
                begun = index + 1
        return replace(state, inner=state.chosen.tell(state.inner, events[begun:]))

    def capacity(self, state: AutoState) -> int | None:  # noqa: ARG002 - whoever is at work
        """No end."""
        return None


def _noted(state: AutoState, event: Event) -> AutoState:
    """The state with an event in its own tables."""
    if isinstance(event, Asked):
        running = dict(state.running)
        list(evaluations(state.spec, running, [event], "auto"))  # only asked: none ends
        asked = {**state.asked, event.number: event}
        return replace(state, running=running, asked=asked, highest=max(state.highest, event.number))
    if not isinstance(event, Finished) or event.number not in state.running:
        return state
    running = dict(state.running)
    (ended,) = evaluations(state.spec, running, [event], "auto")
    return replace(
        state,
        points=state.points.append(ended.unit),
        results=state.results.append((ended.violation, *ended.values)),
        running=running,
        asked={number: asked for number, asked in state.asked.items() if number != event.number},
        seconds=state.seconds + (event.seconds or 0.0),
        timed=state.timed + (event.seconds is not None),
    )


def _decided(state: AutoState) -> AutoState:
    """The state after a decision: as it was, or with another sampler that starts from the best trials."""
    seconds = state.seconds / state.timed if state.timed else None
    chosen = choose(state.spec, len(state.points), seconds)
    if type(chosen) is type(state.chosen):
        return state
    budget = None if state.spec.budget is None else max(1, state.spec.budget - len(state.points))
    spec = replace(state.spec, warm_start=_experience(state), first=state.highest + 1, budget=budget)
    running = list(state.asked.values())
    return replace(state, chosen=chosen, inner=chosen.tell(chosen.init(spec), running))


def _experience(state: AutoState) -> WarmStart:
    """What a sampler that takes over may know: feasible trials with values, or the front of several objectives."""
    kept = np.flatnonzero(state.results.table[:, 0] == 0.0)
    values = state.results.table[kept, 1:]
    points = state.points.table[kept]
    if values.shape[1] > 1:
        on_front = pareto_front(values)
        return WarmStart(population=tuple(map(tuple, points[on_front].tolist())))
    best = np.sort(np.argsort(values[:, 0], kind="stable")[:_PASSED_ON])
    return WarmStart(points=tuple(map(tuple, points[best].tolist())), values=tuple(values[best, 0].tolist()))
