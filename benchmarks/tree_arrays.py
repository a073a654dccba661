"""Tree arrays beside the libraries that grew the trees: equal predictions, seconds of 1 and of 100,000 rows, bytes.

    python benchmarks/tree_arrays.py --datasets FOLDER --out benchmarks/results/tree-arrays.json

The tables: of those with category columns the first eight by name, of the others the first twelve. Each family is
fitted on at most 10,000 rows, with 200 rounds of its default configuration. `difference` is the largest relative
difference of two predictions: of numbers, of class probabilities, and of the second probability of two (the first one
is computed from it by the library, with the digits that are left). Seconds are medians; the library and the arrays take
turns, and both use the threads that they take by themselves.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import common
from comparison.splits import manifest
from comparison.text import table
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import find

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FAMILIES = ("lightgbm", "xgboost")
WITH_CATEGORIES, WITHOUT = 8, 12
ROUNDS, TRAINING, LARGE = 200, 10_000, 100_000
REPEATS = {1: 51, LARGE: 1}


def chosen(folder: Path) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """The tables, those with category columns first."""
    found: dict[bool, list[tuple[dict[str, Any], pd.DataFrame]]] = {True: [], False: []}
    for entry in sorted(manifest(folder, []), key=lambda one: str(one["name"])):
        frame = pd.read_parquet(folder / entry["file"])
        words = frame.drop(columns=entry["target"]).select_dtypes(exclude="number")
        found[not words.columns.empty].append((entry, frame))
    return found[True][:WITH_CATEGORIES] + found[False][:WITHOUT]


def matrices(frame: pd.DataFrame, target: str, task: str) -> tuple[NDArray[np.float64], NDArray[Any], tuple[int, ...]]:
    """Codes and numbers, the target, and the places of the code columns."""
    frame = frame.dropna(subset=[target]).sample(frac=1, random_state=0)
    y = frame[target].to_numpy(float) if task == "regression" else pd.factorize(frame[target], sort=True)[0]
    rest = frame.drop(columns=target)
    words = [place for place, name in enumerate(rest) if not pd.api.types.is_numeric_dtype(rest[name])]
    columns = [
        pd.factorize(rest[name])[0] if place in words else rest[name].to_numpy(float) for place, name in enumerate(rest)
    ]
    X = np.column_stack(columns).astype(float)
    X[:, words] = np.where(X[:, words] < 0, np.nan, X[:, words])
    return X, y, tuple(words)


def seconds(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """The median of each call; they take turns."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            spent[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in spent.items()}


def measured(entry: dict[str, Any], frame: pd.DataFrame, name: str) -> dict[str, Any]:
    """One family on one table."""
    X, y, words = matrices(frame, entry["target"], entry["task"])
    task = entry["task"]
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    job = Job(task, 0 if task == "regression" else int(y.max()) + 1, 0, threads, categorical=words)
    model = find(name)
    library = model.build(model.with_rounds(model.space(task).default, ROUNDS), job)
    model.fit(library, (X[:TRAINING], y[:TRAINING]), None)
    data = model.dump(library)
    arrays = model.load(data)

    def predict(model: Any, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        found = model.predict_proba(rows) if job.n_classes else model.predict(rows)
        return found[:, 1] if job.n_classes == 2 else found

    found: dict[str, Any] = {"table": entry["name"], "family": name, "categories": len(words), "bytes": len(data)}
    expected, got = predict(library, X), predict(arrays, X)
    found["difference"] = float(np.max(np.abs(got - expected) / np.maximum(np.abs(expected), 1e-30)))
    for rows, repeats in REPEATS.items():
        large = np.resize(X, (rows, X.shape[1]))
        calls = {"library": lambda t=large: predict(library, t), "arrays": lambda t=large: predict(arrays, t)}
        times = seconds(calls, repeats)
        found |= {f"{key}_seconds_{rows}": value for key, value in times.items()}
        found[f"ratio_{rows}"] = times["arrays"] / times["library"]
    return found


def main(words: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, required=True, metavar="FOLDER", help="tables with a manifest.json")
    parser.add_argument("--families", default=",".join(FAMILIES), help="default %(default)s")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON with the results")
    options = parser.parse_args(words)
    rows = []
    with common.alone():
        for entry, frame in chosen(options.datasets):
            for name in options.families.split(","):
                rows.append(measured(entry, frame, name))
                print(rows[-1], flush=True)
    heads = ("difference", "ratio_1", f"ratio_{LARGE}")
    summary = {
        name: {
            f"{pick.__name__}_{head}": pick([row[head] for row in rows if row["family"] == name])
            for head in heads
            for pick in (statistics.median, max)
        }
        for name in options.families.split(",")
    }
    common.write(options.out, {"summary": summary, "records": rows})
    print(table([["family", *summary[FAMILIES[0]]], *([name, *row.values()] for name, row in summary.items())]))
    return rows


if __name__ == "__main__":
    main()
