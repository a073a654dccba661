"""honestml with its preset "balanced", told the metric and the limit; "best" has no model in a minute."""

from __future__ import annotations

from typing import Any

from honestml import AutoML
from pickled import load, save

__all__ = ["PACKAGES", "classes", "details", "fit", "load", "predict", "save"]

PACKAGES = ("honestml", "numpy", "pandas", "scikit-learn", "lightgbm", "xgboost", "catboost", "optuna")


def fit(X: Any, y: Any, job: dict[str, Any]) -> Any:
    model = AutoML(
        task=job["task"], metric=job["metric"], budget=job["budget"], random_state=job["seed"], **job["options"]
    )
    return model.fit(X, y if job["task"] == "regression" else y.astype(str))


def predict(model: Any, X: Any) -> Any:
    if classes(model) is None:
        return model.predict(X)
    found = model.predict_proba(X)
    return found if found.ndim == 2 else [[1 - share, share] for share in found]


def classes(model: Any) -> Any:
    return getattr(model, "classes_", None)


def details(model: Any) -> dict[str, Any]:
    return {"model": str(model.best_model_id_), "complete": len(model.leaderboard_)}
