"""Genes, crossover and mutation on the tree of a space."""

from __future__ import annotations

import numpy as np
import pytest

from sampler_runs import MIXED, NESTED, box
from seasoned.samplers.evolution.operators import crossover, mutate
from seasoned.samplers.evolution.population import Genes
from seasoned.space import Categorical, Choice, Int, Space

GENES = Genes.of(NESTED)
ADAM = NESTED.encode({"lr": 1e-2, "depth": 6, "kind": "b", "optimizer": {"adam": {"beta": 0.9}}}).unit
SGD_CONSTANT = NESTED.encode(
    {"lr": 1e-2, "depth": 5, "kind": "c", "optimizer": {"sgd": {"momentum": 0.3, "schedule": {"constant": {}}}}}
).unit


def names(space):
    return [dimension.name for dimension in space.dimensions]


def test_genes_hold_the_tree_of_the_space():
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


SGD = NESTED.encode(
    {
        "lr": 1e-3,
        "depth": 3,
        "kind": "a",
        "optimizer": {"sgd": {"momentum": 0.7, "schedule": {"cosine": {"warmup": 9}}}},
    }
).unit


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


def test_a_child_in_a_common_branch_takes_inner_branches_whole():
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


def test_equal_parents_have_an_equal_child():
    assert crossover(GENES, SGD, SGD, np.random.default_rng(0)) == pytest.approx(SGD)


def test_only_coordinates_in_use_mutate_and_a_new_branch_is_drawn():
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
def test_a_forced_mutation_changes_the_point(space):
    genes = Genes.of(space)
    point = space.encode(space.default).unit
    for seed in range(50):
        child = mutate(genes, point, 0.0, np.random.default_rng(seed), forced=True)
        assert (child != point).any()
        assert ((child >= 0) & (child <= 1)).all()


def test_a_mutation_in_a_space_of_one_point_changes_nothing():
    space = Space(only=Categorical(["one"]), outer=Choice(a=Space()))
    point = space.encode(space.default).unit
    assert (mutate(Genes.of(space), point, None, np.random.default_rng(0), forced=True) == point).all()


def test_a_mutated_integer_differs_from_its_parent():
    space = Space(n=Int(0, 9))
    genes = Genes.of(space)
    point = space.encode({"n": 5}).unit
    drawn = [space.decode(mutate(genes, point, 1.0, np.random.default_rng(s), forced=True))["n"] for s in range(100)]
    assert 5 not in drawn
    assert {4, 6} <= set(drawn)


def test_a_fresh_integer_on_a_logarithmic_scale_is_another_one():
    space = Space(n=Int(1, 3, log=True))
    genes, rng = Genes.of(space), np.random.default_rng(0)
    for n in (1, 2, 3):
        unit = space.encode({"n": n}).unit
        found = {genes.fresh(unit, unit, rng)["n"] for _ in range(50)}
        assert found == {1, 2, 3} - {n}
        assert {genes.bin_of(0, genes.beside(0, float(unit[0]), up=up)) + 1 for up in (True, False)} <= {1, 2, 3} - {n}
