"""What trials have brought to the ensemble, family by family."""

from __future__ import annotations

import math

import pytest

from seasoned.tabular.gains import Gains


def test_the_first_loss_and_one_that_rises_are_no_gain():
    gains = Gains()
    gains.note(1.0, {"a": 3}, {"a": 1.0})
    assert gains.expected() == {}
    gains.note(1.2, {"a": 1}, {"a": 1.0})
    gains.note(math.nan, {"a": 1}, {"a": 1.0})
    assert gains.expected() == {}
    gains.note(1.1, {"a": 1}, {"a": 1.0})
    assert gains.expected()["a"] > 0


def test_a_gain_is_shared_by_the_weight_of_the_new_trials():
    gains = Gains()
    gains.note(1.0, {}, {})
    gains.note(0.6, {"a": 1, "b": 1, "c": 1}, {"a": 0.3, "b": 0.1})
    found = gains.expected()
    mean = 0.4 / 3
    assert found == pytest.approx({"a": (0.3 + 2 * mean) / 3, "b": (0.1 + 2 * mean) / 3, "c": 2 * mean / 3})


def test_what_a_family_s_first_trials_bring_tells_nothing_of_the_next_ones():
    gains = Gains(first=False)
    gains.note(1.0, {"early": 1}, {"early": 1.0})
    gains.note(0.3, {"late": 1}, {"late": 1.0})
    assert gains.expected() == {}
    gains.note(0.2, {"early": 1, "late": 1}, {"late": 1.0})
    assert gains.expected()["late"] > gains.expected()["early"]


def test_what_was_gained_long_ago_fades_with_the_family_s_own_trials():
    gains = Gains()
    gains.note(1.0, {"a": 1, "b": 1}, {})
    gains.note(0.5, {"a": 1, "b": 1}, {"a": 1.0, "b": 1.0})
    before = gains.expected()
    assert before["a"] == before["b"]
    for _ in range(10):
        gains.note(0.5, {"a": 1}, {})
    after = gains.expected()
    assert after["a"] < 0.35 * after["b"]
