"""The search with experience: a sampler's laws; good advice is followed, and bad advice costs few trials."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from advised import DEFAULTS, FEATURES, POOL, SCENE, SPACE, guide, loss, play, sampler
from seasoned.knowledge.advice.similar_tasks import SimilarTasks
from seasoned.knowledge.experience.locations import Places
from seasoned.knowledge.meta_features.meta_features import METAFEATURES
from seasoned.samplers.checks import same
from seasoned.tabular.experience.advice import TaskAdvice, family_of, guide_for
from seasoned.tabular.features.pipeline import starts_with_features
from seasoned.tabular.models._common.target_transforms import SCALE
from seasoned.tabular.models.registry import MODELS, NAMED_ONLY, choose, joint_space
from seasoned.tabular.search.advised_sampler import AdvisedSampler
from seasoned.tabular.search.family_bandit import FamilyBandit
from seasoned.tabular.search.initial_configurations import first_configurations
from seasoned.tabular.trial.configuration import VERSION, current, textual
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState, WarmStart
from seasoned.trials.trial import Remaining


def best_after(log, count, cost=loss):
    asked = [event.config for event in log if isinstance(event, Suggested)][:count]
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
    asked = [event.config for event in log if isinstance(event, Suggested)]
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
    asked = [event.config for event in log if isinstance(event, Suggested)]
    assert dict(asked[0]) == DEFAULTS[0]
    assert min(loss(config) for config in asked[1:3]) == min(loss(config) for config in POOL)


def test_good_advice_is_faster_than_none():
    cold = FamilyBandit(warm_start=WarmStart(configurations=DEFAULTS))
    state = cold.init(StudySpec(SPACE, seed=3, warm_start=cold.warm_start))
    log = []
    for number in range(6):
        (suggestion,), _ = cold.ask(state, [number])
        log.append(Suggested(number, suggestion.config))
        state = cold.tell(state, [log[-1], Finished(number, TrialState.COMPLETE, (loss(suggestion.config),), 1.0)])
    assert best_after(play(sampler(), 6)[0], 6) < best_after(log, 6)


def test_poisoned_advice_costs_few_trials():
    """Past tasks say the opposite of the truth: all families' defaults are tried, and then most trials are free."""
    true = np.array([loss(config) for config in POOL])
    wrong = (-1.0 - true[None] + 0.01 * np.random.default_rng(1).normal(size=(20, len(POOL)))) / 0.5
    log, state = play(sampler(guide(wrong)), 30)
    free = [not (event.tag and "advised" in event.tag) for event in log if isinstance(event, Suggested)]
    assert state.advised.share > 0.4  # it began at 0.05
    assert len(state.led) <= 6
    assert sum(free[12:]) >= 16
    asked = [event.config for event in log if isinstance(event, Suggested)]
    assert all(Config(config) in asked for config in DEFAULTS)


def test_the_share_of_free_trials_grows_even_with_good_advice():
    log, _ = play(sampler(), 60)
    free = [not (event.tag and "advised" in event.tag) for event in log if isinstance(event, Suggested)]
    assert free[:4] == [True, True, False, False]  # defaults that are worth something, then advice
    assert sum(free[40:]) >= 10


def test_slow_configurations_come_later_where_time_counts():
    levels = np.logspace(-1, 1, 20)  # some tasks are slow as a whole
    slow = levels[:, None] * np.ones((20, len(POOL)))
    place = min(range(len(POOL)), key=lambda row: loss(POOL[row]))
    slow[:, place] *= 1000.0
    found = guide(seconds=slow)
    rows = np.arange(len(POOL))
    predicted = found.expected_seconds({}, rows)
    assert predicted[place] > 50 * np.median(predicted)
    log, _ = play(sampler(found, timed=True), 3)
    asked = [event.config for event in log if isinstance(event, Suggested)]
    assert POOL[place] not in [dict(config) for config in asked]
    seen = found.expected_seconds({0: 200.0, 1: 200.0, 2: 200.0}, rows)
    assert np.median(seen) > 2 * np.median(predicted)  # three trials were slower than thought


@pytest.mark.parametrize("ending", [TrialState.PRUNED, TrialState.FAILED])
def test_seconds_of_half_a_trial_are_not_those_of_a_whole_one(ending):
    found = sampler()
    state = found.init(StudySpec(SPACE, seed=3, warm_start=found.warm_start))
    asked = [Suggested(number, Config(POOL[number]), None) for number in range(2)]
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
    found = TaskAdvice(SimilarTasks(scores=scores, failed=failing, about={}, **parts), SCENE, SPACE, 60.0)
    state = found_state()
    rows = np.array([place])
    assert found.gains(state, rows) < 0.6 * plain.gains(state, rows)


def found_state():
    return sampler().init(StudySpec(SPACE, seed=0)).advised


def test_it_tells_which_tasks_were_similar():
    weights = np.full(20, 0.5 / 19)
    weights[7] = 0.5
    told = guide(weights=weights).summary()
    assert told["similar"][0]["name"] == "t7"
    assert told["similar"][0]["model"] == "two"
    assert told["tasks"] == 20


def told(found, *trials):
    """The state after trials: whether advised, configuration and loss of each."""
    state = found.init(StudySpec(SPACE, seed=3))
    for number, (advised, config, value) in enumerate(trials):
        tag = {"advised": found.guide.row_of(textual(config))} if advised else None
        state = found.tell(state, [Suggested(number, Config(config), tag)])
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
    assert after.advised.outside == {found.guide.kind_of("two"): pytest.approx(found.guide.relative(-0.9))}
    was, now = (found.guide.gains(state.advised, rows) for state in (before, after))
    assert now.max() < 0.3 * was.max()
    assert after.advised.share > before.advised.share, "who needed no advice has found the best"
    poor = told(found, *led, (False, {"model": {"two": {"x": 0.1}}}, -0.5))
    assert poor.advised.share <= before.advised.share
    np.testing.assert_allclose(found.guide.gains(poor.advised, rows), was)


# ------------------------------------------------------------------ what did not come to its end


def ended(found, *trials):
    """The state after trials of configurations: how each ended, with which loss and seconds."""
    state = found.init(StudySpec(SPACE, seed=3))
    for number, (config, how, value, seconds) in enumerate(trials):
        values = None if value is None else (value,)
        state = found.tell(state, [Suggested(number, Config(config), None)])
        state = found.tell(state, [Finished(number, how, values, seconds, None if values else "it ended")])
    return state


def slow_as_a_whole():
    """Past tasks that differ in how slow they are, by a factor of a hundred, and family two is the slowest on each."""
    levels = np.logspace(-1, 1, 20)[:, None] * np.random.default_rng(2).uniform(0.9, 1.1, (20, len(POOL)))
    own = np.array([5.0 if "two" in config["model"] else 1.0 for config in POOL])
    return levels * own


def test_a_trial_that_ran_into_its_limit_makes_the_next_of_its_family_dearer():
    found = sampler(guide(seconds=slow_as_a_whole()), timed=True)
    two = np.array([row for row, config in enumerate(POOL) if "two" in config["model"]])
    first = two[0]
    before = found.guide.expected_seconds({}, two[1:])
    killed = ended(found, (POOL[first], TrialState.FAILED, None, 60.0))
    assert killed.seconds == {}
    assert killed.least == {first: 60.0}
    after = found.guide.expected_seconds(killed.seconds, two[1:], killed.least)
    assert (after > 2.5 * before).all()
    quick = ended(found, (POOL[first], TrialState.FAILED, None, 0.01))  # a bound that says nothing
    assert found.guide.expected_seconds(quick.seconds, two[1:], quick.least) == pytest.approx(before)
    done = ended(found, (POOL[first], TrialState.FAILED, None, 60.0), (POOL[first], TrialState.COMPLETE, -0.8, 2.0))
    assert found.guide.expected_seconds(done.seconds, two[1:], done.least) == pytest.approx(
        found.guide.expected_seconds({first: 2.0}, two[1:])
    )


def test_what_fails_takes_its_family_along():
    found = sampler()
    rows = np.arange(len(POOL))
    two = np.array(["two" in config["model"] for config in POOL])
    outside = {"model": {"two": {"x": 0.123}}}  # none that past tasks know
    plain = found.guide.gains(found_state(), rows)
    state = ended(found, (outside, TrialState.FAILED, None, 1.0))
    assert state.ended == {"two": (0, 1)}
    gains = found.guide.gains(found_state(), rows, state.ended)
    assert gains[two] == pytest.approx(0.5 * plain[two])
    assert gains[~two] == pytest.approx(plain[~two])
    again = ended(found, *[(outside, TrialState.FAILED, None, 1.0)] * 3).ended
    assert found.guide.gains(found_state(), rows, again)[two] == pytest.approx(0.25 * plain[two])
    mixed = ended(found, *[(outside, TrialState.COMPLETE, -0.7, 1.0)] * 3, (outside, TrialState.FAILED, None, 1.0))
    assert found.guide.gains(found_state(), rows, mixed.ended)[two] == pytest.approx(0.8 * plain[two])


def test_another_family_is_advised_after_time_outs():
    """The best of the past is of a family that fails here: it is not tried again and again."""
    found = sampler(timed=True)  # all take as long on past tasks
    state = ended(found, *[(POOL[row], TrialState.FAILED, None, 60.0) for row in (15, 16, 14)])
    (suggestion,), _ = found.ask(state, [3])
    assert "two" not in suggestion.config["model"]


def test_what_the_race_stopped_speaks_neither_for_the_advice_nor_against_it():
    found = sampler()
    good = [(POOL[row], TrialState.COMPLETE, -0.84 + 0.01 * row, 1.0) for row in range(4)]
    before, stopped = ended(found, *good), ended(found, *good, (POOL[16], TrialState.PRUNED, None, 0.5))
    assert stopped.advised.errors == before.advised.errors
    assert len(stopped.advised.scores) == 5
    whole = ended(found, *good, (POOL[16], TrialState.COMPLETE, -0.9, 0.5))
    assert whole.advised.errors != before.advised.errors


def test_what_the_race_stopped_is_told_as_clearly_worse_than_the_best():
    found = sampler()
    good = [(POOL[9], TrialState.COMPLETE, -0.84), (POOL[10], TrialState.COMPLETE, -0.83)]
    relative = found.guide.relative
    state = ended(found, *[(*one, 1.0) for one in good], (POOL[3], TrialState.PRUNED, None, 0.5))
    assert state.advised.rows == (9, 10, 3)
    best = relative(-0.84)
    assert state.advised.scores[2] == pytest.approx(best + 0.1 * (0.0 - best))
    outside = {"model": {"two": {"x": 0.7999}}}  # the best trial is none that past tasks know
    free = ended(found, (outside, TrialState.COMPLETE, -0.9, 1.0), (POOL[3], TrialState.PRUNED, None, 0.5))
    assert free.advised.scores == pytest.approx((0.9 * relative(-0.9),))
    assert ended(found, (POOL[3], TrialState.PRUNED, None, 0.5)).advised.scores == ()  # nothing to compare it with


def test_what_may_have_been_stopped_by_its_own_family_is_told_as_halfway_to_what_all_are_stopped_for():
    found = sampler()
    ((family, _),) = POOL[9]["model"].items()
    kin = next(row for row, config in enumerate(POOL) if row not in {9, 10} and family in config["model"])
    state = ended(found, (POOL[9], TrialState.COMPLETE, -0.84, 1.0), (POOL[kin], TrialState.PRUNED, None, 0.5))
    assert state.advised.scores[1] == pytest.approx(0.95 * found.guide.relative(-0.84))
    assert state.bests == {family: pytest.approx(found.guide.relative(-0.84))}


def test_a_start_with_another_rate_counts_as_the_default_that_past_tasks_know():
    hasty = {"model": {"two": {"x": 0.9}}}  # in the place of 0.5, which is in the pool
    first = WarmStart(configurations=DEFAULTS[:1])
    found = AdvisedSampler(FamilyBandit(), guide(), (DEFAULTS[0], hasty), warm_start=first)
    (default,) = [row for row, config in enumerate(POOL) if config == DEFAULTS[1]]
    state = ended(found, (hasty, TrialState.COMPLETE, -0.8, 3.0))
    assert state.rows == {0: default}
    assert state.seconds == {default: 3.0}
    assert state.advised.rows == (default,)
    assert not state.advised.outside
    other = ended(found, ({"model": {"two": {"x": 0.91}}}, TrialState.COMPLETE, -0.8, 3.0))  # no start
    assert other.rows == {}


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_first_configurations_of_every_family_are_known_by_their_defaults(task):
    """As on a large table, or for CatBoost a small one; those that make features stand for nothing else."""
    models = [model for name, model in MODELS.items() if name not in NAMED_ONLY]
    space = joint_space(models, task, ["arithmetic"])
    plain = joint_space(models, task)
    recorded = [{"model": {model.name: dict(model.space(task).default)}} for model in models]
    configs = tuple(current(config, VERSION, space) for config in recorded)
    scores = np.random.default_rng(0).normal(size=(5, len(configs))) - 1.0
    rest = (np.ones_like(scores), scores > 9, np.full(5, 0.2), np.full((5, FEATURES), 3.0), tuple("abcde"), {})
    found = TaskAdvice(SimilarTasks(configs, scores, *rest), SCENE, space, 60.0)
    starts = first_configurations(models, task, 4.0, 1000)
    changed = [start for start, config in zip(starts, recorded, strict=True) if start != config]
    assert len(changed) >= 2
    assert all(plain.contains(start) for start in starts)
    with_features = starts_with_features(starts, space)
    rows = [found.row_of_start(start) for start in with_features]
    assert rows == [*range(len(models)), None, None]
    assert [found.row_of(textual(start)) for start in changed] == [None] * len(changed)


def test_free_trials_begin_with_what_past_tasks_do_not_know():
    models = choose(["linear", "lightgbm"])
    space = joint_space(models, "regression", logarithm=True)
    configs = tuple(
        current({"model": {model.name: dict(model.space("regression").default)}}, VERSION, space) for model in models
    )
    scores = np.random.default_rng(0).normal(size=(5, len(configs))) - 1.0
    rest = (np.ones_like(scores), scores > 9, np.full(5, 0.2), np.full((5, FEATURES), 3.0), tuple("abcde"), {})
    found = TaskAdvice(SimilarTasks(configs, scores, *rest), SCENE, space, 60.0)
    starts = SCALE.starts(first_configurations(models, "regression", 1.0, 1000), space)
    search = AdvisedSampler(FamilyBandit(), found, tuple(starts))
    state = replace(search.init(StudySpec(space, seed=0, warm_start=WarmStart())), credit=1.0)
    for place, start in enumerate(starts[:-1]):  # defaults, which past tasks know, come before
        state = search.tell(state, [Suggested(place, Config(start), {"opens": True})])
        state = search.tell(state, [Finished(place, TrialState.COMPLETE, (-0.7,), 1.0)])
    (first,), _ = search.ask(state, [len(starts) - 1])
    assert first.config == Config(starts[-1])
    assert first.config["model"]["lightgbm"][SCALE.name] == "log"


def test_one_configuration_without_seconds_leaves_the_clock_as_it_is():
    slow = slow_as_a_whole()
    (row,) = [row for row, config in enumerate(POOL) if config == {"model": {"two": {"x": 0.5}}}]
    two = np.array([place for place, config in enumerate(POOL) if "two" in config["model"] and place != row])
    known = guide(seconds=slow).expected_seconds({}, np.arange(len(POOL)))
    holes = slow.copy()
    holes[:, row] = np.nan
    found = guide(seconds=holes).expected_seconds({}, np.arange(len(POOL)))
    assert np.delete(found, row) == pytest.approx(np.delete(known, row), rel=0.05)
    assert found[row] == pytest.approx(known[two].mean(), rel=0.1)  # as its family
    assert found[two].mean() > 3 * found[0]
    seen = guide(seconds=holes).expected_seconds({row: 500.0}, two)
    assert (seen > 2 * found[two]).all()


def test_what_large_tables_alone_tried_is_not_taken_for_slow():
    sizes = np.repeat([300.0, 50_000.0], [15, 5])
    seconds = np.tile(0.01 * (sizes + 600.0)[:, None], (1, len(POOL)))
    three = np.array(["three" in config["model"] for config in POOL])
    seconds[np.ix_(sizes < 1000.0, three)] = np.nan
    plain = guide(seconds=seconds).recalled
    about = plain.metafeatures.copy()
    about[:, [feature.name for feature in METAFEATURES].index("log_rows")] = np.log10(sizes)
    found = TaskAdvice(replace(plain, metafeatures=about), SCENE, SPACE, 60.0)
    predicted = found.expected_seconds({}, np.arange(len(POOL)))
    assert predicted == pytest.approx(4 * 0.01 * 1600.0, rel=0.05)  # 1,000 rows; four folds' worth of rows in each of 5


def test_seconds_of_failures_are_no_costs_of_what_does_not_fail():
    """Half of the past tasks failed a configuration at once."""
    plain = guide(seconds=slow_as_a_whole())
    parts = {name: getattr(plain.recalled, name) for name in ("configs", "weights", "metafeatures", "names")}
    failed, scores, seconds = plain.recalled.failed.copy(), plain.recalled.scores.copy(), plain.recalled.seconds.copy()
    failed[::2, 4], scores[::2, 4], seconds[::2, 4] = True, np.nan, 1e-3
    found = TaskAdvice(
        SimilarTasks(scores=scores, failed=failed, seconds=seconds, about={}, **parts), SCENE, SPACE, 0.6
    )
    rows = np.array([4])
    before = TaskAdvice(plain.recalled, SCENE, SPACE, 0.6).expected_seconds({}, rows)
    assert found.expected_seconds({}, rows) == pytest.approx(before, rel=0.1)


def test_a_task_whose_best_is_told_is_none_that_was_stopped():
    plain = guide()
    parts = {name: getattr(plain.recalled, name) for name in ("configs", "seconds", "weights", "metafeatures", "names")}
    stopped = np.zeros(plain.recalled.scores.shape, dtype=bool)
    best = int(np.argmin(plain.recalled.scores[0]))
    stopped[0, best] = True
    found = SimilarTasks(scores=plain.recalled.scores, failed=plain.recalled.failed, about={}, stopped=stopped, **parts)
    told = TaskAdvice(found, SCENE, SPACE, 60.0).summary()["similar"][0]
    assert {"model": {told["model"]: told["config"]}} != POOL[best]


@pytest.mark.parametrize(("left", "slow"), [(100.0, True), (5.0, False), (1e-3, True)])
def test_what_would_be_cut_off_is_not_advised_while_something_would_end(left, slow):
    """One configuration is worth most and takes 12 s; where there is no time for it, the best of the others comes."""
    best = min(range(len(POOL)), key=lambda row: loss(POOL[row]))
    seconds = np.ones((20, len(POOL)))
    seconds[:, best] = 3.0  # a fit; there are five folds
    rng = np.random.default_rng(0)
    scores = np.array([[loss(config) for config in POOL]]) + 0.001 * rng.normal(size=(20, len(POOL)))
    scores[:, [row for row in range(len(POOL)) if row != best]] += 0.35  # hardly better than predicting the same
    found = guide((scores + 0.5) / 0.5, seconds)
    sampler = AdvisedSampler(FamilyBandit(seconds=100.0), found, (), True)
    state = sampler.tell(sampler.init(StudySpec(SPACE, seed=3)), [Remaining(0, left / 100.0)])
    advised = sampler.advised_row(state)
    assert (advised == best) == slow


# ------------------------------------------------------------------ for an ensemble


def nearly_as_good(config):
    """Three families, of which none is much better than the others."""
    return loss(config) - (0.07 if family_of(config) == "one" else 0.0)


def test_a_family_that_comes_near_is_advised_before_more_of_the_best():
    rng = np.random.default_rng(0)
    true = np.array([[nearly_as_good(config) for config in POOL]])
    found = sampler(guide((true + 0.002 * rng.normal(size=(20, len(POOL))) + 0.5) / 0.5))
    best = min(POOL, key=nearly_as_good)
    assert family_of(best) == "two"
    state = told(found, (True, best, nearly_as_good(best)))
    (suggestion,), _ = found.ask(state, [1])
    assert suggestion.tag is not None
    assert family_of(suggestion.config) == "one"
    near = suggestion.config
    again = told(found, (True, best, nearly_as_good(best)), (True, near, nearly_as_good(near)))
    rows = np.array([row for row, config in enumerate(POOL) if config not in (best, near)])
    before, after = (found.guide.gains(one.advised, rows) for one in (state, again))
    kin = np.array([family_of(POOL[row]) == "one" for row in rows])
    assert after[kin].sum() < 0.5 * before[kin].sum(), "its room is taken"


def test_a_family_that_past_tasks_do_not_know_is_tried_as_early_as_the_others():
    found = guide()
    known = replace(
        found.recalled,
        configs=POOL[:18],
        **{name: getattr(found.recalled, name)[:, :18] for name in ("scores", "seconds", "failed")},
    )
    unknown = replace(found, recalled=known)
    log, _ = play(sampler(unknown), 6)
    families = [next(iter(event.config["model"])) for event in log if isinstance(event, Suggested)]
    assert set(families[:3]) == {"one", "two", "three"}


def test_what_was_stopped_for_slow_predictions_tells_nothing_of_losses():
    found = replace(sampler(), paced=True)
    state = ended(found, (POOL[9], TrialState.COMPLETE, -0.84, 1.0), (POOL[3], TrialState.PRUNED, None, 0.5))
    assert state.advised.rows == (9,)


def test_a_run_that_began_without_experience_goes_on_without(tmp_path):
    space = joint_space(choose(["linear", "lightgbm", "forest"]), "binary")
    found = replace(SCENE, metafeatures={feature.name: 0.5 for feature in METAFEATURES})
    (tmp_path / "other").mkdir()
    assert guide_for(tmp_path / "other", Places(True, None), found, space, 60.0) is not None
    assert guide_for(tmp_path, Places(False, None), found, space, 60.0) is None
    assert guide_for(tmp_path, Places(True, None), found, space, 60.0) is None


def test_near_the_end_what_would_end_in_time_goes_first():
    """A trial counts as three hundredths of the limit at least; whether it ends in time is another question."""
    scores = np.full((20, len(POOL)), -0.1) + 0.001 * np.random.default_rng(0).normal(size=(20, len(POOL)))
    quick, slow = 12, 13
    scores[:, quick], scores[:, slow] = -0.6, -0.8
    seconds = np.full(scores.shape, 30.0)
    seconds[:, quick], seconds[:, slow] = 0.3, 0.42  # of a fit; a trial has four times as much to do
    found = AdvisedSampler(FamilyBandit(seconds=100.0), guide(scores, seconds), (), timed=True, warm_start=WarmStart())
    assert found.guide.floor == pytest.approx(1.8)
    start = found.init(StudySpec(SPACE, seed=3))
    state = found.tell(start, [Remaining(0, 0.015)])  # 1.5 s, where the least that counts is 1.8
    assert found.advised_row(state) == quick
    assert found.guide.expected_seconds({}, np.array([quick]))[0] < 1.5
    late = found.tell(state, [Remaining(0, 0.001)])  # 0.1 s are enough for none: then what is worth most
    assert found.advised_row(late) == slow
