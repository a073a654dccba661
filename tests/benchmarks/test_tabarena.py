"""System of TabArena: its interface, with a base class that calls it as TabArena's runner does."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).parent.parent.parent / "benchmarks" / "tabarena"


class Base:
    """The part of `ExternalSystemModel` (tabarena 0.1.0) that a system sees."""

    def __init__(self, *, problem_type, eval_metric, fit_kwargs=None, **kwargs):
        self.problem_type, self.eval_metric, self.fit_kwargs = problem_type, eval_metric, fit_kwargs or {}
        assert not kwargs

    def fit(self, X, y, **columns):
        columns = {"group_on": None, "time_on": None, **columns}
        limits = {name: self.fit_kwargs.get(name) for name in ("num_cpus", "num_gpus", "memory_limit", "time_limit")}
        return self._fit_system(
            X.copy(),
            y,
            target_name="target",
            problem_type=self.problem_type,
            eval_metric=SimpleNamespace(name=self.eval_metric),
            validation_metadata=SimpleNamespace(**columns),
            random_state=3,
            **limits,
        )


class Generator:
    def __init__(self, model_cls, name, manual_configs):
        self.model_cls, self.name, self.manual_configs = model_cls, name, manual_configs


@pytest.fixture
def package(monkeypatch):
    """The package `tabarena.systems.seasoned`, with stand-ins for the modules that it imports from TabArena."""
    made = {
        "tabarena.benchmark.exec_models": {"ExternalSystemModel": Base},
        "tabarena.models._method_metadata": {"MethodMetadata": SimpleNamespace(system=SimpleNamespace)},
        "tabarena.systems._system_info": {"SystemInfo": SimpleNamespace},
        "tabarena.utils.config_utils": {"SystemConfigGenerator": Generator},
    }
    for name, contents in made.items():
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            monkeypatch.setitem(sys.modules, ".".join(parts[:end]), ModuleType(".".join(parts[:end])))
        vars(sys.modules[name]).update(contents)
    systems = ModuleType("tabarena.systems")
    systems.__path__ = [str(FOLDER)]
    monkeypatch.setitem(sys.modules, "tabarena.systems", systems)
    yield importlib.import_module("tabarena.systems.seasoned")
    for name in [name for name in sys.modules if name.startswith("tabarena.systems.seasoned")]:
        del sys.modules[name]


def table(rows=120):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.integers(12, size=rows)}, index=range(7, rows + 7))
    return X, pd.Series(np.where(X["a"] > 0, "yes", "no"), index=X.index), X["a"] * 2.0


def test_the_registry_finds_one_configuration_of_the_system(package):
    info = package.seasoned_info
    assert info.system_cls is package.SeasonedSystemModel
    assert info.config_generator.manual_configs == [{}]
    assert info.method_metadata.method == "seasoned"


@contextmanager
def system(package, **arguments):
    """A system with a limit of three seconds, whose worker ends in any case."""
    budget = {"time_limit": 3.0, "num_cpus": 1, "num_gpus": 0, "memory_limit": 8.0}
    model = package.SeasonedSystemModel(experience=None, fit_kwargs=budget, **arguments)
    try:
        yield model
    finally:
        model.cleanup()


def test_predictions_have_the_index_and_the_classes_of_the_task(package):
    X, labels, _ = table()
    with system(package, problem_type="binary", eval_metric="roc_auc") as model:
        model.warmup_fn()
        assert model.fit(X, labels, group_on=["b"]) is model
        found = model._predict_proba(X)
        assert list(found.columns) == ["no", "yes"]
        assert found.index.equals(X.index)
        np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_numbers_are_predicted_by_the_metric_of_the_task(package):
    X, _, numbers = table()
    with system(package, problem_type="regression", eval_metric="root_mean_squared_error") as model:
        found = model.fit(X, numbers)._predict(X)
    assert found.index.equals(X.index)
    assert np.isfinite(found).all()


def test_a_failure_of_a_fit_is_told_in_its_own_words(package):
    X, labels, _ = table()
    with (
        system(package, problem_type="binary", eval_metric="no_metric") as model,
        pytest.raises(RuntimeError, match="no_metric"),
    ):
        model.fit(X, labels)
    assert model._folder is None
