"""Family priors: past tasks' expectations inside a family, and their use by its search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.advice.similar_tasks import SimilarTasks
from seasoned.knowledge.transfer.warm_starts import Evaluations, quantile_start
from seasoned.samplers import Bayes
from seasoned.space import Choice, Float, Space
from seasoned.tabular.experience.family_prior import FamilyPrior, family_start
from seasoned.tabular.search.family_bandit import FamilyBandit
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState, WarmStart

NAMES = ("a", "b", "c", "d")
INNER = Space(**{name: Float(0, 1, default=0.5) for name in NAMES})
SPACE = Space(model=Choice(one=INNER, two=INNER, fixed=Space()))
BEST = np.array([0.8, 0.2, 0.7, 0.9])


def loss(settings, best=BEST):
    return float(np.square(np.array([settings[name] for name in NAMES]) - best).sum())


def past(best=BEST, tasks=10, weights=None, seed=0):
    """Tasks that tried 30 configurations of one family, two of another and one of a third, on scales of their own."""
    rng = np.random.default_rng(seed)
    settings = [dict(zip(NAMES, point, strict=True)) for point in rng.random((32, 4))]
    configs = [{"model": {"one": each}} for each in settings[:30]] + [
        {"model": {"two": each}} for each in settings[30:]
    ]
    configs.append({"model": {"fixed": {}}})
    losses = np.array([*(loss(each, best) for each in settings), 0.5])
    scores = 10.0 ** rng.integers(-3, 3, size=(tasks, 1)) * (losses + 0.02 * rng.normal(size=(tasks, 33)))
    weights = np.full(tasks, 1 / tasks) if weights is None else weights
    names = tuple(f"t{number}" for number in range(tasks))
    shape = scores.shape
    return SimilarTasks(
        tuple(configs), scores, np.ones(shape), np.zeros(shape, bool), weights, np.zeros((tasks, 1)), names, {}
    )


def test_a_family_that_past_tasks_know_gets_their_order_of_its_settings():
    starts = {name: family_start(past(), SPACE, name) for name in ("one", "two", "fixed", "none")}
    known = {name for name, start in starts.items() if start is not None}
    assert known == {"one"}, "two is known by two configurations, and fixed has nothing to search"
    start = starts["one"]
    assert start.relative
    near, far = (np.square(np.array(start.points[place]) - BEST).sum() for place in (0, -1))
    assert near < 0.3 < far


def test_tasks_count_as_much_as_they_bear_on_the_new_one():
    like, unlike = past(), past(1.0 - BEST)
    mixed = replace(
        like,
        scores=np.concatenate([like.scores, unlike.scores]),
        weights=np.repeat([0.099, 0.001], 10),
        seconds=np.ones((20, 33)),
        failed=np.zeros((20, 33), bool),
    )
    start = family_start(mixed, SPACE, "one")
    assert np.square(np.array(start.points[0]) - BEST).sum() < 0.3
    other = family_start(replace(mixed, weights=mixed.weights[::-1]), SPACE, "one")
    assert np.square(np.array(other.points[0]) - (1.0 - BEST)).sum() < 0.3


def test_what_was_stopped_has_no_rank():
    """Bounds that would make the worst the best, if they were scores."""
    found = past()
    worst = np.argsort([loss(config["model"]["one"]) for config in found.configs[:30]])[-10:]
    scores, stopped = found.scores.copy(), np.zeros(found.scores.shape, bool)
    scores[:, worst], stopped[:, worst] = -1e6, True
    start = family_start(replace(found, scores=scores, stopped=stopped), SPACE, "one")
    assert np.square(np.array(start.points[0]) - BEST).sum() < 0.3
    assert family_start(replace(found, stopped=np.ones(found.scores.shape, bool)), SPACE, "one") is None


def reached(expected, seed, trials=10):
    """The best of so many trials of the one family, others having nothing to offer."""
    sampler = FamilyBandit(Bayes(initial=3, explore=1), expected=expected)
    space = Space(model=Choice(one=INNER))
    state = sampler.init(StudySpec(space, seed=seed))
    best = np.inf
    for number in range(trials):
        (suggestion,), _ = sampler.ask(state, [number])
        value = loss(suggestion.config["model"]["one"])
        best = min(best, value)
        events = [Suggested(number, suggestion.config, None), Finished(number, TrialState.COMPLETE, (value,), 1.0)]
        state = sampler.tell(state, events)
    return best


@pytest.mark.slow
def test_a_search_that_expects_what_past_tasks_found_is_ahead():
    starts = FamilyPrior(past(), SPACE)
    plain, warm = (np.array([reached(expected, seed) for seed in range(8)]) for expected in (None, starts))
    assert warm.mean() < 0.7 * plain.mean()


def test_the_familys_first_trials_stay_what_they_are():
    starts = FamilyPrior(past(), SPACE)
    asked = []
    for expected in (None, starts):
        sampler = FamilyBandit(Bayes(initial=3, explore=1), expected=expected)
        state = sampler.init(StudySpec(Space(model=Choice(one=INNER)), seed=0))
        found, _ = sampler.ask(state, [0, 1, 2])
        asked.append([dict(each.config["model"]["one"]) for each in found])
    assert asked[0] == asked[1]


def test_it_is_learned_once_and_only_of_families_whose_sampler_is_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "seasoned.tabular.experience.family_prior.family_start", lambda found, space, family: asked.append(family)
    )
    sampler = FamilyBandit(Bayes(initial=3, explore=1), expected=FamilyPrior(past(), SPACE))
    state = sampler.init(StudySpec(SPACE, seed=0))
    assert asked == []
    for number in range(4):
        events = [Suggested(number, Config({"model": {"one": dict.fromkeys(NAMES, number / 8)}}), None)]
        state = sampler.tell(state, events)
    assert asked == []  # trials that others chose need no prior mean
    ended = [Finished(number, TrialState.COMPLETE, (float(number),), 0.1) for number in range(4)]
    state = sampler.tell(state, ended)
    for number in range(10, 14):
        _, state = sampler.ask(state, [number])
    assert asked == ["one"]


def test_what_cannot_be_learned_from_is_told_and_left_out(caplog):
    found = past()
    strange = FamilyPrior(replace(found, weights=np.full(len(found.weights), "x")), SPACE)
    assert strange("one") == WarmStart()
    assert "its expectations for one are not used" in caplog.text


@pytest.mark.parametrize("weights", [[1.0], [0.0, 0.0], [1.0, -0.5]])
def test_weights_are_one_for_each_task_and_none_negative(weights):
    points = np.random.default_rng(0).random((9, 4))
    tasks = [Evaluations(points, points[:, 0])] * 2
    with pytest.raises(InvalidInput, match="one for each of 2 tasks"):
        quantile_start(INNER, tasks, weights=weights)
    assert isinstance(quantile_start(INNER, tasks, weights=[1.0, 0.0]), WarmStart)
