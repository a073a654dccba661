"""This package, as a newcomer calls it, without experience from other tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seasoned import AutoClassifier, AutoRegressor
from seasoned import load as load_bundle

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("seasoned", "numpy", "pandas", "scikit-learn", "lightgbm")


def fit(X: Any, y: Any, job: dict[str, Any]) -> Any:
    kind = AutoRegressor if job["task"] == "regression" else AutoClassifier
    model = kind(metric=job["metric"], time_limit=job["budget"], experience=None, random_state=job["seed"])
    return model.fit(X, y)


def predict(model: Any, X: Any) -> Any:
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def classes(model: Any) -> Any:
    return model.classes_


def details(model: Any) -> dict[str, Any]:
    states = model.leaderboard()["state"]
    return {
        "model": " + ".join(f"{member.weight:.2f} {member.name}" for member in model.fitted_.members),
        "complete": int((states == "complete").sum()),
        "failed": len(model.failures()),
    }


def save(model: Any, folder: Path) -> None:
    model.save(folder / "model.seasoned")


def load(folder: Path, job: dict[str, Any]) -> Any:
    return load_bundle(folder / "model.seasoned")
