"""What rules of fidelity may be told, and reports that are not where a rule looks first."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seasoned import Float, Space
from seasoned.errors import InvalidInput
from seasoned.fidelity import ASHA, Curve, Hyperband, Median, SuccessiveHalving
from seasoned.fidelity.base import Decision
from seasoned.fidelity.curve import forecast
from seasoned.trials import Config, Finished, Reported, StudySpec, Suggested, TrialState

SPEC = StudySpec(Space(x=Float(0, 1)))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: SuccessiveHalving(size=2.5), "size is 2.5"),
        (lambda: SuccessiveHalving(size=0), "size is 0"),
        (lambda: ASHA(eta=math.inf), "eta is inf"),
        (lambda: ASHA(eta="3"), "eta is '3'"),
        (lambda: Median(startup=2.5), "startup is 2.5"),
        (lambda: Median(interval=0), "interval is 0"),
        (lambda: Curve(startup=True), "startup is True"),
    ],
)
def test_wrong_settings_are_named(make, says):
    with pytest.raises(InvalidInput, match=says):
        make()


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


def test_each_stretch_is_compared_once():
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


def test_a_forecast_costs_what_was_reported_and_not_what_could_be():
    steps = [10**5, 2 * 10**5, 4 * 10**5, 8 * 10**5]
    found = forecast({step: 0.2 + step**-0.5 for step in steps}, 10**9)
    assert found is not None
    assert 0.19 < found.mean < 0.2013
    near = forecast({step: 0.2 + step**-0.5 for step in range(1, 20)}, 100)
    np.testing.assert_allclose(near.mean, 0.3, atol=0.02)


def test_a_flat_curve_is_as_sure_in_any_unit():
    """A loss that has stood at 0.002 for ten epochs, with a best of 0.001, is as hopeless as one of 2,000 and 1,000."""
    flat = [forecast(dict.fromkeys(range(1, 11), 2 * unit), 81) for unit in (1e-3, 1.0, 1e3)]
    chances = [found.below(unit) for found, unit in zip(flat, (1e-3, 1.0, 1e3), strict=True)]
    assert chances == pytest.approx([chances[0]] * 3)
    assert chances[0] < 0.05


def test_a_round_of_hyperband_is_worked_out_as_far_as_it_goes():
    """A round of 18 rungs has hundreds of millions of trials; nobody waits for them, and the first are as in any."""
    rungs = [Hyperband(max=10**8).rungs_of(place) for place in range(200)]
    bold = [steps[0] for steps in rungs].count(1)
    assert rungs[0] == Hyperband(max=10**8).levels
    assert 100 < bold < 160, "two thirds of the trials begin at the first rung"
    small = [Hyperband(max=9).rungs_of(place)[0] for place in range(2 * 17)]
    assert small[:17] == small[17:], "a round has 9 + 5 + 3 trials"
    assert [small[:17].count(step) for step in (1, 3, 9)] == [9, 5, 3]
