"""Contract of the rules of fidelity, checked for each rule. A new rule adds one row to RULES."""

from __future__ import annotations

import pytest
from broken_rules import BROKEN

from seasoned.fidelity import ASHA, Curve, Hyperband, Median, Racing, SuccessiveHalving
from seasoned.fidelity.checks import FIDELITY_CHECKS
from seasoned.fidelity.sampler_per_rung import ByRung
from seasoned.samplers import TPE, Random
from seasoned.samplers.checks import SAMPLER_CHECKS

RULES = {
    "asha": lambda: ASHA(max=27),
    "asha-late": lambda: ASHA(min=4, max=30, eta=4),
    "asha-promote": lambda: ASHA(max=27, promote=True),
    "successive-halving": lambda: SuccessiveHalving(max=9),
    "hyperband": lambda: Hyperband(max=27),
    "hyperband-promote": lambda: Hyperband(max=27, promote=True),
    "median": lambda: Median(max=27),
    "median-late": lambda: Median(min=3, max=20, startup=3, interval=4),
    "racing": lambda: Racing(max=10),
    "curve": lambda: Curve(max=27),
}


@pytest.mark.parametrize("check", FIDELITY_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", RULES)
def test_a_rule_keeps_the_contract(name, check):
    check(RULES[name])


@pytest.mark.parametrize("check", SAMPLER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("sampler", [Random, TPE])
def test_a_sampler_per_rung_keeps_the_sampler_contract(sampler, check):
    check(lambda: ByRung(sampler(), (1, 3, 9)))


@pytest.mark.parametrize(("check", "name"), [(check, name) for check, rules in BROKEN.items() for name in rules])
def test_a_broken_rule_fails_its_check(check, name):
    (checked,) = (found for found in FIDELITY_CHECKS if found.__name__ == check)
    with pytest.raises(AssertionError, match=r"\w+ .*\.$"):
        checked(BROKEN[check][name])


def test_every_check_finds_a_broken_rule():
    assert set(BROKEN) == {check.__name__ for check in FIDELITY_CHECKS}
