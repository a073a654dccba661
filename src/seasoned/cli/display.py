"""Terminal output of commands: leaderboards, scores, explanations and predictions."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from seasoned.cli.common import STREAM
from seasoned.cli.tables.prediction_table import without_formulas, write_table
from seasoned.errors import InvalidInput
from seasoned.report._common.wording import settings
from seasoned.tabular.ensemble.fitted_model import Fitted

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from seasoned._util.progress_bar import Display
    from seasoned.cli.tables.declared_table import Declared

__all__ = [
    "score_of",
    "show_contributions",
    "show_importance",
    "show_leaderboard",
    "show_score",
    "show_scores",
    "show_table",
    "tell_score",
    "watch",
    "write_predictions",
]

_SHOWN = 10  # largest number of leaderboard rows to print


def show_leaderboard(model: Any) -> None:
    """Print the best complete trials, the summary of the fit, and the first failed trial."""
    from rich.table import Table

    board = model.leaderboard()
    metric, better = model.fitted_.metric.name, "higher" if model.fitted_.metric.greater_is_better else "lower"
    complete = board[board["state"] == "complete"]
    tried = f"{len(board)} configurations tried, {len(complete)} of them to the end; {metric}: {better} is better"
    shown = Table("rank", "model", metric, "weight", "seconds", title=tried, expand=True)
    shown.add_column("configuration", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in complete.head(_SHOWN).to_dict("records"):
        config = settings(board.attrs["configs"][row["number"]], equals="=", digits=3)
        weight = f"{row['weight']:.2f}" if row["weight"] else ""
        shown.add_row(str(row["rank"]), row["model"], f"{row[metric]:.5g}", weight, f"{row['seconds']:.1f}", config)
    show_table(shown)
    others = complete.iloc[_SHOWN:]
    if (rest := int((others["weight"] > 0).sum())) > 0:
        typer.echo(f"{rest} more with a weight, {others['weight'].sum():.2f} together: seasoned show --out board.csv")
    for sentence in (*filter(None, [model.fitted_.summary]), *model.fitted_.sentences):
        typer.echo(sentence)
    failed = model.failures()
    if len(failed):
        typer.echo(f"{len(failed)} trial(s) failed; the first: {failed['model'].iloc[0]}: {failed['error'].iloc[0]}")


def show_score(model: Any, said: Declared, test: pd.DataFrame) -> None:
    """Print the metric on the held-out rows, if there are any."""
    if len(test):
        tell_score(model, said, test, score_of(model, said, test), which="held-out ")


def tell_score(model: Any, said: Declared, test: pd.DataFrame, score: float | None, which: str) -> None:
    """Print a score, or the reason why it is undefined.

    Args:
        model: The estimator.
        said: Column roles.
        test: The scored rows.
        score: Result of `score_of`.
        which: Adjective of the rows in the message, with a space after it; "" for none.
    """
    metric, rows = model.fitted_.metric, f"{len(test)} {which}rows"
    if not said.counts(test):
        typer.echo(f"the {rows} all have the weight 0, so there is no score")
    elif score is None:
        few = "are too few, all the same or out of its range"
        if metric.n_classes:
            few = "are of one class" if test[said.target].nunique() == 1 else "lack some class"
        typer.echo(f"{metric.name} is not defined on the {rows}, which {few}")
    else:
        typer.echo(f"{metric.name} on {rows}: {score:.5g}")


def score_of(model: Any, said: Declared, test: pd.DataFrame) -> float | None:
    """Metric on the rows, in its usual sign; None if it is undefined or all rows have the weight 0."""
    if not said.counts(test):
        return None
    X = said.features(test, [str(name) for name in model.feature_names_in_])
    with warnings.catch_warnings():
        for told_below in ("Only one class is present", "R.2 score is not well-defined"):
            warnings.filterwarnings("ignore", message=told_below)
        try:
            score = model.fitted_.metric.score(-model.score(X, test[said.target], said.weights_of(test)))
        except InvalidInput:
            raise
        except ValueError:  # scikit-learn raises it if the rows lack a class or a number is out of range
            model.predict(X)  # raises the errors of the prediction itself
            return None
    return None if np.isnan(score) else float(score)


def show_importance(found: pd.DataFrame) -> None:
    """Print the permutation importance of the columns."""
    from rich.table import Table

    shown = Table("column", "importance", "95%", "p", title="what shuffling a column adds to the loss")
    late = found["importance"].isna()
    for row in found[~late].to_dict("records"):
        span = "" if np.isnan(row["low"]) else f"{row['low']:.4g} to {row['high']:.4g}"
        shown.add_row(str(row["column"]), f"{row['importance']:.4g}", span, span and f"{row['p']:.2g}")
    show_table(shown)
    if late.any():
        typer.echo(f"there was no time for {late.sum()} of {len(found)} columns; --seconds gives more")


def show_contributions(found: pd.DataFrame, rows: int, model: Any) -> None:
    """Print the mean absolute Shapley value of each column, the largest first.

    Args:
        found: The Shapley values.
        rows: Number of rows of the table; the time limit may have allowed fewer.
        model: The estimator.
    """
    from rich.table import Table

    explained, base = found.index.get_level_values(0).nunique(), found.attrs["base"]
    shown = Table("column", "mean |value|", title=f"how far columns move the predictions of {explained} rows")
    for name, size in found.abs().mean().sort_values(ascending=False).items():
        shown.add_row(str(name), f"{size:.4g}")
    show_table(shown)
    if explained < rows:
        typer.echo(f"there was time for the first {explained} of {rows} rows; --seconds gives more")
    if hasattr(model, "classes_") and not isinstance(base, dict):
        base = {model.classes_[model.fitted_.metric.positive]: base}
    named = base.items() if isinstance(base, dict) else ()
    told = ", ".join(f"{value:.4g} of {label}" for label, value in named) or f"{base:.4g}"
    typer.echo(f"a row's values plus the base prediction ({told}) sum to the row's prediction")


def show_scores(scores: dict[str, float], rows: int) -> None:
    """Print the scores of the demonstration, the best first."""
    from rich.table import Table

    shown = Table("", "log loss", title=f"{rows} rows of held-out storms (lower is better)")
    for name, score in sorted(scores.items(), key=lambda item: item[1]):
        shown.add_row(name, f"{score:.4f}")
    show_table(shown)


def watch(model: Any, rows: int, passes: int, display: Display) -> None:
    """Show the progress of a loaded model's predictions.

    Args:
        model: The estimator. Few-shot models have a line without a row count.
        rows: Number of rows to predict.
        passes: Number of predictions per row.
        display: Progress line.
    """
    display.begin(f"predicting {rows:,} rows", total=float(rows))
    if not isinstance(model.fitted_, Fitted):
        return
    done = 0

    def after(part: int) -> None:
        nonlocal done
        done += part
        display.update(done / passes, f"{done // passes:,} done")

    model.fitted_ = replace(model.fitted_, after_part=after)


def write_predictions(predictions: pd.DataFrame, out: Path, *, raw: bool = False) -> None:
    """Write predictions to a file, or as CSV to the standard output; `raw` as in `write_table`."""
    if out == STREAM:
        predictions = predictions if raw else without_formulas(predictions)
        typer.echo(predictions.to_csv(index=False, lineterminator="\n").encode(), nl=False)  # UTF-8 everywhere
        return
    write_table(predictions, out, raw=raw)
    typer.echo(f"{len(predictions)} predictions written to {out}")


def show_table(table: Any) -> None:
    """Print a table; brackets in names and settings are not read as markup."""
    from rich.console import Console

    Console(markup=False, emoji=False).print(table)
