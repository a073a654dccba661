"""Several objectives of a study: fronts, hypervolumes, frames."""

from __future__ import annotations

import numpy as np
import pytest

from random_search import RandomStudy
from seasoned import Choice, Constrained, Float, Random, Space, Study
from seasoned.errors import InvalidInput, StudyConflict

NESTED = Space(x=Float(-1, 1), branch=Choice(a=Space(y=Float(0, 1)), b=Space()))


SPACE = Space(x=Float(0, 1), y=Float(0, 1))


def study_of(f, trials=40, direction=("minimize", "maximize"), **options):
    study = Study(SPACE, direction=direction, sampler=Random(), seed=0, **options)
    study.optimize(f, trials=trials)
    return study


def both(config):
    return config["x"] + config["y"], config["x"] - config["y"]


def better(left, right):
    """Return True where one trial dominates another: the first objective small, the second large."""
    return left[0] <= right[0] and left[1] >= right[1] and left != right


def test_the_front_holds_the_trials_that_none_dominates():
    study = study_of(both)
    values = [trial.values for trial in study.trials]
    front = [trial.values for trial in study.front]
    assert front == [v for v in values if not any(better(other, v) for other in values)]
    assert 1 < len(front) < 40


def test_the_front_holds_feasible_trials():
    study = study_of(lambda config: Constrained(both(config), constraints=[0.5 - config["x"]]))
    assert study.front
    assert all(trial.config["x"] >= 0.5 for trial in study.front)
    hopeless = study_of(lambda config: Constrained(both(config), constraints=[1 + config["x"]]))
    assert [t.config["x"] for t in hopeless.front] == [min(t.config["x"] for t in hopeless.trials)]
    assert hopeless.hypervolume((2, -1)) == 0.0


def test_hypervolume_is_measured_in_the_directions_of_the_user():
    study = Study(SPACE, direction=("minimize", "maximize"), sampler=Random(), seed=0)
    assert study.front == []
    assert study.hypervolume((4, 0)) == 0.0
    for values in [(1, 2), (2, 3), (3, 1)]:
        study.tell(study.ask(), values)
    study.tell(study.ask(), error="broke")
    assert study.hypervolume((4, 0)) == pytest.approx(2 * 3 + 1 * 2)
    assert [trial.values for trial in study.front] == [(1.0, 2.0), (2.0, 3.0)]
    with pytest.raises(InvalidInput, match="one number for each"):
        study.hypervolume((1,))


def test_several_objectives_have_no_best_trial():
    with pytest.raises(StudyConflict, match="no one trial is best; see front"):
        _ = study_of(both).best


def test_one_objective_has_a_front_of_the_best():
    study = study_of(lambda config: round(config["x"], 1), direction="minimize")
    assert study.best in study.front
    assert {trial.value for trial in study.front} == {study.best.value}


def test_the_frame_has_a_column_per_objective_and_constraint():
    study = study_of(lambda config: Constrained(both(config), constraints=[config["x"], -1]), trials=5)
    study.tell(study.ask(), error="broke")
    frame = study.frame()
    columns = ["number", "state", "value_0", "value_1", "constraint_0", "constraint_1", "seconds", "error", "x", "y"]
    assert list(frame.columns) == columns
    assert frame["value_1"].tolist()[:5] == pytest.approx((frame["x"] - frame["y"]).tolist()[:5])
    assert frame["constraint_1"].tolist()[:5] == [-1.0] * 5
    assert np.isnan(frame["constraint_0"].iloc[5])


def test_workers_and_storage_carry_several_values(tmp_path):
    study = Study(SPACE, direction=("maximize", "minimize"), storage=f"sqlite:///{tmp_path}/s.db", name="s", seed=0)
    study.optimize(both, trials=6, workers=2)
    again = Study(SPACE, direction=("maximize", "minimize"), storage=f"sqlite:///{tmp_path}/s.db", name="s")
    assert [trial.values for trial in again.trials] == [both(trial.config) for trial in again.trials]
    assert again.front == study.front


def test_trials_outside_of_the_present_space_are_not_on_the_front(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    study_of(both, storage=url, name="s")
    narrow = Study(
        Space(x=Float(0.5, 1), y=Float(0, 1)),
        direction=("minimize", "maximize"),
        storage=url,
        name="s",
        sampler=Random(),
    )
    assert narrow.front
    assert all(trial.config["x"] >= 0.5 for trial in narrow.front)
    assert len(narrow.trials) == 40


def test_several_objectives_need_as_many_values():
    study = RandomStudy(NESTED, direction=("minimize", "maximize"), seed=0)
    study.optimize(lambda config: (config["x"], config["x"]), trials=3)
    assert all(t.values == (t.config["x"], t.config["x"]) for t in study.trials)
    assert {"value_0", "value_1"} <= set(study.frame().columns)
    with pytest.raises(StudyConflict, match="no one trial is best"):
        _ = study.best
    assert study.tell(study.ask(), 1.0).error == "the objective returned 1.0 instead of a tuple of 2 numbers"
