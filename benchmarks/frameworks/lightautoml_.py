"""LightAutoML's preset for tables, told the task, the limit and the cores; its metrics are ours for each task.

Classes are given as codes in the order of their sorted names, since it numbers other labels as it likes.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from lightautoml.automl.presets.tabular_presets import TabularAutoML
from lightautoml.tasks import Task

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("lightautoml", "numpy", "pandas", "scikit-learn", "lightgbm", "catboost", "torch")
TASKS = {"binary": "binary", "multiclass": "multiclass", "regression": "reg"}
TARGET = "__target__"


@dataclass
class Model:
    """The preset, and the labels in the order of its columns."""

    model: TabularAutoML
    labels: list[str]


def fit(X: Any, y: Any, job: dict[str, Any]) -> Any:
    labels: list[str] = []
    if job["task"] != "regression":
        labels = sorted(y.astype(str).unique())
        y = y.astype(str).map({label: code for code, label in enumerate(labels)})
    model = TabularAutoML(
        task=Task(TASKS[job["task"]]),
        timeout=job["budget"],
        cpu_limit=len(job["cores"]),
        reader_params={"n_jobs": len(job["cores"]), "random_state": job["seed"]},
        **job["options"],
    )
    model.fit_predict(X.assign(**{TARGET: y}), roles={"target": TARGET}, verbose=1)
    return Model(model, labels)


def predict(model: Model, X: Any) -> Any:
    found = model.model.predict(X).data
    if not model.labels:
        return found[:, 0]
    return np.column_stack([1 - found[:, 0], found[:, 0]]) if found.shape[1] == 1 else found


def classes(model: Model) -> Any:
    return model.labels


def details(model: Model) -> dict[str, Any]:
    return {"model": model.model.create_model_str_desc().replace("\n", " ")[:300]}


def save(model: Model, folder: Path) -> None:
    """As its documentation says: pickle."""
    (folder / "model.pkl").write_bytes(pickle.dumps(model))


def load(folder: Path, job: dict[str, Any]) -> Any:
    return pickle.loads((folder / "model.pkl").read_bytes())
