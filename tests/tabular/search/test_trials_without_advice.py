"""Trials without advice beside advised ones: families first, in time, and what is worked out is kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from advised import DEFAULTS, POOL, SPACE, guide, loss, play, sampler
from seasoned.space import Choice, Space
from seasoned.tabular.search.advised_sampler import AdvisedSampler
from seasoned.tabular.search.family_bandit import EXTERNAL, FamilyBandit, initial_configurations
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState, WarmStart
from seasoned.trials.trial import Remaining


def waiting(found, *, left=None, seconds=None):
    """A search of which the next trial is free, after one of family two that past tasks know."""
    search = AdvisedSampler(FamilyBandit(seconds=1e3), guide(seconds=seconds), DEFAULTS, left is not None, most=40.0)
    state = search.init(StudySpec(SPACE, seed=3))
    for number, config in enumerate(found):
        state = search.tell(state, [Suggested(number, Config(config), None)])
        state = search.tell(state, [Finished(number, TrialState.COMPLETE, (loss(config),), 1.0)])
    if left is not None:
        state = search.tell(state, [Remaining(0, left / 1e3)])
    return search, replace(state, credit=1.0)


def test_families_without_a_trial_come_first_among_free_ones():
    search, state = waiting([{"model": {"two": {"x": 0.7}}}])
    (suggestion,), _ = search.ask(state, [1])
    assert suggestion.config in [Config(DEFAULTS[0]), Config(DEFAULTS[2])]
    assert suggestion.tag is None
    search, state = waiting(DEFAULTS[:2])
    (suggestion,), _ = search.ask(state, [2])
    assert suggestion.config == Config(DEFAULTS[2])


@pytest.mark.parametrize(("left", "comes"), [(100.0, True), (5.0, False)])
def test_a_default_that_would_be_cut_off_is_not_begun(left, comes):
    seconds = np.full((20, len(POOL)), 0.5)
    seconds[:, [row for row, config in enumerate(POOL) if "three" in config["model"]]] = 100.0
    search, state = waiting(DEFAULTS[:2], left=left, seconds=seconds)
    assert (search._default(state) == DEFAULTS[2]) == comes
    for told in search._spent(state, np.arange(len(POOL))):
        assert told.max() == 40.0, "a trial is cut off then, and costs no more"


def test_advice_has_the_form_in_which_this_search_begins():
    hasty = {"model": {"two": {"x": 0.9}}}  # in the place of 0.5, which is in the pool
    found = AdvisedSampler(FamilyBandit(), guide(), (DEFAULTS[0], hasty))
    (row,) = [row for row, config in enumerate(POOL) if config == DEFAULTS[1]]
    assert found._form_of(row) == hasty
    assert found._form_of(row + 1) == POOL[row + 1]


def test_families_without_settings_are_tried_once():
    space = Space(model=Choice(one=Space(), two=Space()))
    starts = ({"model": {"one": {}}}, {"model": {"two": {}}})
    cold = FamilyBandit(warm_start=WarmStart(configurations=starts))
    assert cold.capacity(cold.init(StudySpec(space, warm_start=cold.warm_start))) == 2
    warm = sampler()
    assert warm.capacity(warm.init(StudySpec(SPACE))) is None


def test_advised_trials_take_no_place_of_those_near_a_family_s_default():
    near = [config["x"] for config in initial_configurations(SPACE.parameters["model"].options["two"], 3)[1:]]
    alone = FamilyBandit()
    state = alone.init(StudySpec(Space(model=Choice(two=SPACE.parameters["model"].options["two"])), seed=3))
    tried = [(DEFAULTS[1], None), *[({"model": {"two": {"x": x}}}, EXTERNAL) for x in (0.75, 1.0, 0.625)]]
    for number, (config, tag) in enumerate(tried):
        ended = Finished(number, TrialState.COMPLETE, (loss(config),), 1.0)
        state = alone.tell(state, [Suggested(number, Config(config), tag), ended])
    found = []
    for number in range(len(tried), len(tried) + 4):
        (given,), state = alone.ask(state, [number])
        state = alone.tell(state, [Suggested(number, given.config, given.tag)])
        found.append(given.config["model"]["two"]["x"])
    assert found[:2] == near
    assert not set(found[2:]) & {*near, 0.5}


def test_what_is_advised_is_told_as_another_search_s():
    found = sampler()
    _, state = play(found, 12)
    of = {number: family for number, family in state.families.items() if number in state.led}
    assert of, "some trials are advised"
    configs = {number: found.guide.configs[state.rows[number]] for number in of}
    expected = Counter(of[number] for number, config in configs.items() if config not in DEFAULTS)
    assert {family: count for family, count in state.free.guests.items() if count} == expected


def test_a_default_that_is_advised_is_no_guest():
    """It is the family's first trial, and is not tried again when the family is drawn."""
    search, state = waiting([])
    for number, config in enumerate((DEFAULTS[1], POOL[10])):
        asked = Suggested(number, Config(config), {"advised": POOL.index(config)})
        state = search.tell(state, [asked, Finished(number, TrialState.COMPLETE, (loss(config),), 1.0)])
    assert state.free.guests == {"two": 1}
    (given,), _ = search.free.ask(state.free, [2])
    assert (
        given.config["model"]["two"]["x"] == initial_configurations(SPACE.parameters["model"].options["two"], 3)[1]["x"]
    )
