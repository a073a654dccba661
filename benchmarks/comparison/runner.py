"""One result: a framework on one fold of a table, in its own environment and process, on the given cores."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from comparison.holdout import HALVES, SEED
from comparison.pace import loop_seconds
from comparison.registry import BENCHMARKS
from comparison.splits import Fold, judge
from comparison.watch import Outcome, watch

if TYPE_CHECKING:
    from comparison.registry import Framework

WORKER = BENCHMARKS / "frameworks" / "worker.py"
PATIENCE = 300  # seconds beyond three budgets, for imports, saving and predicting, after which a process is killed


@dataclass(frozen=True)
class Conditions:
    """What holds for all runs of one comparison.

    Attributes:
        budget: Seconds that each framework is told to take.
        cores: The numbers of the cores to which each process is pinned.
        run: Names this comparison; times are compared within one only.
        declared: Whether frameworks that can be told of groups and times are told which column separates the test rows.
    """

    budget: float
    cores: list[int]
    run: str
    declared: bool = False


def identity(framework: Framework, fold: Fold, conditions: Conditions) -> dict[str, Any]:
    """The fields by which a result is found again."""
    return {
        "framework": framework.name,
        "version": framework.version,
        "budget": conditions.budget,
        "cores": len(conditions.cores),
        "declared": structure(fold, conditions) or None,
        **fold.identity,
    }


def measure(framework: Framework, fold: Fold, conditions: Conditions) -> dict[str, Any]:
    """Run and judge; a failure of the framework is a result with its reason.

    Raises:
        RuntimeError: Its environment is broken, or the table cannot be read; that is no result.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        folder = Path(temporary)
        prepare(folder, framework, fold, conditions)
        before = loop_seconds()
        outcome = watch(
            [str(framework.python), str(worker(framework)), str(folder)],
            env=surroundings(framework, folder),
            log=folder / "log",
            limit=3 * conditions.budget + PATIENCE,
        )
        pace = (before + loop_seconds()) / 2
        found = collect(folder, outcome, fold)
        if found["error"]:
            found["error"] = found["error"].replace(str(folder), "FOLDER").replace(str(BENCHMARKS.parent), "ROOT")[:500]
    over = max(0.0, found["fit_seconds"] - conditions.budget) if found.get("fit_seconds") else None
    return {
        **identity(framework, fold, conditions),
        "task": fold.task,
        "metric": fold.metric,
        "run": conditions.run,
        "others_cores": round(outcome.others, 2),
        "loop_seconds": significant(pace),
        **{key: significant(value) for key, value in found.items()},
        "overrun_seconds": significant(over),
        "peak_memory_bytes": outcome.peak_bytes,
        "process_seconds": significant(outcome.seconds),
    }


def structure(fold: Fold, conditions: Conditions) -> dict[str, str]:
    """The column of groups or times that frameworks are told of: {"groups": name} or {"time": name}, or nothing."""
    return dict(HALVES["holdout"].get(fold.table, {})) if conditions.declared else {}


def worker(framework: Framework) -> Path:
    """The script that runs one fit: that of the framework's own checkout, if it has one."""
    return framework.source / BENCHMARKS.name / "frameworks" / "worker.py" if framework.source else WORKER


def surroundings(framework: Framework, folder: Path) -> dict[str, str]:
    """Our environment variables, with everything that is left on disk in a folder that goes away."""
    kept = dict(os.environ)
    if framework.requirements:
        kept.pop("PYTHONPATH", None)  # it would mix our packages into theirs
    if framework.source:
        kept["PYTHONPATH"] = str(framework.source / "src")
    return {**kept, "SEASONED_CACHE": str(folder / "cache"), "TMPDIR": str(folder)}


def prepare(folder: Path, framework: Framework, fold: Fold, conditions: Conditions) -> None:
    """Write what the worker reads."""
    np.savez(folder / "split.npz", train=fold.train, test=fold.test)
    job = {
        "module": framework.module,
        "options": framework.options,
        "folder": str(folder),
        "file": str(fold.file.resolve()),
        "target": fold.target,
        "task": fold.task,
        "metric": fold.metric,
        "budget": conditions.budget,
        "cores": conditions.cores,
        "seed": SEED,
        "structure": structure(fold, conditions),
    }
    (folder / "job.json").write_text(json.dumps(job))


def collect(folder: Path, outcome: Outcome, fold: Fold) -> dict[str, Any]:
    """What the worker left, with `score` and `error`, one of which is None, and the scores of any variants."""
    result = folder / "result.json"
    found = json.loads(result.read_text()) if result.exists() else {}
    labels = found.pop("labels", None)
    error = found.pop("error", None) or ending(outcome, folder / "log")
    score = None
    if error is None:
        try:
            score = judge(fold, np.load(folder / "predicted.npy"), labels)
            variants = {file.stem.removeprefix("variant-"): np.load(file) for file in folder.glob("variant-*.npy")}
            if variants:
                found["variants"] = {name: significant(judge(fold, kept, labels)) for name, kept in variants.items()}
        except (OSError, ValueError) as unfit:
            error = f"{type(unfit).__name__}: {unfit}"
    if error and not (folder / "started").exists():
        raise RuntimeError(
            f"the run never came to the framework's fit: {error}\n{(folder / 'log').read_text()[-3000:]}"
        )
    if error:
        print((folder / "log").read_text(errors="replace")[-3000:])
    return {"score": score, "error": error, **found}


def ending(outcome: Outcome, log: Path) -> str | None:
    """Why a process that reported no error of its own did not end well; None if it did."""
    if outcome.code == 0:
        return None
    if outcome.code is None:
        return f"killed after {outcome.seconds:.0f} s"
    last = (log.read_text(errors="replace").strip().splitlines() or ["no output"])[-1]
    return f"ended with code {outcome.code}: {last}"


def significant(value: Any) -> Any:
    """Floats to six significant digits, so that files stay readable; the rest as it is."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
