"""What was tried, as frames for people."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.tabular.ensemble.single_member import TOGETHER, place_of
from seasoned.tabular.trial.configuration import textual

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.ensemble.fitted_model import Fitted

__all__ = ["HeldOut", "failures", "leaderboard"]


_WIDTH: Final = 15  # characters of a configuration


class HeldOut(NamedTuple):
    """Rows to judge models on.

    Attributes:
        frame: The features.
        truth: Class codes or numbers, shape (n,).
        weights: How much each row counts, shape (n,); None if all count the same.
    """

    frame: pd.DataFrame
    truth: NDArray[Any]
    weights: NDArray[Any] | None = None


def leaderboard(fitted: Fitted, test: HeldOut | None = None) -> pd.DataFrame:
    """Complete trials, the best first, then the others; `attrs` say what all members reach together.

    `attrs["summary"]` is what all members reach together in validation, beside what predicting the same for all rows
    does, `attrs["score"]` and `attrs["baseline"]` are these two as numbers (None where unknown), and `attrs["finish"]`
    is what follows their average. `attrs["configs"]` has the configuration of each trial by its number, of which the
    column `config` shows the beginning, so that the table can be printed.

    Scores are those of trials alone, without the latter; for f1 and other metrics that get a threshold, at the trial's
    best threshold.

    Args:
        fitted: What was fitted.
        test: Rows that add a column `test_<metric>` and, above the trials, the row of all members together. A score
            is missing where the trial's model is not held.

    Raises:
        InvalidInput: If the rows do not fit the model.
    """
    import pandas as pd

    complete = sorted((t for t in fitted.trials if t["state"] == "complete"), key=lambda t: (t["loss"], t["number"]))
    others = [t for t in fitted.trials if t["state"] != "complete"]
    rows = [_row(fitted, trial, rank) for rank, trial in enumerate(complete, start=1)]
    rows += [_row(fitted, trial, None) for trial in others]
    seen: set[str] = set()
    for row in rows:  # what was tried twice is one model, with one share
        if (config := textual({"model": {row["model"]: row["config"]}})) in seen:
            row["weight"] = 0.0
        seen.add(config)
    name = fitted.metric.name
    columns = ["rank", "model", name, "spread", "weight", "seconds", "predict_ms", "state", "number", "config"]
    kinds: dict[str, Any] = {"rank": "Int64", "spread": "float64", "predict_ms": "float64"}
    if test is not None:
        together, alone = _scores(fitted, test)
        scores = [None if (place := place_of(fitted, trial)) is None else alone[place] for trial in complete + others]
        rows = [_ensemble(fitted), *rows]
        for row, score in zip(rows, [together, *scores], strict=True):
            row[f"test_{name}"] = score
        columns.insert(3, f"test_{name}")
        kinds |= {"number": "Int64", name: "float64", f"test_{name}": "float64"}
    frame = pd.DataFrame(rows, columns=columns)
    frame["config"] = frame["config"].map(_brief)
    frame["predict_ms"] = pd.to_numeric(frame["predict_ms"], errors="coerce")  # older files do not have it
    frame = frame.astype(kinds)
    frame.attrs["finish"], frame.attrs["summary"] = fitted.sentences, fitted.summary
    frame.attrs["configs"] = {trial["number"]: trial["config"] for trial in complete + others}
    frame.attrs["score"], frame.attrs["baseline"] = fitted.validation_score, fitted.baseline_score
    return frame


def _brief(config: Mapping[str, Any]) -> str:
    """The beginning of a configuration, short enough for a line of a console."""
    parts = (f"{name}={_value(value)}" for name, value in config.items())
    return textwrap.shorten(" ".join(parts), _WIDTH, placeholder=" ...")


def _value(value: Any) -> str:
    """A value in few characters; of a choice its option."""
    if isinstance(value, Mapping):
        return "+".join(map(str, value)) or "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _scores(fitted: Fitted, test: HeldOut) -> tuple[float, list[float]]:
    """The metric of all members together and of each alone, from one pass over the rows."""
    each = fitted.predict_each(test.frame)
    losses = [fitted.alone(place).loss(test.truth, found, test.weights) for place, found in enumerate(each)]
    together = fitted.loss(test.truth, fitted.together(each), test.weights)
    return fitted.metric.score(together), [fitted.metric.score(loss) for loss in losses]


def _ensemble(fitted: Fitted) -> dict[str, Any]:
    """The row of all members together, in those of the trials' columns that apply to it."""
    return {
        "model": TOGETHER,
        fitted.metric.name: fitted.validation_score,
        "weight": 1.0,
        "state": "complete",
        "config": {},
    }


def _row(fitted: Fitted, trial: dict[str, Any], rank: int | None) -> dict[str, Any]:
    loss = trial["loss"] if trial["state"] == "complete" else None
    return {
        "rank": rank,
        "model": trial["model"],
        fitted.metric.name: None if loss is None else fitted.metric.score(loss),
        "spread": _spread(fitted, trial),
        "weight": _weight(fitted, trial),
        "seconds": trial["seconds"],
        "predict_ms": trial.get("predict_ms"),
        "state": trial["state"],
        "number": trial["number"],
        "config": trial["config"],
    }


def _spread(fitted: Fitted, trial: dict[str, Any]) -> float:
    """The standard deviation of the folds' scores; NaN for one fold, where one is undefined, or in an older file."""
    losses = [math.nan if loss is None else loss for loss in trial.get("losses") or ()]
    return float(np.std([fitted.metric.score(loss) for loss in losses], ddof=1)) if len(losses) > 1 else math.nan


def _weight(fitted: Fitted, trial: dict[str, Any]) -> float:
    """The trial's share in the predictions; 0 if it has none."""
    return sum(m.weight for m in fitted.members if (m.name, m.config) == (trial["model"], trial["config"]))


def failures(fitted: Fitted) -> pd.DataFrame:
    """Failed trials, each with its reason."""
    import pandas as pd

    columns = ["number", "model", "seconds", "error", "config"]
    return pd.DataFrame([t for t in fitted.trials if t["state"] == "failed"], columns=columns)
