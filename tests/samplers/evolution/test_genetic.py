"""Genetic search: survival, ageing, tournaments and NSGA-II."""

from __future__ import annotations

import numpy as np
import pytest

from sampler_runs import best_of, box, complete, drive, sphere
from seasoned.errors import InvalidInput
from seasoned.samplers import Genetic, Random
from seasoned.space import Float, Space
from seasoned.trials import Finished, StudySpec, Suggested, TrialState
from seasoned.trials.pareto import hypervolume, non_dominated_sort


def test_the_best_members_survive():
    sampler, spec = Genetic(population=6), StudySpec(box(3), seed=1)
    log, state = drive(sampler, sphere(), 200, spec)
    values = sorted(event.values[0] for event in log if isinstance(event, Finished))
    assert [merit[1] for merit, _, _ in state.members] == values[:6]


def test_the_oldest_members_die_when_regularized():
    sampler, spec = Genetic(population=6, regularized=True), StudySpec(box(3), seed=1)
    _, state = drive(sampler, sphere(), 200, spec)
    assert [number for _, number, _ in state.members] == list(range(194, 200))


def test_ageing_forgets_a_lucky_result_and_elitism_does_not():
    def lucky(number, config):
        return -100.0 if number == 5 else sphere()(number, config)

    spec = StudySpec(box(2), seed=1)
    _, young = drive(Genetic(population=6, regularized=True), lucky, 60, spec)
    _, old = drive(Genetic(population=6), lucky, 60, spec)
    assert min(merit[1] for merit, _, _ in young.members) > 0
    assert old.members[0][0][1] == -100.0


def test_winners_of_larger_tournaments_are_better():
    _, state = drive(Genetic(population=50), sphere(), 50, StudySpec(box(2), seed=1))
    means = []
    for size in (1, 3, 10):
        sampler = Genetic(population=50, tournament=size)
        points = [sampler._winner(state.members, np.random.default_rng(seed)) for seed in range(200)]
        means.append(np.mean([((point - 0.6) ** 2).sum() for point in points]))
    assert means[0] > means[1] > means[2]


def two(number, config):
    """ZDT1 (Zitzler, Deb and Thiele 2000): the front is f2 = 1 - sqrt(f1) where all but the first are 0."""
    x = list(config.values())
    g = 1 + 9 * sum(x[1:]) / (len(x) - 1)
    return complete(number, x[0], g * (1 - (x[0] / g) ** 0.5))


def values_of(log):
    return np.array([event.values for event in log if isinstance(event, Finished) and event.violation == 0.0])


def test_several_objectives_get_a_front_better_than_random_search():
    spec = StudySpec(box(6, 0, 1), directions=("minimize", "minimize"), budget=600, seed=0)
    ours = hypervolume(values_of(drive(Genetic(), two, 600, spec)[0]), [1.1, 6.0])
    random = hypervolume(values_of(drive(Random(), two, 600, spec)[0]), [1.1, 6.0])
    whole = 1.1 * 6 - 1 / 3  # below the front there is 1/3 that nobody can dominate
    assert (whole - ours) < 0.5 * (whole - random)


def test_survivors_are_the_first_fronts_without_their_crowd():
    spec = StudySpec(box(3, 0, 1), directions=("minimize", "minimize"), seed=0)
    sampler = Genetic(population=8)
    log, state = drive(sampler, two, 16, spec)
    values = values_of(log)
    fronts = non_dominated_sort(values)
    kept = sorted(number for _, number, _ in state.members)
    worst = max(fronts[kept])
    assert all(index in kept for index in range(16) if fronts[index] < worst)
    assert all(fronts[index] <= worst for index in kept)
    assert len(kept) == 8


def test_infeasible_points_survive_only_where_feasible_ones_lack():
    def bounded(number, config):
        plain = two(number, config)
        return complete(number, *plain.values, constraints=[0.5 - config["x0"]])

    spec = StudySpec(box(3, 0, 1), directions=("minimize", "minimize"), budget=200, seed=0)
    log, state = drive(Genetic(population=10), bounded, 200, spec)
    assert all(standing[0] == 0.0 for standing, _, _ in state.members)
    assert values_of(log)[:, 0].min() >= 0.5


def test_failed_trials_of_several_objectives_rank_last():
    def failing(number, config):
        return Finished(number, TrialState.FAILED) if config["x0"] < 0.3 else two(number, config)

    spec = StudySpec(box(3, 0, 1), directions=("minimize", "minimize"), budget=150, seed=0)
    log, state = drive(Genetic(population=10), failing, 150, spec)
    assert all(np.isfinite(standing[0]) for standing, _, _ in state.members)
    late = [event.config["x0"] for event in log if isinstance(event, Suggested) and event.number >= 75]
    assert np.mean(np.array(late) < 0.3) < 0.25


def test_regularized_evolution_follows_a_noisy_objective():
    rng = np.random.default_rng(0)
    space = Space(x=Float(-5, 5), y=Float(-5, 5))
    noisy = lambda _, config: config["x"] ** 2 + config["y"] ** 2 + 0.5 * rng.standard_normal()  # noqa: E731
    log, _ = drive(Genetic(regularized=True, population=20), noisy, 400, StudySpec(space, seed=0))
    late = [event.config for event in log if isinstance(event, Suggested)][-50:]
    assert np.median([config["x"] ** 2 + config["y"] ** 2 for config in late]) < 1.0
    assert best_of(log) < 0.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tournament": 0}, "tournament is 0;"),
        ({"crossover": 1.5}, "crossover is 1.5;"),
        ({"mutation": -0.1}, "mutation is -0.1;"),
    ],
)
def test_the_genetic_sampler_refuses_wrong_settings(settings, message):
    with pytest.raises(InvalidInput, match=message):
        Genetic(**settings)
