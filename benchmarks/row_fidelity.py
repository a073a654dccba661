"""What it is worth to judge configurations on samples of a large table's rows first, and how samples rank them.

    python benchmarks/row_fidelity.py search --rows 100000 --seconds 120 --out benchmarks/results/row-fidelity.json
    python benchmarks/row_fidelity.py search --rows 100000 --seconds 60 --clock cpu
    python benchmarks/row_fidelity.py ranks FOLDER --tables protein-casp electricity diamonds --out ranks.json

`search`: the same fit twice, as it is and with all rows at once (`seasoned-all-rows` in `automl.py` compares the two on
real tables), on the table of `large.py`: two classes, normal columns. Reported are trials by state and the loss (1 -
AUC) in validation and on 50,000 further rows. Said before it was measured: samples are worth having if they lose
nothing on the further rows and bring more trials. With `--clock cpu` everything happens in one process on one core and
each clock that the fit reads shows processor time, so that a busy machine gives the same answer as a quiet one, if
later; limits that only a kill can hold are then not held.

`ranks`: configurations of one family, its default and draws from its space, each fitted on samples and on all training
rows of the first fold of a real table: its lag behind the best one at each level, in shares of the gap between the best
and predicting the same for all rows; and whether the race over rows would have let the best one through.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import numpy as np

from common import HERE, alone, write

FRESH = 50_000
ARMS = ("samples", "all-rows")
MARK = "RESULT "


# ------------------------------------------------------------------------------------------------ whole searches


def searched(options: argparse.Namespace) -> dict[str, Any]:
    """In the child: one fit, and what came of it."""
    if options.clock == "cpu":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        time.monotonic = time.perf_counter = time.process_time
    from sklearn.metrics import roc_auc_score

    import seasoned.tabular.fit.plan
    from large import table
    from seasoned import AutoClassifier

    if options.clock == "cpu":
        stay_here()
    X, y = table(options.rows, options.columns, 0)
    usual = seasoned.tabular.fit.plan.levels_of
    with patch("seasoned.tabular.fit.plan.levels_of", usual if options.arm == "samples" else lambda *_: ()):
        start = time.process_time()
        model = AutoClassifier(
            time_limit=options.seconds, experience=None, random_state=options.seed, workers=options.workers
        ).fit(X, y)
        cpu = time.process_time() - start
    fresh, truth = table(FRESH, options.columns, 1)
    trials = [
        {name: getattr(trial, name) for name in ("number", "model", "state", "loss", "seconds", "elapsed")}
        for trial in model.fitted_.trials
    ]
    return {
        "states": dict(Counter(trial["state"] for trial in trials)),
        "validated": 1.0 + (model.fitted_.validated.loss if model.fitted_.validated else np.nan),
        "fresh": 1.0 - float(roc_auc_score(truth, model.predict_proba(fresh)[:, 1])),
        "fit_seconds": model.fitted_.seconds,
        "cpu": cpu,
        "members": [[member.name, round(member.weight, 3)] for member in model.fitted_.members],
        "trials": trials,
    }


def stay_here() -> None:
    """Trials and last fits in this process."""
    import seasoned.study.arguments
    import seasoned.tabular.budget.worker_pool
    from seasoned.execution.workers.inline import InlineExecutor

    class Here(InlineExecutor):
        def __init__(self, *_: object) -> None:
            super().__init__()

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

    for module in (seasoned.study.arguments, seasoned.tabular.budget.worker_pool):
        module.LocalExecutor = Here  # type: ignore[attr-defined]


def child(options: argparse.Namespace, arm: str, seed: int) -> dict[str, Any]:
    """In the parent: one fit in a process of its own."""
    given = {name: getattr(options, name) for name in ("rows", "columns", "seconds", "clock", "workers")}
    words = [word for name, value in {**given, "arm": arm, "seed": seed}.items() for word in (f"--{name}", str(value))]
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), "child", *words],
            env={**os.environ, "SEASONED_CACHE": folder},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    line = next(line for line in ended.stdout.splitlines() if line.startswith(MARK))
    found: dict[str, Any] = json.loads(line[len(MARK) :])
    shown = {name: found[name] for name in ("states", "validated", "fresh", "fit_seconds", "cpu")}
    print(arm, seed, shown, flush=True)
    return {"arm": arm, "seed": seed, **found}


# ------------------------------------------------------------------------------------------------ how samples rank


class Listener:
    """Takes a running trial's place: it is told everything and stops nobody."""

    step = 0

    def __init__(self) -> None:
        self.losses: list[float] = []

    def report(self, _: int, loss: float) -> None:
        """What a sample told."""
        self.losses.append(loss)


def ranks(options: argparse.Namespace, name: str) -> dict[str, Any]:
    """One table: losses of each configuration at each level."""
    from families import prepared
    from seasoned.tabular.models.registry import find

    entries = json.loads((options.folder / "manifest.json").read_text())["datasets"]
    entry = next(one for one in entries if one["name"] == name)
    with tempfile.TemporaryDirectory() as folder:
        objective = prepared(options.folder, entry, Path(folder), options.rows).objective
        fold = objective.data.folds[0]  # alone, as levels are of its rows
        rows = len(fold[0])
        objective = replace(objective, levels=(rows // 9, rows // 3, rows))
        objective.data._read["folds"] = [fold]
        family, rng = find(options.family), np.random.default_rng(0)
        space = family.space(objective.job.task)
        drawn = [space.decode(rng.random(len(space.dimensions))) for _ in range(options.configurations - 1)]
        found = []
        for config in (space.default, *drawn):
            listener = Listener()
            loss = objective({"model": {family.name: config}}, listener)  # type: ignore[arg-type]
            found.append([*listener.losses, loss])
            print(name, [round(value, 5) for value in found[-1]], flush=True)
        return {"table": name, "rows": rows, **judged(np.array(found), objective)}


def judged(losses: np.ndarray, objective: Any) -> dict[str, Any]:
    """Lags by level, and whom the race would have let through, each compared with those before it."""
    baseline, slack = objective.sample_baseline(), 1 / np.sqrt(objective.sample_rows())
    lags = (losses - losses.min(axis=0)) / (baseline - losses.min(axis=0))
    through = [0]
    for place in range(1, len(losses)):
        known = losses[through][:, :2]
        behind = (losses[place, :2] - known.min(axis=0)) / (baseline - known.min(axis=0))
        if (behind <= slack).all():
            through.append(place)
    return {"lags": lags.round(5).tolist(), "through": through, "lost": float(lags[through, -1].min()), "slack": slack}


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("search", "ranks", "child"))
    parser.add_argument("folder", type=Path, nargs="?", help="of the tables, for `ranks`")
    parser.add_argument("--rows", type=int, default=100_000, help="of the made table, or most rows of a real one")
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="1 with --clock cpu")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--tables", nargs="+", default=["protein-casp"])
    parser.add_argument("--family", default="lightgbm")
    parser.add_argument("--configurations", type=int, default=10)
    parser.add_argument("--arm", choices=ARMS, help="of the child")
    parser.add_argument("--seed", type=int, default=0, help="of the child")
    parser.add_argument("--out", type=Path, help="where the result goes")
    options = parser.parse_args(words)
    if options.clock == "cpu":
        options.workers = 1
    if options.what == "child":
        print(MARK + json.dumps(searched(options)))
        return
    with alone():
        if options.what == "search":
            runs = [child(options, arm, seed) for seed in range(options.seeds) for arm in options.arms]
        else:
            runs = [ranks(options, name) for name in options.tables]
    name = "row-fidelity.json" if options.what == "search" else "row-ranks.json"
    about = {key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items()}
    write(options.out or HERE / "results" / name, {"options": {**about, "folder": None, "out": None}, "runs": runs})


if __name__ == "__main__":
    main()
