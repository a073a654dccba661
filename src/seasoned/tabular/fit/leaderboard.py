"""Leaderboard and failed trials of a fit, as data frames."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.tabular.ensemble.single_member import ENSEMBLE, place_of
from seasoned.tabular.trial.configuration import textual

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.ensemble.fitted_model import Fitted
    from seasoned.tabular.trial.trial_row import TrialRow

__all__ = ["HeldOut", "failures", "leaderboard"]


_WIDTH: Final = 15  # largest number of characters of a displayed configuration


class HeldOut(NamedTuple):
    """Test rows that models are scored on.

    Attributes:
        frame: The features.
        truth: Class codes or numbers, shape (n,).
        weights: Weight of each row, shape (n,); None for equal weights.
    """

    frame: pd.DataFrame
    truth: NDArray[Any]
    weights: NDArray[Any] | None = None


def leaderboard(fitted: Fitted, test: HeldOut | None = None) -> pd.DataFrame:
    """Leaderboard: complete trials, the best first, then the others.

    The frame has five attributes. `attrs["summary"]` is a sentence with the ensemble's validation score and the score
    of a constant prediction. `attrs["score"]` and `attrs["baseline"]` are these two scores as numbers (None where
    unknown). `attrs["finish"]` lists sentences on the postprocessing. `attrs["configs"]` maps the number of each trial
    to its configuration. The column `config` shows only the beginning, so that the table can be printed.

    Scores are of single trials without postprocessing. For f1 and other metrics with a tuned threshold, they are at the
    trial's best threshold.

    Args:
        fitted: The fitted model.
        test: Test rows, which add a column `test_<metric>` and a first row for the ensemble. The score is missing for a
            trial whose model is no ensemble member.

    Raises:
        InvalidInput: If the rows do not fit the model.
    """
    import pandas as pd

    complete = sorted((t for t in fitted.trials if t.is_complete), key=lambda t: t.rank)
    others = [t for t in fitted.trials if not t.is_complete]
    rows = [_row(fitted, trial, rank) for rank, trial in enumerate(complete, start=1)]
    rows += [_row(fitted, trial, None) for trial in others]
    seen: set[str] = set()
    for row in rows:  # a configuration tried twice is one model with one weight
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
    frame["predict_ms"] = pd.to_numeric(frame["predict_ms"], errors="coerce")  # missing in older files
    frame = frame.astype(kinds)
    frame.attrs["finish"], frame.attrs["summary"] = fitted.sentences, fitted.summary
    frame.attrs["configs"] = {trial.number: trial.config for trial in complete + others}
    frame.attrs["score"], frame.attrs["baseline"] = fitted.validation_score, fitted.baseline_score
    return frame


def _brief(config: Mapping[str, Any]) -> str:
    """Beginning of a configuration, short enough for one line of a console."""
    parts = (f"{name}={_value(value)}" for name, value in config.items())
    return textwrap.shorten(" ".join(parts), _WIDTH, placeholder=" ...")


def _value(value: Any) -> str:
    """Value in few characters; for a choice, its option."""
    if isinstance(value, Mapping):
        return "+".join(map(str, value)) or "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _scores(fitted: Fitted, test: HeldOut) -> tuple[float, list[float]]:
    """Metric of the ensemble and of each member, from one pass over the rows."""
    each = fitted.predict_each(test.frame)
    losses = [fitted.alone(place).loss(test.truth, found, test.weights) for place, found in enumerate(each)]
    together = fitted.loss(test.truth, fitted.together(each), test.weights)
    return fitted.metric.score(together), [fitted.metric.score(loss) for loss in losses]


def _ensemble(fitted: Fitted) -> dict[str, Any]:
    """Leaderboard row of the ensemble, with the columns that apply."""
    return {
        "model": ENSEMBLE,
        fitted.metric.name: fitted.validation_score,
        "weight": 1.0,
        "state": "complete",
        "config": {},
    }


def _row(fitted: Fitted, trial: TrialRow, rank: int | None) -> dict[str, Any]:
    loss = trial.loss if trial.is_complete else None
    return {
        "rank": rank,
        "model": trial.model,
        fitted.metric.name: None if loss is None else fitted.metric.score(loss),
        "spread": _spread(fitted, trial),
        "weight": _weight(fitted, trial),
        "seconds": trial.seconds,
        "predict_ms": trial.predict_ms,
        "state": trial.state,
        "number": trial.number,
        "config": trial.config,
    }


def _spread(fitted: Fitted, trial: TrialRow) -> float:
    """Standard deviation of the fold scores; NaN for one fold, for an undefined score, or in an older file."""
    losses = [math.nan if loss is None else loss for loss in trial.losses]
    return float(np.std([fitted.metric.score(loss) for loss in losses], ddof=1)) if len(losses) > 1 else math.nan


def _weight(fitted: Fitted, trial: TrialRow) -> float:
    """Weight of the trial's model in the ensemble; 0 if it is no member."""
    return sum(m.weight for m in fitted.members if (m.name, m.config) == (trial.model, trial.config))


def failures(fitted: Fitted) -> pd.DataFrame:
    """Failed trials with their reasons."""
    import pandas as pd

    columns = ["number", "model", "seconds", "error", "config"]
    return pd.DataFrame([t.to_json() for t in fitted.trials if t.state == "failed"], columns=columns)
