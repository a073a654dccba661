"""Grid search: its end, warm starts, forbidden combinations and steps."""

from __future__ import annotations

import pytest

from seasoned import Between, Categorical, Float, Grid, Int, Space, Study, WarmStart, minimize
from seasoned.errors import InvalidInput, StudyConflict
from seasoned.trials import StudySpec


def test_the_end_of_a_grid_ends_the_search():
    space = Space(a=Int(1, 3), b=Categorical(["x", "y"]))
    study = Study(space, sampler=Grid())
    study.optimize(lambda config: config["a"])
    assert len(study.trials) == 6
    assert len({t.config for t in study.trials}) == 6
    with pytest.raises(StudyConflict, match="6 trials have all been asked"):
        study.ask()


def url(tmp_path):
    return f"sqlite:///{tmp_path}/study.db"


def test_a_grid_in_another_space_is_complete(tmp_path):
    Study(Space(a=Int(1, 3)), sampler=Grid(), storage=url(tmp_path), name="s").optimize(lambda c: c["a"])
    wider = Study(Space(a=Int(1, 5)), sampler=Grid(), storage=url(tmp_path), name="s")
    wider.optimize(lambda c: -c["a"])
    assert {t.config["a"] for t in wider.trials[3:]} == {1, 2, 3, 4, 5}


def test_a_grid_leaves_out_the_configurations_of_a_warm_start():
    space = Space(a=Int(1, 3), b=Categorical(["x", "y"]))
    sampler = Grid(warm_start=WarmStart(configurations=({"a": 2, "b": "y"},)))
    study = Study(space, sampler=sampler, seed=0)
    study.optimize(lambda config: config["a"], time_limit=20)
    tried = [tuple(trial.config.values()) for trial in study.trials]
    assert tried[0] == (2, "y")
    assert len(tried) == len(set(tried)) == 6


def test_a_number_beyond_a_grid_gets_a_configuration():
    """Another sampler's driver had it and gave it back."""
    spec = StudySpec(Space(a=Int(1, 3)), seed=0)
    sampler = Grid()
    (given,), _ = sampler.ask(sampler.init(spec), [57])
    assert given.config["a"] in {1, 2, 3}


def test_a_grid_separates_one_from_one_point_zero():
    sampler = Grid(warm_start=WarmStart(configurations=({"m": 1},)))
    study = Study(Space(m=Categorical([1, 1.0, "sqrt"])), sampler=sampler, seed=0)
    study.optimize(lambda _: 0.0)
    assert [trial.config["m"] for trial in study.trials] == [1, 1.0, "sqrt"]
    assert [type(trial.config["m"]) for trial in study.trials] == [int, float, str]


def x_of(config):
    return config["x"]


def test_a_grid_of_forbidden_combinations_alone_is_refused():
    space = Space(x=Float(0, 1, default=0.5), forbidden=[{"x": Between(0, 0.4)}, {"x": Between(0.6, 1)}])
    with pytest.raises(InvalidInput, match="leave none of the grid's combinations"):
        minimize(x_of, space, trials=10, sampler=Grid(resolution=2))


def test_a_grid_of_stepped_parameters_has_every_value_once():
    study = Study(Space(width=Int(0, 40, step=10), rate=Float(0, 0.3, step=0.1)), sampler=Grid())
    study.optimize(lambda config: config["width"] + config["rate"])
    found = {(trial.config["width"], trial.config["rate"]) for trial in study.trials}
    assert found == {(width, rate) for width in (0, 10, 20, 30, 40) for rate in (0.0, 0.1, 0.2, 0.3)}
    assert len(study.trials) == 20
