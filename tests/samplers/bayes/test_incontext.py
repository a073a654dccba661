"""Bayesian optimisation by an in-context network: optima, spaces, running trials, constraints, settings."""

from __future__ import annotations

import numpy as np
import pytest

from bayes_runs import bowl, run
from nearest_quantiles import NearestQuantiles
from seasoned import Study
from seasoned.errors import InvalidInput
from seasoned.incontext.network import Network
from seasoned.samplers import Bayes
from seasoned.samplers.bayes.incontext import _context_rows
from seasoned.samplers.checks import SAMPLER_CHECKS
from seasoned.space import Between, Categorical, Choice, Float, Int, Space
from seasoned.trials import StudySpec
from small_networks import random_network

SQUARE = Space(x=Float(-1, 1), y=Float(-1, 1))
NESTED = Space(
    kind=Categorical(["a", "b", "c"]),
    size=Int(1, 9, log=True),
    optimizer=Choice(sgd=Space(momentum=Float(0, 1)), adam=Space(beta=Float(0, 1), slow=Categorical([True, False]))),
)


def sampler(**settings):
    return Bayes(surrogate="incontext", network=NearestQuantiles(), **settings)


def test_search_finds_the_bottom_of_a_bowl():
    found, _ = run(sampler(), SQUARE, lambda config: ((bowl(config),), ()), 40)
    x, y = np.linalg.solve([[2, 1], [1, 6]], [0.6, -1.2])
    assert min(values[0] for _, values, _ in found) < bowl({"x": x, "y": y}) + 0.02


def test_search_maximises():
    study = Study(SQUARE, sampler=sampler(), direction="maximize", seed=0)
    study.optimize(lambda c: -bowl(c), trials=30)
    assert study.best.value > 0.07  # at most 0.0845


def test_search_of_a_conditional_space_stays_inside_and_finds_the_branch():
    def objective(config):
        (name,) = config["optimizer"]
        inner = config["optimizer"][name]
        value = (config["kind"] != "c") + abs(config["size"] - 7) / 8 + (name != "adam") + (next(iter(inner.values())))
        return (float(value),), ()

    found, _ = run(sampler(), NESTED, objective, 50)
    assert all(NESTED.contains(config) for config, _, _ in found)
    assert len({config for config, _, _ in found}) == 50
    assert min(values[0] for _, values, _ in found) < 0.3


def test_suggestions_repeat_for_a_seed_and_differ_for_another():
    def configs(seed):
        found, _ = run(sampler(), NESTED, lambda c: ((float(c["size"]) + (c["kind"] == "a"),), ()), 14, seed=seed)
        return [config for config, _, _ in found]

    assert configs(1) == configs(1)
    assert configs(1) != configs(2)


def test_drivers_in_the_same_state_get_points_apart():
    _, state = run(sampler(), SQUARE, lambda c: ((bowl(c),), ()), 12)
    together = sampler().ask(state, [12, 13, 14])[0]
    assert len({given.config for given in together}) == 3
    assert [sampler().ask(state, [number])[0][0].config for number in (12, 13, 14)] == [g.config for g in together]


def test_failed_trials_are_avoided():
    def objective(config):
        return (None, ()) if config["x"] > 0 else ((config["y"] ** 2 - config["x"],), ())

    found, _ = run(sampler(), SQUARE, objective, 40)
    assert np.mean([values is None for _, values, _ in found[20:]]) < 0.5


def test_outcome_constraints_draw_the_search_to_their_boundary():
    def objective(config):
        return (bowl(config),), (config["x"] + 0.3,)  # satisfied for x <= -0.3; the bowl's minimum is not

    found, _ = run(sampler(), SQUARE, objective, 40)
    assert np.mean([constraint[0] <= 0 for _, _, constraint in found[20:]]) > 0.3
    good = [(values[0], config) for config, values, constraint in found if constraint[0] <= 0]
    assert min(good, key=lambda pair: pair[0])[1]["x"] > -0.6


def test_search_leads_to_feasible_trials_when_none_is_known():
    found, _ = run(sampler(), SQUARE, lambda c: ((c["y"],), (c["x"] + c["y"] + 1.7,)), 30)
    assert all(constraint[0] > 0 for _, _, constraint in found[:4])
    assert any(constraint[0] <= 0 for _, _, constraint in found)


def test_several_objectives_reach_the_front():
    def objective(config):
        return ((config["x"] ** 2 + config["y"] ** 2, (config["x"] - 1) ** 2 + config["y"] ** 2), ())

    found, _ = run(sampler(), SQUARE, objective, 40, directions=("minimize", "minimize"))
    late = [config for config, _, _ in found[20:]]
    assert np.mean([abs(config["y"]) < 0.3 and config["x"] > -0.2 for config in late]) > 0.5


def test_forbidden_combinations_are_not_tried():
    space = Space(x=Float(0, 1), kind=Categorical(["a", "b"]), forbidden=[{"kind": "b", "x": Between(0.5, 1.0)}])
    found, _ = run(sampler(), space, lambda c: ((-c["x"] - (c["kind"] == "b"),), ()), 25)
    assert all(space.contains(config) for config, _, _ in found)


def test_huge_context_is_cut_to_the_best_half_and_others_of_all_ranks():
    targets = np.random.default_rng(0).standard_normal(2000)
    rows = _context_rows(targets, np.ones(2000, bool))
    assert len(set(rows)) == len(rows) == 512
    order = np.argsort(targets)
    assert set(order[:256]) <= set(rows)
    assert np.isin(rows, order[1500:]).sum() > 50
    assert set(_context_rows(targets, targets > 1)) == set(np.flatnonzero(targets > 1))


def test_network_of_a_file_gives_the_suggestions_of_the_network(tmp_path):
    path = tmp_path / "studies.npz"
    random_network().save(path)
    spec = StudySpec(SQUARE, seed=0)
    configs = []
    for network in (path, str(path), Network.load(path)):
        found, _ = run(
            Bayes(surrogate="incontext", network=network), spec.space, lambda c: ((bowl(c),), ()), 8, seed=spec.seed
        )
        configs.append([config for config, _, _ in found])
    assert configs[0] == configs[1] == configs[2]


def test_gaussian_process_is_the_default():
    assert Bayes() == Bayes(surrogate="gp")
    assert Bayes() != sampler()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"surrogate": "forest"}, "give 'gp' or 'incontext'"),
        ({"network": NearestQuantiles()}, "give surrogate='incontext' too"),
        (
            {"surrogate": "incontext", "network": NearestQuantiles(), "acquisition": "ucb"},
            "leave both at their defaults",
        ),
        ({"surrogate": "incontext", "network": NearestQuantiles(), "per_second": True}, "leave both at their defaults"),
    ],
)
def test_settings_that_do_not_belong_together_are_refused(settings, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        Bayes(**settings)


@pytest.mark.whole
@pytest.mark.parametrize("check", SAMPLER_CHECKS, ids=lambda check: check.__name__)
def test_sampler_keeps_the_contract(check):
    check(sampler)
