"""Model families and settings against each other, fold by fold on the same folds: loss, seconds, bytes, speed.

    python benchmarks/families.py DATASETS_FOLDER --tables choose --arms lightgbm 'mlp={"width": 64}' --out OUT.jsonl

Written down before measuring. Rows: at most 5,000 (seed 0; classes with fewer than 3 rows left out); 3 folds, classes
in proportion, seed 0; loss out of fold: 1 - AUC, log loss or RMSE. `choose` are the tables on which defaults are
chosen, `confirm` those on which a choice is reported; both are among the first 41 in alphabetical order (the
development tables), and nothing is chosen on `confirm`. Boosters and networks stop early on a fold's validation rows,
as in a search. An arm is a family, or `family={"setting": value}` for what differs from its defaults, or
`ordinal:family` for level codes taken as numbers, or `letters:family` for text that is read by its letters although its
values come again (`levels` are the tables with such columns); it runs in this process on one core, so that seconds are
comparable; `cpu` are seconds of the processor, which a busy machine disturbs less. A family that compiles pays for that
in its first fold.

With `--held-out` 30 % of the rows (seed 0) are kept apart, the arm is fitted again on the others with what the folds
found (rounds), and its loss on the rows kept apart is compared: for questions such as which metric stops a booster,
where validation rows answer themselves. `categories` are the tables for the treatment of categories, `binary` those for
early stopping by AUC; both again from the first 41. `--keep FOLDER` stores predictions, for `families_together.py`.

A line a table and arm, kept between runs. The summary compares each arm with the first: the geometric mean of the
loss ratio, tables better and worse, Wilcoxon's signed-rank test over tables.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon
from threadpoolctl import threadpool_limits

from common import environment
from comparison.source import source_state
from seasoned.tabular.input.target import read_target
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models.registry import find
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.trial.arrays import Arrays, write_arrays
from seasoned.tabular.trial.cross_validation import CrossValidation
from seasoned.tabular.validation.folds import make_folds

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = {
    "choose": (
        "abalone", "adult", "bike-sharing", "california-housing", "car", "churn", "cmc", "credit-g", "diamonds",
        "electricity", "elevators", "satimage",
    ),
    "confirm": (
        "MagicTelescope", "ames-housing", "amazon-employee-access", "concrete", "cpu-act", "credit-default-taiwan",
        "eeg-eye-state", "kr-vs-kp", "letter", "phoneme", "protein-casp", "segment",
    ),
    "categories": (
        "adult", "amazon-employee-access", "ames-housing", "analcatdata_dmft", "car", "cmc", "compas",
        "credit-approval", "credit-g", "diamonds", "flights-late", "hotel-rates", "ibm-attrition", "insurance",
    ),
    "binary": (
        "MagicTelescope", "adult", "amazon-employee-access", "churn", "compas", "credit-approval",
        "credit-default-taiwan", "credit-g", "diabetes", "eeg-eye-state", "electricity", "flights-late",
        "heart-cleveland", "ibm-attrition", "ionosphere", "kr-vs-kp", "mammography", "pc4", "phoneme",
    ),
    "levels": ("amazon-employee-access", "compas", "flights-late", "hotel-rates"),
}  # fmt: skip
ROWS = 5_000
ORDINAL, LETTERS = "ordinal:", "letters:"


class Prepared(NamedTuple):
    """The cross-validation of a table, and rows that it does not see: a matrix for each diet, and the target."""

    objective: CrossValidation
    matrices: dict[str, np.ndarray]
    target: np.ndarray


def prepared(
    folder: Path, entry: dict[str, Any], out: Path, rows: int, share: float = 0.0, *, letters: bool = False
) -> Prepared:
    """The cross-validation of a table, its arrays in a folder, and a share of its rows kept apart."""
    table = pd.read_parquet(folder / entry["file"])
    table = table.sample(min(len(table), rows), random_state=0).reset_index(drop=True)
    y = table[entry["target"]]
    if entry["task"] != "regression":
        table = table[y.map(y.value_counts()) >= 3].reset_index(drop=True)
    X, target = (
        table.drop(columns=entry["target"]),
        read_target(table[entry["target"]], "regression" if entry["task"] == "regression" else "classification"),
    )
    with patch("seasoned.tabular.schema.type_inference._comes_again", lambda _: False) if letters else nullcontext():
        schema = Schema.infer(X)
    canonical = schema.apply(X)
    plan = ColumnPlan.fit(canonical, schema, seed=0)
    (out / "trials").mkdir()
    matrices = {diet: plan.encode(canonical, diet) for diet in ("codes", "dense")}
    kept = np.arange(len(X)) >= share * len(X)  # the rows are in random order
    shown = replace(target, values=target.values[kept])
    inner = {diet: matrix[kept] for diet, matrix in matrices.items()}
    write_arrays(out, shown.values, make_folds(3, shown, 0), inner)
    classes = len(target.classes)
    job = Job(target.task, classes, 0, categorical=plan.categorical, many=plan.many)
    objective = CrossValidation(Arrays(out), job, resolve(None, target.task, classes))
    return Prepared(objective, {diet: matrix[~kept] for diet, matrix in matrices.items()}, target.values[~kept])


def measured(table: Prepared, arm: str, keep: Path | None = None) -> dict[str, Any]:
    """Loss and seconds of an arm, and what its last fit weighs and takes to predict; predictions go into a file."""
    objective = table.objective
    name, _, changes = arm.removeprefix(ORDINAL).removeprefix(LETTERS).partition("=")
    if arm.startswith(ORDINAL):
        job = replace(objective.job, categorical=(), many=())
        objective = CrossValidation(objective.data, job, objective.metric)
    family, task = find(name), objective.job.task
    settings = {**family.space(task).default, **(json.loads(changes) if changes else {})}
    if not changes:
        family.space(task).check(settings)
    config = {"model": {name: settings}}
    wall, cpu = time.perf_counter(), time.process_time()
    loss = objective(config)
    found = {"loss": 1.0 + loss if objective.metric.name == "roc_auc" else loss}
    found |= {"seconds": round(time.perf_counter() - wall, 3), "cpu": round(time.process_time() - cpu, 3)}
    found["rounds"] = objective.records.of(config).rounds
    start = time.process_time()
    fitted = objective.refit(config)
    found["refit_cpu"] = round(time.process_time() - start, 3)
    if len(table.target):
        held = predict(fitted, table.matrices[family.diet], objective.job.n_classes)
        loss = objective.metric.loss(table.target, held)
        found["held_out"] = 1.0 + loss if objective.metric.name == "roc_auc" else loss
        if keep is not None:
            keep.parent.mkdir(parents=True, exist_ok=True)
            known = {"y": objective.data.target, "found": objective.records.out_of_fold(config)}
            np.savez_compressed(keep, **known, held_y=table.target, held=held.astype(np.float32))
    X = np.asarray(objective.data.matrix(family.diet))[:1000]
    predict(fitted, X, objective.job.n_classes)
    start = time.process_time()
    predict(fitted, X, objective.job.n_classes)
    return {**found, "predict_ms": round(1e3 * (time.process_time() - start), 2), "bytes": len(family.dump(fitted))}


def of_table(
    arguments: argparse.Namespace, entry: dict[str, Any], arms: list[str], *, letters: bool
) -> Iterator[dict[str, Any]]:
    """A line for each of these arms on one table."""
    if not arms:
        return
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        share = 0.3 if arguments.held_out else 0.0
        table = prepared(arguments.datasets, entry, Path(folder), arguments.rows, share, letters=letters)
        for arm in arms:
            keep = None if arguments.keep is None else arguments.keep / f"{entry['name']}--{arm}.npz"
            about = {"table": entry["name"], "arm": arm, "rows": len(table.objective.data.target)}
            yield about | measured(table, arm, keep) | {"metric": table.objective.metric.name}


def summary(lines: list[dict[str, Any]], arms: list[str], what: str) -> None:
    by_arm = {arm: {line["table"]: line for line in lines if line["arm"] == arm} for arm in arms}
    first = by_arm[arms[0]]
    for arm, found in by_arm.items():
        both = sorted(set(found) & set(first))
        logs = np.log([max(found[t][what], 1e-6) / max(first[t][what], 1e-6) for t in both])
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
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for the predictions of arms; with --held-out")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    entries = {e["name"]: e for e in json.loads((arguments.datasets / "manifest.json").read_text())["datasets"]}
    names = TABLES.get(arguments.tables, tuple(arguments.tables.split(",")))
    lines = [json.loads(line) for line in arguments.out.read_text().splitlines()] if arguments.out.exists() else []
    setup = {"rows_at_most": arguments.rows, "apart": arguments.held_out}
    if any({key: line.get(key, setup[key]) for key in setup} != setup for line in lines):
        raise SystemExit(f"{arguments.out} has lines of other settings than {setup}: give another --out")
    for name in names:
        missing = [a for a in arguments.arms if not any((x["table"], x["arm"]) == (name, a) for x in lines)]
        for letters in (False, True):
            asked = [arm for arm in missing if arm.startswith(LETTERS) == letters]
            for line in of_table(arguments, entries[name], asked, letters=letters):
                lines.append(line | {"source": source_state(), **setup, "versions": environment()["versions"]})
                with arguments.out.open("a") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
                print(line, flush=True)
    what = "held_out" if arguments.held_out else "loss"
    summary([line for line in lines if line["table"] in names], arguments.arms, what)


if __name__ == "__main__":
    main()
