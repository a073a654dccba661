"""What commands show of a model and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from seasoned.cli.common import STREAM
from seasoned.report.wording import settings
from seasoned.tabular.output import write_table

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from seasoned.tabular.declared import Declared

__all__ = ["show_leaderboard", "show_score", "show_scores", "write_predictions"]

_SHOWN = 10  # rows of the leaderboard


def show_leaderboard(model: Any) -> None:
    """What was tried, the best first, and what the fit has to say."""
    from rich.console import Console
    from rich.table import Table

    board = model.leaderboard()
    metric = model.fitted_.metric.name
    complete = board[board["state"] == "complete"]
    tried = f"{len(board)} configurations tried, {len(complete)} of them to the end"
    shown = Table("rank", "model", metric, "seconds", title=tried, expand=True)
    shown.add_column("configuration", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in complete.head(_SHOWN).to_dict("records"):
        config = settings(row["config"], equals="=", digits=3)
        shown.add_row(str(row["rank"]), row["model"], f"{row[metric]:.5g}", f"{row['seconds']:.1f}", config)
    Console().print(shown)
    for sentence in model.fitted_.sentences:
        typer.echo(sentence)
    failed = model.failures()
    if len(failed):
        typer.echo(f"{len(failed)} trial(s) failed; the first: {failed['model'].iloc[0]}: {failed['error'].iloc[0]}")


def show_score(model: Any, said: Declared, test: pd.DataFrame) -> None:
    """The model's metric on rows kept aside, if any were."""
    if not len(test):
        return
    weights = said.weights_of(test)
    if weights is not None and not weights.any():
        typer.echo(f"the {len(test)} held-out rows all have the weight 0, so there is no score")
        return
    metric = model.fitted_.metric
    score = metric.score(-model.score(said.features(test), test[said.target], weights))
    typer.echo(f"{metric.name} on {len(test)} held-out rows: {score:.5g}")


def show_scores(scores: dict[str, float], rows: int) -> None:
    """The demonstration's scores, the best first."""
    from rich.console import Console
    from rich.table import Table

    shown = Table("", "log loss", title=f"{rows} rows of held-out storms (lower is better)")
    for name, score in sorted(scores.items(), key=lambda item: item[1]):
        shown.add_row(name, f"{score:.4f}")
    Console().print(shown)


def write_predictions(predictions: pd.DataFrame, out: Path) -> None:
    """To a file, or as CSV to the standard output."""
    if out == STREAM:
        typer.echo(predictions.to_csv(index=False, lineterminator="\n").encode(), nl=False)  # UTF-8 wherever it is
        return
    write_table(predictions, out)
    typer.echo(f"{len(predictions)} predictions written to {out}")
