"""`build --tune`: settings of the learned metric in a file, families left out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from build_experience import run
from build_experience.configurations import choose_configurations
from build_experience.lines import Lines
from build_experience.tune import tune
from seasoned.knowledge.performance_model.settings import MetricSettings
from seasoned.tabular.trial.configuration import VERSION


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


def test_the_command_writes_the_best_settings(folder, tmp_path, capsys):
    out = tmp_path / "settings.json"
    run.main([str(folder), "--tune", str(out), "--trials", "2"])
    assert set(json.loads(out.read_text())) == {"metric"}
    assert isinstance(MetricSettings.of_text(out.read_text()), MetricSettings)
    assert capsys.readouterr().out.startswith("{'trials': 2, ")


def test_tuning_tells_its_gain_over_the_default_settings(folder, tmp_path):
    out = tmp_path / "settings.json"
    told = tune(folder, out, trials=2)
    assert told["best"] <= told["default"]
    assert MetricSettings.of_text(out.read_text()) == told["settings"]
