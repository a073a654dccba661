"""Rules of fidelity on recorded learning curves: regret against the steps spent.

    python benchmarks/fidelity.py FOLDER [--tasks 8] [--seeds 3] [--methods random asha ...]

FOLDER holds `taskset/`: eight text classifiers trained by Adam with 1,000 settings of 8 hyperparameters, 50 recorded
steps. A trial's curve is that of the nearest recorded setting (ranks of the hyperparameters as coordinates); time is
the number of steps, in units of a complete trial, and a trial that is trained on pays only its new steps. One driver,
one worker.

Regret is (best complete trial's validation loss at the last step - the smallest recorded) / (median recorded -
smallest), 1 where no trial is complete, cut at 1; the mean over all tasks and seeds, after 5, 10, 20 and 40 complete
trials' worth of steps.
Chosen before measuring: min=1, max=50, eta=3 for all; every other setting is the default. All seeds are reported.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from common import HERE, environment
from seasoned import Float, Space, Study
from seasoned.fidelity import ASHA, Curve, Hyperband, Median
from seasoned.samplers import TPE, Bayes, Random

if TYPE_CHECKING:
    from collections.abc import Mapping

LAST = 50
MARKS = (5, 10, 20, 40)
METHODS: dict[str, tuple[type[Any], Any]] = {
    "random": (Random, None),
    "asha": (Random, ASHA(max=LAST)),
    "asha-promote": (Random, ASHA(max=LAST, promote=True)),
    "hyperband": (Random, Hyperband(max=LAST)),
    "median": (Random, Median(max=LAST)),
    "curve": (Random, Curve(max=LAST)),
    "tpe": (TPE, None),
    "tpe-hyperband": (TPE, Hyperband(max=LAST)),
    "bayes": (Bayes, None),
    "bayes-hyperband": (Bayes, Hyperband(max=LAST)),
}


class Recorded:
    """One task: curves, shape (n, 50), and settings as ranks, shape (n, 8)."""

    def __init__(self, path: Path) -> None:
        table = pd.read_parquet(path)
        parameters = [name for name in table if not name.startswith(("valid", "test"))]
        self.ranks = table[parameters].rank(pct=True).to_numpy()
        self.curves = table[[f"valid_loss_{step:02d}" for step in range(1, LAST + 1)]].to_numpy(dtype=float)
        final = self.curves[:, -1]
        self.best, self.middle = np.nanmin(final), np.nanmedian(final)
        self.space = Space(**{name: Float(0, 1) for name in parameters})

    def curve(self, config: Mapping[str, float]) -> np.ndarray[Any, Any]:
        """The nearest setting's curve."""
        point = np.array([config[dimension.name] for dimension in self.space.dimensions])
        return np.asarray(self.curves[((self.ranks - point) ** 2).sum(axis=1).argmin()])

    def regret(self, value: float) -> float:
        """See above."""
        return float(np.clip((value - self.best) / (self.middle - self.best), 0, 1))


def run(task: Recorded, method: str, seed: int) -> list[float]:
    """The regret at each mark."""
    sampler, rule = METHODS[method]
    spent, incumbent, trace = 0, np.inf, []

    def step() -> None:
        nonlocal spent
        spent += 1
        if spent in {mark * LAST for mark in MARKS}:
            trace.append(task.regret(incumbent) if np.isfinite(incumbent) else 1.0)
            if len(trace) == len(MARKS):
                study.stop()

    def train(config: Mapping[str, float], trial: Any = None) -> float:
        nonlocal incumbent
        curve = task.curve(config)
        begin, end = (0, LAST) if trial is None else (trial.step, trial.budget)
        for at in range(begin + 1, end + 1):
            step()
            if trial is not None:
                trial.report(at, curve[at - 1])
        if end == LAST and np.isfinite(curve[-1]):
            incumbent = min(incumbent, curve[-1])
        return float(curve[end - 1])

    study = Study(task.space, sampler=sampler(), fidelity=rule, seed=seed)
    study.optimize(train, trials=100_000, progress=False, stop=lambda: len(trace) == len(MARKS))
    return trace


def main() -> None:
    """Run, and write results/fidelity.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "fidelity.json")
    given = parser.parse_args()
    logging.getLogger("seasoned").setLevel(logging.ERROR)  # many recorded curves diverge, which is said of each
    tasks = {path.stem: Recorded(path) for path in sorted((given.folder / "taskset").glob("*.parquet"))[: given.tasks]}
    kept = json.loads(given.out.read_text())["methods"] if given.out.exists() else {}
    for method, found in kept.items():
        if found["runs"].keys() != tasks.keys() or any(len(runs) != given.seeds for runs in found["runs"].values()):
            raise SystemExit(f"{given.out} has {method} on other tasks or seeds: give another --out")
    for method in given.methods:
        began = time.perf_counter()
        runs = {name: [run(task, method, seed) for seed in range(given.seeds)] for name, task in tasks.items()}
        mean = np.mean([trace for traces in runs.values() for trace in traces], axis=0).round(4).tolist()
        kept[method] = {"mean": mean, "runs": runs, "seconds": round(time.perf_counter() - began, 1)}
        given.out.write_text(json.dumps({"marks": MARKS, "methods": kept, **environment()}, indent=1) + "\n")
        print(f"{method:16} {mean} {kept[method]['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
