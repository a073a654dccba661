"""What a reading of the samplers by fresh eyes found."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned import Categorical, Float, Int, Random, Space, Study
from seasoned.samplers import TPE, Bayes, DifferentialEvolution
from seasoned.samplers.bayes.trust_region import LocalSearch, followed
from seasoned.samplers.evolution.differential import _KEY
from seasoned.samplers.tpe import _order
from seasoned.surrogates.gp.trust_region_model import Region
from seasoned.surrogates.parzen import fit_parzen
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState

SQUARE = Space(x=Float(0, 1), y=Float(0, 1))


def told(sampler, state, number, config, value, tag=None):
    asked = Suggested(number, Config(config), tag, "here")
    return sampler.tell(state, [asked, Finished(number, TrialState.COMPLETE, (value,), 1.0, None)])


def test_one_trial_of_very_many_seconds_leaves_the_others_apart():
    space = Space(x=Float(0, 1))
    events = []
    for number, (error, seconds) in enumerate([(0.5, 1.0), (0.3, 10.0), (0.1, 100.0), (0.6, 1e5), (0.7, 1e308)]):
        events.append(Suggested(number, Config({"x": number / 10}), None, "here"))
        events.append(Finished(number, TrialState.COMPLETE, (error, seconds), 1.0, None))
    seen = Bayes().tell(Bayes().init(StudySpec(space, ("minimize", "minimize"), 0)), events).seen
    quick, slow = (seen.losses(np.array(weights)) for weights in ([0.0, 1.0], [1.0, 0.0]))
    assert quick[0] < quick[1] < quick[2] < quick[3] < quick[4] < 1000.0
    assert quick[2] - quick[0] > 0.5, "on the front objectives have the whole range"
    assert slow[2] < slow[1] < slow[0]


def test_trials_of_a_collapsed_population_are_no_members_of_the_next():
    sampler = DifferentialEvolution(population=4)
    state = sampler.init(StudySpec(SQUARE, ("minimize",), 0))
    for number in range(4):
        state = told(sampler, state, number, {"x": 0.5, "y": 0.5}, 1.0 + number)
    for number in range(4, 8):  # a generation that gains nothing: it is collapsed, and begins anew
        state = told(sampler, state, number, {"x": 0.5, "y": 0.5}, 9.0, {_KEY: [number % 4, 0.5, 0.5, 0]})
    assert state.start == 8
    assert len(state.alive) == 1
    assert sampler.ask(state, [8])[0][0].tag is None, "the new population is asked for"
    late = told(sampler, state, 8, {"x": 0.5, "y": 0.51}, 5.0, {_KEY: [3, 0.5, 0.5, 0]})
    assert len(late.alive) == 1, "it lies where the search has been"
    assert late.successes == ()
    better = told(sampler, state, 8, {"x": 0.5, "y": 0.51}, 0.5, {_KEY: [3, 0.5, 0.5, 0]})
    assert len(better.alive) == 1
    assert better.ranking[0][1] == 0.5


def test_a_new_population_begins_behind_what_runs_when_the_old_one_collapses():
    sampler = DifferentialEvolution(population=6)
    state = sampler.init(StudySpec(SQUARE, ("minimize",), 0))
    for number in range(6):
        state = told(sampler, state, number, {"x": 0.5, "y": 0.5}, 1.0 + number)
    tags = {number: {_KEY: [number % 6, 0.5, 0.5, 0]} for number in range(6, 16)}
    state = sampler.tell(state, [Suggested(n, Config({"x": 0.5, "y": 0.5}), tags[n], "here") for n in tags])
    ends = [Finished(n, TrialState.COMPLETE, (9.0,), 1.0, None) for n in range(6, 12)]
    state = sampler.tell(state, ends)
    assert state.start == 16, "numbers 12 to 15 are out: of the old population"
    state = sampler.tell(state, [Finished(n, TrialState.COMPLETE, (9.0,), 1.0, None) for n in range(12, 16)])
    assert len(state.alive) == 1
    for number in range(16, 21):
        (found,), _ = sampler.ask(state, [number])
        assert found.tag is None
        state = told(sampler, state, number, dict(found.config), 5.0)
    assert len(state.alive) == 6, "and has as many members as there are to be"


def test_one_huge_value_hides_nothing_on_a_narrow_front():
    space = Space(x=Float(0, 1))
    events = []
    for number, values in enumerate([(0.1, 0.5), (0.2, 0.4), (0.3, 0.3), (0.35, 1e308), (0.9, 0.9)]):
        events.append(Suggested(number, Config({"x": number / 10}), None, "here"))
        events.append(Finished(number, TrialState.COMPLETE, values, 1.0, None))
    seen = Bayes().tell(Bayes().init(StudySpec(space, ("minimize", "minimize"), 0)), events).seen
    losses = seen.losses(np.array([0.0, 1.0]))
    assert np.isfinite(losses).all()
    assert losses[2] < losses[1] < losses[0] < losses[4] < losses[3]
    assert losses[0] - losses[2] > 0.5


def test_tpe_has_its_start_once_whenever_it_hears_of_the_study():
    sampler = TPE()
    state = sampler.init(StudySpec(SQUARE, ("minimize",), 0, first=50))
    rng = np.random.default_rng(0)
    for number in range(50):
        x, y = rng.random(2)
        state = told(sampler, state, number, {"x": x, "y": y}, (x - 0.2) ** 2 + (y - 0.2) ** 2)
    asked = [sampler.ask(state, [50 + place])[0][0].config for place in range(10)]
    near = [np.hypot(config["x"] - 0.2, config["y"] - 0.2) for config in asked]
    assert np.median(near) < 0.25, "it goes by what is known, and not by a design of ten"


def test_density_of_many_levels_is_that_of_all_bins_and_takes_no_time_for_them():
    rng = np.random.default_rng(0)
    levels, nominal = np.array([1000, 7]), np.zeros(2, dtype=np.bool_)
    centres = (np.floor(rng.random((300, 2)) * levels) + 0.5) / levels
    parzen = fit_parzen(centres, levels, nominal)
    bins = np.arange(7)
    every = np.column_stack([np.full(7, 0.5005), (bins + 0.5) / 7])
    whole = np.array([[(a + 0.5) / 1000, (b + 0.5) / 7] for a in range(1000) for b in bins])
    assert np.exp(parzen.log_density(whole)).mean() == pytest.approx(1.0, rel=1e-6), "a density relative to uniform"
    assert parzen.log_density(every).shape == (7,)


def test_the_order_of_two_objectives_looks_at_the_fronts_that_matter(monkeypatch):
    calls = []
    from seasoned.trials import pareto

    usual = pareto.crowding_distance
    monkeypatch.setattr("seasoned.samplers.tpe.crowding_distance", lambda v: calls.append(len(v)) or usual(v))
    rng = np.random.default_rng(0)
    one = rng.random(2000)
    results = np.column_stack([np.zeros(2000), one, one + 0.001 * rng.random(2000)])
    order = _order(results, 20)
    assert len(calls) < 40
    assert set(order[:20]) <= set(np.argsort(one)[:60])


def test_a_category_that_helped_says_nothing_of_a_radius():
    space = Space(kind=Categorical(["a", "b", "c"]), other=Categorical(["a", "b"]))
    descent = LocalSearch(Region(0.4))
    sampler = Bayes()
    state = sampler.init(StudySpec(space, ("minimize",), 0))
    state = told(sampler, state, 0, {"kind": "a", "other": "a"}, 2.0)
    state = told(sampler, state, 1, {"kind": "b", "other": "a"}, 1.0, {"step": "local"})
    found = followed(descent, state.seen, np.array([2.0, 1.0]), state.layout)
    assert found.region.radius == 0.4
    assert not Region(0.4, 0, 7).collapsed(2)


def test_very_many_forbidden_pairs_leave_points_that_differ():
    names = [f"{kind}_{layer}" for layer in range(40) for kind in ("act", "norm")]
    space = Space(
        {name: Categorical(["relu", "tanh"] if name.startswith("act") else ["batch", "none"]) for name in names},
        forbidden=[{f"act_{layer}": "tanh", f"norm_{layer}": "none"} for layer in range(40)],
    )
    rng = np.random.default_rng(0)
    drawn = [space.decode(rng.random(80)) for _ in range(5)]
    assert all(space.contains(config) for config in drawn)
    assert len({str(config) for config in drawn}) == 5, "and are not the default again and again"
    assert all(config != space.default for config in drawn)
    study = Study(space, sampler=Random(), seed=0)
    study.optimize(lambda config: sum(value == "tanh" for value in config.values()), trials=10)
    assert len({str(trial.config) for trial in study.trials}) == 10


def test_models_of_bayes_are_those_of_what_has_ended():
    sampler, rng = Bayes(), np.random.default_rng(0)
    state = sampler.init(StudySpec(SQUARE, ("minimize",), 0))
    for number in range(12):
        x, y = rng.random(2)
        state = told(sampler, state, number, {"x": x, "y": y}, x + y)
    busy = sampler.tell(state, [Suggested(12, Config({"x": 0.1, "y": 0.9}), None, "there")])
    first, after = sampler.ask(busy, [13])
    kept = sampler.kept(state, after)
    assert kept.seen is state.seen
    busy = sampler.tell(kept, [Suggested(12, Config({"x": 0.1, "y": 0.9}), None, "there")])
    assert sampler.ask(busy, [13])[0] == first


def test_whole_numbers_of_a_wide_range_are_searched_by_tpe():
    study = Study(Space(k=Int(1, 1000), m=Int(1, 1000)), sampler=TPE(), seed=0)
    study.optimize(lambda config: abs(config["k"] - 700) + abs(config["m"] - 30), trials=80)
    assert study.best.value < 150
