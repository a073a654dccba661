"""Export of our studies to Optuna's storages: parameters, values, states, steps, durations, plots."""

from __future__ import annotations

import doctest

import optuna
import pytest

import seasoned.integrations.optuna_export as module
from seasoned import Categorical, Choice, Float, Int, Random, Space, Study
from seasoned.errors import InvalidInput, Pruned, StudyConflict
from seasoned.integrations.optuna import export
from seasoned.trials import Reported
from study_parts import ledger_of

SPACE = Space(
    lr=Float(1e-4, 1e-1, log=True),
    depth=Int(1, 8),
    size=Categorical([(1, 2), (3, 4)]),
    optimizer=Choice(sgd=Space(momentum=Float(0, 0.99)), adam=Space()),
)
STATE = optuna.trial.TrialState


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture
def ours():
    """Twelve finished trials, a failed and a pruned one among them, and one that runs."""
    study = Study(SPACE, name="ours", direction="maximize", seed=1, sampler=Random())

    def objective(config):
        if len(study.trials) == 3:
            raise ValueError("no")
        if len(study.trials) == 5:
            raise Pruned("far behind")
        return config["lr"] * config["depth"]

    study.optimize(objective, trials=12)
    running = study.ask()
    ledger_of(study).record([Reported(running.number, 1, -0.5)])
    return study


@pytest.fixture(params=["memory", "sqlite"])
def storage(request, tmp_path):
    return optuna.storages.InMemoryStorage() if request.param == "memory" else f"sqlite:///{tmp_path}/optuna.db"


def test_an_exported_study_keeps_parameters_values_and_states(ours, storage):
    theirs = export(ours, storage)
    theirs = optuna.load_study(study_name="ours", storage=storage)
    assert theirs.direction is optuna.study.StudyDirection.MAXIMIZE
    assert theirs.best_value == ours.best.value
    assert [t.number for t in theirs.trials] == [t.number for t in ours.trials]
    for mine, other in zip(ours.trials, theirs.trials, strict=True):
        flat = SPACE.flat(mine.config)
        assert other.params["optimizer"] == flat["optimizer"]
        assert other.params["size"] in ("[1, 2]", "[3, 4]")
        assert other.params.get("optimizer.sgd.momentum") == flat.get("optimizer.sgd.momentum")
        assert (None if mine.values is None else list(mine.values)) == other.values
        if mine.seconds is not None:
            assert other.duration.total_seconds() == pytest.approx(mine.seconds, abs=2e-6)
    assert theirs.trials[0].distributions["lr"] == optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True)
    states = [t.state for t in theirs.trials]
    assert (states.count(STATE.FAIL), states.count(STATE.PRUNED), states.count(STATE.RUNNING)) == (1, 1, 1)
    failed = theirs.get_trials(states=[STATE.FAIL])[0]
    assert "no" in failed.user_attrs["error"]
    assert theirs.trials[-1].intermediate_values == {1: 0.5}
    times = [t.datetime_start for t in theirs.trials]
    assert times == sorted(times)


def test_optunas_plots_read_an_exported_study(ours, storage):
    theirs = export(ours, storage, name="plots")
    for plot in (
        optuna.visualization.plot_optimization_history,
        optuna.visualization.plot_parallel_coordinate,
        optuna.visualization.plot_slice,
        optuna.visualization.plot_timeline,
    ):
        assert plot(theirs).data
    assert "lr" in optuna.importance.get_param_importances(
        theirs, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
    )


def test_an_exported_study_keeps_steps(storage):
    study = Study(Space(n=Int(0, 10, step=3), x=Float(0, 0.5, step=0.1)), name="steps", seed=1, sampler=Random())
    study.optimize(lambda config: config["n"] + config["x"], trials=10)
    theirs = export(study, storage)
    distributions = theirs.trials[0].distributions
    assert distributions["n"] == optuna.distributions.IntDistribution(0, 9, step=3)
    assert distributions["x"] == optuna.distributions.FloatDistribution(0.0, 0.5, step=0.1)
    assert [trial.params for trial in theirs.trials] == [dict(trial.config) for trial in study.trials]
    theirs.sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=5)
    theirs.optimize(lambda trial: trial.suggest_int("n", 0, 9, step=3) + trial.suggest_float("x", 0, 0.5, step=0.1), 5)
    assert all(study.space.contains(trial.params) for trial in theirs.trials)


def test_an_exported_study_keeps_objectives_and_constraints(storage):
    study = Study(Space(x=Float(0, 1)), name="two", direction=("minimize", "maximize"), seed=0)
    for violation in (-1.0, 1.0):
        trial = study.ask()
        study.tell(trial, (trial.config["x"], 1.0), constraints=[violation])
    theirs = export(study, storage)
    assert [t.values[1] for t in theirs.trials] == [1.0, 1.0]
    assert [list(t.constraints.values()) for t in theirs.trials] == [[-1.0], [1.0]]
    assert [t.number for t in theirs.best_trials] == [0]


def test_an_export_to_a_name_that_is_taken_is_refused(ours, storage):
    export(ours, storage)
    with pytest.raises(StudyConflict, match="another name"):
        export(ours, storage)
    for name in (None, "new"):
        assert len(export(ours, storage, name, replace=True).trials) == len(ours.trials)
    assert len(optuna.get_all_study_names(storage)) == 2


def test_categories_that_are_equal_in_optuna_are_refused():
    study = Study(Space(x=Categorical([1, 1.0])), seed=0)
    with pytest.raises(InvalidInput, match="equal in Optuna"):
        export(study, optuna.storages.InMemoryStorage())


def test_an_export_leaves_out_trials_of_an_earlier_space(tmp_path):
    url = f"sqlite:///{tmp_path}/ours.db"
    Study(Space(x=Float(0, 1)), storage=url, name="s", seed=0).optimize(lambda config: config["x"], trials=3)
    moved = Study(Space(y=Float(0, 1)), storage=url, name="s")
    moved.optimize(lambda config: config["y"], trials=2)
    theirs = export(moved, optuna.storages.InMemoryStorage())
    assert [set(t.params) for t in theirs.trials] == [{"y"}, {"y"}]


def test_the_example_of_the_export_runs():
    found = doctest.testmod(module)
    assert found.attempted >= 4
    assert found.failed == 0


def test_steps_too_fine_for_optuna_are_left_out():
    """Optuna does not find clean decimals on a hundred million steps; half a study was left, and in the way."""
    fine, coarse = Float(-50, 50, step=1e-6), Float(0, 1, step=0.25)
    study = Study(Space(x=fine, y=coarse), sampler=Random(), name="n", seed=0)
    study.optimize(lambda config: config["x"], trials=30)
    storage = optuna.storages.InMemoryStorage()
    theirs = export(study, storage)
    assert [trial.params["x"] for trial in theirs.trials] == [trial.config["x"] for trial in study.trials]
    assert theirs.trials[0].distributions["x"].step is None
    assert theirs.trials[0].distributions["y"].step == 0.25


def test_a_failed_export_leaves_no_half_study(ours, monkeypatch):
    storage = optuna.storages.InMemoryStorage()

    def full(*_):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(optuna.study.Study, "add_trials", full)
        with pytest.raises(OSError, match="no space"):
            export(ours, storage)
    assert len(export(ours, storage).trials) == len(ours.trials)
