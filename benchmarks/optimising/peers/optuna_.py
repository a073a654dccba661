"""Optuna's TPESampler and GPSampler with their defaults, define-by-run, so that conditional parameters are so."""

# ruff: noqa: D101, D102  # the shape is described in worker.py
from __future__ import annotations

import warnings
from typing import Any

import optuna
from units import active

PACKAGES = ("optuna", "numpy", "scipy", "torch")

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")


class Optimiser:
    def __init__(self, space: list[dict[str, Any]], seed: int, trials: int, options: dict[str, Any]) -> None:
        sampler = getattr(optuna.samplers, options["sampler"])(seed=seed)
        self._space, self._study = space, optuna.create_study(sampler=sampler)

    def ask(self) -> dict[str, Any]:
        self._trial = self._study.ask()
        config: dict[str, Any] = {}
        for parameter in self._space:
            if active(parameter, config):
                config[parameter["name"]] = self._suggest(parameter)
        return config

    def _suggest(self, parameter: dict[str, Any]) -> Any:
        if parameter["type"] == "cat":
            return self._trial.suggest_categorical(parameter["name"], parameter["choices"])
        suggest = self._trial.suggest_int if parameter["type"] == "int" else self._trial.suggest_float
        return suggest(parameter["name"], parameter["low"], parameter["high"], log=parameter.get("log", False))

    def tell(self, value: float) -> None:
        self._study.tell(self._trial, value)
