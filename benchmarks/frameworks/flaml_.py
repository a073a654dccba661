"""FLAML with its defaults, told the metric, the limit and the cores."""

from __future__ import annotations

from typing import Any

import pandas as pd
from flaml import AutoML
from pickled import load, save

__all__ = ["PACKAGES", "classes", "details", "fit", "load", "predict", "save"]

PACKAGES = ("flaml", "numpy", "pandas", "scikit-learn", "lightgbm", "xgboost")


def fit(X: Any, y: Any, job: dict[str, Any]) -> Any:
    X, y, split = separated(X, y, job.get("structure", {}))
    model = AutoML()
    model.fit(
        X,
        y,
        task="regression" if job["task"] == "regression" else "classification",
        metric=job["metric"],
        time_budget=job["budget"],
        n_jobs=len(job["cores"]),
        seed=job["seed"],
        **split,
        **job["options"],
    )
    if model.model is None:
        raise RuntimeError("no model was fitted within the limit")
    return model


def separated(X: Any, y: Any, structure: dict[str, str]) -> tuple[Any, Any, dict[str, Any]]:
    """Rows, in the order of time if they have one, and the arguments that keep groups or times apart."""
    if "groups" in structure:
        return X, y, {"split_type": "group", "groups": X[structure["groups"]].astype(str).to_numpy()}
    if "time" in structure:
        order = pd.to_datetime(X[structure["time"]], format="mixed").to_numpy().argsort(kind="stable")
        return X.iloc[order].reset_index(drop=True), y.iloc[order].reset_index(drop=True), {"split_type": "time"}
    return X, y, {}


def predict(model: Any, X: Any) -> Any:
    return model.predict(X) if classes(model) is None else model.predict_proba(X)


def classes(model: Any) -> Any:
    return None if model._state.task.is_regression() else model.classes_


def details(model: Any) -> dict[str, Any]:
    return {"model": str(model.best_estimator)}
