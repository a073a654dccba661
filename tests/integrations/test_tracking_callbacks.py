"""Callbacks that log trials to MLflow and TensorBoard."""

from __future__ import annotations

import warnings

import pytest

from optional import package
from seasoned import ASHA, Categorical, Choice, Float, Random, Space, Study
from seasoned.errors import MissingExtra, Pruned
from seasoned.integrations.mlflow import MLflowCallback
from seasoned.integrations.tensorboard import TensorBoardCallback

SPACE = Space(x=Float(0, 1), kind=Categorical(["a", None]), net=Choice(deep=Space(width=Float(1, 2)), flat=Space()))


def objective(config, trial):
    trial.note(seen=7)
    if trial.number == 1:
        raise Pruned("too slow")
    if trial.number == 2:
        raise RuntimeError("broken")
    return config["x"]


def studied(callback):
    study = Study(SPACE, sampler=Random(), seed=0, name="mine")
    study.optimize(objective, trials=4, callbacks=[callback])
    return study


@pytest.fixture
def client(tmp_path, monkeypatch):
    """A client of MLflow whose runs lie in files of the test's folder."""
    mlflow = package("mlflow", "mlflow-skinny")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow prefers its other stores
        yield mlflow.MlflowClient((tmp_path / "runs").as_uri())


@pytest.fixture
def address(tmp_path):
    return (tmp_path / "runs").as_uri()


def test_mlflow_has_a_run_for_each_trial(client, address):
    study = studied(MLflowCallback(address, "rates"))
    found = client.search_runs([client.get_experiment_by_name("rates").experiment_id])
    runs = {run.info.run_name: run for run in found}
    assert sorted(runs) == [f"trial {number}" for number in range(4)]
    assert [runs[f"trial {number}"].info.status for number in range(4)] == ["FINISHED", "KILLED", "FAILED", "FINISHED"]
    first, trial = runs["trial 0"].data, study.trials[0]
    assert first.metrics["value"] == trial.value
    assert first.metrics["seconds"] == trial.seconds
    assert float(first.params["x"]) == trial.config["x"]
    assert first.params["net"] == next(iter(trial.config["net"]))
    assert first.params["note.seen"] == "7"
    assert "broken" in runs["trial 2"].data.tags["error"]


def test_mlflow_has_the_reports_by_step_and_the_name_of_the_study(client, address):
    def train(config, trial):
        for step in (1, 3, 9):
            trial.report(step, config["x"] + 1 / step)
        return config["x"]

    study = Study(Space(x=Float(0, 1)), sampler=Random(), seed=0, name="steps", fidelity=ASHA(max=9))
    study.optimize(train, trials=1, callbacks=[MLflowCallback(address)])
    (run,) = client.search_runs([client.get_experiment_by_name("steps").experiment_id])
    steps = [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "report")]
    assert steps == list(study.trials[0].reports)


def test_tensorboard_has_a_folder_for_each_trial(tmp_path):
    accumulator = package("tensorboard.backend.event_processing.event_accumulator", "tensorboard")
    study = studied(TensorBoardCallback(tmp_path))
    folders = sorted((tmp_path / "mine").iterdir())
    assert [folder.name for folder in folders] == [f"trial-{number:05d}" for number in range(4)]
    found = accumulator.EventAccumulator(str(folders[0])).Reload()
    assert found.Scalars("value")[0].value == pytest.approx(study.trials[0].value)
    assert found.SummaryMetadata("_hparams_/session_start_info").plugin_data.plugin_name == "hparams"


@pytest.mark.parametrize(("callback", "name"), [(MLflowCallback, "mlflow"), (TensorBoardCallback, "tensorboard")])
def test_a_missing_package_is_named(callback, name, monkeypatch):
    monkeypatch.setattr("seasoned._util.optional_packages.is_installed", lambda _: False)
    study = Study(SPACE, sampler=Random(), seed=0)
    with pytest.raises(MissingExtra, match=f"{callback.__name__} needs '{name}.*pip install {name}"):
        study.optimize(lambda config: config["x"], trials=2, callbacks=[callback("folder")])
    assert len(study.trials) == 1
