"""`build --tune`: settings of the metric and of the deep kernel in one file, families left out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from build_experience import run
from build_experience.configurations import choose_configurations
from build_experience.lines import Lines
from build_experience.ship import studies_of
from build_experience.tune import evaluations_of, tune
from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.experience import Experience
from seasoned.knowledge.performance_model.settings import MetricSettings
from seasoned.knowledge.transfer.deep_kernel_settings import DeepSettings
from seasoned.tabular.trial.configuration import VERSION

SMALL = DeepSettings(hidden=(8,), outputs=2, steps=20)


@pytest.fixture
def folder(tmp_path):
    """A build of nine made-up tasks of three families, 24 configurations each."""
    lines, rng = Lines(tmp_path), np.random.default_rng(0)
    configs = choose_configurations("regression", 24)
    for place in range(9):
        name = f"made:{place}#y"
        about = {"rows": 100, "columns": 3, "classes": 0, "sort": "regression", "metafeatures": {"log_rows": 2.0}}
        lines.add_task({"task": name, "family": f"f{place // 3}", "target": "y", "baselines": {"rmse": 1.0}, **about})
        for config, loss in zip(configs, rng.uniform(0.2, 0.9, len(configs)), strict=True):
            line = {"task": name, "version": VERSION, "config": config, "seconds": 0.1, "state": "complete"}
            lines.add_trial({**line, "losses": {"rmse": float(loss)}})
    return tmp_path


def test_tasks_are_points_of_one_space_with_their_families(folder):
    tasks, families = evaluations_of(Experience.of_studies(studies_of(folder)))
    assert families == [f"f{place // 3}" for place in range(9)]
    assert {task.points.shape for task in tasks} == {(24, tasks[0].points.shape[1])}
    assert all((task.points >= 0).all() and (task.points <= 1).all() for task in tasks)


def test_the_command_writes_both_settings(folder, tmp_path, capsys):
    out = tmp_path / "settings.json"
    run.main([str(folder), "--tune", str(out), "--trials", "2", "--deep-trials", "0"])
    text = out.read_text()
    assert set(json.loads(text)) == {"metric", "deep"}
    assert isinstance(MetricSettings.of_text(text), MetricSettings)
    assert DeepSettings.of_text(text) == DeepSettings()
    assert capsys.readouterr().out.startswith("metric: ")


def test_without_deep_trials_the_deep_settings_stay(folder, tmp_path):
    out = tmp_path / "settings.json"
    out.write_text(json.dumps({"metric": {}, "deep": SMALL.to_json()}))
    run.main([str(folder), "--tune", str(out), "--trials", "1", "--deep-trials", "0"])
    assert DeepSettings.of_text(out.read_text()) == SMALL


@pytest.mark.slow
def test_the_deep_kernel_is_tuned_beside_the_metric(folder, tmp_path):
    out = tmp_path / "settings.json"
    told = tune(folder, out, trials=1, deep_trials=2, deep=SMALL)
    assert told["deep"]["trials"] == 2
    assert told["deep"]["best"] <= told["deep"]["default"]
    assert DeepSettings.of_text(out.read_text()) == told["deep"]["settings"]


@pytest.mark.parametrize(
    "text", ["nonsense", "[]", '{"deep": {"by": "luck"}}', '{"deep": {"hidden": []}}', '{"deep": {"a": 1}}']
)
def test_settings_that_are_none_are_refused(text):
    with pytest.raises(InvalidInput):
        DeepSettings.of_text(text)
