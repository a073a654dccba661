"""The genetic operators on trees, survival, and NSGA-II."""

from __future__ import annotations

import numpy as np
import pytest
from evolving import MIXED, NESTED, best_of, box, complete, drive, sphere

from seasoned.errors import InvalidInput
from seasoned.samplers import Genetic, Random
from seasoned.samplers.evolution.operators import crossover, mutate
from seasoned.samplers.evolution.population import Genes
from seasoned.space import Categorical, Choice, Float, Int, Space
from seasoned.trials import Finished, StudySpec, Suggested, TrialState
from seasoned.trials.pareto import hypervolume, non_dominated_sort

GENES = Genes.of(NESTED)
SGD = NESTED.encode(
    {
        "lr": 1e-3,
        "depth": 3,
        "kind": "a",
        "optimizer": {"sgd": {"momentum": 0.7, "schedule": {"cosine": {"warmup": 9}}}},
    }
).unit
SGD_CONSTANT = NESTED.encode(
    {"lr": 1e-2, "depth": 5, "kind": "c", "optimizer": {"sgd": {"momentum": 0.3, "schedule": {"constant": {}}}}}
).unit
ADAM = NESTED.encode({"lr": 1e-2, "depth": 6, "kind": "b", "optimizer": {"adam": {"beta": 0.9}}}).unit


def names(space):
    return [dimension.name for dimension in space.dimensions]


def test_genes_know_the_tree():
    at = {name: index for index, name in enumerate(names(NESTED))}
    choice, schedule = at["optimizer"], at["optimizer.sgd.schedule"]
    assert GENES.ends[choice] == len(NESTED)
    assert GENES.ends[schedule] == schedule + 2
    assert GENES.parents[at["optimizer.adam.beta"]] == choice
    assert GENES.bins[at["optimizer.adam.beta"]] == 1
    assert GENES.levels[at["lr"]] == 0
    assert GENES.levels[at["depth"]] == 8
    assert [name for name, nominal in zip(names(NESTED), GENES.nominal, strict=True) if nominal] == [
        "kind",
        "optimizer",
        "optimizer.sgd.schedule",
    ]


def test_a_child_of_different_branches_has_one_of_them_whole():
    seen = set()
    for seed in range(100):
        child = NESTED.decode(crossover(GENES, SGD, ADAM, np.random.default_rng(seed)))
        ((option, inside),) = child["optimizer"].items()
        seen.add(option)
        if option == "sgd":
            assert inside["momentum"] == pytest.approx(0.7)
            assert inside["schedule"] == {"cosine": {"warmup": 9}}
        else:
            assert inside["beta"] == pytest.approx(0.9)
    assert seen == {"sgd", "adam"}


def test_a_child_within_a_common_branch_mixes_it_and_takes_inner_branches_whole():
    momenta, inner = set(), set()
    for seed in range(100):
        child = NESTED.decode(crossover(GENES, SGD, SGD_CONSTANT, np.random.default_rng(seed)))["optimizer"]["sgd"]
        momenta.add(round(child["momentum"], 6))
        ((schedule, settings),) = child["schedule"].items()
        inner.add(schedule)
        assert settings == ({"warmup": 9} if schedule == "cosine" else {})
    assert len(momenta) > 90
    assert inner == {"cosine", "constant"}


def test_numbers_are_blended_within_half_the_distance_beyond_the_parents():
    genes = Genes.of(box(1))
    drawn = np.array(
        [crossover(genes, np.array([0.4]), np.array([0.6]), np.random.default_rng(s))[0] for s in range(500)]
    )
    assert drawn.min() >= 0.3
    assert drawn.max() <= 0.7
    assert drawn.min() < 0.32
    assert drawn.max() > 0.68


def test_equal_parents_have_their_own_child():
    assert crossover(GENES, SGD, SGD, np.random.default_rng(0)) == pytest.approx(SGD)


def test_only_what_is_in_use_mutates_and_a_new_branch_is_drawn():
    at = {name: index for index, name in enumerate(names(NESTED))}
    switched = []
    for seed in range(300):
        child = mutate(GENES, ADAM, 1.0, np.random.default_rng(seed), forced=False)
        if child[at["optimizer"]] == ADAM[at["optimizer"]]:
            below = slice(at["optimizer"] + 1, at["optimizer.adam.beta"])
            assert (child[below] == ADAM[below]).all()
        else:
            switched.append(NESTED.decode(child)["optimizer"]["sgd"]["momentum"])
    # 30 are expected of 300, with a deviation of 5: false alarm below 1e-3
    assert 12 < len(switched) < 48
    assert np.ptp(switched) > 0.8


def test_the_rate_of_mutation_is_two_per_point_by_default():
    genes, point = Genes.of(box(20)), np.full(20, 0.5)
    changed = [(mutate(genes, point, None, np.random.default_rng(s), forced=False) != point).sum() for s in range(500)]
    # the mean of 500 binomials (20, 0.1) has a deviation of 0.06: false alarm below 1e-4
    assert np.mean(changed) == pytest.approx(2.0, abs=0.25)


@pytest.mark.parametrize("space", [box(5), MIXED, NESTED], ids=["box", "mixed", "nested"])
def test_a_forced_mutation_changes_the_configuration_of_countable_coordinates(space):
    genes = Genes.of(space)
    point = space.encode(space.default).unit
    for seed in range(50):
        child = mutate(genes, point, 0.0, np.random.default_rng(seed), forced=True)
        assert (child != point).any()
        assert ((child >= 0) & (child <= 1)).all()


def test_a_space_of_one_point_has_nothing_to_change():
    space = Space(only=Categorical(["one"]), outer=Choice(a=Space()))
    point = space.encode(space.default).unit
    assert (mutate(Genes.of(space), point, None, np.random.default_rng(0), forced=True) == point).all()


def test_the_best_stay():
    sampler, spec = Genetic(population=6), StudySpec(box(3), seed=1)
    log, state = drive(sampler, sphere(), 200, spec)
    values = sorted(event.values[0] for event in log if isinstance(event, Finished))
    assert [merit[1] for merit, _, _ in state.members] == values[:6]


def test_the_oldest_die_when_regularized():
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


def test_several_objectives_get_a_front_better_than_chance():
    spec = StudySpec(box(6, 0, 1), directions=("minimize", "minimize"), budget=600, seed=0)
    ours = hypervolume(values_of(drive(Genetic(), two, 600, spec)[0]), [1.1, 6.0])
    random = hypervolume(values_of(drive(Random(), two, 600, spec)[0]), [1.1, 6.0])
    whole = 1.1 * 6 - 1 / 3  # below the front there is 1/3 that nobody can dominate
    assert (whole - ours) < 0.5 * (whole - random)


def test_survivors_are_the_first_fronts_and_a_crowded_front_loses_its_crowd():
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


def test_failures_of_several_objectives_go_last():
    def failing(number, config):
        return Finished(number, TrialState.FAILED) if config["x0"] < 0.3 else two(number, config)

    spec = StudySpec(box(3, 0, 1), directions=("minimize", "minimize"), budget=150, seed=0)
    log, state = drive(Genetic(population=10), failing, 150, spec)
    assert all(np.isfinite(standing[0]) for standing, _, _ in state.members)
    late = [event.config["x0"] for event in log if isinstance(event, Suggested) and event.number >= 75]
    assert np.mean(np.array(late) < 0.3) < 0.25


def test_an_integer_step_is_never_too_small_to_matter():
    space = Space(n=Int(0, 9))
    genes = Genes.of(space)
    point = space.encode({"n": 5}).unit
    drawn = [space.decode(mutate(genes, point, 1.0, np.random.default_rng(s), forced=True))["n"] for s in range(100)]
    assert 5 not in drawn
    assert {4, 6} <= set(drawn)


def test_a_noisy_objective_is_followed():
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
def test_settings_are_checked(settings, message):
    with pytest.raises(InvalidInput, match=message):
        Genetic(**settings)
