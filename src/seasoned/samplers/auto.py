"""Automatic choice of the sampler by space, budget and cost of a trial; the choice is repeated in long runs.

No single sampler is best on all problems (Benjamins et al. 2025, CARP-S, arXiv 2506.06143). A model of the objective is
best for few or expensive trials; evolution and density models are best for many cheap ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from seasoned.samplers.base import Sampler, Suggestion
from seasoned.samplers.bayes.sampler import Bayes
from seasoned.samplers.evolution.cmaes import CMAES
from seasoned.samplers.evolution.differential import DifferentialEvolution
from seasoned.samplers.evolution.genetic import Genetic
from seasoned.samplers.tpe import TPE
from seasoned.space.parameters import Categorical
from seasoned.trials import Finished, StudySpec, Suggested, TrialState, WarmStart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.space import Space
    from seasoned.trials import Event

__all__ = ["Auto", "choose"]

_DECISIONS: Final = (100, 250, 1000)  # numbers of finished trials at which the choice is repeated
_CHEAP: Final = 1.0  # mean seconds of a trial below which the time of a Gaussian process is worth saving
_MAX_GP_TRIALS: Final = 1000  # number of trials beyond which a Gaussian process is too slow
_HUGE: Final = 10_000  # number of planned trials from which differential evolution is used instead of CMA-ES
_WIDE: Final = 100  # number of parameters beyond which a Gaussian process predicts too little
_PASSED_ON: Final = 100  # number of best trials in the warm start of a new sampler
_RETRIED: Final = 10  # number of infeasible trials that a new sampler tries again if no trial is feasible


def choose(spec: StudySpec, finished: int = 0, seconds: float | None = None) -> Sampler[Any]:
    """Return the sampler for a study at its present stage.

    | study | sampler |
    |---|---|
    | one objective, up to 250 trials; up to 1,000 if the budget is at most 1,000 or a trial takes 1 s or more | Bayes |
    | more trials, mostly categories and conditional parameters | TPE |
    | more trials, numbers | CMAES; DifferentialEvolution if 10,000 or more are planned |
    | more than 100 parameters | from the start as for more trials |
    | several objectives | Bayes for 100 trials, or 250 if a trial takes 1 s or more; then Genetic (NSGA-II) |

    Args:
        spec: The study's space, objectives and budget.
        finished: Number of finished trials.
        seconds: Mean seconds of a trial; None (unknown) counts as 1 s or more.

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
    if not wide and finished < (250 if cheap and planned > _MAX_GP_TRIALS else _MAX_GP_TRIALS):
        return Bayes()
    if _mostly_nominal(spec.space):
        return TPE()
    return DifferentialEvolution() if planned >= _HUGE else CMAES()


def _mostly_nominal(space: Space) -> bool:
    """Return True if at least half of the parameters are categorical or conditional."""
    found = [isinstance(d.parameter, Categorical) or d.parent >= 0 for d in space.dimensions]
    return sum(found) >= max(1, len(found) / 2)


@dataclass(frozen=True, slots=True)
class AutoState:
    """State of `Auto`.

    Attributes:
        spec: Specification of the study.
        chosen: The active sampler.
        inner: State of the active sampler.
        heard: All `Suggested` and `Finished` events until the last decision, then empty.
        finished: Number of ended trials.
        seconds: Total seconds of the timed trials.
        timed: Number of timed trials.
    """

    spec: StudySpec
    chosen: Sampler[Any]
    inner: Any
    heard: tuple[Event, ...] = ()
    finished: int = 0
    seconds: float = 0.0
    timed: int = 0


@dataclass(frozen=True, slots=True)
class Auto(Sampler[AutoState]):
    """Automatic choice among Bayes, TPE, CMAES, DifferentialEvolution and Genetic; the default of every study.

    `choose` selects the sampler at the start and again after 100, 250 and 1,000 finished trials. It reads only the
    study's log, so all drivers make the same choice. A new sampler starts from the best trials so far. The choice uses
    the planned number of trials: `Study(budget=...)`, or `trials=` of `minimize`.

    Example:
        >>> from seasoned import Float, Space, minimize
        >>> space = Space(x=Float(-9, 9))
        >>> best = minimize(lambda config: (config["x"] - 1) ** 2, space, trials=15, sampler=Auto(), seed=0)
        >>> best.value < 0.01
        True
    """

    def init(self, spec: StudySpec) -> AutoState:
        """Return the state with the first choice."""
        chosen = choose(spec)
        return AutoState(spec, chosen, chosen.init(spec))

    def ask(self, state: AutoState, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], AutoState]:
        """Return the suggestions of the active sampler."""
        suggestions, inner = state.chosen.ask(state.inner, numbers)
        return suggestions, replace(state, inner=inner)

    def reuse(self, state: AutoState, after: AutoState) -> AutoState:
        """Return `state` with the computations that the active sampler reuses."""
        return replace(state, inner=state.chosen.reuse(state.inner, after.inner))

    def tell(self, state: AutoState, events: Sequence[Event]) -> AutoState:
        """Fold the events into the active sampler; at a decision another sampler may replace it."""
        begun = 0
        for index, event in enumerate(events):
            if not isinstance(event, Finished) or event.state is TrialState.RUNNING:
                continue
            state = _counted(state, event)
            if state.finished in _DECISIONS:
                heard = (*state.heard, *events[begun : index + 1])
                state = _decided(_heard(state, events[begun : index + 1]), heard)
                begun = index + 1
        return _heard(state, events[begun:])

    def capacity(self, state: AutoState) -> int | None:  # noqa: ARG002 - whichever sampler is at work
        """Return None: no limit."""
        return None


def _counted(state: AutoState, event: Finished) -> AutoState:
    known = event.seconds is not None
    return replace(
        state,
        finished=state.finished + 1,
        seconds=state.seconds + (event.seconds or 0.0),
        timed=state.timed + known,
    )


def _heard(state: AutoState, events: Sequence[Event]) -> AutoState:
    """Fold events into the state of the active sampler."""
    news = [event for event in events if isinstance(event, Suggested | Finished)]  # samplers do not read reports
    kept = (*state.heard, *news) if state.finished < _DECISIONS[-1] else ()
    return replace(state, inner=state.chosen.tell(state.inner, events), heard=kept)


def _decided(state: AutoState, heard: Sequence[Event]) -> AutoState:
    """State after a decision: unchanged, or with a new sampler that starts from the trials so far.

    TPE and Genetic learn from any trial, so all events are folded into their state. The other samplers learn from their
    own draws: the best trials become their warm start, and only `Suggested` events of running trials are folded in.
    """
    chosen = choose(state.spec, state.finished, state.seconds / state.timed if state.timed else None)
    if type(chosen) is type(state.chosen):
        return state
    from_any = isinstance(chosen, TPE | Genetic)
    if from_any:
        return replace(state, chosen=chosen, inner=chosen.tell(chosen.init(state.spec), heard))
    ended = {event.number for event in heard if isinstance(event, Finished)}
    asked = [event for event in heard if isinstance(event, Suggested)]
    budget = None if state.spec.budget is None else max(1, state.spec.budget - state.finished)
    first = max(state.spec.first, 1 + max((event.number for event in asked), default=-1))
    left = state.spec.warm_start.configurations[first - state.spec.first :]
    known = replace(_experience(state.spec.space, heard), configurations=left)
    spec = replace(state.spec, warm_start=known, first=first, budget=budget)
    inner = chosen.tell(chosen.init(spec), [event for event in asked if event.number not in ended])
    return replace(state, chosen=chosen, inner=inner)


def _experience(space: Space, heard: Sequence[Event]) -> WarmStart:
    """Best feasible trials as points with values, or the trials of least violation as a population."""
    configs = {event.number: event.config for event in heard if isinstance(event, Suggested)}
    ended = [event for event in heard if isinstance(event, Finished) and event.values is not None]
    feasible = [event for event in ended if event.violation == 0.0 and event.number in configs]
    if not feasible:
        near = sorted((event for event in ended if event.number in configs), key=lambda e: (e.violation, e.number))
        units = [space.encode(configs[event.number]).unit.tolist() for event in near[:_RETRIED]]
        return WarmStart(population=tuple(map(tuple, units)))
    best = sorted(feasible, key=lambda event: (event.values, event.number))[:_PASSED_ON]
    points = tuple(tuple(space.encode(configs[event.number]).unit.tolist()) for event in best)
    return WarmStart(points=points, values=tuple(event.values[0] for event in best if event.values is not None))
