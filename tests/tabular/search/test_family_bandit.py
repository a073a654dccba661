"""The sampler over families: laws of a sampler, and that good families get more trials."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from seasoned.errors import InvalidInput, PruneReason
from seasoned.samplers.checks import same
from seasoned.space import Choice, Space
from seasoned.space.parameters import Categorical, Float, Int
from seasoned.tabular.search.family_bandit import FamilyBandit
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState, WarmStart
from seasoned.trials.trial import Remaining

FAMILIES = Space(
    model=Choice(
        good=Space(x=Float(0, 1, default=0.5)),
        fair=Space(x=Float(0, 1, default=0.5), depth=Int(1, 9, default=3)),
        poor=Space(x=Float(0, 1, default=0.5)),
        fixed=Space(),
        broken=Space(x=Float(0, 1, default=0.5)),
    )
)
LOSS = {"good": 0.1, "fair": 0.2, "poor": 0.9, "fixed": 0.05}
DEFAULTS = tuple({"model": {name: space.default}} for name, space in FAMILIES.parameters["model"].options.items())


def play(sampler, numbers, state=None, seconds=1.0):
    """Each trial asked before the one before it ends, as two drivers do; returns the log and the state."""
    state = sampler.init(StudySpec(FAMILIES, seed=3, warm_start=sampler.warm_start)) if state is None else state
    log = []
    for number in numbers:
        (suggestion,), state = sampler.ask(state, [number])
        events = [Suggested(number, suggestion.config, suggestion.tag)]
        if number:
            events.append(_end(log, number - 1, seconds))
        state = sampler.tell(state, events)
        log += events
    return log, state


def _end(log, number, seconds):
    asked = next(event for event in log if isinstance(event, Suggested) and event.number == number)
    ((family, config),) = asked.config["model"].items()
    if family == "broken":
        return Finished(number, TrialState.FAILED, None, seconds, "it cannot")
    return Finished(number, TrialState.COMPLETE, (LOSS[family] + 0.01 * config.get("x", 0),), seconds)


def families(log):
    return Counter(next(iter(event.config["model"])) for event in log if isinstance(event, Suggested))


def test_good_families_get_more_trials_and_what_is_fixed_or_broken_gets_none():
    sampler = FamilyBandit(warm_start=WarmStart(configurations=DEFAULTS))
    log, _ = play(sampler, range(105))
    later = families(event for event in log if event.number >= len(DEFAULTS))
    assert later["good"] > later["fair"] > later["poor"] > 0
    assert later["fixed"] == 0
    assert later["broken"] == 0


def test_every_suggestion_is_valid():
    log, _ = play(FamilyBandit(), range(60))
    assert all(FAMILIES.check(event.config) == event.config for event in log if isinstance(event, Suggested))


@pytest.mark.parametrize("cut", [0, 1, 7, 40])
def test_the_state_is_a_fold_of_the_events(cut):
    sampler = FamilyBandit(warm_start=WarmStart(configurations=DEFAULTS))
    log, live = play(sampler, range(40))
    start = sampler.init(StudySpec(FAMILIES, seed=3, warm_start=sampler.warm_start))
    folded = sampler.tell(sampler.tell(start, log[:cut]), log[cut:])
    assert same(folded, live)
    assert sampler.ask(folded, [99])[0] == sampler.ask(live, [99])[0]


def test_timed_families_that_are_slow_come_less_often():
    sampler, counts = FamilyBandit(timed=True, warm_start=WarmStart(configurations=DEFAULTS)), {}
    for slow in (1.0, 100.0):
        state = sampler.init(StudySpec(FAMILIES, seed=3, warm_start=sampler.warm_start))
        log, _ = play(sampler, range(len(DEFAULTS)))
        state = sampler.tell(state, [_slower(event, log, slow) for event in log])
        asked = sampler.ask(state, range(100, 400))[0]
        counts[slow] = Counter(next(iter(suggestion.config["model"])) for suggestion in asked)["good"]
    assert counts[100.0] < 0.7 * counts[1.0]


def _slower(event, log, seconds):
    good = next(iter(DEFAULTS[0]["model"]))
    family = next(iter(next(e for e in log if isinstance(e, Suggested) and e.number == event.number).config["model"]))
    if isinstance(event, Finished) and family == good:
        return Finished(event.number, event.state, event.values, seconds, event.error)
    return event


def test_a_family_that_has_long_not_improved_waits_for_those_that_do():
    sampler = FamilyBandit(timed=True)
    start = sampler.init(StudySpec(FAMILIES, seed=3))
    shares = {}
    for name, losses in {
        "stuck": (0.1, 0.2, 0.2, 0.2, 0.2, 0.2),
        "improving": (0.2, 0.18, 0.16, 0.14, 0.12, 0.1),
    }.items():
        state = sampler.tell(start, _history({"good": losses, "fair": (0.3,) * 6}, seconds=2.0))
        asked = sampler.ask(state, range(100, 400))[0]
        shares[name] = Counter(next(iter(suggestion.config["model"])) for suggestion in asked)["good"]
    assert shares["stuck"] < 0.8 * shares["improving"]


def test_families_far_behind_the_best_are_drawn_less_beyond_what_is_luck():
    shares = {}
    for name, sampler in {
        "unknown": FamilyBandit(),
        "told": FamilyBandit(baseline=1.0),
        "lucky": FamilyBandit(baseline=1.0, luck=0.3),
        "worse than the baseline": FamilyBandit(baseline=0.05),
    }.items():
        state = sampler.init(StudySpec(FAMILIES, seed=3))
        state = sampler.tell(state, _history({"good": (0.1,), "fair": (0.12,), "poor": (0.4,)}, seconds=1.0))
        weights = sampler.weights(state, {})
        shares[name] = {family: weights[family] / weights["good"] for family in ("fair", "poor")}
    assert shares["unknown"] == pytest.approx({"fair": 0.7, "poor": 0.49})
    assert shares["told"] == pytest.approx(
        {"fair": 0.7 * math.exp(-0.02 / 0.9 / 0.015), "poor": 0.49 * math.exp(-0.3 / 0.9 / 0.015)}, abs=1e-3
    )
    assert shares["lucky"]["fair"] == pytest.approx(0.7)
    assert shares["told"]["poor"] < shares["lucky"]["poor"] < 0.49
    assert shares["worse than the baseline"] == shares["unknown"]


def test_a_family_that_cannot_predict_fast_enough_is_left_alone_after_some_trials():
    sampler = FamilyBandit()
    state = sampler.tell(sampler.init(StudySpec(FAMILIES, seed=3)), _history({"good": (0.1,)}, seconds=1.0))
    for count in range(1, 6):
        config = Config({"model": {"poor": {**FAMILIES.parameters["model"].options["poor"].default, "x": count / 9}}})
        slow = Finished(count, TrialState.PRUNED, None, 1.0, prune_reason=PruneReason.PREDICTION_TIME)
        state = sampler.tell(state, [Suggested(count, config), slow])
        assert ("poor" in sampler.weights(state, {})) == (count < 4)


def _history(losses, seconds):
    """Trials of families, one after the other."""
    events = []
    for family, values in losses.items():
        for place, value in enumerate(values):
            number = len(events) // 2
            config = Config(
                {"model": {family: {**FAMILIES.parameters["model"].options[family].default, "x": place / 9}}}
            )
            events += [Suggested(number, config), Finished(number, TrialState.COMPLETE, (value,), seconds)]
    return events


def test_a_family_whose_trials_would_be_cut_off_is_not_drawn_while_another_would_end():
    seconds = {"good": 8.0, "fair": 2.0, "poor": 1.0}
    for left, drawn in ((100.0, {"good", "fair", "poor"}), (3.0, {"fair", "poor"}), (0.1, {"good", "fair", "poor"})):
        sampler = FamilyBandit(timed=True, seconds=200.0)
        state, found = sampler.init(StudySpec(FAMILIES, seed=3)), set()
        state = sampler.tell(state, [Remaining(0, left / 200.0)])
        for number, (family, spent) in enumerate(seconds.items()):
            config = Config({"model": {family: dict(FAMILIES.parameters["model"].options[family].default)}})
            end = Finished(number, TrialState.COMPLETE, (LOSS[family],), spent)
            state = sampler.tell(state, [Suggested(number, config, None), end])
        for number in range(3, 60):
            (suggestion,), _ = sampler.ask(state, [number])
            found |= set(suggestion.config["model"])
        assert found == drawn


def test_what_a_trial_takes_is_told_by_those_that_came_to_their_end():
    """The race stops most of a family's trials after a fold, and those that are worth it take all of them."""
    sampler = FamilyBandit(timed=True, seconds=30.0)
    state = sampler.tell(sampler.init(StudySpec(FAMILIES, seed=3)), [Remaining(0, 0.1)])
    ends = [
        ("good", TrialState.COMPLETE, 8.0),
        *[("good", TrialState.PRUNED, 0.5)] * 9,
        ("fair", TrialState.COMPLETE, 2.0),
    ]
    for number, (family, ended, spent) in enumerate(ends):
        config = Config({"model": {family: {**FAMILIES.parameters["model"].options[family].default, "x": number / 11}}})
        values = (LOSS[family],) if ended is TrialState.COMPLETE else None
        state = sampler.tell(state, [Suggested(number, config, None), Finished(number, ended, values, spent)])
    found = {family for number in range(11, 60) for family in sampler.ask(state, [number])[0][0].config["model"]}
    assert found == {"fair"}


def test_a_family_s_first_trials_are_its_default_and_some_near_it():
    family = Space(x=Float(0, 1, default=0.5), depth=Int(1, 99, default=50), kind=Categorical(["a", "b"]))
    near = {}
    for seed in range(40):
        sampler = FamilyBandit()
        state = sampler.init(StudySpec(Space(model=Choice(only=family)), seed=seed))
        found = []
        for number in range(3):
            (given,), state = sampler.ask(state, [number])
            events = [Suggested(number, given.config), Finished(number, TrialState.COMPLETE, (1.0 + number,), 1.0)]
            state = sampler.tell(state, events)
            found.append(given.config["model"]["only"])
        assert found[0] == family.default
        assert found[1] != found[2]
        near[seed] = found[1:]
    moved = np.array([config["x"] for pair in near.values() for config in pair])
    assert 0.15 < np.std(moved - 0.5) < 0.35
    assert 0.05 < np.mean([config["kind"] == "b" for pair in near.values() for config in pair]) < 0.35
    assert len({str(pair) for pair in near.values()}) == 40  # each seed its own


def test_another_space_is_refused():
    with pytest.raises(InvalidInput, match="Choice of families"):
        FamilyBandit().init(StudySpec(Space(x=Float(0, 1))))


def test_families_begin_with_their_defaults_after_a_move_to_another_space_too():
    space = Space(model=Choice(one=Space(x=Float(0, 1, default=0.25)), two=Space(x=Float(0, 1, default=0.75))))
    search, moved = FamilyBandit(), StudySpec(space, seed=3, first=40)
    first = {}
    for suggestion in search.ask(search.init(moved), range(40, 52))[0]:
        ((family, settings),) = suggestion.config["model"].items()
        first.setdefault(family, settings["x"])
    assert first == {"one": 0.25, "two": 0.75}
