"""`seasoned fit`, and `seasoned runs`: the fits that it can resume."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from seasoned import presets, tabular
from seasoned.cli.class_options import ClassWeight, Costs, Positive, metric_of, weights_in
from seasoned.cli.common import FILES, STOPPED, reported
from seasoned.cli.display import show_leaderboard, show_score
from seasoned.cli.tables.column_formats import TextFormat, store_format
from seasoned.cli.tables.decimal_commas import DECIMAL, ENCODING
from seasoned.cli.tables.declared_table import Declared
from seasoned.cli.tables.read_table import (
    Groups,
    Weights,
    as_categories,
    names_in,
    table_to_fit,
    words_in,
)
from seasoned.cli.tables.reading import Reading, with_reading
from seasoned.errors import InvalidInput, StorageError
from seasoned.report import report as write_report
from seasoned.report.explain.model_importance import SECONDS
from seasoned.tabular.input.random_state import seed_of
from seasoned.tabular.trial.run_folder import cache_folder, clear_runs, list_runs

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["fit", "runs"]

_MIN_IMPORTANCE_SECONDS = (
    5.0  # least seconds for column importances in the report, even after the end of the time limit
)
_Task = Annotated[Literal["auto", "classification", "regression"], typer.Option(help="What the target asks for.")]
_MetricName = Annotated[str | None, typer.Option(help="What to optimise: roc_auc, log_loss, f1, rmse, mae, r2 ...")]
_Models = Annotated[
    str | None,
    typer.Option(
        help="Families to try, such as linear,lightgbm; by default all that are installed but incontext, distilled, "
        "tabicl, tabpfn, realmlp, tuned_mlp and adaptive_linear. --models=-mlp leaves one out, "
        "--models=default,realmlp adds one."
    ),
]
_Features = Annotated[
    str | None,
    typer.Option(
        help="Steps that may make or leave out columns: groups,encoding, all, or none; by default those of "
        "texts from 12,000 rows on."
    ),
]
_Ignore = Annotated[str | None, typer.Option(help="Columns to leave out, such as id,comment.")]
_Categorical = Annotated[str | None, typer.Option(help="Columns whose numbers are names, such as zip,store.")]
_Experience = Annotated[str, typer.Option(help="What past fits teach: default, shipped, none, or a URL.")]
_Seed = Annotated[int | None, typer.Option("--random-state", "--seed", help="A number for the same result again.")]
_Workers = Annotated[
    int | None, typer.Option(help="Trials at the same time; by default one a core, fewer where memory is short.")
]
_STORE_ROWS = "Whether models may contain training rows; without, neighbours and incontext are left out."
_PREFER = "simple ships one model, the simplest of those that validation cannot tell from the ensemble."
_Target = Annotated[str, typer.Option(help="Name of the column to predict.")]
_Preset = Annotated[
    Literal["fast", "good", "best"],
    typer.Option(help="Defaults of --time-limit, --ensemble and --layers: 30, 3, 1; 300, 10, 1; 3600, 25, 2."),
]
_Ensemble = Annotated[
    int | None, typer.Option(help="Most models that predict together, 10 by default; 1 for the best alone.")
]
_Layers = Annotated[
    int | None, typer.Option(help="2 for a second layer of models where it helps; 1, the default, for none.")
]
_Resume = Annotated[bool, typer.Option("--resume", help="Go on with an earlier run: killed, stopped or ended.")]
_Validation = Annotated[
    str | None,
    typer.Option(help="How models are judged: a number of folds, the column that tells the time, or a file of rows."),
]


_ReportSeconds = Annotated[
    float | None,
    typer.Option(
        help="Seconds to measure for the report which columns matter; by default what is left of --time-limit, from "
        f"{_MIN_IMPORTANCE_SECONDS:g} to {SECONDS:g}."
    ),
]


@reported
@with_reading
def fit(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    table: Annotated[Path, typer.Argument(help=f"{FILES} with the target in it.")],
    *,
    target: _Target,
    task: _Task = "auto",
    metric: _MetricName = None,
    positive: Positive = None,
    costs: Costs = None,
    preset: _Preset = "good",
    time_limit: Annotated[float | None, typer.Option(help="Seconds that the fit may take; 300 by default.")] = None,
    trials: Annotated[int | None, typer.Option(help="Number of configurations to try.")] = None,
    workers: _Workers = None,
    memory_limit: Annotated[str | None, typer.Option(help="For all processes together, such as 8GB.")] = None,
    models: _Models = None,
    features: _Features = None,
    weights: Weights = None,
    class_weight: ClassWeight = None,
    groups: Groups = None,
    ignore: _Ignore = None,
    categorical: _Categorical = None,
    validation: _Validation = None,
    folds: Annotated[int | None, typer.Option(help="Cross-validation folds; by rows and time by default.")] = None,
    ensemble: _Ensemble = None,
    layers: _Layers = None,
    predict_limit: Annotated[float | None, typer.Option(help="Milliseconds that predicting a row may take.")] = None,
    prefer: Annotated[Literal["score", "simple"], typer.Option(help=_PREFER)] = "score",
    store_rows: Annotated[bool, typer.Option(help=_STORE_ROWS)] = True,
    experience: _Experience = "default",
    random_state: _Seed = None,
    out: Annotated[Path, typer.Option(help="Where to save the model.")] = Path("model.seasoned"),
    resume: _Resume = False,
    holdout: Annotated[float, typer.Option(help="Share of rows kept aside to score the model at the end.")] = 0.0,
    report: Annotated[Path | None, typer.Option(help="Where to write an HTML report, if anywhere.")] = None,
    report_seconds: _ReportSeconds = None,
    reading: Reading,
) -> None:
    """Fit a model to a table and save it."""
    frame = table_to_fit(table, target, out, report, reading=reading, text=names_in(categorical))
    kind = tabular.infer_task(frame[target]) if task == "auto" else task
    said = Declared(target, weights, groups, validation, tuple(names_in(ignore)), weights_in(class_weight))
    train, test = _split(said, frame, holdout, random_state, classes=kind == "classification")
    train, validated = said.validated(train, lambda path: reading.table(path, words_in(train), _like(frame)))
    usual: dict[str, Any] = getattr(presets, preset) | _given(time_limit=time_limit)
    sizes = _given(ensemble=ensemble, layers=layers, folds=folds, predict_limit=predict_limit)
    families = {"models": _names(models), "features": _steps(features), "store_rows": store_rows}
    usual["search"] = replace(usual["search"], prefer=prefer, **families, **sizes)
    usual |= {"trials": trials, "memory_limit": memory_limit, "workers": workers, "random_state": random_state}
    usual["experience"] = None if experience == "none" else experience
    estimator = tabular.AutoClassifier if kind == "classification" else tabular.AutoRegressor
    model = estimator(metric_of(metric, positive, costs), validation=validated, **usual)
    end = time.monotonic() + usual["time_limit"]
    fit_estimator(model, said, train, names_in(categorical), resume=resume)
    _save(store_format(model, frame), out)
    _show(model, said, test, usual["time_limit"], f"{kind} model saved to {out}")
    _write_report(model, report, said, (train, test), (report_seconds, end))
    _tell_if_stopped(model)


def fit_estimator(model: Any, said: Declared, train: pd.DataFrame, coded: list[str], *, resume: bool) -> None:
    """Fit the estimator. Progress is shown even without a terminal."""
    features = as_categories(said.features(train), coded)
    model.fit(features, train[said.target], **said.roles(train), resume=resume, progress=True)


def _save(model: Any, out: Path) -> None:
    try:
        model.save(out)
    except (StorageError, InvalidInput) as error:  # the finished trials are still in the run folder
        hint = "The same command with --resume goes on from the finished trials, with --ensemble 1 to a smaller model."
        raise type(error)(f"{error} {hint}") from error


def _show(model: Any, said: Declared, test: pd.DataFrame, time_limit: float, saved: str) -> None:
    show_leaderboard(model)
    if model.fitted_.idle:
        typer.echo(f"of {time_limit:g} s it took {model.fitted_.seconds:.0f}: the last trials gained nothing any more")
    show_score(model, said, test)
    typer.echo(saved)


def _like(frame: pd.DataFrame) -> TextFormat:
    """Text format for other files of the table: decimal commas if it has them, even if the others show none."""
    return TextFormat(commas=frame.attrs.get(DECIMAL) == ",", encoding=frame.attrs.get(ENCODING))


def _tell_if_stopped(model: Any) -> None:
    if model.stopped_by_ is not None:
        typer.echo(f"stopped by {model.stopped_by_}; the same command with --resume goes on.", err=True)
        raise typer.Exit(STOPPED[model.stopped_by_])


def _split(
    said: Declared, frame: pd.DataFrame, holdout: float, random_state: int | None, *, classes: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split into training rows and held-out rows that can be scored; a message counts the other held-out rows."""
    said.check(frame)
    if said.class_weight is not None and not classes:
        raise InvalidInput(f"--class-weight is for classes, and {said.target!r} is a number; leave it out.")
    train, test = said.split(said.considered(frame), holdout, seed_of(random_state or 0), classes=classes)
    kept, new = said.judged(train, test, classes=classes)
    if new:
        typer.echo(f"{new} held-out row(s) are of classes that no other row has, and are not judged")
    return train, kept


def _write_report(
    model: Any,
    path: Path | None,
    said: Declared,
    rows: tuple[pd.DataFrame, pd.DataFrame],
    allowed: tuple[float | None, float],
) -> None:
    """Write a report on the held-out rows; if none of them counts, on the training rows.

    Args:
        model: The fitted estimator.
        path: The file; None for no report.
        said: Column roles.
        rows: Training rows and held-out rows.
        allowed: Seconds for column importances (None for the rest of the time limit), and the end of the time limit on
            `time.monotonic`'s clock.
    """
    if path is None:
        return
    (train, test), (asked, end) = rows, allowed
    seconds = min(max(end - time.monotonic(), _MIN_IMPORTANCE_SECONDS), SECONDS) if asked is None else max(asked, 0.0)
    typer.echo(f"report: measuring which columns matter takes up to {seconds:.0f} s (--report-seconds)", err=True)
    unseen = len(test) > 0 and said.counts(test)
    judged = test if unseen else train
    options: Any = {"unseen": unseen, "sample_weight": said.weights_of(judged), "seconds": seconds, "progress": True}
    written = write_report(model, path, said.features(judged), judged[said.target], **options)
    typer.echo(f"report written to {written}")


def _given(**options: Any) -> dict[str, Any]:
    """The options that are set; the others stay those of the preset."""
    return {name: value for name, value in options.items() if value is not None}


def _steps(words: str | None) -> Any:
    return words if words == "all" else [] if words == "none" else _names(words)


def _names(words: str | None) -> list[str] | None:
    return None if words is None else names_in(words)


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
