"""AutoGluon with the presets it is given, told the metric, the limit and the cores."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from autogluon.tabular import TabularPredictor

PACKAGES = (
    "autogluon.tabular",
    "numpy",
    "pandas",
    "scikit-learn",
    "lightgbm",
    "xgboost-cpu",
    "catboost",
    "torch",
    "fastai",
    "ray",
)
METRICS = {"roc_auc": "roc_auc", "log_loss": "log_loss", "rmse": "root_mean_squared_error"}
TARGET = "__target__"


def fit(X: Any, y: Any, job: dict[str, Any]) -> Any:
    model = TabularPredictor(
        label=TARGET, eval_metric=METRICS[job["metric"]], problem_type=job["task"], path=str(Path(job["folder"], "fit"))
    )
    names = {"groups": "group_on", "time": "time_on"}
    structure = {names[kind]: column for kind, column in job.get("structure", {}).items()}
    options = {**job["options"], **({"validation_structure": structure} if structure else {})}
    return model.fit(
        X.assign(**{TARGET: y}), time_limit=job["budget"], num_cpus=len(job["cores"]), num_gpus=0, **options
    )


def predict(model: Any, X: Any) -> Any:
    predicted = model.predict(X) if model.problem_type == "regression" else model.predict_proba(X)
    return predicted.to_numpy()


def classes(model: Any) -> Any:
    return model.class_labels


def details(model: Any) -> dict[str, Any]:
    return {
        "model": model.model_best,
        "complete": len(model.model_names()),
        "models": model.model_names(),
        "ray": importlib.util.find_spec("ray") is not None,
        "fit_folder_bytes": sum(file.stat().st_size for file in Path(model.path).rglob("*") if file.is_file()),
    }


def save(model: Any, folder: Path) -> None:
    """Only what prediction needs, as its documentation advises for deployment."""
    model.clone_for_deployment(path=str(folder / "model"), dirs_exist_ok=True)


def load(folder: Path, job: dict[str, Any]) -> Any:
    return TabularPredictor.load(str(folder / "model"))


def keep_in_memory(model: Any) -> None:
    """Otherwise each prediction reads the models from disk."""
    model.persist()
