"""Conversion of a trial to plain data."""

from __future__ import annotations

from typing import Any

from seasoned.trials import thawed

__all__ = ["row_of"]


def row_of(trial: Any) -> dict[str, Any]:
    """Return a trial as plain data for the leaderboard and the bundle."""
    ((model, settings),) = thawed(trial.config["model"]).items()
    return {
        "number": trial.number,
        "model": model,
        "state": "cut off" if trial.state == "running" else str(trial.state),
        "loss": None if trial.value is None else float(trial.value),
        "seconds": trial.seconds,
        "error": trial.error,
        "config": settings,
    }
