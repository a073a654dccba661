"""Held-out quality and wall time on a folder of tables with a `manifest.json`.

Each table: 25% of the rows are held out (seed 0, stratified for classes); `fit` runs in a process of its own under the
limit; a dummy and LightGBM with its default settings on raw ordinal codes are judged on the same rows.

    python benchmarks/tables.py DATASETS_FOLDER --only adult,churn --time-limit 60 --out results.json

The manifest lists `datasets`, each with name, file (Parquet), target, task (binary, multiclass, regression).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error
from sklearn.model_selection import train_test_split

from common import all_families, alone, environment

METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


def split(folder: Path, entry: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]:
    table = pd.read_parquet(folder / entry["file"])
    X, y = table.drop(columns=entry["target"]), table[entry["target"]]
    strata = None if entry["task"] == "regression" else y
    return tuple(train_test_split(X, y, test_size=0.25, random_state=0, stratify=strata))


def measure(task: str, y: pd.Series, predicted: np.ndarray, classes: np.ndarray | None) -> float:
    """The table's metric; `predicted` holds probabilities (n, classes) or numbers (n,)."""
    if task == "binary":
        return float(roc_auc_score(y == classes[1], predicted[:, 1]))
    if task == "multiclass":
        return float(log_loss(y, predicted, labels=classes))
    return float(root_mean_squared_error(y, predicted))


def ordinal_codes(X: pd.DataFrame, X_test: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Numbers as they are, everything else as codes of the training rows' values; unseen and missing are NaN."""
    both = []
    for name in X.columns:
        if pd.api.types.is_numeric_dtype(X[name]):
            both.append([part[name].to_numpy(dtype=float, na_value=np.nan) for part in (X, X_test)])
        else:
            levels = pd.Index(sorted(X[name].dropna().astype(str).unique()))
            found = [levels.get_indexer(part[name].astype(str)).astype(float) for part in (X, X_test)]
            both.append([np.where(codes < 0, np.nan, codes) for codes in found])
    return np.column_stack([pair[0] for pair in both]), np.column_stack([pair[1] for pair in both])


def rivals(entry: dict[str, Any], X: pd.DataFrame, X_test: pd.DataFrame, y: pd.Series, y_test: pd.Series) -> dict:
    import lightgbm

    raw, raw_test = ordinal_codes(X, X_test)
    regression = entry["task"] == "regression"
    boosted = (lightgbm.LGBMRegressor if regression else lightgbm.LGBMClassifier)(
        random_state=0, verbosity=-1, n_jobs=1
    )
    found = {}
    for name, model in {"dummy": DummyRegressor() if regression else DummyClassifier(), "lightgbm": boosted}.items():
        start = time.perf_counter()
        model.fit(raw, y)
        predicted = model.predict(raw_test) if regression else model.predict_proba(raw_test)
        found[name] = measure(entry["task"], y_test, predicted, None if regression else model.classes_)
        found[f"{name}_seconds"] = round(time.perf_counter() - start, 2)
    return found


def one(folder: Path, entry: dict[str, Any], time_limit: float) -> dict[str, Any]:
    """What the child process does: fit, judge, and say how long `fit` took."""
    from seasoned import AutoClassifier, AutoRegressor

    X, X_test, y, y_test = split(folder, entry)
    regression = entry["task"] == "regression"
    make = AutoRegressor if regression else AutoClassifier
    start = time.perf_counter()
    model = make(time_limit=time_limit, experience=None, random_state=0).fit(X, y)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    predicted = model.predict(X_test) if regression else model.predict_proba(X_test)
    predict_seconds = time.perf_counter() - start
    assert np.isfinite(predicted).all()
    board = model.leaderboard()
    return {
        "seasoned": measure(entry["task"], y_test, predicted, None if regression else model.classes_),
        "fit_seconds": round(seconds, 2),
        "predict_seconds": round(predict_seconds, 3),
        "model": " + ".join(f"{m.weight:.2f} {m.name}" for m in model.fitted_.members),
        "complete": int((board["state"] == "complete").sum()),
        "failed": len(model.failures()),
        "validation": float(board.iloc[0, 2]) if len(board) else None,
        **rivals(entry, X, X_test, y, y_test),
    }


def run(folder: Path, entry: dict[str, Any], time_limit: float) -> dict[str, Any]:
    command = [sys.executable, __file__, str(folder), "--one", entry["name"], "--time-limit", str(time_limit)]
    start = time.perf_counter()
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    row = {"name": entry["name"], "task": entry["task"], "metric": METRICS[entry["task"]]}
    if child.returncode:
        return {**row, "error": child.stderr.strip().splitlines()[-1]}
    return {
        **row,
        **json.loads(child.stdout.splitlines()[-1]),
        "process_seconds": round(time.perf_counter() - start, 1),
    }


def wins(row: dict[str, Any], rival: str) -> bool:
    sign = 1 if row["metric"] == "roc_auc" else -1
    return sign * row["seasoned"] > sign * row[rival]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="names, separated by commas; all tables if left out")
    parser.add_argument("--time-limit", type=float, default=60)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    entries = json.loads((options.folder / "manifest.json").read_text())["datasets"]
    if options.one:
        print(json.dumps(one(options.folder, next(e for e in entries if e["name"] == options.one), options.time_limit)))
        return
    all_families()
    names = options.only.split(",") if options.only else [entry["name"] for entry in entries]
    rows = []
    for name in names:
        with alone():
            rows.append(run(options.folder, next(e for e in entries if e["name"] == name), options.time_limit))
        print(rows[-1], flush=True)
        if options.out:
            options.out.write_text(
                json.dumps({"environment": environment(), "time_limit": options.time_limit, "rows": rows}, indent=1)
            )
    judged = [row for row in rows if "error" not in row]
    if len(judged) < len(rows):
        print(f"{len(rows) - len(judged)} of {len(rows)} fits failed")
    shown = ["name", "metric", "seasoned", "lightgbm", "dummy", "fit_seconds", "model", "complete", "failed"]
    print(pd.DataFrame(judged, columns=shown).to_string(index=False))
    print(
        {rival: f"{sum(wins(row, rival) for row in judged)} wins of {len(judged)}" for rival in ("dummy", "lightgbm")}
    )


if __name__ == "__main__":
    main()
