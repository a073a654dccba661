"""mljar-supervised in its mode for scores, told the metric, the limit and the cores."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from supervised import AutoML

PACKAGES = ("mljar-supervised", "numpy", "pandas", "scikit-learn", "lightgbm", "xgboost", "catboost")
METRICS = {"roc_auc": "auc", "log_loss": "logloss", "rmse": "rmse"}
TASKS = {"binary": "binary_classification", "multiclass": "multiclass_classification", "regression": "regression"}
SHARE = "prediction_"  # before a label, in the names of its columns


class Model:
    """An `AutoML`, and the order of labels in what it predicted last."""

    def __init__(self, model: AutoML, task: str) -> None:
        self.model, self.task = model, task
        self.labels: list[str] = []

    def predict(self, X: Any) -> Any:
        """Numbers, or a column of probabilities for each label."""
        if self.task == "regression":
            return self.model.predict(X)
        found = self.model.predict_all(X).drop(columns="label")
        self.labels = [name.removeprefix(SHARE) for name in found]
        return found.to_numpy()


def fit(X: Any, y: Any, job: dict[str, Any]) -> Any:
    model = AutoML(
        results_path=str(Path(job["folder"], "fit")),
        ml_task=TASKS[job["task"]],
        eval_metric=METRICS[job["metric"]],
        total_time_limit=int(job["budget"]),
        n_jobs=len(job["cores"]),
        random_state=job["seed"],
        **job["options"],
    )
    model.fit(X, y if job["task"] == "regression" else y.astype(str))
    return Model(model, job["task"])


def predict(model: Model, X: Any) -> Any:
    return model.predict(X)


def classes(model: Model) -> Any:
    return model.labels


def details(model: Model) -> dict[str, Any]:
    board = model.model.get_leaderboard()
    return {"model": str(board.loc[board["metric_value"].idxmin(), "name"]), "complete": len(board)}


def save(model: Model, folder: Path) -> None:
    """Its results folder is the model."""
    shutil.copytree(model.model.results_path, folder / "model")


def load(folder: Path, job: dict[str, Any]) -> Any:
    return Model(AutoML(results_path=str(folder / "model")), job["task"])
