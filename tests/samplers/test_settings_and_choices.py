"""What a reading by fresh eyes found in spaces, samplers and rules: input that was taken as something else."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest

from seasoned import Between, Categorical, Float, Int, Random, Space, Study, WarmStart, minimize
from seasoned.errors import InvalidInput, InvalidSpace
from seasoned.fidelity import ASHA, Curve, Hyperband, Median
from seasoned.samplers import TPE, Bayes, DifferentialEvolution, Genetic, Grid

LINE = Space(x=Float(0, 1))


def x_of(config):
    return config["x"]


@pytest.mark.parametrize("choices", [{"relu", "tanh"}, frozenset("ab")])
def test_choices_without_an_order_are_refused(choices):
    with pytest.raises(InvalidSpace, match="whose order differs between processes"):
        Categorical(choices)


def test_keys_of_a_dict_are_a_list():
    assert Categorical({"relu": 1, "tanh": 2}.keys()).choices == ("relu", "tanh")


def test_a_flag_that_was_stored_as_a_number_is_understood():
    told = Space(x=Float(1, 100, log=True), k=Categorical([1, 2], ordered=True)).to_dict()
    for parameter in told["parameters"].values():
        parameter.update({name: 1 for name in ("log", "ordered") if name in parameter})
    assert Space.from_dict(told) == Space(x=Float(1, 100, log=True), k=Categorical([1, 2], ordered=True))


@pytest.mark.parametrize("unit", ["ns", "s"])
def test_points_in_time_are_no_numbers(unit):
    with pytest.raises(InvalidSpace, match="datetime64"):
        Categorical(pd.date_range("2020", periods=3, freq="YS").to_numpy().astype(f"datetime64[{unit}]"))


def test_flags_are_true_or_false():
    assert Space(x=Float(1, 100, log=np.bool_(True))).to_json() == Space(x=Float(1, 100, log=True)).to_json()
    for make in (lambda: Float(1, 9, log="no"), lambda: Int(1, 9, log=1), lambda: Categorical([1], ordered="yes")):
        with pytest.raises(InvalidSpace, match="give True or False"):
            make()


def test_one_clause_is_no_list_of_clauses():
    with pytest.raises(InvalidSpace, match="give a list of clauses"):
        Space(x=Int(0, 3), forbidden={"x": 1})


def test_a_grid_tells_one_from_one_point_zero():
    sampler = Grid(warm_start=WarmStart(configurations=({"m": 1},)))
    study = Study(Space(m=Categorical([1, 1.0, "sqrt"])), sampler=sampler, seed=0)
    study.optimize(lambda _: 0.0)
    assert [trial.config["m"] for trial in study.trials] == [1, 1.0, "sqrt"]
    assert [type(trial.config["m"]) for trial in study.trials] == [int, float, str]


def test_a_grid_of_forbidden_combinations_says_so():
    space = Space(x=Float(0, 1, default=0.5), forbidden=[{"x": Between(0, 0.4)}, {"x": Between(0.6, 1)}])
    with pytest.raises(InvalidInput, match="leave none of the grid's combinations"):
        minimize(x_of, space, trials=10, sampler=Grid(resolution=2))


@pytest.mark.parametrize(
    "make",
    [
        lambda: TPE(candidates=1e2),
        lambda: TPE(startup=10.0),
        lambda: Genetic(tournament=3.0),
        lambda: DifferentialEvolution(population=20.0),
        lambda: Bayes(initial=True),
        lambda: Study(LINE, sampler=Grid(resolution=5.0)),
    ],
)
def test_counts_are_whole_numbers(make):
    with pytest.raises(InvalidInput, match="give a whole number"):
        make()


@pytest.mark.parametrize("rule", [ASHA, Hyperband, Median, Curve])
def test_rules_take_whole_numbers_of_numpy(rule):
    study = Study(LINE, sampler=Random(), fidelity=rule(max=np.int64(9)), seed=0)

    def train(config, trial):
        for step in range(trial.step + 1, trial.budget + 1):
            trial.report(step, config["x"])
        return config["x"]

    study.optimize(train, trials=5)
    assert rule(max=np.int64(9)) == rule(max=9)


def test_a_moved_study_with_many_rungs_goes_on(tmp_path):
    place = {"storage": tmp_path / "s.db", "name": "a", "fidelity": Hyperband(max=10**8), "sampler": Random()}

    def train(config, trial):
        trial.report(1, config["x"])
        return config["x"]

    Study(LINE, seed=0, **place).optimize(train, trials=3)
    wider = Study(Space(x=Float(0, 2)), **place)
    wider.optimize(train, trials=6)
    assert len(wider.trials) >= 6


def test_a_call_without_an_end_leaves_no_study_behind(tmp_path):
    place = {"storage": tmp_path / "r.db", "name": "a"}
    refused = ({}, {"trials": 3, "trial_memory": "much"}, {"trials": 3, "workers": "two"})
    for options in refused:
        with pytest.raises(InvalidInput):
            minimize(x_of, LINE, **place, **options)
    for options in ({"sampler": Random()}, {"trials": 3, "callbacks": print}):
        with pytest.raises(InvalidInput):
            minimize(x_of, LINE, **place, **options)
    with pytest.raises(InvalidInput):
        minimize(lambda: 1.0, LINE, trials=3, **place)
    with pytest.raises(TypeError, match="takes no n_jobs=; write workers=4"):
        minimize(x_of, LINE, trials=3, n_jobs=2, **place)
    assert not (tmp_path / "r.db").exists()
    assert minimize(x_of, LINE, trials=5, seed=0, **place).value < 1
    assert minimize(x_of, Space(x=Int(0, 3)), sampler=Grid()).value == 0, "a grid has an end"


def test_a_relative_cache_is_where_the_study_began(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEASONED_CACHE", "cache")
    (tmp_path / "elsewhere").mkdir()

    def train(config, trial):
        os.chdir(tmp_path / "elsewhere")
        trial.checkpoint.mkdir(parents=True, exist_ok=True)
        (trial.checkpoint / "weights").write_text("1")
        for step in range(trial.step + 1, trial.budget + 1):
            trial.report(step, config["x"])
        return config["x"]

    study = Study(LINE, sampler=Random(), storage=tmp_path / "s.db", name="s", fidelity=ASHA(max=9), seed=0)
    study.optimize(train, trials=2)
    assert not list((tmp_path / "elsewhere").iterdir())
