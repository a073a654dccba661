"""`seasoned studies`: commands that list, show, export and delete the studies of a store."""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path  # noqa: TC003 - typer reads it from the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seasoned.cli.common import Raw, check_folder, reported
from seasoned.cli.display import show_table
from seasoned.errors import InvalidInput, SeasonedError, StorageError
from seasoned.report._common.wording import settings
from seasoned.trials import Config

if TYPE_CHECKING:
    from seasoned.study import Study

__all__ = ["delete_study", "export_trials", "list_studies", "show_study", "show_trials"]

_SHOWN = 10  # largest number of trials to print, and of causes of failed trials

_Store = Annotated[str, typer.Argument(help="A SQLite file, or the URL of a database.")]
_Name = Annotated[str, typer.Argument(help="The study's name in it.")]


@reported
def list_studies(context: typer.Context, store: _Store) -> None:  # noqa: ARG001 - read by `reported`
    """List the studies of a store, with their trials and the best value."""
    from rich.table import Table

    _check(store)
    with closing(_opened(store)) as opened:
        names = opened.names()
    shown = Table(
        "study", "trials", "complete", "running", "failed", "best", title=f"studies in {_shown(store)}: {len(names)}"
    )
    for name in names:
        try:
            with closing(_study(store, name)) as study:
                counts = _counts(study)
                kinds = (str(counts[kind]) for kind in ("complete", "running", "failed"))
                shown.add_row(name, str(counts.total()), *kinds, _best(study))
        except SeasonedError as error:  # this study is damaged, deleted or of a newer version; others are readable
            shown.add_row(name, "", "", "", "", "cannot be read")
            typer.echo(f"{name}: {error}", err=True)
    show_table(shown)


@reported
def show_study(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    store: _Store,
    name: _Name,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page with all figures, too.")] = None,
) -> None:
    """Show how far a study is, its best trials with their configurations, and why trials failed."""
    if report is not None:
        check_folder(report, *_file(store))
    with closing(_study(store, name)) as study:
        show_trials(study)
        if report is not None:
            study.report(report)
            typer.echo(f"report written to {report}")


@reported
def export_trials(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    store: _Store,
    name: _Name,
    file: Annotated[Path, typer.Argument(help="CSV, TSV (also .gz, .bz2, .xz, .zst) or Parquet file to write.")],
    raw: Raw = False,
) -> None:
    """Write all trials of a study to a table: number, state, values, seconds, error, a column a parameter."""
    check_folder(file, *_file(store))
    output = importlib.import_module("seasoned.cli.tables.prediction_table")
    output.check_kind(file)
    with closing(_study(store, name)) as study:
        trials = study.frame()
    for column in trials.columns:  # Parquet columns have one type; categories may differ in type
        kinds = set(trials[column].dropna().map(type)) if trials[column].dtype.kind == "O" else set()
        if len(kinds) > 1 or kinds & {tuple, dict, Config}:
            trials[column] = trials[column].map(str, na_action="ignore")
    output.write_table(trials, file, raw=raw)
    typer.echo(f"{len(trials)} trial(s) written to {file}")


@reported
def delete_study(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    store: _Store,
    name: _Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a study and all its trials from a store, for ever."""
    trials = _told(store, name)
    try:
        if not yes and not typer.confirm(f"Delete the study {name!r} with {trials}?"):
            raise typer.Exit(code=1)
    except typer.Abort:
        if sys.stdin.isatty():  # at a terminal, Abort means Ctrl-C, not the end of the input
            raise KeyboardInterrupt from None
        raise InvalidInput(
            f"{name!r} was not deleted, because it was not confirmed; give --yes to skip the question."
        ) from None
    with closing(_opened(store)) as opened:
        opened.delete(name)
    typer.echo(f"deleted {name!r} with {trials}")


def _told(store: str, name: str) -> str:
    """Number of trials of a study, in words. An unreadable study can be deleted as well."""
    try:
        with closing(_study(store, name)) as study:
            return f"{len(study.trials)} trial(s)"
    except StorageError:
        return "trials that cannot be read"


def _opened(store: str) -> Any:
    storage = importlib.import_module("seasoned.storage")
    return storage.SqlStorage(storage.url_of(store))


def _check(store: str) -> None:
    """Refuse a database without studies, because opening it as a store would create tables in it."""
    contents = importlib.import_module("seasoned.storage.summary")
    url = importlib.import_module("seasoned.storage").url_of(store)
    if not contents.contents_of(url).studies:
        raise InvalidInput(f"{_shown(store)!r} holds no studies; give what Study(storage=...) was given.")


def _study(store: str, name: str) -> Study:
    _check(store)
    found: Study = importlib.import_module("seasoned.study").Study.load(store, name)
    return found


def _shown(store: str) -> str:
    """The store's address, without a server's password."""
    masked: str = importlib.import_module("seasoned.storage.url").mask_password(store)
    return masked


def _file(store: str) -> list[Path]:
    """The store's own file, which no output may overwrite; empty for a database server."""
    engine = importlib.import_module("seasoned.storage.engine")
    file = engine.file_of(engine.url_of(store))
    return [] if file is None else [file]


def _counts(study: Study) -> Counter[str]:
    return Counter(trial.state.value for trial in study.trials)


def _complete(study: Study) -> list[Any]:
    """Complete trials that are valid in the present space; a study may have changed its space."""
    return [trial for trial in study.trials if trial.values is not None and study.space.contains(trial.config)]


def _best(study: Study) -> str:
    """Best value, or for several objectives the number of trials on the Pareto front."""
    if not _complete(study):
        return "-"
    if len(study.directions) > 1:
        return f"front of {len(study.front)}"
    best = study.best
    return f"{best.value:.6g}" + (" (breaks constraints)" if best.violation else "")


def show_trials(study: Study) -> None:
    """Print the number of trials by state, the best ones, and the reasons of failures."""
    from rich.table import Table

    counts = _counts(study)
    told = ", ".join(f"{count} {state}" for state, count in counts.most_common()) or "none"
    typer.echo(f"{study.name}: {' and '.join(study.directions)}; seed {study.seed}; trials: {told}")
    if best := _ranked(study):
        several, some = len(study.directions) > 1, f"{min(len(best), _SHOWN)} of {len(best)}"
        title = f"the front, {some}" if several else f"the best, {some}"
        title += "; all break constraints" if best[0].violation else ""
        shown = Table("trial", "values" if several else "value", "seconds", title=title)
        shown.add_column("configuration", overflow="fold", ratio=1)
        for trial in best[:_SHOWN]:
            seconds = "" if trial.seconds is None else f"{trial.seconds:.3g}"
            config = settings(trial.config, equals="=", digits=6)
            shown.add_row(str(trial.number), ", ".join(f"{v:.6g}" for v in trial.values), seconds, config)
        show_table(shown)
    errors = [str(trial.error or "").strip().splitlines() for trial in study.trials if trial.state == "failed"]
    for cause, count in Counter(lines[-1] if lines else "no reason given" for lines in errors).most_common(_SHOWN):
        typer.echo(f"failed {count} time(s): {cause}")


def _ranked(study: Study) -> list[Any]:
    """Feasible trials from best to worst (all, if none is feasible); for several objectives, the Pareto front."""
    if len(study.directions) > 1:
        return list(study.front)
    sign = 1 if study.directions[0] == "minimize" else -1
    complete = _complete(study)
    feasible = [trial for trial in complete if not trial.violation] or complete
    return sorted(feasible, key=lambda trial: (trial.violation, sign * trial.values[0], trial.number))
