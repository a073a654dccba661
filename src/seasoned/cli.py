"""The command line: `seasoned fit`, `predict`, `adapt`, `report`, `demo`, `runs` and `experience`.

Exit codes: 0 done, 2 bad input, 1 any other failure, 130 stopped by Ctrl-C, 143 stopped by SIGTERM. A `fit` that is
stopped once still saves the best model so far. An error is one line on stderr; `seasoned --debug ...` shows where it
came from. Heavy packages load inside the commands, so that `--help` is quick.
"""

from __future__ import annotations

import functools
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from seasoned import tabular
from seasoned.errors import InvalidInput, MissingExtra, SeasonedError
from seasoned.report import report as write_report
from seasoned.tabular.declared import Declared
from seasoned.tabular.demo import SOURCE, TASK, run_demo
from seasoned.tabular.few_shot_files import predict_unlabelled
from seasoned.tabular.output import prediction_table, write_table
from seasoned.tabular.runs import cache_folder, clear_runs, list_runs
from seasoned.tabular.tables import read_csv, read_table

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

__all__ = ["app", "main"]

app = typer.Typer(
    help="AutoML that learns from experience: a table in, a tuned model out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
experience_app = typer.Typer(help="What earlier fits taught.", no_args_is_help=True)
app.add_typer(experience_app, name="experience")
_STREAM = Path("-")
_SHOWN = 10  # rows of the leaderboard
_STOPPED = {"SIGINT": 130, "SIGTERM": 143}  # exit codes as shells have them: 128 and the signal's number
_FILES = "CSV, TSV (also .gz, .bz2, .xz, .zst, .zip) or Parquet file"


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
) -> None:
    context.obj = debug


def _reported(command: Callable[..., None]) -> Callable[..., None]:
    """The command with errors as one line on stderr and an exit code."""

    @functools.wraps(command)
    def run(context: typer.Context, *args: Any, **kwargs: Any) -> None:
        try:
            command(context, *args, **kwargs)
        except (Exception, KeyboardInterrupt) as error:
            if context.obj or isinstance(error, typer.Exit):
                raise
            typer.echo(f"error: {_sentence(error)}", err=True)
            raise typer.Exit(_code(error)) from None

    return run


def _code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return _STOPPED["SIGINT"]
    return 2 if isinstance(error, InvalidInput | MissingExtra) else 1


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, SeasonedError):
        return text
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; `--resume` goes on from the finished trials."
    return f"{type(error).__name__}: {text} (seasoned --debug shows where)"


_Task = Annotated[Literal["auto", "classification", "regression"], typer.Option(help="What the target asks for.")]
_MetricName = Annotated[str | None, typer.Option(help="What to optimise: roc_auc, log_loss, f1, rmse, mae, r2 ...")]
_Positive = Annotated[str | None, typer.Option(help="The class of two that f1, precision, recall ... are about.")]
_Models = Annotated[str | None, typer.Option(help="Families to try, such as linear,lightgbm; all by default.")]
_Features = Annotated[
    str | None, typer.Option(help="Steps that may make or leave out columns, such as groups,encoding, or all.")
]
_Weights = Annotated[str | None, typer.Option(help="Column that tells how much each row counts.")]
_Groups = Annotated[str | None, typer.Option(help="Column that tells which rows belong together, such as a customer.")]
_Experience = Annotated[str, typer.Option(help="What past fits teach: default, shipped, none, or a URL.")]
_Seed = Annotated[int | None, typer.Option("--random-state", "--seed", help="A number for the same result again.")]
_Validation = Annotated[
    str | None,
    typer.Option(help="How models are judged: a number of folds, the column that tells the time, or a file of rows."),
]


@app.command()
@_reported
def fit(
    context: typer.Context,  # noqa: ARG001 - read by `_reported`
    table: Annotated[Path, typer.Argument(help=f"{_FILES} with the target in it.")],
    *,
    target: Annotated[str, typer.Option(help="Name of the column to predict.")],
    task: _Task = "auto",
    metric: _MetricName = None,
    positive: _Positive = None,
    time_limit: Annotated[float, typer.Option(help="Seconds that the fit may take.")] = 300,
    trials: Annotated[int | None, typer.Option(help="Number of configurations to try.")] = None,
    workers: Annotated[int | None, typer.Option(help="Trials at the same time; one a core by default.")] = None,
    memory_limit: Annotated[str | None, typer.Option(help="For all processes together, such as 8GB.")] = None,
    models: _Models = None,
    features: _Features = None,
    weights: _Weights = None,
    groups: _Groups = None,
    validation: _Validation = None,
    folds: Annotated[int | None, typer.Option(help="Cross-validation folds; by rows and time by default.")] = None,
    ensemble: Annotated[int, typer.Option(help="Most models that predict together; 1 for the best alone.")] = 10,
    predict_limit: Annotated[float | None, typer.Option(help="Milliseconds that predicting a row may take.")] = None,
    experience: _Experience = "default",
    random_state: _Seed = None,
    out: Annotated[Path, typer.Option(help="Where to save the model.")] = Path("model.seasoned"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a killed run of the same command.")] = False,
    holdout: Annotated[float, typer.Option(help="Share of rows kept aside to score the model at the end.")] = 0.0,
    report: Annotated[Path | None, typer.Option(help="Where to write an HTML report, if anywhere.")] = None,
) -> None:
    """Fit a model to a table and save it."""
    frame = _table_to_fit(table, target, out, report)
    kind = tabular.infer_task(frame[target]) if task == "auto" else task
    said = Declared(target, weights, groups, validation)
    said.check(frame)
    train, test = said.split(frame, holdout, random_state or 0, classes=kind == "classification")
    train, validated = said.validated(train)
    make = tabular.AutoClassifier if kind == "classification" else tabular.AutoRegressor
    steps: Any = features if features == "all" else _names(features)
    settings = tabular.SearchSettings(_names(models), folds, ensemble, steps, predict_limit=predict_limit)
    model = make(
        _metric(metric, positive),
        time_limit=time_limit,
        trials=trials,
        memory_limit=memory_limit,
        workers=workers,
        validation=validated,
        experience=None if experience == "none" else experience,
        search=settings,
        random_state=random_state,
    )
    model.fit(said.features(train), train[target], **said.roles(train), resume=resume)
    model.save(out)
    _show_leaderboard(model)
    if len(test):
        _show_score(model, said, test)
    typer.echo(f"{kind} model saved to {out}")
    if report is not None:
        _write_report(model, report, said, train, test)
    if model.stopped_by_ is not None:
        typer.echo(f"stopped by {model.stopped_by_}; the same command with --resume goes on.", err=True)
        raise typer.Exit(_STOPPED[model.stopped_by_])


def _write_report(model: Any, path: Path, said: Declared, train: pd.DataFrame, test: pd.DataFrame) -> None:
    """About the rows held out; where there are none, what the columns tell is measured on those of the fit."""
    rows = test if len(test) else train
    weights = said.weights_of(rows)
    features, unseen = said.features(rows), len(test) > 0
    written = write_report(model, path, features, rows[said.target], unseen=unseen, sample_weight=weights)
    typer.echo(f"report written to {written}")


def _table_to_fit(table: Path, target: str, *outputs: Path | None) -> pd.DataFrame:
    """The table's rows that have a target; what cannot be written in the end is refused now."""
    frame = read_table(table)
    if target not in frame.columns:
        raise InvalidInput(
            f"{table.name} has no column {target!r}; its columns are {', '.join(map(str, frame.columns))}."
        )
    for file in outputs:
        if file is not None and not file.parent.is_dir():
            raise InvalidInput(f"there is no folder {str(file.parent)!r} to write {file.name!r} in; make it first.")
    return frame.dropna(subset=[target]) if frame[target].notna().any() else frame


def _names(words: str | None) -> list[str] | None:
    return None if words is None else [name for word in words.split(",") if (name := word.strip())]


def _metric(metric: str | None, positive: str | None) -> Any:
    if positive is None:
        return metric
    if metric is None:
        raise InvalidInput(f"--positive {positive} is for a metric such as f1; give --metric, too.")
    return tabular.Metric(metric, positive=positive)


@app.command()
@_reported
def predict(
    context: typer.Context,  # noqa: ARG001 - read by `_reported`
    model: Annotated[Path, typer.Argument(help="File that `seasoned fit` saved.")],
    table: Annotated[
        Path, typer.Argument(help=f"{_FILES} with the same columns; - reads CSV from the standard input.")
    ],
    out: Annotated[
        Path, typer.Option(help="File to write, of the same kinds; - writes CSV to the standard output.")
    ] = Path("predictions.csv"),
    interval: Annotated[
        float | None,
        typer.Option(
            help="Share of rows, such as 0.9, whose truth is to lie between two more columns, lower and upper; "
            "of classes, in a column `set`."
        ),
    ] = None,
) -> None:
    """Predict the rows of a table."""
    if out != _STREAM and not out.parent.is_dir():
        raise InvalidInput(f"there is no folder {str(out.parent)!r} to write {out.name!r} in; make it first.")
    fitted = tabular.load(model)
    rows = read_csv(sys.stdin, "the standard input") if table == _STREAM else read_table(table)
    predictions = prediction_table(fitted, rows, interval)
    if out == _STREAM:
        typer.echo(predictions.to_csv(index=False), nl=False)
        return
    write_table(predictions, out)
    typer.echo(f"{len(predictions)} predictions written to {out}")


@app.command()
@_reported
def adapt(
    context: typer.Context,  # noqa: ARG001 - read by `_reported`
    table: Annotated[Path, typer.Argument(help=f"{_FILES}: many tasks to learn from, or rows of new ones.")],
    *,
    task: Annotated[
        str | None, typer.Option(help="To learn: the column that says which task (customer, store) a row belongs to.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Name of the column to predict; with --model the one it learned, by default.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="To adapt: file that this command saved.")] = None,
    kind: Annotated[
        Literal["auto", "classification", "regression"], typer.Option(help="To learn: what the target asks for.")
    ] = "auto",
    shots: Annotated[int, typer.Option(help="To learn: most rows of a new task that it prepares for.")] = 10,
    time_limit: Annotated[float, typer.Option(help="To learn: seconds that it may take.")] = 300,
    random_state: Annotated[
        int | None, typer.Option("--random-state", "--seed", help="To learn: a number for the same result again.")
    ] = None,
    tune: Annotated[bool, typer.Option(help="To adapt: choose by cross-validation how far to move.")] = True,
    out: Annotated[
        Path | None, typer.Option(help="File to write; model.seasoned or predictions.csv by default.")
    ] = None,
) -> None:
    """Learn from many tasks (--task and --target), or adapt to new ones from a few rows (--model).

    With --model, the rows whose target is filled in are adapted to, task by task, and the others are predicted.
    """
    if (model is None) == (task is None):
        raise InvalidInput("give --task and --target to learn from tasks, or --model to adapt what was learned.")
    if model is None and target is None:
        raise InvalidInput("give --target, the name of the column to predict.")
    out = Path("predictions.csv" if model else "model.seasoned") if out is None else out
    if out != _STREAM and not out.parent.is_dir():
        raise InvalidInput(f"there is no folder {str(out.parent)!r} to write {out.name!r} in; make it first.")
    if model is not None:
        _adapt_to(model, table, target, out, tune=tune)
        return
    assert target is not None
    assert task is not None
    frame = _table_to_fit(table, target)
    found = tabular.infer_task(frame[target]) if kind == "auto" else kind
    make = tabular.FewShotClassifier if found == "classification" else tabular.FewShotRegressor
    learned = make(shots=shots, time_limit=time_limit, random_state=random_state)
    learned.fit(frame.drop(columns=target), frame[target], task=task)
    learned.save(out)
    typer.echo(f"few-shot {found} model of {len(learned.tasks_)} tasks saved to {out}")


def _adapt_to(model: Path, table: Path, target: str | None, out: Path, *, tune: bool) -> None:
    learned = tabular.load(model)
    if not hasattr(learned, "adapt"):
        raise InvalidInput(f"{model.name!r} holds a {type(learned).__name__}, which does not adapt; use predict.")
    rows = read_csv(sys.stdin, "the standard input") if table == _STREAM else read_table(table)
    name = learned.target_name_ if target is None else target
    if name is None:
        raise InvalidInput("the model does not know its target's name; give --target.")
    predictions = predict_unlabelled(learned, rows, name, tune=tune)
    if out == _STREAM:
        typer.echo(predictions.to_csv(index=False), nl=False)
        return
    write_table(predictions, out)
    typer.echo(f"{len(predictions)} predictions written to {out}")


@app.command("report")
@_reported
def make_report(
    context: typer.Context,  # noqa: ARG001 - read by `_reported`
    model: Annotated[Path, typer.Argument(help="File that `seasoned fit` saved.")],
    table: Annotated[
        Path | None, typer.Argument(help="Rows to judge the model on, best such that it has not seen.")
    ] = None,
    *,
    target: Annotated[str | None, typer.Option(help="Name of the column to predict, in that table.")] = None,
    weights: _Weights = None,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
) -> None:
    """Write an HTML report about a saved model: what was tried, what it weighs, and how it does on the rows given."""
    if (table is None) != (target is None):
        raise InvalidInput("give a table and --target together, or neither.")
    rows: tuple[Any, ...] = ()
    mass: Any = None
    if table is not None:
        frame = read_table(table)
        for column in (target, weights):
            if column is not None and column not in frame.columns:
                raise InvalidInput(
                    f"{table.name} has no column {column!r}; its columns are {', '.join(map(str, frame.columns))}."
                )
        rows = (frame.drop(columns=target), frame[target])
        mass = None if weights is None else frame[weights]
    typer.echo(f"report written to {write_report(tabular.load(model), out, *rows, sample_weight=mass)}")


@app.command()
@_reported
def demo(
    context: typer.Context,  # noqa: ARG001 - read by `_reported`
    time_limit: Annotated[float, typer.Option(help="Seconds that everything may take.")] = 60,
    folder: Annotated[Path, typer.Option(help="Where to write the model and the predictions.")] = Path("demo"),
) -> None:
    """Fit, judge and save a model on a real table, in a minute."""
    typer.echo(f"Table: {SOURCE}\n{TASK}\n")
    result = run_demo(folder, time_limit)
    _show_leaderboard(result.model)
    _show_scores(result.scores, len(result.predictions))
    write_report(result.model, folder / "report.html", *result.held_out)
    typer.echo(f"model.seasoned, predictions.csv and report.html written to {folder}")


@app.command()
@_reported
def runs(
    context: typer.Context,  # noqa: ARG001 - read by `_reported`
    clear: Annotated[bool, typer.Option("--clear", help="Delete those that no process is at work in.")] = False,
) -> None:
    """List unfinished fits, which --resume can go on with."""
    if clear:
        typer.echo(f"{clear_runs()} run folder(s) deleted from {cache_folder()}")
        return
    found = list_runs()
    typer.echo(f"{len(found)} unfinished run(s) in {cache_folder()}")
    for run in found:
        about = run.about
        shape = f"{about.get('rows', '?')} x {about.get('columns', '?')} {about.get('task', '')}"
        state = "running" if run.running else "stopped"
        typer.echo(f"{run.name}  {about.get('started', '?')}  {shape}  {run.megabytes:.1f} MB  {state}")


_Store = Annotated[str | None, typer.Option(help="A store's URL; the user's own by default.")]


def _kept(store: str | None) -> tuple[Any, str]:
    """What looks after stores, loaded when it is asked for, and the store's URL."""
    keeping = importlib.import_module("seasoned.knowledge.keeping")
    return keeping, store or keeping.own_store()


@experience_app.command("list")
@_reported
def list_experience(context: typer.Context, store: _Store = None) -> None:  # noqa: ARG001 - read by `_reported`
    """List the fits that later ones learn from."""
    keeping, url = _kept(store)
    found = keeping.heads(url)
    typer.echo(f"{len(found)} fit(s) in {keeping.hidden(url)}, {len(keeping.shipped())} more come with seasoned")
    for key, head in found:
        told = f"{head.sort} {head.metric}".strip() or head.kind
        typer.echo(f"{key}  {head.created or '-'}  {head.name}  {told}  {head.source}")


@experience_app.command("stats")
@_reported
def experience_stats(context: typer.Context, store: _Store = None) -> None:  # noqa: ARG001 - read by `_reported`
    """Tell how much is known, and what it brought."""
    keeping, url = _kept(store)
    for line in keeping.told(keeping.statistics(url), url):
        typer.echo(line)


@experience_app.command("export")
@_reported
def export_experience(
    context: typer.Context,  # noqa: ARG001 - read by `_reported`
    file: Annotated[Path, typer.Argument(help="Parquet file to write, a row a trial.")],
    store: _Store = None,
    with_shipped: Annotated[bool, typer.Option("--with-shipped", help="Add what comes with seasoned.")] = False,
) -> None:
    """Write all experience to one file, to share it: names, meta-features, configurations, scores; never rows."""
    keeping, url = _kept(store)
    count = keeping.export(url, file, with_shipped=with_shipped)
    typer.echo(f"{count} fit(s) written to {file}")


@experience_app.command("import")
@_reported
def import_experience(
    context: typer.Context,  # noqa: ARG001 - read by `_reported`
    source: Annotated[str, typer.Argument(help="Exported Parquet file, CSV of past runs, or URL of Optuna's storage.")],
    store: _Store = None,
    maximise: Annotated[bool, typer.Option("--maximise", help="In a CSV, a higher score is better.")] = False,
) -> None:
    """Add somebody else's experience, or past runs of other tools."""
    keeping, url = _kept(store)
    if "://" in source:
        # Integrations need extras, so the one that is asked for is loaded by name.
        found = importlib.import_module("seasoned.integrations.optuna_import").read_studies(source)
        new, count = keeping.add_experience(url, found), len(found)
    else:
        new, count = keeping.import_file(url, Path(source), maximise=maximise)
    typer.echo(f"{new} of {count} studies are new, and now in {keeping.hidden(url)}")


@experience_app.command("forget")
@_reported
def forget_experience(
    context: typer.Context,  # noqa: ARG001 - read by `_reported`
    which: Annotated[list[str] | None, typer.Argument(help="Keys, or patterns of names or sources.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Forget all of the store.")] = False,
    store: _Store = None,
) -> None:
    """Remove fits from the store; what comes with seasoned stays."""
    keeping, url = _kept(store)
    typer.echo(f"{keeping.forget(url, which or (), everything=everything)} fit(s) forgotten, in {keeping.hidden(url)}")


def _show_leaderboard(model: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    board = model.leaderboard()
    metric = model.fitted_.metric.name
    complete = board[board["state"] == "complete"]
    tried = f"{len(board)} configurations tried, {len(complete)} of them to the end"
    shown = Table("rank", "model", metric, "seconds", title=tried, expand=True)
    shown.add_column("configuration", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in complete.head(_SHOWN).to_dict("records"):
        config = ", ".join(f"{key}={_short(value)}" for key, value in row["config"].items())
        shown.add_row(str(row["rank"]), row["model"], f"{row[metric]:.5g}", f"{row['seconds']:.1f}", config)
    Console().print(shown)
    for sentence in model.fitted_.sentences:
        typer.echo(sentence)
    failed = model.failures()
    if len(failed):
        typer.echo(f"{len(failed)} trial(s) failed; the first: {failed['model'].iloc[0]}: {failed['error'].iloc[0]}")


def _show_score(model: Any, said: Declared, test: pd.DataFrame) -> None:
    metric = model.fitted_.metric
    score = metric.score(-model.score(said.features(test), test[said.target], said.weights_of(test)))
    typer.echo(f"{metric.name} on {len(test)} held-out rows: {score:.5g}")


def _show_scores(scores: dict[str, float], rows: int) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table("", "log loss", title=f"{rows} rows of held-out storms (lower is better)")
    for name, score in sorted(scores.items(), key=lambda item: item[1]):
        shown.add_row(name, f"{score:.4f}")
    Console().print(shown)


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Run the command line; the entry point of `seasoned`."""
    sys.exit(app())
