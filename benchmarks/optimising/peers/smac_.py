"""SMAC3's HyperparameterOptimizationFacade with its defaults, told the number of trials."""

# ruff: noqa: D101, D102  # the shape is described in worker.py
from __future__ import annotations

import logging
import shutil
import tempfile
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, InCondition, Integer
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory import TrialValue

PACKAGES = ("smac", "ConfigSpace", "numpy", "scikit-learn")


class Optimiser:
    def __init__(self, space: list[dict[str, Any]], seed: int, trials: int, options: dict[str, Any]) -> None:
        self._folder = tempfile.mkdtemp()
        scenario = Scenario(
            translated(space), deterministic=True, n_trials=trials, seed=seed, output_directory=self._folder
        )
        self._smac = HyperparameterOptimizationFacade(scenario, unused, overwrite=True, logging_level=logging.ERROR)

    def ask(self) -> dict[str, Any]:
        self._info = self._smac.ask()
        return {name: plain(value) for name, value in dict(self._info.config).items()}

    def tell(self, value: float) -> None:
        self._smac.tell(self._info, TrialValue(cost=value), save=False)

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def unused(config: Any, seed: int = 0) -> float:
    raise AssertionError("asked and told by hand")


def plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value.item() if hasattr(value, "item") else value


def translated(space: list[dict[str, Any]]) -> ConfigurationSpace:
    made = {parameter["name"]: hyperparameter(parameter) for parameter in space}
    found = ConfigurationSpace()
    found.add(list(made.values()))
    for parameter in space:
        if parameter.get("when"):
            parent, values = parameter["when"]
            child, above = made[parameter["name"]], made[parent]
            one = len(values) == 1
            found.add(EqualsCondition(child, above, values[0]) if one else InCondition(child, above, values))
    return found


def hyperparameter(parameter: dict[str, Any]) -> Any:
    if parameter["type"] == "cat":
        return Categorical(parameter["name"], parameter["choices"])
    make = Integer if parameter["type"] == "int" else Float
    return make(parameter["name"], (parameter["low"], parameter["high"]), log=parameter.get("log", False))
