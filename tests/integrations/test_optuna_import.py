"""Import of Optuna's studies: as experience, and as studies of ours."""

from __future__ import annotations

import datetime as dt

import numpy as np
import optuna
import pytest
from sqlalchemy import create_engine, inspect

from seasoned import Categorical, Choice, Constrained, Float, Int, Random, Space, Study, WarmStart
from seasoned.errors import InvalidInput, StudyConflict
from seasoned.integrations.optuna import SeasonedSampler, export, study_of
from seasoned.integrations.optuna_import import read_studies
from seasoned.knowledge import quantile_start
from seasoned.samplers import Bayes
from seasoned.trials import TrialState


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    if trial.number == 3:
        raise ValueError("it cannot")
    if trial.number == 4:
        raise optuna.TrialPruned
    return -((x - 0.7) ** 2)


@pytest.fixture
def url(tmp_path):
    found = f"sqlite:///{tmp_path / 'optuna.db'}"
    for name in ("one", "two"):
        study = optuna.create_study(
            study_name=name, storage=found, direction="maximize", sampler=optuna.samplers.RandomSampler(seed=len(name))
        )
        study.optimize(objective, n_trials=20, catch=(ValueError,))
    optuna.create_study(study_name="empty", storage=found)
    optuna.create_study(study_name="several", storage=found, directions=["minimize", "minimize"])
    return found


def test_each_imported_study_with_trials_is_a_task(url):
    experience = read_studies(url)
    assert sorted(head.name for head in experience.heads) == ["one", "two"]
    assert {head.source for head in experience.heads} == {"optuna"}
    assert len(experience.scores) == 2 * 19  # what was pruned has no final score, and did not fail
    assert experience.failed.sum() == 2
    assert experience.scores[~experience.failed].min() >= 0.0  # maximised there, so negated here


def test_imported_studies_start_a_search_of_the_same_space(url):
    space = Space(x=Float(0, 1))
    start = quantile_start(space, read_studies(url).evaluations(space))
    assert abs(start.configurations[0]["x"] - 0.7) < 0.15


def test_conditional_studies_are_read_into_a_nested_space(caplog):
    def branching(trial):
        rate = trial.suggest_float("rate", 1e-3, 1.0, log=True)
        if trial.suggest_categorical("kind", ["tree", "line"]) == "tree":
            return abs(rate - 0.1) + abs(trial.suggest_int("depth", 1, 9) - 4)
        return 2.0 + rate

    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(study_name="nested", storage=storage, sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(branching, n_trials=30)
    space = Space(rate=Float(1e-3, 1, log=True), kind=Choice(tree=Space(depth=Int(1, 9)), line=Space()))
    (found,) = read_studies(storage).evaluations(space)
    assert sorted(found.scores) == sorted(trial.value for trial in study.trials)
    best = space.decode(found.points[found.scores.argmin()])
    assert best["kind"]["tree"]["depth"] == study.best_params["depth"]
    assert not caplog.text
    assert read_studies(storage).evaluations(Space(other=Float(0, 1))) == []
    assert "no task has three trials with a score that are valid in the space; one that is not: {" in caplog.text


def test_imported_steps_start_a_search_on_the_same_grid():
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(study_name="steps", storage=storage, sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: abs(t.suggest_float("x", 0, 1, step=0.1) - 0.3) + t.suggest_int("n", 0, 9, step=3), 40)
    space = Space(x=Float(0, 1, step=0.1), n=Int(0, 9, step=3))
    (found,) = read_studies(storage).evaluations(space)
    assert len(found.scores) == 40
    assert quantile_start(space, [found]).configurations[0]["n"] == 0


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "x.db").write_bytes(b"nothing" * 1000)
    with pytest.raises(InvalidInput, match="is not a database"):
        read_studies(f"sqlite:///{tmp_path / 'x.db'}")


def test_a_database_without_optunas_tables_is_refused_unchanged(tmp_path):
    """Optuna writes its tables into whatever it is shown, and finds no study there."""
    url = f"sqlite:///{tmp_path}/ours.db"
    Study(Space(x=Float(0, 1)), storage=url, name="s", seed=0).optimize(lambda config: config["x"], trials=1)
    before = inspect(create_engine(url)).get_table_names()
    with pytest.raises(InvalidInput, match=r"no storage of Optuna's; `seasoned experience import`"):
        read_studies(url)
    assert inspect(create_engine(url)).get_table_names() == before


def test_infeasible_trials_are_no_good_experience(tmp_path):
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    sampler = SeasonedSampler(Random(), seed=0, constraints_func=lambda trial: (0.5 - trial.params["x"],))
    study = optuna.create_study(study_name="kept", storage=url, sampler=sampler)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=12)
    found = read_studies(url)
    scores = found.scores[~found.failed]
    assert 0 < len(scores) < 12
    assert (scores >= 0.5).all()


def test_an_optuna_study_continues_as_a_study_of_ours(url, caplog):
    space = Space(x=Float(-5, 5), optimizer=Choice(sgd=Space(momentum=Float(0, 1)), adam=Space()))
    theirs = optuna.create_study(storage=url, study_name="moved", direction="maximize")

    def objective(trial):
        x = trial.suggest_float("x", -5, 5)
        if trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd":
            trial.suggest_float("momentum", 0, 1)
        trial.set_user_attr("epochs", 3)
        if trial.number == 1:
            raise optuna.TrialPruned
        if trial.number == 2:
            raise ValueError("no")
        return -(x**2)

    theirs.optimize(objective, n_trials=8, catch=ValueError)
    theirs.enqueue_trial({"x": 1.0})
    ours = study_of(url, "moved", space, seed=0)
    assert ours.directions == ("maximize",)
    assert ours.best.value == theirs.best_value
    assert [trial.state.value for trial in ours.trials] == ["complete", "pruned", "failed", *["complete"] * 5]
    assert [trial.config["x"] for trial in ours.trials] == [trial.params["x"] for trial in theirs.trials[:8]]
    assert all(trial.notes == {"epochs": 3} and trial.seconds >= 0 for trial in ours.trials)
    ours.optimize(lambda config: -(config["x"] ** 2), trials=10)
    assert len(ours.trials) == 10
    narrow = study_of(url, "moved", Space(x=Float(-5, 5)), seed=0)
    assert narrow.trials == []
    assert "8 trial(s) of 'moved' are not valid in the space, and are left out" in caplog.text
    with pytest.raises(InvalidInput, match="has no study 'other'; its names are"):
        study_of(url, "other", space)


def test_an_imported_study_keeps_objectives_and_constraints():
    storage = optuna.storages.InMemoryStorage()
    ours = Study(Space(x=Float(0, 1)), sampler=Random(), seed=0, direction=("minimize", "maximize"))
    ours.optimize(lambda config: Constrained((config["x"], config["x"]), constraints=[0.5 - config["x"]]), trials=6)
    export(ours, storage, name="pair")
    back = study_of(storage, "pair", ours.space)
    assert back.directions == ("minimize", "maximize")
    assert [trial.values for trial in back.trials] == [trial.values for trial in ours.trials]
    assert [trial.constraints for trial in back.trials] == [trial.constraints for trial in ours.trials]


def test_a_repeated_import_tells_no_trial_twice(url, tmp_path):
    space, place = Space(x=Float(0, 1)), f"sqlite:///{tmp_path / 'ours.db'}"
    first = study_of(url, "one", space, seed=0, storage=place)
    count = len(first.trials)
    first.optimize(lambda config: config["x"], trials=count + 2)
    again = study_of(url, "one", space, storage=place)
    assert len(again.trials) == count + 2
    Study(space, storage=place, name="other", direction="maximize", seed=0).tell({"x": 0.123}, 1.0)
    with pytest.raises(StudyConflict, match="exists already, with other trials"):
        study_of(url, "one", space, storage=place, name="other")


def test_attributes_that_no_log_can_hold_are_logged(caplog):
    storage = optuna.storages.InMemoryStorage()
    theirs = optuna.create_study(storage=storage, study_name="odd")
    trial = theirs.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    trial.set_user_attr("model", object())
    trial.set_user_attr("epochs", 3)
    theirs.tell(trial, 1.0)
    ours = study_of(storage, "odd", Space(x=Float(0, 1)), seed=0)
    assert ours.trials[0].notes == {"epochs": 3}
    assert "The attribute 'model' of a trial is left out: the note 'model' is <object" in caplog.text


def test_a_repeated_import_with_a_warm_start_tells_no_trial_twice(url, tmp_path):
    space, place = Space(x=Float(0, 1)), f"sqlite:///{tmp_path / 'ours.db'}"
    warm = WarmStart(configurations=[{"x": 0.5}, {"x": 0.75}])
    options = {"storage": place, "sampler": Bayes(warm_start=warm)}
    first = study_of(url, "one", space, seed=0, **options)
    count = len(first.trials)
    assert len(study_of(url, "one", space, **options).trials) == count
    first.optimize(lambda config: config["x"], trials=count + 2)
    held = len(first.trials)
    assert len(study_of(url, "one", space, **options).trials) == held


@pytest.mark.skipif(not hasattr(optuna.trial.Trial, "set_constraint"), reason="constraints with names are Optuna 5's")
def test_imported_named_constraints_have_places_of_their_own():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        names = ("mem", "time") if trial.number % 2 else ("time", "mem")
        for name in names[: 1 + trial.number % 3]:
            far = name == "mem" and trial.number == 3
            trial.set_constraint(name, float("inf") if far else {"mem": -1.0, "time": 2.0}[name])
        return x

    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(storage=storage, study_name="s").optimize(objective, n_trials=6)
    back = study_of(storage, "s", Space(x=Float(0, 1)), seed=0)
    assert all(trial.state is TrialState.COMPLETE for trial in back.trials)
    for trial in back.trials:
        mem, time = trial.constraints
        assert mem in ({-1.0, 0.0} if trial.number != 3 else {0.0, 1e100})
        assert time in {2.0, 0.0}


def test_a_trial_that_ends_between_two_imports_is_told_once(tmp_path):
    theirs = optuna.create_study(storage=f"sqlite:///{tmp_path / 'theirs.db'}", study_name="line")
    begun = [theirs.ask() for _ in range(4)]
    values = [trial.suggest_float("x", 0, 1) for trial in begun]
    for place in (0, 1, 3):
        theirs.tell(begun[place], values[place])
    options = {"space": Space(x=Float(0, 1)), "storage": tmp_path / "ours.db", "seed": 0}
    first = study_of(f"sqlite:///{tmp_path / 'theirs.db'}", "line", **options)
    assert len(first.trials) == 3
    theirs.tell(begun[2], values[2])
    again = study_of(f"sqlite:///{tmp_path / 'theirs.db'}", "line", **options)
    assert [trial.config["x"] for trial in again.trials] == [values[place] for place in (0, 1, 3, 2)]


def test_a_trial_of_negative_duration_has_unknown_seconds():
    storage = optuna.storages.InMemoryStorage()
    theirs = optuna.create_study(storage=storage, study_name="night")
    line = {"x": optuna.distributions.FloatDistribution(0, 1)}
    for x in (0.25, 0.75):
        trial = optuna.trial.create_trial(params={"x": x}, distributions=line, value=x)
        trial.datetime_start = trial.datetime_complete + dt.timedelta(hours=x > 0.5)
        theirs.add_trial(trial)
    back = study_of(storage, "night", Space(x=Float(0, 1)), seed=0)
    assert [trial.seconds for trial in back.trials] == [0.0, None]
    assert np.isnan(read_studies(storage).seconds).tolist() == [False, True]
    asked = optuna.create_study(storage=storage, study_name="night", sampler=SeasonedSampler(), load_if_exists=True)
    asked.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)


def test_a_trial_with_a_constraint_that_is_no_number_is_told_once(tmp_path):
    url = f"sqlite:///{tmp_path / 'theirs.db'}"
    theirs = optuna.create_study(storage=url, study_name="s")
    line = {"x": optuna.distributions.FloatDistribution(0, 1)}
    for bound in (-1.0, float("nan")):
        theirs.add_trial(
            optuna.trial.create_trial(
                params={"x": 0.5}, distributions=line, value=1.0, system_attrs={"constraints": [bound]}
            )
        )
    options = {"space": Space(x=Float(0, 1)), "storage": tmp_path / "ours.db", "seed": 0}
    counts = [len(study_of(url, "s", **options).trials) for _ in range(3)]
    assert counts == [2, 2, 2]


def test_many_constraints_keep_their_order():
    storage = optuna.storages.InMemoryStorage()
    ours = Study(Space(x=Float(0, 1)), sampler=Random(), seed=0)
    ours.optimize(lambda config: Constrained(config["x"], constraints=[float(-n) for n in range(12)]), trials=2)
    export(ours, storage, name="many")
    back = study_of(storage, "many", ours.space)
    assert [trial.constraints for trial in back.trials] == [trial.constraints for trial in ours.trials]


def test_own_trials_of_a_study_hide_no_imported_result(tmp_path):
    url, letters = f"sqlite:///{tmp_path / 'theirs.db'}", {"k": optuna.distributions.CategoricalDistribution("abc")}
    theirs = optuna.create_study(storage=url, study_name="s")

    def add(letter, value):
        theirs.add_trial(optuna.trial.create_trial(params={"k": letter}, distributions=letters, value=value))

    add("a", 1.0)
    options = {"space": Space(k=Categorical(["a", "b", "c"])), "storage": tmp_path / "ours.db", "seed": 0}
    ours = study_of(url, "s", **options)
    ours.tell({"k": "c"}, error="it broke")
    ours.enqueue({"k": "b"})
    add("b", 2.0)
    add("c", 0.5)
    again = study_of(url, "s", **options)
    assert sorted(trial.value for trial in again.trials if trial.values) == [0.5, 1.0, 2.0]
    other = Study(options["space"], storage=tmp_path / "ours.db", name="other", seed=0)
    other.tell({"k": "a"}, 9.0)
    with pytest.raises(StudyConflict, match="exists already, with other trials"):
        study_of(url, "s", **{**options, "name": "other"})
