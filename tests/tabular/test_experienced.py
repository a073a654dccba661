"""The search with experience: a sampler's laws; good advice is followed, and bad advice costs few trials."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.knowledge.recall import Recalled
from seasoned.samplers.checks import same
from seasoned.space import Choice, Float, Space
from seasoned.tabular.experienced import Experienced
from seasoned.tabular.guide import Guide, Scene
from seasoned.tabular.pipeline import textual
from seasoned.tabular.steering import Promising
from seasoned.trials import Asked, Config, Finished, StudySpec, TrialState, WarmStart

SPACE = Space(
    model=Choice(
        one=Space(x=Float(0, 1, default=0.5)), two=Space(x=Float(0, 1, default=0.5)), three=Space(x=Float(0, 1))
    )
)
DEFAULTS = tuple({"model": {name: dict(space.default)}} for name, space in SPACE.parameters["model"].options.items())
POOL = tuple({"model": {name: {"x": x / 8}}} for name in ("one", "two", "three") for x in range(9))
SCENE = Scene({}, -0.5, "binary", "roc_auc", (1000, 10), 5, "f")
FEATURES = 34


def loss(config, centre=0.8, best="two"):
    """Losses from -0.9 (the best) upwards; -0.5 is what the same prediction for all rows has."""
    ((family, settings),) = config["model"].items()
    return -0.9 + 0.2 * abs(settings["x"] - centre) + (0.0 if family == best else 0.08)


def guide(scores=None, seconds=None, weights=None):
    rng = np.random.default_rng(0)
    if scores is None:
        true = np.array([[loss(config) for config in POOL]])
        scores = (true + 0.01 * rng.normal(size=(20, len(POOL))) + 0.5) / 0.5
    count = len(scores)
    seconds = np.ones_like(scores) if seconds is None else seconds
    weights = np.full(count, 1 / count) if weights is None else weights
    metafeatures = np.full((count, FEATURES), 3.0)  # log10 of 1,000 rows among them
    names = tuple(f"t{number}" for number in range(count))
    recalled = Recalled(POOL, scores, seconds, np.zeros(scores.shape, bool), weights, metafeatures, names, {"id": "0"})
    return Guide(recalled, SCENE, SPACE, 60.0)


def sampler(found=None, *, timed=False):
    first = WarmStart(configurations=DEFAULTS[:1])
    return Experienced(Promising(), found or guide(), DEFAULTS, timed, warm_start=first)


def finish(log, number, cost=loss):
    asked = next(event for event in log if isinstance(event, Asked) and event.number == number)
    if number % 11 == 6:
        return Finished(number, TrialState.FAILED, None, 0.5, "it failed")
    if number % 11 == 8:
        return Finished(number, TrialState.PRUNED, None, 0.5, "it was poor")
    return Finished(number, TrialState.COMPLETE, (cost(asked.config),), 1.0)


def play(found, count, state=None, cost=loss):
    """Two drivers: each trial is asked before the one before it ends."""
    state = found.init(StudySpec(SPACE, seed=3, warm_start=found.warm_start)) if state is None else state
    log = []
    for number in range(count):
        (suggestion,), _ = found.ask(state, [number])
        events = [Asked(number, suggestion.config, suggestion.tag)]
        if number:
            events.append(finish(log, number - 1, cost))
        state = found.tell(state, events)
        log += events
    return log, state


def best_after(log, count, cost=loss):
    asked = [event.config for event in log if isinstance(event, Asked)][:count]
    return min(cost(config) for config in asked)


@pytest.mark.parametrize("timed", [False, True])
def test_the_state_is_a_fold_of_the_log(timed):
    found = sampler(timed=timed)
    log, live = play(found, 30)
    fresh = found.init(StudySpec(SPACE, seed=3, warm_start=found.warm_start))
    assert same(found.tell(fresh, log), live)
    half = len(log) // 2
    assert same(found.tell(found.tell(fresh, log[:half]), log[half:]), live)
    (one,), _ = found.ask(live, [40])
    (again,), _ = found.ask(found.tell(fresh, log), [40])
    assert one == again


def test_nothing_is_tried_twice_and_all_is_valid():
    log, _ = play(sampler(), 60)
    asked = [event.config for event in log if isinstance(event, Asked)]
    assert all(SPACE.contains(config) for config in asked)
    pool = [config for config in asked if config in POOL]
    assert len(pool) == len({Config(config) for config in pool})


def test_several_numbers_at_once_get_different_configurations():
    found = sampler()
    state = found.init(StudySpec(SPACE, seed=3, warm_start=found.warm_start))
    suggestions, _ = found.ask(state, [0, 1, 2, 3])
    assert len({Config(suggestion.config) for suggestion in suggestions}) == 4


def test_the_warm_start_comes_first_and_then_what_past_tasks_found_best():
    log, _ = play(sampler(), 3)
    asked = [event.config for event in log if isinstance(event, Asked)]
    assert dict(asked[0]) == DEFAULTS[0]
    assert min(loss(config) for config in asked[1:3]) == min(loss(config) for config in POOL)


def test_good_advice_is_faster_than_none():
    cold = Promising(warm_start=WarmStart(configurations=DEFAULTS))
    state = cold.init(StudySpec(SPACE, seed=3, warm_start=cold.warm_start))
    log = []
    for number in range(6):
        (suggestion,), _ = cold.ask(state, [number])
        log.append(Asked(number, suggestion.config))
        state = cold.tell(state, [log[-1], Finished(number, TrialState.COMPLETE, (loss(suggestion.config),), 1.0)])
    assert best_after(play(sampler(), 6)[0], 6) < best_after(log, 6)


def test_poisoned_advice_costs_few_trials():
    """Past tasks say the opposite of the truth: all families' defaults are tried, and then most trials are free."""
    true = np.array([loss(config) for config in POOL])
    wrong = (-1.0 - true[None] + 0.01 * np.random.default_rng(1).normal(size=(20, len(POOL)))) / 0.5
    log, state = play(sampler(guide(wrong)), 30)
    free = [not (event.tag and "advised" in event.tag) for event in log if isinstance(event, Asked)]
    assert state.advised.share > 0.4  # it began at 0.05
    assert len(state.led) <= 6
    assert sum(free[12:]) >= 16
    asked = [event.config for event in log if isinstance(event, Asked)]
    assert all(Config(config) in asked for config in DEFAULTS)


def test_the_share_of_free_trials_grows_even_with_good_advice():
    log, _ = play(sampler(), 60)
    free = [not (event.tag and "advised" in event.tag) for event in log if isinstance(event, Asked)]
    assert free[:3] == [True, False, False]  # a default, then advice
    assert sum(free[40:]) >= 10


def test_slow_configurations_come_later_where_time_counts():
    levels = np.logspace(-1, 1, 20)  # some tasks are slow as a whole
    slow = levels[:, None] * np.ones((20, len(POOL)))
    place = min(range(len(POOL)), key=lambda row: loss(POOL[row]))
    slow[:, place] *= 1000.0
    found = guide(seconds=slow)
    rows = np.arange(len(POOL))
    predicted = found.spent({}, rows)
    assert predicted[place] > 50 * np.median(predicted)
    log, _ = play(sampler(found, timed=True), 3)
    asked = [event.config for event in log if isinstance(event, Asked)]
    assert POOL[place] not in [dict(config) for config in asked]
    seen = found.spent({0: 200.0, 1: 200.0, 2: 200.0}, rows)
    assert np.median(seen) > 2 * np.median(predicted)  # three trials were slower than thought


@pytest.mark.parametrize("ending", [TrialState.PRUNED, TrialState.FAILED])
def test_seconds_of_half_a_trial_are_not_those_of_a_whole_one(ending):
    found = sampler()
    state = found.init(StudySpec(SPACE, seed=3, warm_start=found.warm_start))
    asked = [Asked(number, Config(POOL[number]), None) for number in range(2)]
    ends = [Finished(0, TrialState.COMPLETE, (-0.7,), 4.0), Finished(1, ending, None, 0.1, "it was stopped")]
    state = found.tell(state, [*asked, *ends])
    assert state.rows == {0: 0, 1: 1}
    assert state.seconds == {0: 4.0}


def test_what_failed_before_is_expected_to_gain_less():
    plain = guide()
    place = min(range(len(POOL)), key=lambda row: loss(POOL[row]))
    failing = plain.recalled.failed.copy()
    failing[:10, place] = True
    scores = plain.recalled.scores.copy()
    scores[:10, place] = np.nan
    parts = {name: getattr(plain.recalled, name) for name in ("configs", "seconds", "weights", "metafeatures", "names")}
    found = Guide(Recalled(scores=scores, failed=failing, about={}, **parts), SCENE, SPACE, 60.0)
    state = found_state()
    rows = np.array([place])
    assert found.gains(state, rows) < 0.6 * plain.gains(state, rows)


def found_state():
    return sampler().init(StudySpec(SPACE, seed=0)).advised


def test_it_tells_which_tasks_were_similar():
    weights = np.full(20, 0.5 / 19)
    weights[7] = 0.5
    told = guide(weights=weights).told()
    assert told["similar"][0]["name"] == "t7"
    assert told["similar"][0]["model"] == "two"
    assert told["tasks"] == 20


def told(found, *trials):
    """The state after trials: whether advised, configuration and loss of each."""
    state = found.init(StudySpec(SPACE, seed=3))
    for number, (advised, config, value) in enumerate(trials):
        tag = {"advised": found.guide.row_of(textual(config))} if advised else None
        state = found.tell(state, [Asked(number, Config(config), tag)])
        state = found.tell(state, [Finished(number, TrialState.COMPLETE, (value,), 1.0)])
    return state


def test_a_trial_is_booked_to_who_chose_it():
    found = sampler()
    free = [(False, POOL[row], loss(POOL[row])) for row in range(4)]
    led = [(True, *trial[1:]) for trial in free]
    best = (POOL[16], loss(POOL[16]))  # better than all of these
    (before, after) = (told(found, *led).advised, told(found, *led, (True, *best)).advised)
    cold = told(found, *led, (False, *best)).advised
    assert cold.errors[0] - after.errors[0] == pytest.approx(0.5), "it found the best, which speaks against the advice"
    assert cold.errors[1] == pytest.approx(after.errors[1])
    assert cold.share > after.share
    assert after.scores == cold.scores == (*before.scores, found.guide.relative(best[1]))


def test_what_a_trial_beyond_past_tasks_has_reached_is_not_to_be_gained_again():
    found = sampler()
    led = [(True, POOL[row], loss(POOL[row])) for row in range(4)]
    rows = np.arange(4, len(POOL))
    before, after = told(found, *led), told(found, *led, (False, {"model": {"two": {"x": 0.7999}}}, -0.9))
    assert after.advised.scores == before.advised.scores
    assert after.advised.outside == pytest.approx(found.guide.relative(-0.9))
    was, now = (found.guide.gains(state.advised, rows) for state in (before, after))
    assert now.max() < 0.3 * was.max()
    poor = told(found, *led, (False, {"model": {"two": {"x": 0.1}}}, -0.5))
    np.testing.assert_allclose(found.guide.gains(poor.advised, rows), was)
