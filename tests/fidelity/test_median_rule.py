"""Median rule: comparisons of reports at its interval and elsewhere."""

from __future__ import annotations

import pytest

from seasoned import Float, Space
from seasoned.fidelity import Median
from seasoned.fidelity.base import Decision
from seasoned.trials import Config, Finished, Reported, StudySpec, Suggested, TrialState

SPEC = StudySpec(Space(x=Float(0, 1)))


@pytest.mark.parametrize(("interval", "steps"), [(10, range(10, 81, 10)), (10, range(7, 81, 7)), (1, range(1, 81))])
def test_the_median_rule_compares_reports_that_are_not_on_its_grid(interval, steps):
    """With reports at 10, 20 and 30 and comparisons at 1, 11 and 21 no trial was ever stopped."""
    rule = Median(max=81, interval=interval)
    log = [Suggested(number, Config()) for number in range(8)]
    for number in range(7):
        reports = [Reported(number, step, 0.1) for step in steps]
        log += [*reports, Finished(number, TrialState.COMPLETE, (0.1,))]
    state = rule.tell(rule.init(SPEC), log)
    for step in steps:
        state = rule.tell(state, [Reported(7, step, 9.0)])
        if rule.decide(state, 7, step) is Decision.STOP:
            break
    assert step == steps[0]


def test_the_median_rule_compares_each_interval_once():
    """Others fall at step 5; who does not is seen at 14, where the next stretch begins."""
    rule = Median(min=4, max=40, interval=10)
    log = [Suggested(number, Config()) for number in range(6)]
    for number in range(5):
        reports = [Reported(number, step, 1.0 if step < 5 else 0.1) for step in range(1, 40)]
        log += [*reports, Finished(number, TrialState.COMPLETE, (0.1,))]
    state, stopped = rule.tell(rule.init(SPEC), log), None
    for step in range(1, 40):
        state = rule.tell(state, [Reported(5, step, 0.5)])
        if rule.decide(state, 5, step) is Decision.STOP:
            stopped = step
            break
    assert stopped == 14
