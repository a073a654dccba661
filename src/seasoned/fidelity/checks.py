"""Contract tests of fidelity rules, public, for built-in rules and plug-ins.

    @pytest.mark.parametrize("check", FIDELITY_CHECKS)
    def test_contract(check):
        check(lambda: MyRule())

Each check takes a function that returns a new rule. A check raises AssertionError with an explanation if the rule
breaks a law of `fidelity/base.py`. No test framework is needed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.fidelity.base import Decision
from seasoned.fidelity.simulation import SPEC, Simulated, simulate
from seasoned.samplers.checks import same
from seasoned.space import Space
from seasoned.trials import Config, Finished, Reported, StudySpec, Suggested, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from seasoned.fidelity.base import Fidelity
    from seasoned.trials import Event

__all__ = ["FIDELITY_CHECKS", "Simulated", "simulate"]


def _quality(number: int) -> float:
    return float(np.random.default_rng((7, number)).random())


def _falling(number: int, step: int) -> float:
    """Value of curves that fall and never cross."""
    return _quality(number) + 1.0 / step


def _wild(number: int, step: int) -> float:
    """Value of curves without any order; some values are NaN."""
    drawn = float(np.random.default_rng((number, step)).normal())
    return math.nan if drawn > 2 else drawn


def check_tell_is_associative(make: Callable[[], Fidelity[Any]]) -> None:
    """Check tell(s, a + b) == tell(tell(s, a), b) for any cut of the log, and that the live state equals the fold."""
    rule = make()
    for value in (_falling, _wild):
        found = simulate(rule, value, 20, workers=3)
        whole = rule.tell(rule.init(SPEC), found.log)
        for cut in range(0, len(found.log), max(1, len(found.log) // 12)):
            part = rule.tell(rule.tell(rule.init(SPEC), found.log[:cut]), found.log[cut:])
            assert same(part, whole), f"telling {cut} events and then the rest differs from telling all at once."
        assert same(found.state, whole), "the state of the running study differs from the one told of the whole log."


def check_states_do_not_change(make: Callable[[], Fidelity[Any]]) -> None:
    """Check that `tell` does not modify its argument."""
    rule = make()
    log = simulate(rule, _falling, 20, workers=2).log
    half = len(log) // 2
    before = rule.tell(rule.init(SPEC), log[:half])
    rule.tell(before, log[half:])
    assert same(before, rule.tell(rule.init(SPEC), log[:half])), "an older state changed when a newer was made from it."


def check_decisions_are_a_function_of_the_log(make: Callable[[], Fidelity[Any]]) -> None:
    """Check that a new instance of the rule repeats every decision from the folded log."""
    first, second = make(), make()
    assert first == second, "two rules with the same settings are not equal."
    for value in (_falling, _wild):
        found = simulate(first, value, 15, workers=3)
        for state, (number, step, decision) in _at_reports(second, found):
            now = make().decide(state, number, step)
            assert now is decision, (
                f"trial {number} at step {step} was told {decision.value!r}; a rule made anew says {now.value!r}."
            )


def _at_reports(rule: Fidelity[Any], found: Simulated) -> Iterator[tuple[Any, tuple[int, int, Decision]]]:
    """Yield, for each report, the state folded up to the report and the decision of the simulation."""
    state = rule.init(SPEC)
    decisions = iter(found.decisions)
    for event in found.log:
        state = rule.tell(state, [event])
        if isinstance(event, Reported):
            yield state, next(decisions)


def check_asking_is_independent(make: Callable[[], Fidelity[Any]]) -> None:
    """Check that other `Suggested` events, early or late, change no decision: drivers ask concurrently."""
    rule = make()
    for value in (_falling, _wild):
        found = simulate(rule, value, 20, workers=3)
        asked = [event for event in found.log if isinstance(event, Suggested)]
        others = [event for event in found.log if not isinstance(event, Suggested)]
        early = found._replace(log=[*reversed(asked), *others])
        for state, (number, step, decision) in _at_reports(rule, early):
            now = rule.decide(state, number, step)
            assert now is decision, (
                f"trial {number} was told {decision.value!r} at step {step}, and {now.value!r} where the others had "
                "been asked earlier and in another order."
            )


def check_later_events_change_no_verdict(make: Callable[[], Fidelity[Any]]) -> None:
    """Check that reports of other trials change no decision to go on or to stop before the driver reads it."""
    rule = make()
    found = simulate(rule, _falling, 20, workers=3)
    places = [place for place, event in enumerate(found.log) if isinstance(event, Reported)]
    waits = {Decision.PAUSE, Decision.PROMOTE, Decision.STOP}
    for place, (state, (number, step, decision)) in list(zip(places, _at_reports(rule, found), strict=True))[::5]:
        others = [event for event in found.log[place + 1 :] if getattr(event, "number", number) != number][:40]
        now = rule.decide(rule.tell(state, others), number, step)
        kept = now is decision or (decision in {Decision.PAUSE, Decision.PROMOTE} and now in waits)
        assert kept, f"trial {number} was told {decision.value!r} at step {step}, and later {now.value!r}."


def check_due_is_who_waits_no_longer(make: Callable[[], Fidelity[Any]]) -> None:
    """Check that `due`, unless None, contains exactly the paused trials that are now to be promoted or stopped."""
    rule = make()
    for value in (_falling, _wild):
        found = simulate(rule, value, 25, workers=3)
        state, decisions = rule.init(SPEC), iter(found.decisions)
        steps: dict[int, int] = {}  # paused trial -> step of its last report
        stopped: set[int] = set()  # stopped at their latest report; `due` may contain them if the rule paused first
        for event in found.log:
            state = rule.tell(state, [event])
            if isinstance(event, Reported | Finished):
                stopped.discard(event.number)
                steps.pop(event.number, None)
            if isinstance(event, Reported):
                number, step, decision = next(decisions)
                if decision is Decision.STOP:
                    stopped.add(number)
                elif decision is not Decision.GO_ON:
                    steps[number] = step
            due = rule.ready(state)
            wanted = {
                number for number, step in steps.items() if rule.decide(state, number, step) is not Decision.PAUSE
            }
            assert due is None or set(due) - stopped == wanted, (
                f"the trials {sorted(due)} are due, but those that paused and shall no longer are {sorted(wanted)}."
            )


def check_nothing_stops_before_the_first_level(make: Callable[[], Fidelity[Any]]) -> None:
    """Check that a trial before the first level, or before `min`, goes on with any value."""
    rule = make()
    lowest = getattr(rule, "min", rule.levels[0])
    for value in (_falling, _wild):
        for number, step, decision in simulate(rule, value, workers=2).decisions:
            if step < lowest:
                assert decision is Decision.GO_ON, f"trial {number} was told {decision.value!r} at step {step}."


def check_the_best_is_never_stopped(make: Callable[[], Fidelity[Any]]) -> None:
    """Check that a trial is not stopped while it is the best so far at every step that it reached."""
    values: list[Callable[[int, int], float]] = [
        _falling,
        lambda number, step: _falling(number + 1000, step),
        lambda number, step: 1.0 / step - number,  # each trial is better than all earlier ones
    ]
    for seed, value in enumerate(values):
        _check_best(simulate(make(), value, workers=2, seed=seed), value)


def _check_best(found: Simulated, value: Callable[[int, int], float]) -> None:
    """Assert that no trial was stopped at a step where it was the best so far."""
    best: dict[int, float] = {}
    for number, step, decision in found.decisions:
        if value(number, step) <= best.get(step, math.inf):
            best[step] = value(number, step)
            assert decision is not Decision.STOP, f"trial {number}, the best so far at step {step}, was stopped."


def check_some_trial_completes(make: Callable[[], Fidelity[Any]]) -> None:
    """Check that at least one of many trials reaches the last level for equal, huge, tiny and rising values."""
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
        lengths = (30, 250)  # most rules complete a trial among 30; the longer run is for rules that need more
        found = any(simulate(make(), value, trials).ended(TrialState.COMPLETE) for trials in lengths)
        assert found, "no trial of 250 was complete."


def check_stopping_saves(make: Callable[[], Fidelity[Any]]) -> None:
    """Check that the rule saves steps on curves that never cross, and completes a trial of the best tenth."""
    rule = make()
    found = simulate(rule, _falling, 100)
    last = rule.levels[-1]
    assert len(found.decisions) < 100 * last, "no trial was stopped."
    best = min((_quality(number) for number in found.ended(TrialState.COMPLETE)), default=math.inf)
    assert best <= np.quantile([_quality(number) for number in range(100)], 0.1), "the good trials were stopped."


def check_not_finite_is_worst(make: Callable[[], Fidelity[Any]]) -> None:
    """Check that a trial of NaN stops no better trial and is never promoted, and that only NaN raises no error."""
    rule = make()

    def value(number: int, step: int) -> float:
        return math.nan if number % 2 else _falling(number // 2, step)

    found = simulate(rule, value)
    _check_best(found, value)
    for number, _, decision in found.decisions:
        assert not number % 2 or decision is not Decision.PROMOTE, f"trial {number} of NaN was promoted."
    assert not any(number % 2 for number in found.ended(TrialState.COMPLETE))
    assert found.ended(TrialState.COMPLETE), "no trial with finite values completed beside trials of NaN."
    simulate(rule, lambda *_: math.nan, 20)


def check_reports_may_repeat_and_skip(make: Callable[[], Fidelity[Any]]) -> None:
    """Check that the first report of a step counts, steps may be skipped, and reports after the end are ignored."""
    rule = make()
    last = rule.levels[-1]
    events: list[Event] = [Suggested(0, Config()), Reported(0, 1, 1.0), Reported(0, last, 0.5)]
    state = rule.tell(rule.init(SPEC), events)
    assert same(rule.tell(state, [Reported(0, 1, -9.0)]), state), "a second report of a step changed the state."
    ended = rule.tell(state, [Finished(0, TrialState.COMPLETE, (0.5,))])
    assert same(rule.tell(ended, [Reported(0, last - 1, -9.0)]), ended), "a report after the end changed the state."


def check_study_that_moved(make: Callable[[], Fidelity[Any]]) -> None:
    """Check that trials are counted from the study's first, and that budgets lie between the first and last level."""
    rule = make()
    moved = StudySpec(Space(), seed=3, first=17)
    here, there = simulate(rule, _falling, 20), simulate(rule, lambda n, s: _falling(n - 17, s), 20, spec=moved)
    shifted = [(number + 17, step, decision) for number, step, decision in here.decisions]
    assert shifted == there.decisions, "the rule decides otherwise in a study that moved."
    state = rule.tell(rule.init(moved), [Suggested(17, Config())])
    assert rule.levels[0] <= rule.budget(state, 17) <= rule.levels[-1], (
        "the budget is not between the first level and the last."
    )


def check_levels(make: Callable[[], Fidelity[Any]]) -> None:
    """Check that levels are integers of at least 1, in increasing order."""
    levels = make().levels
    assert levels == tuple(sorted(set(levels))), f"the levels {levels} do not rise."
    assert all(isinstance(level, int) and level >= 1 for level in levels), (
        f"the levels {levels} are not whole numbers of at least 1."
    )


FIDELITY_CHECKS: Final[Sequence[Callable[[Callable[[], Fidelity[Any]]], None]]] = (
    check_tell_is_associative,
    check_states_do_not_change,
    check_decisions_are_a_function_of_the_log,
    check_asking_is_independent,
    check_later_events_change_no_verdict,
    check_due_is_who_waits_no_longer,
    check_nothing_stops_before_the_first_level,
    check_the_best_is_never_stopped,
    check_some_trial_completes,
    check_stopping_saves,
    check_not_finite_is_worst,
    check_reports_may_repeat_and_skip,
    check_study_that_moved,
    check_levels,
)
"""All checks, for a parametrised test."""
