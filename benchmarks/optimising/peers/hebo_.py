"""HEBO with its defaults; it knows no conditions, so inactive parameters are suggested and not used."""

# ruff: noqa: D101, D102  # the shape is described in worker.py
from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO
from units import active

PACKAGES = ("HEBO", "numpy", "torch", "pymoo")

warnings.simplefilter("ignore")


class Optimiser:
    def __init__(self, space: list[dict[str, Any]], seed: int, trials: int, options: dict[str, Any]) -> None:
        np.random.seed(seed)  # noqa: NPY002  # the one that it uses
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self._space = space
        self._hebo = HEBO(DesignSpace().parse([translated(parameter) for parameter in space]), scramble_seed=seed)

    def ask(self) -> dict[str, Any]:
        self._row = self._hebo.suggest(n_suggestions=1)
        values = {name: plain(value) for name, value in self._row.iloc[0].to_dict().items()}
        config: dict[str, Any] = {}
        for parameter in self._space:
            if active(parameter, config):
                config[parameter["name"]] = values[parameter["name"]]
        return config

    def tell(self, value: float) -> None:
        self._hebo.observe(self._row, np.array([[value]]))


def plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def translated(parameter: dict[str, Any]) -> dict[str, Any]:
    name, log = parameter["name"], parameter.get("log", False)
    if parameter["type"] == "cat":
        return {"name": name, "type": "cat", "categories": parameter["choices"]}
    kind = ("pow_int" if log else "int") if parameter["type"] == "int" else ("pow" if log else "num")
    return {"name": name, "type": kind, "lb": parameter["low"], "ub": parameter["high"]}
