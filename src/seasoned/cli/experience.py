"""`seasoned experience`: commands for the stored experience of earlier fits."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from seasoned.cli.common import FILES, check_folder, reported
from seasoned.cli.tables.read_table import table_to_fit
from seasoned.cli.tables.reading import Reading, with_reading
from seasoned.errors import InvalidInput, MissingExtra

__all__ = [
    "experience_stats",
    "export_experience",
    "forget_experience",
    "import_experience",
    "list_experience",
    "show_portfolio",
]

_Store = Annotated[str | None, typer.Option(help="A store's URL or file; the user's own by default.")]


def _kept(store: str | None) -> tuple[Any, str]:
    """Maintenance module of experience stores, imported on demand, and the URL of the store."""
    keeping = importlib.import_module("seasoned.knowledge.experience.maintenance")
    return keeping, keeping.store_at(store)


@reported
def list_experience(context: typer.Context, store: _Store = None) -> None:  # noqa: ARG001 - read by `reported`
    """List the fits that later ones learn from."""
    keeping, url = _kept(store)
    found = keeping.heads(url)
    typer.echo(f"{len(found)} fit(s) in {keeping.mask_password(url)}, {len(keeping.shipped())} more come with seasoned")
    for key, head in found:
        told = f"{head.sort} {head.metric}".strip() or head.kind
        typer.echo(f"{key}  {head.created or '-'}  {head.name}  {told}  {head.source}")


@reported
def experience_stats(context: typer.Context, store: _Store = None) -> None:  # noqa: ARG001 - read by `reported`
    """Tell how much is known, and what it brought."""
    keeping, url = _kept(store)
    for line in keeping.format_statistics(keeping.statistics(url), url):
        typer.echo(line)


@reported
def export_experience(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    file: Annotated[Path, typer.Argument(help="Parquet file to write, a row a trial.")],
    store: _Store = None,
    with_shipped: Annotated[bool, typer.Option("--with-shipped", help="Add what comes with seasoned.")] = False,
) -> None:
    """Write all experience to one file, to share it: names, meta-features, configurations, scores; never rows."""
    check_folder(file)
    keeping, url = _kept(store)
    count = keeping.export(url, file, with_shipped=with_shipped)
    typer.echo(f"{count} fit(s) written to {file}")


@reported
def import_experience(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    source: Annotated[str, typer.Argument(help="Exported Parquet file, CSV of past runs, or database of studies.")],
    store: _Store = None,
    maximise: Annotated[bool, typer.Option("--maximise", help="In a CSV, a higher score is better.")] = False,
) -> None:
    """Add somebody else's experience, or past runs of other tools."""
    keeping, url = _kept(store)
    database = keeping.database_of(source)
    if database is None:
        new, count = keeping.import_file(url, Path(source), maximise=maximise)
    else:
        found, optuna = keeping.read_database(database)
        if optuna:
            found = _with_optuna(keeping, found, database)
        new, count = keeping.import_studies(url, found), len(found)
    typer.echo(f"{new} of {count} studies are new, and now in {keeping.mask_password(url)}")


def _with_optuna(keeping: Any, found: Any, database: str) -> Any:
    """Add the Optuna studies of a database. Without Optuna, a message reports that they are left out.

    Raises:
        MissingExtra: If Optuna is not installed and the database holds no other studies.
    """
    try:  # integrations need extras, so they are imported on demand
        module = importlib.import_module("seasoned.integrations.optuna_import")
    except MissingExtra as error:
        if not len(found):
            raise
        typer.echo(f"The studies of Optuna's in it are left out: {error}", err=True)
        return found
    return keeping.merge(found, module.read_studies(database))


@reported
def forget_experience(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    which: Annotated[list[str] | None, typer.Argument(help="Keys, or patterns of names or sources.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Forget all of the store.")] = False,
    keep: Annotated[int | None, typer.Option(help="Forget all but so many of the newest.")] = None,
    store: _Store = None,
) -> None:
    """Remove fits from the store; what comes with seasoned stays."""
    keeping, url = _kept(store)
    gone = keeping.forget(url, which or (), everything=everything, keep=keep)
    typer.echo(f"{gone} fit(s) forgotten, in {keeping.mask_password(url)}")


@reported
@with_reading
def show_portfolio(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    table: Annotated[Path | None, typer.Argument(help=f"{FILES}; past tasks like it count more.")] = None,
    *,
    target: Annotated[str | None, typer.Option(help="The column of the table to predict.")] = None,
    sort: Annotated[
        str | None,
        typer.Option(help="binary, multiclass or regression: binary without a table, else what the target asks for."),
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Metric to improve; the usual one by default.")] = None,
    size: Annotated[int, typer.Option(help="Most configurations.")] = 24,
    seconds: Annotated[float | None, typer.Option(help="Seconds of one core for all; no limit by default.")] = None,
    experience: Annotated[
        str, typer.Option(help="Which past tasks: 'default', 'shipped' or a store's URL.")
    ] = "default",
    reading: Reading,
) -> None:
    """Print, as JSON, a fixed list of configurations to try, with the regret that is expected after each."""
    portfolios = importlib.import_module("seasoned.tabular.experience.portfolio")
    if table is None and target is not None:
        raise InvalidInput("--target is a column of a table; give the table, too, or leave it out.")
    if table is None:
        found = portfolios.portfolio_of_past(
            sort or "binary", metric, size=size, seconds=seconds, experience=experience
        )
    else:
        if target is None:
            raise InvalidInput(f"{table.name} needs the column to predict; give --target.")
        frame = table_to_fit(table, target, reading=reading)
        features = frame.drop(columns=[target])
        found = portfolios.portfolio_of_table(
            features, frame[target], metric, sort=sort, size=size, seconds=seconds, experience=experience
        )
    typer.echo(found.to_json())
