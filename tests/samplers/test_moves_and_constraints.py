"""Samplers where a study has left a space, and where no trial keeps the constraints yet."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, IntEnum

import numpy as np
import pytest

from seasoned import Categorical, Choice, Constrained, Float, Int, Random, Space, Study, WarmStart
from seasoned.errors import InvalidInput
from seasoned.samplers import CMAES, TPE, Auto, Bayes
from seasoned.samplers.bayes.layout import layout_of
from seasoned.samplers.bayes.observations import Observations
from seasoned.samplers.bayes.trust_region import LocalSearch, followed
from seasoned.samplers.checks import same
from seasoned.samplers.tpe import _order
from seasoned.trials import Finished, Reported, StudySpec, Suggested, TrialState

SQUARE = Space(x=Float(0, 1), y=Float(0, 1))


def test_who_takes_over_after_a_move_does_not_learn_from_draws_in_the_old_space(tmp_path):
    """The 250th trial may be one from before the move: what was drawn then has the old space's coordinates."""
    store = f"sqlite:///{tmp_path}/runs.db"
    old = Space(x=Categorical([1, 2, 3, 4]), y=Float(0, 1), z=Float(0, 1))

    def objective(config):
        return config["x"] + config["y"] + config["z"]

    Study(old, sampler=Random(), budget=5000, storage=store, name="a", seed=0).optimize(objective, trials=250)
    Study(old, storage=store, name="a").optimize(objective, trials=300)
    moved = Study(Space(x=Int(1, 100), y=Float(0, 1), z=Float(0, 1)), storage=store, name="a")
    moved.optimize(objective, trials=303)
    assert len(moved.trials) == 303
    assert moved._ledger.state.chosen == CMAES()
    assert moved._ledger.state.inner.spec.first == 300, "notes from before it count no longer"


def test_reports_are_not_kept_for_who_takes_over():
    spec, sampler = StudySpec(SQUARE, seed=0), Auto()
    state = sampler.init(spec)
    (given,), state = sampler.ask(state, [0])
    state = sampler.tell(
        state, [Suggested(0, given.config, given.tag), *(Reported(0, step, 1.0) for step in range(50))]
    )
    assert len(state.heard) == 1


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_where_nothing_is_feasible_workers_get_different_points(seed):
    """Only the constraints' models decide there, and they did not know what runs: five of six points were one."""
    study = Study(SQUARE, sampler=Bayes(), seed=seed)
    for _ in range(8):
        trial = study.ask()
        broken = 0.3 + (trial.config["x"] - 0.8) ** 2 + (trial.config["y"] - 0.8) ** 2
        study.tell(trial, 1.0, constraints=[broken])
    points = np.array([list(study.ask().config.values()) for _ in range(6)])
    apart = np.abs(points[:, None] - points[None]).max(axis=2)[np.triu_indices(6, 1)]
    assert apart.min() > 1e-3


def test_of_points_from_elsewhere_nothing_is_known_of_constraints():
    """Their least value counted as the best that is allowed, though no trial may go below 1.2."""
    rng = np.random.default_rng(0)
    points = [tuple(point) for point in rng.random((30, 2)).tolist()]
    warm = WarmStart(points=points, values=[sum(point) for point in points])
    study = Study(SQUARE, sampler=Bayes(warm_start=warm), seed=0)
    study.optimize(lambda c: Constrained(c["x"] + c["y"], constraints=[1.2 - c["x"] - c["y"]]), trials=25)
    seen = study._ledger.state.seen
    assert len(seen) == 25
    assert study.best.value < 1.25


def test_a_warm_start_of_another_space_is_refused_before_anything_is_stored(tmp_path):
    store = f"sqlite:///{tmp_path}/runs.db"
    for given in ({"points": [[0.1]], "values": [1.0]}, {"population": [[0.1, 0.2, 0.3]]}):
        with pytest.raises(InvalidInput, match=r"has [13] coordinates, and the space 2"):
            Study(SQUARE, sampler=Bayes(warm_start=WarmStart(**given)), storage=store, name="s")
    right = WarmStart(points=[[0.1, 0.2]], values=[1.0])
    study = Study(SQUARE, sampler=Bayes(warm_start=right), storage=store, name="s", seed=0)
    study.optimize(lambda config: config["x"], trials=2)
    assert study.trials[0].config == pytest.approx({"x": 0.1, "y": 0.2})


def test_what_bayes_noted_in_the_old_space_is_forgotten():
    old, new = Space(kind=Choice(a=Space(u=Float(0, 1)))), Space(kind=Choice(a=Space(u=Float(0, 1)), b=Space()))
    spec, sampler = StudySpec(new, seed=0, first=3), Bayes()
    note = {"step": "global", "named": [[0.5], [0.7]]}
    events = [Suggested(number, old.default, note) for number in range(4)]
    state = sampler.tell(sampler.init(spec), events)
    assert [trial.tag for trial in state.seen.pending.values()] == [{}, {}, {}, note]
    assert same(sampler.tell(sampler.tell(sampler.init(spec), events[:2]), events[2:]), state)


def test_configurations_of_a_warm_start_are_tried_once_in_all_spaces(tmp_path):
    store = f"sqlite:///{tmp_path}/runs.db"
    warm = WarmStart(configurations=[{"x": 0.25}, {"x": 0.5}, {"x": 0.75}])
    first = Study(Space(x=Float(0, 1)), sampler=Random(warm_start=warm), storage=store, name="s", seed=0)
    first.optimize(lambda config: config["x"], trials=2)
    second = Study(Space(x=Float(0, 2)), sampler=Random(), storage=store, name="s")
    second.optimize(lambda config: config["x"], trials=6)
    tried = [trial.config["x"] for trial in second.trials]
    assert tried[:3] == [0.25, 0.5, 0.75]
    assert tried.count(0.25) == tried.count(0.5) == tried.count(0.75) == 1
    again = Study.load(storage=store, name="s", sampler=Random())
    assert again.ask().number == 6


def test_a_violation_that_falls_is_no_standstill():
    """Where infeasible trials return one value, the best of each generation has that value, too."""
    sampler, spec = CMAES(), StudySpec(SQUARE, seed=0)
    state = sampler.init(spec)
    for number in range(400):
        (given,), state = sampler.ask(state, [number])
        ended = Finished(number, TrialState.COMPLETE, (0.0,), 0.1, None, (10.0 - 0.01 * number,))
        state = sampler.tell(state, [Suggested(number, given.config, given.tag), ended])
    assert state.run == 0


class Color(str, Enum):  # noqa: UP042 - what is tested is what a StrEnum mends
    """As in much code from before StrEnum: `str(Color.RED)` is "Color.RED"."""

    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


def test_members_of_an_enum_are_their_values():
    space = Space(color=Categorical([Color.RED, Color.BLUE]), level=Categorical([Level.LOW, Level.HIGH]))
    config = space.check({"color": Color.BLUE, "level": Level.HIGH})
    assert config == {"color": "blue", "level": 2}
    assert type(config["color"]) is str
    assert type(config["level"]) is int
    assert space.sample(np.random.default_rng(0))["color"] in (Color.RED, Color.BLUE)


def test_a_start_in_another_category_is_not_where_a_search_ended():
    space = Space(kind=Categorical(["a", "b", "c"]), x=Float(0, 1))
    layout = layout_of(space)
    seen = Observations.none(2, 1)
    for number, (kind, step) in enumerate([("a", "local"), ("b", "global"), ("a", "global")]):
        told = [
            Suggested(number, space.check({"kind": kind, "x": 0.5}), {"step": step}),
            Finished(number, TrialState.COMPLETE, (1.0 - 0.1 * number,)),
        ]
        seen = seen.told(told, space)
    descent = LocalSearch(since=1, ended=(0,), resting=1)
    other = replace(seen, unit=seen.unit[:2], values=seen.values[:2], tags=seen.tags[:2])
    assert followed(descent, other, other.values[:, 0], layout).resting == 0, "b is another basin than a"
    assert followed(descent, seen, seen.values[:, 0], layout).resting == 4, "a is where the first search ended"


def test_of_many_objectives_the_first_fronts_are_enough():
    rng = np.random.default_rng(0)
    results = np.column_stack([np.zeros(200), rng.random((200, 3))])
    whole, some = _order(results, 200), _order(results, 30)
    np.testing.assert_array_equal(some[:30], whole[:30])
    assert sorted(some) == list(range(200))


def test_tpe_splits_each_branch_by_its_own_trials():
    """With several objectives a branch's good trials are the best of the branch, wherever they stand among all."""
    space = Space(kind=Choice(a=Space(u=Float(0, 1)), b=Space(v=Float(0, 1))))
    spec, sampler = StudySpec(space, ("minimize",) * 3, seed=0), TPE()
    state = sampler.init(spec)
    for number in range(40):
        place = number / 40
        config = {"kind": {"a": {"u": place}}} if number % 2 else {"kind": {"b": {"v": place}}}
        values = (place, place, place) if number % 2 else (5 - place, 5 - place, 5 - place)
        ended = Finished(number, TrialState.COMPLETE, values)
        state = sampler.tell(state, [Suggested(number, space.check(config)), ended])
    splits = sampler._splits(state)
    assert len(splits) == len(state.branches.branches)
    best = [sorted(split.best.tolist()) for split in splits]
    assert [1, 3, 5] in best, "the three smallest of a"
    assert [34, 36, 38] in best, "the three smallest of b"
