"""The problems, in the environment that has COCO and ONNX: BBOB, recorded tables, live surrogates, shifted classics.

Each problem has `space` (see `units.py`), `optimum` (None if it is not known) and `values(configs)`, all minimised.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

Configs = list[dict[str, Any]]

COCO = {
    "bbob5": ("bbob", 5),
    "bbob10": ("bbob", 10),
    "mixint5": ("bbob-mixint", 5),
    "mixint10": ("bbob-mixint", 10),
}
SURROGATES = {"xgboost": ("yahpo_rbv2_xgboost", 8), "rpart": ("yahpo_rbv2_rpart", 16)}  # every 8th task, every 16th
TABLES = {"hpobench": ("val_acc", True), "hpolib": ("val_loss", False), "nasbench201": ("val_acc", True)}
CLASSICS = ("sphere", "rosenbrock", "rastrigin")
INSTANCES = 15  # COCO's instances; seed s gets instance s % 15 + 1


def names(suite: str, metadata: Path | None) -> list[str]:
    """The problems of a suite."""
    if suite in COCO:
        return [f"f{number}" for number in range(1, 25)]
    if suite == "shifted":
        return list(CLASSICS)
    if metadata is None:
        raise ValueError(f"the suite {suite} needs --metadata FOLDER")
    if suite in SURROGATES:
        folder, step = SURROGATES[suite]
        tasks = json.loads((metadata / folder / "space.json").read_text())["encoding"]["task_id"]
        return sorted((task for task in tasks if task != "#na#"), key=int)[::step]
    return sorted(file.stem for file in (metadata / suite).glob("*.parquet") if file.stem != "configs")


def instances(suite: str, seeds: list[int]) -> dict[int, str]:
    """Seed -> the name of the instance that it runs on; recorded problems have one."""
    if suite in COCO:
        return {seed: f"i{seed % INSTANCES + 1}" for seed in seeds}
    return {seed: f"i{seed}" if suite == "shifted" else "" for seed in seeds}


def problem(suite: str, name: str, seed: int, metadata: Path | None) -> Any:
    """One problem, in the instance that belongs to the seed."""
    if suite in COCO:
        return Coco(*COCO[suite], int(name[1:]), seed % INSTANCES + 1)
    if suite == "shifted":
        return Shifted(name, 10, seed)
    assert metadata is not None
    return surrogate(metadata, suite, name) if suite in SURROGATES else table(metadata, suite, name)


class Coco:
    """A function of COCO (Hansen et al. 2021); of bbob-mixint the first variables are integers (Tusar et al. 2019)."""

    def __init__(self, suite: str, dimension: int, function: int, instance: int) -> None:
        import cocoex

        self._suite = cocoex.Suite(suite, f"instances:{instance}", f"dimensions:{dimension}")
        self._problem = self._suite.get_problem_by_function_dimension_instance(function, dimension, instance)
        whole = self._problem.number_of_integer_variables
        self.space = [
            {"name": f"x{i}", "type": "int" if i < whole else "float", "low": round(low) if i < whole else float(low)}
            | {"high": round(high) if i < whole else float(high)}
            for i, (low, high) in enumerate(zip(self._problem.lower_bounds, self._problem.upper_bounds, strict=True))
        ]
        self.optimum: float | None = float(self._problem(self._best_point()))

    def _best_point(self) -> Any:
        """COCO writes the optimum to a file in the working folder, and tells it in no other way."""
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            self._problem._best_parameter("print")
            return np.loadtxt("._bbob_problem_best_parameter.txt")

    def values(self, configs: Configs) -> list[float]:
        """One value for each configuration."""
        names = [parameter["name"] for parameter in self.space]
        return [float(self._problem(np.array([config[name] for name in names], float))) for config in configs]


class Shifted:
    """Sphere, Rosenbrock or Rastrigin on [-5, 5]^d, optimum 0 at a point uniform in the middle 80% of the box."""

    def __init__(self, name: str, dimension: int, seed: int) -> None:
        self._name = name
        self.shift = np.random.default_rng((1, seed)).uniform(-4, 4, dimension)
        self.space = [{"name": f"x{i}", "type": "float", "low": -5.0, "high": 5.0} for i in range(dimension)]
        self.optimum: float | None = 0.0

    def values(self, configs: Configs) -> list[float]:
        """One value for each configuration."""
        points = np.array([[config[p["name"]] for p in self.space] for config in configs]) - self.shift
        if self._name == "sphere":
            return list((points**2).sum(axis=1).tolist())
        if self._name == "rastrigin":
            return list((10 + points**2 - 10 * np.cos(2 * np.pi * points)).sum(axis=1).tolist())
        z = points + 1
        return list((100 * (z[:, 1:] - z[:, :-1] ** 2) ** 2 + (z[:, :-1] - 1) ** 2).sum(axis=1).tolist())


class Table:
    """A full grid of recorded runs, the mean over their repetitions; ordered grid values are integers 0, 1, ..."""

    def __init__(self, grid: dict[str, list[Any]], configs: pd.DataFrame, scores: np.ndarray[Any, Any]) -> None:
        self.space = [parameter_of(name, values) for name, values in grid.items()]
        self._index = {
            name: {value: place for place, value in enumerate(values)} for name, values in grid.items()
        }  # what is asked -> its place
        places = [configs[name].map({v: nearest(grid[name], v) for v in configs[name].unique()}) for name in grid]
        self._values = np.full([len(values) for values in grid.values()], np.nan)
        self._values[tuple(place.to_numpy() for place in places)] = scores
        self.optimum: float | None = float(np.nanmin(self._values))

    def values(self, configs: Configs) -> list[float]:
        """One value for each configuration."""
        return [float(self._values[tuple(self._place(p, config[p["name"]]) for p in self.space)]) for config in configs]

    def _place(self, parameter: dict[str, Any], value: Any) -> int:
        return int(value) if parameter["type"] == "int" else self._index[parameter["name"]][value]


def parameter_of(name: str, values: list[Any]) -> dict[str, Any]:
    if isinstance(values[0], str):
        return {"name": name, "type": "cat", "choices": values}
    return {"name": name, "type": "int", "low": 0, "high": len(values) - 1}


def nearest(values: list[Any], value: Any) -> int:
    """Place of a value in its grid; the tables round the grid's numbers."""
    if isinstance(value, str):
        return values.index(value)
    return int(np.argmin([abs(float(known) - float(value)) for known in values]))


@lru_cache(maxsize=16)
def table(metadata: Path, suite: str, name: str) -> Table:
    prefix, greater = TABLES[suite]
    scores = pd.read_parquet(metadata / suite / f"{name}.parquet")
    configs = pd.read_parquet(metadata / suite / "configs.parquet").set_index("config_id").loc[scores["config_id"]]
    mean = scores[[column for column in scores if column.startswith(prefix)]].mean(axis=1).to_numpy(float)
    grid = json.loads((metadata / suite / "space.json").read_text())["grid"]
    per_cent = 100 if suite == "nasbench201" else 1
    return Table(grid, configs, 1 - mean / per_cent if greater else mean)


class Surrogate:
    """A task of YAHPO Gym (Pfisterer et al. 2022): 1 - accuracy at full training size, by the published network."""

    def __init__(self, session: Any, declared: dict[str, Any], task: str) -> None:
        self._session, self._declared, self._task = session, declared, task
        conditions = {c["child"]: c for c in declared["config_space"]["conditions"]}
        fixed = {declared["task"], declared["fidelity"], "repl"}
        parameters = [p for p in declared["config_space"]["hyperparameters"] if p["name"] not in fixed]
        self.space = [surrogate_parameter(p, conditions.get(p["name"])) for p in parameters]
        self._inputs = {undotted(p["name"]): p["name"] for p in parameters}
        self.optimum: float | None = None

    def values(self, configs: Configs) -> list[float]:
        """One value for each configuration."""
        fixed = {self._declared["task"]: self._task, self._declared["fidelity"]: 1.0, "repl": self._declared["repl"]}
        rows = [{**{self._inputs[name]: value for name, value in config.items()}, **fixed} for config in configs]
        encoding = self._declared["encoding"]
        cat = [[encoding[n][row.get(n, "#na#")] for n in self._declared["categorical_inputs"]] for row in rows]
        cont = [[row.get(name, 0.0) for name in self._declared["numeric_inputs"]] for row in rows]
        feed = {"x_cat": np.array(cat, np.int32), "x_cont": np.array(cont, np.float32)}
        accuracy = self._session.run(None, feed)[0][:, self._declared["outputs"].index("acc")]
        return [1 - float(value) for value in accuracy]


def surrogate_parameter(declared: dict[str, Any], condition: dict[str, Any] | None) -> dict[str, Any]:
    found = {"name": undotted(declared["name"])}
    if declared["type"] == "categorical":
        found |= {"type": "cat", "choices": declared["choices"]}
    else:
        kind = declared["type"].removeprefix("uniform_")
        found |= {"type": kind, "low": declared["lower"], "high": declared["upper"], "log": declared["log"]}
    if condition:
        found["when"] = [condition["parent"], condition.get("values") or [condition["value"]]]
    return found


def undotted(name: str) -> str:
    """Not every framework takes names with dots."""
    return name.replace(".", "_")


@lru_cache(maxsize=2)
def session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(os.fspath(file), options, providers=["CPUExecutionProvider"])


def surrogate(metadata: Path, suite: str, task: str) -> Surrogate:
    folder = metadata / SURROGATES[suite][0]
    return Surrogate(session(folder / "surrogate.onnx"), json.loads((folder / "space.json").read_text()), task)
