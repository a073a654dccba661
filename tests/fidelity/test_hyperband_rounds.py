"""Rounds of Hyperband: the first rungs of trials in very long rounds."""

from __future__ import annotations

from seasoned.fidelity import Hyperband


def test_a_round_of_hyperband_is_computed_only_as_far_as_needed():
    """A round of 18 rungs has hundreds of millions of trials; nobody waits for them, and the first are as in any."""
    rungs = [Hyperband(max=10**8).rungs_of(place) for place in range(200)]
    bold = [steps[0] for steps in rungs].count(1)
    assert rungs[0] == Hyperband(max=10**8).levels
    assert 100 < bold < 160, "two thirds of the trials begin at the first rung"
    small = [Hyperband(max=9).rungs_of(place)[0] for place in range(2 * 17)]
    assert small[:17] == small[17:], "a round has 9 + 5 + 3 trials"
    assert [small[:17].count(step) for step in (1, 3, 9)] == [9, 5, 3]
