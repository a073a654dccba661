"""`seasoned demo` and `seasoned runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seasoned.cli.common import reported
from seasoned.cli.demo import SOURCE, TASK, run_demo
from seasoned.cli.display import show_leaderboard, show_scores
from seasoned.report import report as write_report
from seasoned.tabular.trial.run_folder import cache_folder, clear_runs, list_runs

__all__ = ["demo", "runs"]


@reported
def demo(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    time_limit: Annotated[float, typer.Option(help="Seconds that everything may take.")] = 60,
    folder: Annotated[Path, typer.Option(help="Where to write model, predictions and report.")] = Path("demo"),
) -> None:
    """Fit, judge and save a model on a real table, in a minute."""
    typer.echo(f"Table: {SOURCE}\n{TASK}\n")
    result = run_demo(folder, time_limit)
    show_leaderboard(result.model)
    show_scores(result.scores, len(result.predictions))
    write_report(result.model, folder / "report.html", *result.held_out)
    typer.echo(f"model.seasoned, predictions.csv and report.html written to {folder}")


@reported
def runs(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    clear: Annotated[bool, typer.Option("--clear", help="Delete the runs that no process is using.")] = False,
) -> None:
    """List fits that --resume can go on with: those that were stopped, and the latest that have come to their end."""
    if clear:
        typer.echo(f"{clear_runs()} run folder(s) deleted from {cache_folder()}")
        return
    found = list_runs()
    typer.echo(f"{len(found)} run(s) in {cache_folder()}")
    for run in found:
        about = run.about
        shape = f"{about.get('rows', '?')} x {about.get('columns', '?')} {about.get('task', '')}"
        state = "running" if run.running else "ended" if about.get("ended") else "stopped"
        typer.echo(f"{run.name}  {about.get('started', '?')}  {shape}  {run.megabytes:.1f} MB  {state}")
