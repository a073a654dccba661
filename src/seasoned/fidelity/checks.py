"""What every rule of fidelity must satisfy: a public contract kit, for ours and for plug-ins.

    @pytest.mark.parametrize("check", FIDELITY_CHECKS)
    def test_contract(check):
        check(lambda: MyRule())

Each check takes a function that makes the rule, and raises AssertionError with a sentence when a law is broken. No test
framework is needed. The laws are stated in `fidelity/base.py`. `simulate` is a small driver for curves that are
functions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.fidelity.base import Decision
from seasoned.samplers.checks import same
from seasoned.space import Space
from seasoned.trials import Asked, Config, Finished, Reported, StudySpec, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seasoned.fidelity.base import Fidelity
    from seasoned.trials import Event

__all__ = ["FIDELITY_CHECKS", "Simulated", "simulate"]

Value = "Callable[[int, int], float]"

_SPEC: Final = StudySpec(Space(), seed=3)
_TRIALS: Final = 40


class Simulated(NamedTuple):
    """What a simulated study did.

    Attributes:
        log: Its events.
        state: The rule's state at the end.
        decisions: Number, step and decision of each report, in their order.
    """

    log: list[Event]
    state: Any
    decisions: list[tuple[int, int, Decision]]

    def ended(self, state: TrialState) -> list[int]:
        """The trials that ended so."""
        return [event.number for event in self.log if isinstance(event, Finished) and event.state is state]


class _Driver:
    """Runs trials on a few workers, one step of one trial at a time, as a study does."""

    def __init__(self, rule: Fidelity[Any], value: Callable[[int, int], float], spec: StudySpec) -> None:
        self.rule = rule
        self.value = value
        self.state = rule.init(spec)
        self.log: list[Event] = []
        self.decisions: list[tuple[int, int, Decision]] = []
        self.running: dict[int, int] = {}  # number -> last step
        self.budgets: dict[int, int] = {}
        self.paused: dict[int, int] = {}

    def tell(self, event: Event) -> None:
        self.log.append(event)
        self.state = self.rule.tell(self.state, [event])

    def begin(self, number: int, step: int) -> None:
        self.running[number] = step
        self.budgets[number] = self.rule.budget(self.state, number)

    def advance(self, number: int) -> None:
        """One step of one trial."""
        step = self.running.pop(number) + 1
        self.tell(Reported(number, step, self.value(number, step)))
        decision = self.rule.decide(self.state, number, step)
        self.decisions.append((number, step, decision))
        if decision is Decision.STOP:
            self.end(number, TrialState.PRUNED)
        elif decision is not Decision.GO_ON:
            self.paused[number] = step
        elif step >= self.budgets[number]:
            good = math.isfinite(self.value(number, step))
            self.end(number, TrialState.COMPLETE if good else TrialState.FAILED, step)
        else:
            self.running[number] = step

    def end(self, number: int, state: TrialState, step: int = 0) -> None:
        values = (self.value(number, step),) if state is TrialState.COMPLETE else None
        self.tell(Finished(number, state, values))

    def promote(self) -> bool:
        """Let one paused trial go on whose time has come; end those whose time is over."""
        for number, step in list(self.paused.items()):
            decision = self.rule.decide(self.state, number, step)
            if decision is Decision.STOP:
                del self.paused[number]
                self.end(number, TrialState.PRUNED)
            elif decision is Decision.PROMOTE:
                self.begin(number, self.paused.pop(number))
                return True
        return False


def simulate(
    rule: Fidelity[Any],
    value: Callable[[int, int], float],
    trials: int = _TRIALS,
    *,
    workers: int = 1,
    seed: int = 0,
    spec: StudySpec = _SPEC,
) -> Simulated:
    """Run trials whose curves are `value(number, step)`, minimised; which worker is next is drawn.

    Example:
        >>> from seasoned.fidelity import ASHA
        >>> found = simulate(ASHA(max=9), lambda number, step: number + 1 / step, trials=10)
        >>> found.ended(TrialState.COMPLETE)
        [0]
    """
    if trials < 1 or workers < 1:
        raise InvalidInput(f"trials is {trials} and workers is {workers}; give at least 1 of each.")
    rng = np.random.default_rng(seed)
    driver = _Driver(rule, value, spec)
    asked = 0
    while True:
        while len(driver.running) < workers and (driver.promote() or asked < trials):
            if len(driver.running) < workers and asked < trials:
                number = spec.first + asked
                driver.tell(Asked(number, Config()))
                driver.begin(number, 0)
                asked += 1
        if not driver.running:
            break
        driver.advance(sorted(driver.running)[rng.integers(len(driver.running))])
    for number in list(driver.paused):
        driver.end(number, TrialState.PRUNED)
    return Simulated(driver.log, driver.state, driver.decisions)


def _quality(number: int) -> float:
    return float(np.random.default_rng((7, number)).random())


def _falling(number: int, step: int) -> float:
    """Curves that fall and never cross."""
    return _quality(number) + 1.0 / step


def _wild(number: int, step: int) -> float:
    """Curves with no order at all, some values not finite."""
    drawn = float(np.random.default_rng((number, step)).normal())
    return math.nan if drawn > 2 else drawn


def check_tell_is_associative(make: Callable[[], Fidelity[Any]]) -> None:
    """tell(s, a + b) == tell(tell(s, a), b), wherever the log is cut, and the live state is the folded one."""
    rule = make()
    for value in (_falling, _wild):
        found = simulate(rule, value, 20, workers=3)
        whole = rule.tell(rule.init(_SPEC), found.log)
        for cut in range(0, len(found.log), max(1, len(found.log) // 12)):
            part = rule.tell(rule.tell(rule.init(_SPEC), found.log[:cut]), found.log[cut:])
            assert same(part, whole), f"telling {cut} events and then the rest differs from telling all at once."


def check_states_do_not_change(make: Callable[[], Fidelity[Any]]) -> None:
    """Telling leaves the given state as it was."""
    rule = make()
    log = simulate(rule, _falling, 20, workers=2).log
    half = len(log) // 2
    before = rule.tell(rule.init(_SPEC), log[:half])
    rule.tell(before, log[half:])
    assert same(before, rule.tell(rule.init(_SPEC), log[:half])), (
        "an older state changed when a newer was made from it."
    )


def check_decisions_are_a_function_of_the_log(make: Callable[[], Fidelity[Any]]) -> None:
    """A driver that folds the log anew, cut after any report, decides as the one that ran the trial."""
    first, second = make(), make()
    assert first == second, "two rules with the same settings are not equal."
    found = simulate(first, _wild, 15, workers=3)
    places = [place for place, event in enumerate(found.log) if isinstance(event, Reported)]
    for place, (number, step, decision) in list(zip(places, found.decisions, strict=True))[::7]:
        state = second.tell(second.init(_SPEC), found.log[: place + 1])
        assert second.decide(state, number, step) is decision, f"trial {number} at step {step} is judged otherwise."


def check_later_events_change_no_verdict(make: Callable[[], Fidelity[Any]]) -> None:
    """What was told to go on or to stop stays so, whatever others report before the driver looks."""
    rule = make()
    found = simulate(rule, _falling, 20, workers=3)
    places = [place for place, event in enumerate(found.log) if isinstance(event, Reported)]
    for place, (number, step, decision) in list(zip(places, found.decisions, strict=True))[::11]:
        others = [event for event in found.log[place + 1 :] if getattr(event, "number", number) != number][:40]
        later = rule.tell(rule.tell(rule.init(_SPEC), found.log[: place + 1]), others)
        now = rule.decide(later, number, step)
        waits = {Decision.PAUSE, Decision.PROMOTE, Decision.STOP}
        kept = now is decision or (decision in {Decision.PAUSE, Decision.PROMOTE} and now in waits)
        assert kept, f"trial {number} was told {decision.value!r} at step {step}, and later {now.value!r}."


def check_nothing_stops_before_the_first_level(make: Callable[[], Fidelity[Any]]) -> None:
    """Below the first level, or below `min`, a trial goes on, however bad it is."""
    rule = make()
    lowest = getattr(rule, "min", rule.levels[0])
    for value in (_falling, _wild):
        for number, step, decision in simulate(rule, value, workers=2).decisions:
            if step < lowest:
                assert decision is Decision.GO_ON, f"trial {number} was told {decision.value!r} at step {step}."


def check_the_best_is_never_stopped(make: Callable[[], Fidelity[Any]]) -> None:
    """A trial that is the best so far at every step that it reached is not stopped."""
    rule = make()
    for seed in range(3):
        found = simulate(rule, _falling, workers=2, seed=seed)
        best: dict[int, float] = {}
        for number, step, decision in found.decisions:
            value = _falling(number, step)
            if value <= best.get(step, math.inf):
                best[step] = value
                assert decision is not Decision.STOP, f"trial {number}, the best so far at step {step}, was stopped."


def check_some_trial_completes(make: Callable[[], Fidelity[Any]]) -> None:
    """Of many trials at least one reaches the last level, whatever the values: equal, huge, rising."""
    values: list[Callable[[int, int], float]] = [
        _falling,
        lambda *_: 1.0,
        lambda *_: 0.0,
        lambda number, step: (-1) ** number * 1e308 / step,
        lambda number, _: 5e-324 * (number % 3),
        lambda number, step: number + step,
        lambda number, step: -number - step,
    ]
    for value in values:
        found = simulate(make(), value, 250)
        assert found.ended(TrialState.COMPLETE), "no trial of 250 was complete."


def check_stopping_saves(make: Callable[[], Fidelity[Any]]) -> None:
    """On curves that never cross the rule saves steps, and still completes the best trial or one of the best tenth."""
    rule = make()
    found = simulate(rule, _falling, 100)
    last = rule.levels[-1]
    assert len(found.decisions) < 100 * last, "no trial was stopped."
    best = min(_quality(number) for number in found.ended(TrialState.COMPLETE))
    assert best <= np.quantile([_quality(number) for number in range(100)], 0.1), "the good trials were stopped."


def check_not_finite_is_worst(make: Callable[[], Fidelity[Any]]) -> None:
    """A trial of NaN never stops a better one, is never promoted, and only such trials are no error."""
    rule = make()
    found = simulate(rule, lambda number, step: math.nan if number % 2 else _falling(number // 2, step))
    for number, _, decision in found.decisions:
        assert not number % 2 or decision is not Decision.PROMOTE, f"trial {number} of NaN was promoted."
    assert not any(number % 2 for number in found.ended(TrialState.COMPLETE))
    assert found.ended(TrialState.COMPLETE), "the finite trials were stopped for those that are not."
    simulate(rule, lambda *_: math.nan, 20)


def check_reports_may_repeat_and_skip(make: Callable[[], Fidelity[Any]]) -> None:
    """The first report of a step counts; steps may be left out; what comes after a trial's end is ignored."""
    rule = make()
    last = rule.levels[-1]
    events: list[Event] = [Asked(0, Config()), Reported(0, 1, 1.0), Reported(0, last, 0.5)]
    state = rule.tell(rule.init(_SPEC), events)
    assert same(rule.tell(state, [Reported(0, 1, -9.0)]), state), "a second report of a step changed the state."
    ended = rule.tell(state, [Finished(0, TrialState.COMPLETE, (0.5,))])
    assert same(rule.tell(ended, [Reported(0, last - 1, -9.0)]), ended), "a report after the end changed the state."


def check_study_that_moved(make: Callable[[], Fidelity[Any]]) -> None:
    """Trials are counted from the first in the present space; budgets lie between the first level and the last."""
    rule = make()
    moved = StudySpec(Space(), seed=3, first=17)
    here, there = simulate(rule, _falling, 20), simulate(rule, lambda n, s: _falling(n - 17, s), 20, spec=moved)
    shifted = [(number + 17, step, decision) for number, step, decision in here.decisions]
    assert shifted == there.decisions, "the rule decides otherwise in a study that moved."
    state = rule.tell(rule.init(moved), [Asked(17, Config())])
    assert rule.levels[0] <= rule.budget(state, 17) <= rule.levels[-1], "the budget is none of the levels."


def check_levels(make: Callable[[], Fidelity[Any]]) -> None:
    """Levels are whole steps and rise."""
    levels = make().levels
    assert levels == tuple(sorted(set(levels))), f"the levels {levels} do not rise."
    assert all(isinstance(level, int) and level >= 1 for level in levels), f"the levels {levels} are no steps."


FIDELITY_CHECKS: Final[Sequence[Callable[[Callable[[], Fidelity[Any]]], None]]] = (
    check_tell_is_associative,
    check_states_do_not_change,
    check_decisions_are_a_function_of_the_log,
    check_later_events_change_no_verdict,
    check_nothing_stops_before_the_first_level,
    check_the_best_is_never_stopped,
    check_some_trial_completes,
    check_stopping_saves,
    check_not_finite_is_worst,
    check_reports_may_repeat_and_skip,
    check_study_that_moved,
    check_levels,
)
"""All checks; parametrise a test over them."""
