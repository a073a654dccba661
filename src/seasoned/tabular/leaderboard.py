"""What was tried, as frames for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from seasoned.tabular.fitted import Fitted

__all__ = ["failures", "leaderboard"]


def leaderboard(fitted: Fitted) -> pd.DataFrame:
    """Complete trials, the best first, then the others; `attrs["finish"]` says what follows their average.

    Scores are those of trials alone, without it; those of f1 and other metrics that get a threshold are each at the
    trial's best threshold.
    """
    import pandas as pd

    complete = sorted((t for t in fitted.trials if t["state"] == "complete"), key=lambda t: (t["loss"], t["number"]))
    others = [t for t in fitted.trials if t["state"] != "complete"]
    rows = [_row(fitted, trial, rank) for rank, trial in enumerate(complete, start=1)]
    rows += [_row(fitted, trial, None) for trial in others]
    columns = ["rank", "model", fitted.metric.name, "weight", "seconds", "state", "number", "config"]
    frame = pd.DataFrame(rows, columns=columns).astype({"rank": "Int64"})
    frame.attrs["finish"] = fitted.sentences
    return frame


def _row(fitted: Fitted, trial: dict[str, Any], rank: int | None) -> dict[str, Any]:
    loss = trial["loss"] if trial["state"] == "complete" else None
    return {
        "rank": rank,
        "model": trial["model"],
        fitted.metric.name: None if loss is None else fitted.metric.score(loss),
        "weight": _weight(fitted, trial),
        "seconds": trial["seconds"],
        "state": trial["state"],
        "number": trial["number"],
        "config": trial["config"],
    }


def _weight(fitted: Fitted, trial: dict[str, Any]) -> float:
    """The trial's share in the predictions; 0 if it has none."""
    return sum(m.weight for m in fitted.members if (m.name, m.config) == (trial["model"], trial["config"]))


def failures(fitted: Fitted) -> pd.DataFrame:
    """Failed trials, each with its reason."""
    import pandas as pd

    columns = ["number", "model", "seconds", "error", "config"]
    return pd.DataFrame([t for t in fitted.trials if t["state"] == "failed"], columns=columns)
