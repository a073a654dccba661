"""Command line: `seasoned fit`, `predict`, `report`, `explain`, `refit`, `score`, `show`, `adapt`, ... (`--help`).

The first Ctrl-C or SIGTERM ends the search of `fit`, which still saves the best model so far. Heavy packages are
imported inside the commands, to keep `--help` fast.
"""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from seasoned import __version__
from seasoned.cli import adapt, demo, experience, fit, predict, score, studies, tune

__all__ = ["app", "main"]

app = typer.Typer(
    help="AutoML that learns from experience: a table in, a tuned model out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_experience = typer.Typer(help="What earlier fits taught.", no_args_is_help=True)
_studies = typer.Typer(help="What lies in a store of studies.", no_args_is_help=True)

for _group, _commands in (  # in the order of `--help`
    (
        app,
        {
            "fit": fit.fit,
            "predict": predict.predict,
            "report": predict.make_report,
            "explain": predict.explain,
            "refit": predict.refit,
            "score": score.score,
            "show": score.show,
            "decide": score.decide,
            "adapt": adapt.adapt,
            "tune": tune.tune,
            "demo": demo.demo,
            "runs": fit.runs,
        },
    ),
    (
        _experience,
        {
            "list": experience.list_experience,
            "stats": experience.experience_stats,
            "export": experience.export_experience,
            "import": experience.import_experience,
            "forget": experience.forget_experience,
            "portfolio": experience.show_portfolio,
        },
    ),
    (
        _studies,
        {
            "list": studies.list_studies,
            "show": studies.show_study,
            "export": studies.export_trials,
            "delete": studies.delete_study,
        },
    ),
):
    for _name, _command in _commands.items():
        _group.command(_name)(_command)
app.add_typer(_experience, name="experience")
app.add_typer(_studies, name="studies")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"seasoned {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback shows it
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
) -> None:
    context.obj = debug


def main() -> None:
    """Run the command line; the entry point of `seasoned`."""
    for stream in (sys.stdout, sys.stderr):  # on Windows, a redirected stream may lack letters of names
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(app())
