"""A trial as plain data."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["row_of"]


def row_of(trial: Any) -> dict[str, Any]:
    """A trial as plain data for the leaderboard and the bundle."""
    config: dict[str, Any] = json.loads(json.dumps(trial.config, default=dict))
    ((model, settings),) = config["model"].items()
    return {
        "number": trial.number,
        "model": model,
        "state": "cut off" if trial.state == "running" else str(trial.state),
        "loss": None if trial.value is None else float(trial.value),
        "seconds": trial.seconds,
        "error": trial.error,
        "config": settings,
    }
