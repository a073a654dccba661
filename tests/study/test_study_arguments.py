"""Arguments of studies: wrong values are refused with a sentence; NumPy's integers are accepted."""

from __future__ import annotations

import logging
import math
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import seasoned
from random_search import RandomStudy
from seasoned import ASHA, Choice, Float, Random, Space, Study, WarmStart, minimize
from seasoned.errors import InvalidInput, StudyConflict
from seasoned.knowledge import Evaluations, quantile_start
from seasoned.samplers import CMAES, TPE
from seasoned.storage import MemoryStorage
from seasoned.trials import TrialState

NESTED = Space(x=Float(-1, 1), branch=Choice(a=Space(y=Float(0, 1)), b=Space()))
SPACE = Space(x=Float(0, 1))


def square(config):
    return config["x"] ** 2


WRONG = {
    "no end": ({}, "neither trials nor time_limit"),
    "no trials": ({"trials": 0}, "trials is 0"),
    "half a trial": ({"trials": 2.5}, "trials is 2.5"),
    "trials in words": ({"trials": "5"}, "trials is '5'"),
    "time in words": ({"trials": 1, "time_limit": "5"}, "time_limit is '5'"),
    "no memory": ({"trials": 1, "trial_memory": "some"}, "8GB"),
    "no time": ({"time_limit": 0}, "time_limit is 0"),
    "negative": ({"trials": 1, "trial_time_limit": -1}, "trial_time_limit is -1"),
    "nan": ({"time_limit": math.nan}, "time_limit is nan"),
    "no workers": ({"trials": 1, "workers": 0}, "workers is 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_optimize_refuses_wrong_arguments(name):
    arguments, pattern = WRONG[name]
    with pytest.raises(InvalidInput, match=pattern):
        RandomStudy(NESTED).optimize(square, **arguments)


def test_minimize_names_wrong_arguments_as_the_user_wrote_them():
    with pytest.raises(InvalidInput, match="trials is 0; give a whole number"):
        seasoned.minimize(lambda config: config["x"], Space(x=Float(0, 1)), trials=0)
    with pytest.raises(InvalidInput, match=r"no trial 0; the study has none yet"):
        seasoned.Study(Space(x=Float(0, 1))).tell(0, 1.0)


def url(tmp_path):
    return f"sqlite:///{tmp_path}/study.db"


def test_a_study_refuses_wrong_arguments(tmp_path):
    with pytest.raises(InvalidInput, match="without a name"):
        RandomStudy(NESTED, storage=url(tmp_path))
    with pytest.raises(InvalidInput, match="sqlite:///runs"):
        RandomStudy(NESTED, storage="runs:db", name="s")
    with pytest.raises(InvalidInput, match=r"give a Space"):
        RandomStudy({"x": Float(0, 1)})
    with pytest.raises(InvalidInput, match="'up'"):
        RandomStudy(NESTED, direction="up")
    RandomStudy(NESTED, storage=url(tmp_path), name="s", seed=1)
    with pytest.raises(StudyConflict, match="direction"):
        RandomStudy(NESTED, storage=url(tmp_path), name="s", direction="maximize")
    with pytest.raises(StudyConflict, match="seed 1, not 2"):
        RandomStudy(NESTED, storage=url(tmp_path), name="s", seed=2)


def works(config):
    return config["x"]


def test_the_number_of_trials_may_be_a_numpy_integer(tmp_path):
    study = Study(SPACE, sampler=Random(), seed=0, storage=f"sqlite:///{tmp_path / 's.db'}", name="s")
    study.optimize(works, trials=np.int64(3))
    assert len(study.trials) == 3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sampler": "tpe"}, "sampler is 'tpe'; give an instance"),
        ({"sampler": TPE}, "sampler is <class"),
        ({"fidelity": ASHA}, "fidelity is <class"),
    ],
)
def test_a_study_refuses_samplers_and_rules_that_are_no_instances(options, sentence):
    storage = MemoryStorage()
    with pytest.raises(InvalidInput, match=sentence):
        Study(SPACE, storage=storage, name="s", **options)
    assert list(storage.names()) == []


def test_a_late_budget_is_not_used_and_logged(caplog):
    storage = MemoryStorage()
    Study(SPACE, sampler=Random(), storage=storage, name="s")
    with caplog.at_level(logging.WARNING):
        Study(SPACE, sampler=Random(), storage=storage, name="s", budget=500)
    assert "was planned without a budget, and its sampler goes on by that: budget=500 is not used" in caplog.text


def x_of(config):
    return config["x"]


def test_optimize_refuses_foreign_executors_and_single_callbacks():
    study = Study(SPACE, seed=0)
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(InvalidInput, match=r"give at least 1, or an executor of seasoned.execution"),
    ):
        study.optimize(x_of, trials=2, workers=pool)
    with pytest.raises(InvalidInput, match=r"callbacks is .*; give a list of functions"):
        study.optimize(x_of, trials=2, callbacks=print)
    assert not study.trials


def test_an_empty_name_of_a_study_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="name is ''"):
        Study(SPACE, storage=tmp_path / "s.db", name="")
    assert not list(tmp_path.iterdir())


def test_seed_budget_and_workers_may_be_numpy_integers(storage):
    study = Study(SPACE, sampler=Random(), storage=storage, name="s", seed=np.int64(3), budget=np.int64(7))
    study.ask()
    assert study.tell(np.int64(0), 0.5).state is TrialState.COMPLETE
    study.optimize(lambda config: config["x"], trials=2, workers=np.int64(1))
    assert len(study.trials) == 2


@pytest.mark.parametrize(("given", "said"), [({"seed": -1}, "seed is -1"), ({"seed": 0.5}, "seed is 0.5")])
def test_a_study_refuses_wrong_seeds(given, said):
    with pytest.raises(InvalidInput, match=re.escape(said)):
        Study(SPACE, **given)


def fails(config):
    raise ValueError("the file\nis not there")


def test_a_swapped_space_and_objective_are_reported():
    sentence = "the space is the function fails; a study is made of a space"
    with pytest.raises(InvalidInput, match=sentence):
        minimize(SPACE, fails, trials=3)
    with pytest.raises(InvalidInput, match=sentence):
        Study(fails)
    with pytest.raises(InvalidInput, match=r"the objective is Space\(.*, which cannot be called"):
        Study(SPACE).optimize(SPACE, trials=3)
    with pytest.raises(InvalidInput, match=r"the space comes first, as in quantile_start\(space, tasks\)"):
        quantile_start([Evaluations([[0.5]], [1.0])], SPACE)


def test_a_refused_study_leaves_its_name_free():
    storage = MemoryStorage()
    two = ("minimize", "minimize")
    with pytest.raises(InvalidInput, match="CMAES supports only one objective"):
        Study(SPACE, storage=storage, name="s", direction=two, sampler=CMAES())
    assert list(storage.names()) == []
    Study(SPACE, storage=storage, name="s", sampler=CMAES(), seed=0).optimize(lambda config: config["x"], trials=2)
    with pytest.raises(InvalidInput):
        Study(SPACE, storage=storage, name="s", sampler=Random(warm_start=WarmStart(points=[[0.1, 0.2]], values=[1.0])))
    assert len(Study.load(storage, "s").trials) == 2


def test_a_refused_study_leaves_an_equal_empty_study_in_the_store():
    """Its specification may be the same to the last digit, where both were given a seed."""
    storage = MemoryStorage()
    two = ("minimize", "minimize")
    Study(SPACE, storage=storage, name="s", seed=0, direction=two, sampler=Random())
    with pytest.raises(InvalidInput, match="CMAES supports only one objective"):
        Study(SPACE, storage=storage, name="s", seed=0, direction=two, sampler=CMAES())
    assert list(storage.names()) == ["s"]


@pytest.mark.parametrize("workers", [0, -1, 1.5, "two"])
def test_workers_are_a_number_or_an_executor(workers):
    with pytest.raises(InvalidInput, match="executor"):
        Study(Space(x=Float(-1, 1))).optimize(abs, trials=1, workers=workers)
