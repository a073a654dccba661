"""Size of a bundle, seconds to save and to load it, and milliseconds to predict 1 to 10,000 rows.

An ensemble of up to ten models, forests among them, is fitted on folds 1 to 4 of a table (fold 0 of
`comparison/splits.py` is left out) by a fixed number of trials, so that it is the same ensemble on a machine of any
speed. It is saved, and loaded by a process of its own, which predicts rows of fold 0.

    python benchmarks/bundle.py DATASETS_FOLDER --out results.json

`--one-of-each` takes the default of every family instead, ten members of equal weight, without a search.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from common import alone, write
from comparison.splits import manifest, one_fold
from seasoned import AutoClassifier, AutoRegressor, SearchSettings, load
from seasoned.tabular.ensemble.fitted_model import Member
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import choose

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = {1: 50, 100: 20, 1_000: 10, 10_000: 3}  # rows predicted at once -> how often; the median counts
ROUNDS = 200  # of the boosters, where there is no search that finds their number
SHOWN = 1_000  # rows for the time of each member


def seconds(action: Callable[[], Any], times: int) -> float:
    """Median time of an action."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        spent.append(time.perf_counter() - start)
    return median(spent)


def predict(model: Any, X: pd.DataFrame) -> Any:
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def fit(X: pd.DataFrame, y: pd.Series, task: str, trials: int, *, each: bool) -> Any:
    """A fitted estimator; with `each` its members are replaced by one of every family."""
    kind = AutoRegressor if task == "regression" else AutoClassifier
    search = SearchSettings(ensemble=10, **({"models": ["linear"]} if each else {}))
    model = kind(time_limit=None, trials=1 if each else trials, experience=None, search=search, random_state=0)
    model.fit(X, y)
    if each:
        fitted = model.fitted_
        model.fitted_ = replace(fitted, members=one_of_each(fitted, X, y))
    return model


def one_of_each(fitted: Any, X: pd.DataFrame, y: pd.Series) -> tuple[Member, ...]:
    """The default of every family, fitted on all rows."""
    regression = fitted.task == "regression"
    codes = y.to_numpy(float) if regression else np.searchsorted(fitted.classes, y.to_numpy())
    job = Job(
        fitted.task, len(fitted.classes), 0, threads=2, categorical=fitted.plan.categorical, many=fitted.plan.many
    )
    families, members = choose(None), []
    for family in families:
        config = family.with_rounds(family.space(fitted.task).default, 30 if family.name == "mlp" else ROUNDS)
        if family.name in {"forest", "extra_trees"}:
            config = family.space(fitted.task).default
        estimator = family.build(config, job)
        family.fit(estimator, (fitted.plan.transform(X, family.diet), codes), None)
        members.append(Member(family.name, config, estimator, 1 / len(families)))
    return tuple(members)


def measure_loaded(path: Path, rows: Path) -> dict[str, Any]:
    """What a process that starts with the file sees."""
    X = pd.read_parquet(rows)
    start = time.perf_counter()
    model = load(path)
    first_load = time.perf_counter() - start
    start = time.perf_counter()
    predict(model, X.head(1))
    first_row = time.perf_counter() - start
    generator = np.random.default_rng(0)
    times = {}
    for count, repeats in ROWS.items():
        some = X.iloc[generator.integers(0, len(X), count)].reset_index(drop=True)
        times[str(count)] = round(1e3 * seconds(lambda some=some: predict(model, some), repeats), 3)
    some, members = X.iloc[generator.integers(0, len(X), SHOWN)].reset_index(drop=True), []
    with zipfile.ZipFile(path) as archive:
        for index, member in enumerate(model.fitted_.members):
            alone = replace(model.fitted_, members=(member,))
            spent = seconds(lambda alone=alone: alone.predict(some), 5)
            size = archive.getinfo(f"model-{index}").compress_size
            row = {"family": member.name, "weight": round(member.weight, 3), "bytes": size}
            members.append({**row, "ms_1000_rows_with_columns": round(1e3 * spent, 2)})
    columns = seconds(lambda: model.fitted_.plan.matrices(some, ["codes", "dense"]), 5)
    return {
        "load_s": round(seconds(lambda: load(path), 5), 3),
        "first_load_s": round(first_load, 3),
        "first_row_ms": round(1e3 * first_row, 1),
        "predict_ms": times,
        "columns_ms_1000_rows": round(1e3 * columns, 2),
        "members": members,
    }


def run(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    (entry,) = manifest(folder, [options.table])
    fold = one_fold(folder, entry, 0)
    X = pd.read_parquet(fold.file).drop(columns=fold.target)
    start = time.perf_counter()
    train = X.iloc[fold.train].reset_index(drop=True), fold.y.iloc[fold.train].reset_index(drop=True)
    model = fit(*train, fold.task, options.trials, each=options.one_of_each)
    fit_seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as place:
        path, rows = Path(place) / "model.seasoned", Path(place) / "rows.parquet"
        X.iloc[fold.test].reset_index(drop=True).to_parquet(rows)
        save = seconds(lambda: model.save(path), 5)
        command = [sys.executable, __file__, str(folder), "--loaded", str(path), str(rows)]
        child = subprocess.run(command, capture_output=True, text=True, check=True)
        size = path.stat().st_size
        if options.keep:
            options.keep.write_bytes(path.read_bytes())
    return {
        "table": fold.table,
        "rows": len(fold.train),
        "trials": None if options.one_of_each else options.trials,
        "fit_s": round(fit_seconds, 1),
        "megabytes": round(size / 1e6, 3),
        "save_s": round(save, 3),
        **json.loads(child.stdout.splitlines()[-1]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with a manifest.json")
    parser.add_argument("--table", default="adult")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--one-of-each", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--keep", type=Path, help="also store the bundle here")
    parser.add_argument("--loaded", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loaded:
        print(json.dumps(measure_loaded(*options.loaded)))
        return
    with alone():
        result = run(options.folder, options)
    print(json.dumps(result, indent=1))
    if options.out:
        write(options.out, result)


if __name__ == "__main__":
    main()
