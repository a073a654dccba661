"""Model families and settings against each other, fold by fold on the same folds: loss, seconds, bytes, speed.

    python benchmarks/families.py DATASETS_FOLDER --tables choose --arms lightgbm 'mlp={"width": 64}' --out OUT.jsonl

Written down before measuring. Rows: at most 5,000 (seed 0; classes with fewer than 3 rows left out); 3 folds, classes
in proportion, seed 0; loss out of fold: 1 - AUC, log loss or RMSE. `choose` are the tables on which defaults are
chosen, `confirm` those on which a choice is reported; both are among the first 41 in alphabetical order (the
development tables), and nothing is chosen on `confirm`. Boosters and networks stop early on a fold's validation rows,
as in a search. An arm is a family, or `family={"setting": value}` for what differs from its defaults; it runs in this
process on one core, so that seconds are comparable; `cpu` are seconds of the processor, which a busy machine disturbs
less. A family that compiles pays for that in its first fold.

A line a table and arm, kept between runs. The summary compares each arm with the first: the geometric mean of the
loss ratio, tables better and worse, Wilcoxon's signed-rank test over tables.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon
from threadpoolctl import threadpool_limits

from common import environment
from seasoned.tabular.columns.plan import ColumnPlan
from seasoned.tabular.folds import make_folds
from seasoned.tabular.metrics import resolve
from seasoned.tabular.models.base import Job, predict
from seasoned.tabular.models.registry import find
from seasoned.tabular.objective import CrossValidation, write_arrays
from seasoned.tabular.schema import Schema
from seasoned.tabular.target import read_target

TABLES = {
    "choose": (
        "abalone", "adult", "bike-sharing", "california-housing", "car", "churn", "cmc", "credit-g", "diamonds",
        "electricity", "elevators", "satimage",
    ),
    "confirm": (
        "MagicTelescope", "ames-housing", "amazon-employee-access", "concrete", "cpu-act", "credit-default-taiwan",
        "eeg-eye-state", "kr-vs-kp", "letter", "phoneme", "protein-casp", "segment",
    ),
}  # fmt: skip
ROWS = 5_000


def prepared(folder: Path, entry: dict[str, Any], out: Path, rows: int) -> CrossValidation:
    """The cross-validation of a table, its arrays in a folder."""
    table = pd.read_parquet(folder / entry["file"])
    table = table.sample(min(len(table), rows), random_state=0).reset_index(drop=True)
    y = table[entry["target"]]
    if entry["task"] != "regression":
        table = table[y.map(y.value_counts()) >= 3].reset_index(drop=True)
    X, target = (
        table.drop(columns=entry["target"]),
        read_target(table[entry["target"]], "regression" if entry["task"] == "regression" else "classification"),
    )
    schema = Schema.infer(X)
    canonical = schema.apply(X)
    plan = ColumnPlan.fit(canonical, schema, seed=0)
    (out / "trials").mkdir()
    matrices = {diet: plan.encode(canonical, diet) for diet in ("codes", "dense")}
    write_arrays(out, target.values, make_folds(3, X, target, 0), matrices)
    classes = len(target.classes)
    job = Job(target.task, classes, 0, categorical=plan.categorical)
    return CrossValidation(out, job, resolve(None, target.task, classes))


def measured(objective: CrossValidation, arm: str) -> dict[str, Any]:
    """Loss and seconds of an arm, and what its last fit weighs and takes to predict."""
    name, _, changes = arm.partition("=")
    family, task = find(name), objective.job.task
    settings = {**family.space(task).default, **(json.loads(changes) if changes else {})}
    if not changes:
        family.space(task).check(settings)
    config = {"model": {name: settings}}
    wall, cpu = time.perf_counter(), time.process_time()
    loss = objective(config)
    found = {"loss": 1.0 + loss if objective.metric.name == "roc_auc" else loss}
    found |= {"seconds": round(time.perf_counter() - wall, 3), "cpu": round(time.process_time() - cpu, 3)}
    found["rounds"] = objective.record(config).rounds
    start = time.process_time()
    fitted = objective.refit(config)
    found["refit_cpu"] = round(time.process_time() - start, 3)
    X = np.asarray(objective.matrix(family.diet))[:1000]
    predict(fitted, X, objective.job.n_classes)
    start = time.process_time()
    predict(fitted, X, objective.job.n_classes)
    return {**found, "predict_ms": round(1e3 * (time.process_time() - start), 2), "bytes": len(family.dump(fitted))}


def summary(lines: list[dict[str, Any]], arms: list[str]) -> None:
    by_arm = {arm: {line["table"]: line for line in lines if line["arm"] == arm and "loss" in line} for arm in arms}
    first = by_arm[arms[0]]
    for arm, found in by_arm.items():
        both = sorted(set(found) & set(first))
        logs = np.log([max(found[t]["loss"], 1e-6) / max(first[t]["loss"], 1e-6) for t in both])
        p = wilcoxon(logs).pvalue if np.any(logs) and len(logs) > 5 else 1.0
        cpu = np.median([found[t]["cpu"] for t in both])
        print(
            f"{arm}: {len(both)} tables, loss x {np.exp(logs.mean()):.4f} (median {np.exp(np.median(logs)):.4f}), "
            f"better {np.sum(logs < 0)}, worse {np.sum(logs > 0)}, p {p:.3f}, median cpu {cpu:.2f} s, "
            f"largest {max(found[t]['cpu'] for t in both):.1f} s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path, help="folder with manifest.json and the tables")
    parser.add_argument("--tables", default="choose", help="choose, confirm, or names")
    parser.add_argument("--arms", nargs="+", default=["lightgbm", "mlp"])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    entries = {e["name"]: e for e in json.loads((arguments.datasets / "manifest.json").read_text())["datasets"]}
    names = TABLES.get(arguments.tables, tuple(arguments.tables.split(",")))
    lines = [json.loads(line) for line in arguments.out.read_text().splitlines()] if arguments.out.exists() else []
    for name in names:
        missing = [a for a in arguments.arms if not any((x["table"], x["arm"]) == (name, a) for x in lines)]
        if not missing:
            continue
        with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
            objective = prepared(arguments.datasets, entries[name], Path(folder), arguments.rows)
            for arm in missing:
                line = {"table": name, "arm": arm, "rows": len(objective.target()), **measured(objective, arm)}
                lines.append(line | {"metric": objective.metric.name, "versions": environment()["versions"]})
                with arguments.out.open("a") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
                print(line, flush=True)
    summary([line for line in lines if line["table"] in names], arguments.arms)


if __name__ == "__main__":
    main()
