"""Objectives in workers: faults fail a trial with a reason, and the search goes on."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import subprocess
import sys
import textwrap
import time

import pytest

from seasoned import Float, Random, Space, Study
from seasoned.execution import LocalExecutor
from seasoned.storage import MemoryStorage
from seasoned.trials import TrialState

SPACE = Space(x=Float(0, 1))


def hang_in_c(config):
    ctypes.PyDLL(None).sleep(600)  # holds the GIL: no thread of the worker runs any more


def fork(config):
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
    return 1.0


FAULTS = {
    "raises": (lambda c: 1 / 0, "ZeroDivisionError"),
    "sys.exit": (lambda c: sys.exit(3), "exit"),
    "os._exit": (lambda c: os._exit(3), "exit code 3"),
    "killed": (lambda c: os.kill(os.getpid(), 9), "SIGKILL"),
    "segfault": (lambda c: ctypes.string_at(0), "SIGSEGV"),
    "hangs": (lambda c: time.sleep(600), "limit of 2 s"),
    "hangs in C": (hang_in_c, "limit of 2 s"),
    "eats memory": (lambda c: bytearray(2**34 // 16 * 10) and time.sleep(600), "above its limit"),
    "returns text": (lambda c: "1", "instead of a finite number"),
    "returns what cannot travel": (lambda c: (x for x in ()), "instead of a finite number"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_a_worker_fails_its_trial_with_a_reason(name):
    function, pattern = FAULTS[name]

    def sometimes(config):
        return function(config) if config["x"] < 0.5 else config["x"]

    study = Study(SPACE, sampler=Random(), seed=1)
    seconds = 2 if "hangs" in name else 60
    study.optimize(sometimes, trials=4, workers=2, trial_time_limit=seconds, trial_memory=2**30)
    assert len(study.trials) == 4
    for trial in study.trials:
        if trial.config["x"] < 0.5:
            assert trial.state is TrialState.FAILED
            assert pattern in trial.error
        else:
            assert trial.value == trial.config["x"]
    assert {t.state for t in study.trials} == {TrialState.FAILED, TrialState.COMPLETE}, "the seed shows both"


def test_a_child_process_left_behind_fails_no_trial():
    study = Study(SPACE, seed=1)
    study.optimize(fork, trials=3, workers=2)
    assert [t.value for t in study.trials] == [1.0] * 3


def test_trials_cut_off_by_the_time_limit_run_again(tmp_path):
    study = Study(SPACE, storage=f"sqlite:///{tmp_path}/s.db", name="s", seed=1)
    flag = tmp_path / "fast"
    study.optimize(lambda c: 1.0 if flag.exists() else time.sleep(600), trials=3, workers=2, time_limit=1.5)
    assert [t.state for t in study.trials] == [TrialState.RUNNING] * 2
    configs = [t.config for t in study.trials]
    flag.touch()
    study.optimize(lambda c: 1.0 if flag.exists() else time.sleep(600), trials=3, workers=2)
    assert [t.value for t in study.trials] == [1.0] * 3
    assert [t.config for t in study.trials][:2] == configs


SCRIPT = """
from seasoned import Float, Random, Space, minimize

OFFSET = 0.25

def f(config):
    return (config["x"] - OFFSET) ** 2

best = minimize(f, Space(x=Float(0, 1)), sampler=Random(), trials=6, workers=2, trial_time_limit=30, seed=0)
again = minimize(lambda config: f(config), Space(x=Float(0, 1)), sampler=Random(), trials=6, trial_time_limit=9, seed=0)
assert best.value == again.value
print("value", best.value)
"""


def test_an_unguarded_script_may_use_workers(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(SCRIPT))
    run = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("value") == 1, "a worker ran the script again"


def test_a_notebook_cell_may_use_workers():
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(SCRIPT))])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    text = "".join(output.get("text", "") for output in notebook.cells[0].outputs)
    assert text.count("value") == 1


@pytest.mark.skipif(importlib.util.find_spec("ipywidgets") is not None, reason="rich shows its own bar")
def test_a_notebook_without_widgets_shows_a_line_of_text():
    import nbformat
    from nbclient import NotebookClient

    cell = """
    import warnings
    warnings.simplefilter("error")
    from seasoned import Float, Space, Study
    Study(Space(x=Float(0, 1)), seed=0).optimize(lambda config: config["x"], trials=3)
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(cell))])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (shown,) = [output["data"]["text/plain"] for output in notebook.cells[0].outputs if "data" in output]
    assert "search, 3/3 trials, best 0." in shown


def test_stop_is_called_while_trials_run_and_cuts_them_off():
    study = Study(Space(x=Float(0, 1)), seed=0)
    began = time.monotonic()

    def enough():
        return len(study.trials) == 2 and time.monotonic() - began > 0.5

    study.optimize(time_consuming, trials=4, workers=2, stop=enough)
    assert [trial.state for trial in study.trials] == [TrialState.RUNNING] * 2
    study.optimize(lambda config: config["x"], trials=4, stop=lambda: False)
    assert len(study.trials) == 4


def time_consuming(config):
    time.sleep(3600)


def line(config):
    return config["x"]


def test_an_error_in_a_callback_loses_no_trial_of_a_batch(monkeypatch):
    study = Study(SPACE, storage=MemoryStorage(), name="s", sampler=Random(), seed=0)
    wait = LocalExecutor.wait

    def both(self, timeout=None):
        found = []
        while len(found) < 2:
            found += wait(self, 1.0)
        return found

    monkeypatch.setattr(LocalExecutor, "wait", both)

    def broken(study, trial):
        raise RuntimeError("callback")

    with pytest.raises(RuntimeError, match="callback"):
        study.optimize(line, trials=2, workers=2, callbacks=[broken])
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2
