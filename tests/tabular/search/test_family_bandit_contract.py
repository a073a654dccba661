"""The sampler over families against the contract kit of samplers, in spaces of two families."""

from __future__ import annotations

import pytest

from seasoned.samplers.checks import SAMPLER_CHECKS
from seasoned.space import Choice, Space
from seasoned.space.parameters import Float
from seasoned.tabular.search.family_bandit import FamilyBandit


def families(space):
    return Space(model=Choice(one=space, two=Space(x=Float(0, 1))))


@pytest.mark.parametrize("check", SAMPLER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("timed", [False, True])
def test_contract(check, timed):
    check(lambda: FamilyBandit(timed, seconds=10.0), families)
