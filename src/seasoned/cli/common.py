"""Shared parts of all commands: error messages, exit codes and options.

Exit codes: 0 done, 2 bad input, 1 any other failure, 130 stopped by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP (a closed
terminal). An error is one line on stderr; `seasoned --debug ...` prints the traceback.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seasoned import tabular
from seasoned._util.atomic_write import check_name
from seasoned.errors import InvalidInput, MissingExtra, SeasonedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FILES", "STOPPED", "STREAM", "Raw", "check_folder", "check_model", "of_one_table", "reported"]

STREAM = Path("-")
STOPPED = {"SIGHUP": 129, "SIGINT": 130, "SIGTERM": 143}  # exit codes as in shells: 128 + signal number
Raw = Annotated[
    bool,
    typer.Option("--raw", help="Write texts such as =1+1 as they are; else an apostrophe keeps them from running."),
]
FILES = "CSV, TSV, JSON (also .gz, .bz2, .xz, .zst, .zip), Parquet or Excel file, or a quoted pattern ('sales-*.csv')"


def reported(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command: an error becomes one line on stderr and an exit code."""

    @functools.wraps(command)
    def run(context: typer.Context, *args: Any, **kwargs: Any) -> None:
        try:
            command(context, *args, **kwargs)
        except (Exception, KeyboardInterrupt) as error:
            if context.obj or isinstance(error, typer.Exit | BrokenPipeError):  # the pipe is closed, as by `| head`
                raise
            typer.echo(f"error: {_sentence(error, context.info_name)}", err=True)
            raise typer.Exit(_code(error)) from None

    return run


def _code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return STOPPED["SIGINT"]
    return 2 if isinstance(error, InvalidInput | MissingExtra) else 1


def _sentence(error: BaseException, command: str | None) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, SeasonedError):
        return text
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; `--resume` goes on from the finished trials." if command == "fit" else "interrupted."
    return f"{type(error).__name__}: {text} (seasoned --debug shows where)"


def check_folder(file: Path, *others: Path | None) -> None:
    """Refuse, before any work, an output file that cannot be written, or that is another file of the command.

    Args:
        file: The file to write.
        others: Input files and other output files of the command.

    Raises:
        InvalidInput: If the file is a folder or one of the others, or its folder is missing or not writable.
    """
    check_name(file)
    if file.is_dir():
        raise InvalidInput(f"{str(file)!r} is a folder; give the path of a file to write.")
    if not file.parent.is_dir():
        raise InvalidInput(f"there is no folder {str(file.parent)!r} to write {file.name!r} in; make it first.")
    if not os.access(file.parent, os.W_OK | os.X_OK):  # a replaced file needs a writable folder
        raise InvalidInput(f"the folder {str(file.parent)!r} may not be written; choose another one.")
    if file.resolve() in {other.resolve() for other in others if other is not None and other != STREAM}:
        raise InvalidInput(f"the output {str(file)!r} is also another file of this command; choose another name.")


def check_model(file: Path, *others: Path | None) -> None:
    """`check_folder` for a model file, which cannot be the standard output.

    A probe file is created in the same folder, as `save` does: permissions do not show quotas or names that are too
    long.
    """
    if file == STREAM:
        raise InvalidInput("a model cannot be written to the standard output; give the path of a file.")
    check_folder(file, *others)
    probe = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InvalidInput(
            f"the model cannot be written to {str(file)!r} ({error.strerror}); choose another name or folder."
        ) from error


def of_one_table(file: Path) -> Any:
    """Load an estimator that `seasoned fit` saved.

    Raises:
        InvalidInput: If `seasoned adapt` saved the file.
    """
    model = tabular.load(file)
    if not isinstance(model, tabular.AutoClassifier | tabular.AutoRegressor):
        raise InvalidInput(
            f"{file.name} holds a {type(model).__name__}; this is for a model that `seasoned fit` saved."
        )
    return model
