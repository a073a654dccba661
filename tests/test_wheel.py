"""The wheel: what it holds, and that it works where nothing of this checkout is."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SMOKE = """
import seasoned, sys
assert "site-packages" in seasoned.__file__, seasoned.__file__
from seasoned import AutoClassifier, Float, Space, minimize
assert minimize(lambda c: c["x"] ** 2, Space(x=Float(-1, 1)), trials=20, workers=2, trial_time_limit=60).value < 1
assert minimize(lambda c: c["x"], Space(x=Float(-1, 1)), trials=3, storage="sqlite:///s.db", name="s").value < 1
from sklearn.datasets import load_iris
X, y = load_iris(return_X_y=True, as_frame=True)
clf = AutoClassifier(trials=2, experience=None, random_state=0).fit(X, y)
assert (clf.predict(X) == y).mean() > 0.8
clf.save("iris.seasoned")
assert (seasoned.load("iris.seasoned").predict_proba(X) == clf.predict_proba(X)).all()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "seasoned/py.typed" in names
    assert "seasoned/execution/workers/worker.py" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert all(name.startswith(("seasoned/", "seasoned-")) for name in names)


@pytest.mark.slow
def test_the_wheel_works_in_an_empty_environment(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for command in (["-m", "pip", "install", "--quiet", wheel], ["-c", SMOKE]):
        run = subprocess.run([python, *command], capture_output=True, text=True, check=False, cwd=tmp_path, env=bare)
        assert run.returncode == 0, run.stdout + run.stderr
    run = subprocess.run([tmp_path / "venv" / "bin" / "seasoned", "--help"], capture_output=True, text=True, check=True)
    assert "predict" in run.stdout
