"""A whole fit in this process: its steps are the same, and a small one takes tenths of a second."""

from __future__ import annotations

import warnings

from seasoned import AutoClassifier, AutoRegressor, SearchSettings
from seasoned.execution.workers.inline import InlineExecutor
from seasoned.study import arguments
from seasoned.tabular.budget import worker_pool
from seasoned.tabular.trial import fold_fitter


class Here(InlineExecutor):
    """Takes a LocalExecutor's place."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def wait(self, timeout=None):
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # as in a worker, where a library's warning is no error
            return super().wait(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def stay_in_process(monkeypatch) -> None:
    """Fits take one core, as in a worker: two tests side by side whose boosters take all would wait for each other."""
    for module in (arguments, worker_pool):
        monkeypatch.setattr(module, "LocalExecutor", Here)
    monkeypatch.setattr(fold_fitter, "cpu_count", lambda: 1)


def alone(folder, monkeypatch):
    """Fits run in this process, and their files are in a folder of their own."""
    monkeypatch.setenv("SEASONED_CACHE", str(folder / "cache"))
    stay_in_process(monkeypatch)


def estimator(task, models=("linear",), **options):
    """A quick one: two folds, a trial a family."""
    make = AutoRegressor if task == "regression" else AutoClassifier
    search = SearchSettings(models=list(models), folds=2)
    quick = {"trials": len(models), "workers": 1, "random_state": 0, "experience": None, "search": search}
    return make(**{**quick, **options})
