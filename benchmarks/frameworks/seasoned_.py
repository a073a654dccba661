"""This package, as a newcomer calls it, without experience from other tables.

The option `within` names another sampler to search inside families, to see what Bayes is worth there; `rows="all"`
gives every trial all rows at once, to see what samples of a large table's rows are worth. These are no settings of the
estimators, so the search is given them by another way. `models` names the families that take part.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from seasoned import AutoClassifier, AutoRegressor, samplers
from seasoned import load as load_bundle
from seasoned.tabular import SearchSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGES = ("seasoned", "numpy", "pandas", "scikit-learn", "lightgbm", "xgboost", "catboost", "jax")


def fit(X: Any, y: Any, job: dict[str, Any]) -> Any:
    kind = AutoRegressor if job["task"] == "regression" else AutoClassifier
    model = kind(
        metric=job["metric"],
        time_limit=job["budget"],
        experience=None,
        random_state=job["seed"],
        search=SearchSettings(models=job["options"].get("models")),
    )
    with within(job["options"].get("within")), at_once(job["options"].get("rows")):
        return model.fit(X, y)


@contextmanager
def within(sampler: str | None) -> Iterator[None]:
    """Meanwhile the search uses that sampler, with its defaults, where it uses Bayes."""
    if sampler is None:
        yield
        return
    with patch("seasoned.tabular.search.Bayes", lambda **_: getattr(samplers, sampler)()):
        yield


@contextmanager
def at_once(rows: str | None) -> Iterator[None]:
    """Meanwhile every trial gets all rows at once, if that is asked for."""
    if rows != "all":
        yield
        return
    with patch("seasoned.tabular.fit.levels_of", lambda *_: ()):
        yield


def predict(model: Any, X: Any) -> Any:
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def classes(model: Any) -> Any:
    return model.classes_


def details(model: Any) -> dict[str, Any]:
    board = model.leaderboard()
    states = board["state"]
    return {
        "family": next(iter(board["model"][states == "complete"]), None),  # of the best trial, by its own validation
        "model": " + ".join(f"{member.weight:.2f} {member.name}" for member in model.fitted_.members),
        "complete": int((states == "complete").sum()),
        "failed": len(model.failures()),
    }


def save(model: Any, folder: Path) -> None:
    model.save(folder / "model.seasoned")


def load(folder: Path, job: dict[str, Any]) -> Any:
    return load_bundle(folder / "model.seasoned")
