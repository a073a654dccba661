"""L-SHADE differential evolution: its formulas, its population and its limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sampler_runs import best_of, box, complete, drive, sphere
from seasoned import Study
from seasoned.errors import InvalidInput
from seasoned.samplers import DifferentialEvolution
from seasoned.samplers.evolution.differential import (
    HISTORY_KEY,
    current_size,
    draw_factors,
    initial_size,
    lehmer_mean,
    other_than,
    trial_point,
    update_history,
)
from seasoned.space import Categorical, Float, Space
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState
from study_parts import ledger_of

SQUARE = Space(x=Float(0, 1), y=Float(0, 1))
LINE = Space(x=Float(0, 1))


def test_the_population_shrinks_linearly_to_four_with_the_budget():
    sampler, spec = DifferentialEvolution(population=24), StudySpec(box(3), budget=200, seed=0)
    sizes, state = [], None
    for start in range(0, 200, 50):
        _, state = drive(sampler, sphere(), 50, spec, state, start)
        sizes.append(len(state.alive))
    assert sizes == [19, 14, 9, 4]
    assert len(state.ranking) == 4
    assert sorted(row for _, _, row in state.ranking) == list(state.alive)


def test_the_population_stays_when_the_budget_is_unknown():
    _, state = drive(DifferentialEvolution(population=10), sphere(), 200, StudySpec(box(3), seed=0))
    assert len(state.alive) == 10


@pytest.mark.parametrize(
    ("budget", "dimensions", "size"), [(50, 5, 8), (200, 5, 11), (1000, 10, 24), (100_000, 10, 180)]
)
def test_populations_fit_the_budget(budget, dimensions, size):
    assert initial_size(budget, dimensions) == size


def test_members_only_get_better_and_beaten_parents_are_kept():
    sampler, spec = DifferentialEvolution(population=8), StudySpec(box(2), seed=1)
    _, state = drive(sampler, sphere(), 8, spec)
    merits = {row: value for _, value, row in state.ranking}
    for number in range(8, 60):
        before = state
        log, state = drive(sampler, sphere(), 1, spec, state, number)
        row = log[0].tag["differential"][0]
        changed = [r for r in state.alive if not np.array_equal(state.points[r], before.points[r])]
        assert changed in ([], [row])
        if changed:
            assert np.array_equal(state.archive[-1], before.points[row])
        now = {row: value for _, value, row in state.ranking}
        assert all(now[row] <= merits[row] for row in now)
        merits = now
    assert len(state.archive) <= 8


def test_the_history_learns_lehmer_means_weighted_by_gains():
    spec = StudySpec(box(1), seed=0)
    sampler = DifferentialEvolution(population=4)
    _, state = drive(sampler, lambda number, _: 10.0, 4, spec)
    space = spec.space
    # a generation of four results: two succeed, by 1 and by 3
    notes = [([0, 0.4, 0.2], 9.0), ([1, 0.8, 0.6], 7.0), ([2, 0.5, 0.5], 11.0), ([3, 0.5, 0.5], 12.0)]
    for index, (note, value) in enumerate(notes):
        config = space.decode([0.1 * index])
        state = sampler.tell(
            state, [Suggested(10 + index, config, {"differential": note}), complete(10 + index, value)]
        )
    scale = (1 * 0.4**2 + 3 * 0.8**2) / (1 * 0.4 + 3 * 0.8)
    rate = (1 * 0.2**2 + 3 * 0.6**2) / (1 * 0.2 + 3 * 0.6)
    assert state.history[0] == pytest.approx((scale, rate))
    assert state.history[1:] == ((0.5, 0.5),) * 5
    assert state.entry == 1


def test_a_success_over_a_failed_parent_has_a_bounded_weight():
    """Its gain is without bound: it alone had decided what the history learned."""
    state = DifferentialEvolution(population=4).init(StudySpec(box(1), seed=0))
    ordinary = ((0.9, 0.9, 2.0),) * 9
    learned = update_history(replace(state, successes=(*ordinary, (0.1, 0.1, np.inf))))
    mean = (9 * 0.9**2 + 0.1**2) / (9 * 0.9 + 0.1)  # as if all had gained 2
    assert learned.history[0] == pytest.approx((mean, mean))
    alone = update_history(replace(state, successes=((0.1, 0.2, np.inf), (0.3, 0.2, np.inf))))
    assert alone.history[0] == pytest.approx((0.25, 0.2))


def test_crossover_that_never_helped_stays_off():
    spec, sampler = StudySpec(box(1), seed=0), DifferentialEvolution(population=4)
    _, state = drive(sampler, lambda number, _: 10.0, 4, spec)
    for number, value in zip(range(10, 14), (9.0, 8.0, 11.0, 12.0), strict=True):
        tag = {"differential": [number - 10, 0.5, 0.0]}
        state = sampler.tell(state, [Suggested(number, spec.space.decode([0.2]), tag), complete(number, value)])
    assert state.history[0][1] == -1.0
    assert all(draw_factors(state.history[:1], np.random.default_rng(seed))[1] == 0.0 for seed in range(20))


def test_scales_and_rates_lie_in_their_ranges_about_their_memory():
    drawn = np.array([draw_factors([(0.5, 0.9)], np.random.default_rng(seed)) for seed in range(2000)])
    assert (drawn[:, 0] > 0).all()
    assert (drawn <= 1).all()
    assert (drawn >= 0).all()
    assert np.median(drawn[:, 0]) == pytest.approx(0.5, abs=0.02)
    assert np.median(drawn[:, 1]) == pytest.approx(0.9, abs=0.02)


def test_lehmer_mean_is_between_its_values_and_above_the_mean():
    assert lehmer_mean([0.2, 0.6], [1.0, 1.0]) == pytest.approx(0.5)
    assert lehmer_mean([0.3], [5.0]) == pytest.approx(0.3)


def test_other_members_are_drawn_uniformly():
    drawn = [other_than(draw, 5, (1, 3)) for draw in np.linspace(0, 1, 300, endpoint=False)]
    assert np.unique(drawn, return_counts=True)[0].tolist() == [0, 2, 4]
    assert set(np.unique(drawn, return_counts=True)[1].tolist()) == {100}


def test_a_crossover_rate_of_zero_changes_at_most_one_coordinate():
    _, state = drive(DifferentialEvolution(population=8), sphere(6.0), 60, StudySpec(box(4), seed=2))
    for seed in range(200):
        unit = trial_point(state, state.alive[0], 1.0, 0.0, 0.15, np.random.default_rng(seed))
        assert ((unit >= 0) & (unit <= 1)).all()
        assert (unit != state.points[state.alive[0]]).sum() <= 1


def test_a_collapsed_population_restarts_around_its_best():
    sampler, spec = DifferentialEvolution(population=6), StudySpec(box(2), seed=3)
    log, state = drive(sampler, sphere(), 1500, spec)
    assert state.start > 0
    places = [event.config["x0"] for event in log if isinstance(event, Suggested)]
    assert np.ptp(places[state.start : state.start + 6]) > 1.0
    assert state.ranking[0][1] == best_of(log)


def test_categories_are_exchanged_and_lost_ones_come_back():
    space = Space(x=Float(0, 1), kind=Categorical(list("abcdefgh"), default="a"))
    only = lambda _, config: (config["kind"] != "h") + config["x"]  # noqa: E731
    log, _ = drive(DifferentialEvolution(), only, 200, StudySpec(space, budget=200, seed=0))
    assert best_of(log) < 1e-3
    assert {event.config["kind"] for event in log if isinstance(event, Suggested)} == set("abcdefgh")


def test_any_result_replaces_a_failed_parent():
    sampler, spec = DifferentialEvolution(population=4), StudySpec(box(2), budget=50, seed=0)
    failing = lambda number, _: Finished(number, TrialState.FAILED, None, None, "it failed")  # noqa: E731
    _, state = drive(sampler, failing, 4, spec)
    assert all(violation == float("inf") for violation, _, _ in state.ranking)
    _, state = drive(sampler, sphere(), 8, spec, state, 4)
    assert all(violation == 0.0 for violation, _, _ in state.ranking)


def test_differential_evolution_refuses_wrong_settings():
    with pytest.raises(InvalidInput, match=r"greed is 0.0; give a share"):
        DifferentialEvolution(greed=0.0)


def told(sampler, state, number, config, value, tag=None):
    asked = Suggested(number, Config(config), tag, "here")
    return sampler.tell(state, [asked, Finished(number, TrialState.COMPLETE, (value,), 1.0, None)])


def test_trials_of_a_collapsed_population_do_not_join_the_next():
    sampler = DifferentialEvolution(population=4)
    state = sampler.init(StudySpec(SQUARE, ("minimize",), 0))
    for number in range(4):
        state = told(sampler, state, number, {"x": 0.5, "y": 0.5}, 1.0 + number)
    for number in range(4, 8):  # a generation that gains nothing: it is collapsed, and begins anew
        state = told(sampler, state, number, {"x": 0.5, "y": 0.5}, 9.0, {HISTORY_KEY: [number % 4, 0.5, 0.5, 0]})
    assert state.start == 8
    assert len(state.alive) == 1
    assert sampler.ask(state, [8])[0][0].tag is None, "the new population is asked for"
    late = told(sampler, state, 8, {"x": 0.5, "y": 0.51}, 5.0, {HISTORY_KEY: [3, 0.5, 0.5, 0]})
    assert len(late.alive) == 1, "it lies where the search has been"
    assert late.successes == ()
    better = told(sampler, state, 8, {"x": 0.5, "y": 0.51}, 0.5, {HISTORY_KEY: [3, 0.5, 0.5, 0]})
    assert len(better.alive) == 1
    assert better.ranking[0][1] == 0.5


def test_a_new_population_begins_after_the_running_trials_of_the_old():
    sampler = DifferentialEvolution(population=6)
    state = sampler.init(StudySpec(SQUARE, ("minimize",), 0))
    for number in range(6):
        state = told(sampler, state, number, {"x": 0.5, "y": 0.5}, 1.0 + number)
    tags = {number: {HISTORY_KEY: [number % 6, 0.5, 0.5, 0]} for number in range(6, 16)}
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


def test_differential_evolution_has_a_population_beyond_its_budget():
    sampler = DifferentialEvolution()
    study = Study(LINE, sampler=sampler, budget=40, seed=0)
    study.optimize(lambda config: config["x"] ** 2, trials=400)
    state = ledger_of(study).state
    assert state.start > 40  # it has begun anew, for all members had become one
    assert current_size(state) == len(state.points) > 4
