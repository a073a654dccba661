"""`seasoned tune`: the search of a space for the best value of a function in a Python file."""

from __future__ import annotations

import importlib
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from seasoned._util.equivalents import did_you_mean
from seasoned.cli.common import check_folder, reported
from seasoned.cli.studies import show_trials
from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from seasoned.space import Space

__all__ = ["tune"]

_Sampler = Literal[
    "auto",
    "bayes",
    "tpe",
    "cmaes",
    "genetic",
    "particle_swarm",
    "differential_evolution",
    "random",
    "sobol",
    "grid",
]
_CLASSES = {"cmaes": "CMAES", "tpe": "TPE"}  # others are their words in title case


@reported
def tune(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    objective: Annotated[str, typer.Argument(help="FILE.py:FUNCTION; it gets a dict and returns a number.")],
    *,
    space: Annotated[str, typer.Option(help="JSON file of the space, or FILE.py:NAME of a Space.")],
    trials: Annotated[int | None, typer.Option(help="Number of trials in the study, over all calls.")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds of this call.")] = None,
    maximize: Annotated[bool, typer.Option("--maximize", help="Search for the largest value.")] = False,
    sampler: Annotated[_Sampler, typer.Option(help="Rule of the next configuration.")] = "auto",
    workers: Annotated[int, typer.Option(help="Trials at the same time, each in a process.")] = 1,
    trial_time_limit: Annotated[float | None, typer.Option(help="Seconds of one trial, which is then killed.")] = None,
    trial_memory: Annotated[str | None, typer.Option(help="Memory of one trial, such as 8GB.")] = None,
    store: Annotated[
        str, typer.Option(help="SQLite file, or URL of a database, that keeps the trials.")
    ] = "studies.db",
    name: Annotated[str | None, typer.Option(help="Name of the study; by default that of the function.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the study of this name.")] = False,
    seed: Annotated[int | None, typer.Option("--random-state", "--seed", help="A number for the same search.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page with all figures, too.")] = None,
) -> None:
    """Search a space for the best value of a function, and keep the trials.

    The study is that of `Study(space, storage=store, name=name)`: `seasoned studies show` shows it while it runs.
    """
    if report is not None:
        check_folder(report)
    if trials is None and time_limit is None:
        raise InvalidInput("give --trials or --time-limit, after which the search ends.")
    function = named_in(objective, "the function")
    if not callable(function):
        raise InvalidInput(f"{objective} is a {type(function).__name__}; give a function.")
    title = name or objective.rpartition(":")[2]
    samplers, study = importlib.import_module("seasoned.samplers"), importlib.import_module("seasoned.study")
    kind: Callable[[], Any] = getattr(samplers, _CLASSES.get(sampler, sampler.title().replace("_", "")))
    direction = "maximize" if maximize else "minimize"
    _check_new(store, title, resume=resume)
    found = study.Study(
        space_of(space), sampler=kind(), storage=store, name=title, direction=direction, seed=seed, budget=trials
    )
    with closing(found):
        limits: Any = {"trial_time_limit": trial_time_limit, "trial_memory": trial_memory}
        found.optimize(function, trials=trials, time_limit=time_limit, workers=workers, **limits)
        show_trials(found)
        if report is not None:
            found.report(report)
            typer.echo(f"report written to {report}")


def _check_new(store: str, name: str, *, resume: bool) -> None:
    """Refuse an existing study without `--resume`, and a missing one with it."""
    storage = importlib.import_module("seasoned.storage")
    url = storage.url_of(store)
    names: list[str] = []
    if storage.store_exists(url):
        with closing(storage.SqlStorage(url)) as opened:
            names = opened.names()
    if name in names and not resume:
        raise InvalidInput(f"the study {name!r} exists; --resume goes on with it, --name gives this one another name.")
    if resume and name not in names:
        near = did_you_mean(name, names) or "."
        raise InvalidInput(f"there is no study {name!r} to resume{near} Leave --resume out to begin it.")


def named_in(place: str, what: str) -> Any:
    """The object that FILE.py:NAME or package.module:NAME stands for.

    Raises:
        InvalidInput: If the place has another form, or the file, the module or the name is missing.
    """
    module, colon, name = place.rpartition(":")
    if not colon or not module or not name:
        raise InvalidInput(f"{what} is {place!r}; write FILE.py:NAME.")
    loaded = _of_file(Path(module)) if module.endswith(".py") else _of_path(module)
    if not hasattr(loaded, name):
        near = did_you_mean(name, [known for known in vars(loaded) if not known.startswith("_")]) or "."
        raise InvalidInput(f"{module} has no {name!r}{near} Give the name of something defined there.")
    return getattr(loaded, name)


def _of_file(file: Path) -> Any:
    """Module of a file. Its folder is the first place of imports, as for `python FILE.py`; workers have it as well."""
    if not file.is_file():
        raise InvalidInput(f"there is no file {str(file)!r}; check the path.")
    before, sys.path[:] = list(sys.path), [str(file.resolve().parent), *sys.path]
    loaded = _of_path(file.stem)
    if Path(str(loaded.__file__)).resolve() != file.resolve():
        sys.path[:] = before
        raise InvalidInput(f"{file.name} has the name of another module, {loaded.__file__}; rename the file.")
    return loaded


def _of_path(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0] and error.name != module:
            raise
        raise InvalidInput(f"there is no module {module!r}; give a FILE.py, or install its package.") from error


def space_of(place: str) -> Space:
    """The space of a JSON file, or of FILE.py:NAME.

    The JSON has the form of `Space.to_json`; the outer "parameters" may be left out.

    Raises:
        InvalidInput: If the file is missing or contains no space.
    """
    kind: type[Space] = importlib.import_module("seasoned.space").Space
    outside = ":" in place and not Path(place).is_file()
    found = named_in(place, "--space") if outside else _declared(Path(place), kind)
    if isinstance(found, kind):
        return found
    raise InvalidInput(f"{place} is a {type(found).__name__}; give a Space.")


def _declared(file: Path, kind: type[Space]) -> Space:
    form = '{"lr": {"kind": "float", "low": 1e-4, "high": 0.1, "log": true}}'
    try:
        declared = json.loads(file.read_text("utf-8-sig"))
        return kind.from_dict(declared if "parameters" in declared else {"parameters": declared})
    except OSError as error:
        raise InvalidInput(f"{str(file)!r} cannot be read ({error.strerror}); check the path.") from error
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{str(file)!r} is not JSON: {error}.") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise InvalidInput(f"{str(file)!r} declares no space ({error}); write such as {form}.") from error
