"""Postprocessing of the ensemble on real tables: calibration, thresholds and intervals, judged on held-out rows.

    python benchmarks/practice.py DATASETS_FOLDER --out benchmarks/results/practice.jsonl

Written down before measuring. Tables: the first 41 of the folder in alphabetical order (the development tables). Rows:
a sample of 4,000 at most (seed 0), half to fit and half to judge, classes in proportion; tables in which a class has
fewer than 20 rows are left out and named. Settings: the defaults of linear, lightgbm and histogram (3 trials), 3 folds,
seed 0, no experience; nothing is chosen on the held-out rows. Measured for each table, with one fit a metric:

- classes, metric log_loss, `calibrate=True`: the calibration map, and log_loss with pool and map and with neither (the
  same members);
- two classes, metric f1 of the rarer class: the threshold, f1 with it and at one half, and which is higher;
- numbers, metric rmse: the share of held-out targets inside 90 % intervals, whether a scale was used, the mean interval
  score (Gneiting and Raftery 2007, equation 43) divided by that of intervals of one width from the same scores' rows.

A table is a line; lines that are there already are kept, so an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import train_test_split

from common import environment
from seasoned import AutoClassifier, AutoRegressor, Metric, SearchSettings
from seasoned.tabular.postprocessing.postprocessor import Postprocessor

FIRST, ROWS, LEAST = 41, 4_000, 10
COVERAGE = 0.9


def halves(folder: Path, entry: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series] | None:
    table = pd.read_parquet(folder / entry["file"])
    table = table[table[entry["target"]].notna()]
    table = table.sample(min(len(table), ROWS), random_state=0).reset_index(drop=True)
    X, y = table.drop(columns=entry["target"]), table[entry["target"]]
    if entry["task"] == "regression":
        return tuple(train_test_split(X, y, test_size=0.5, random_state=0))
    if y.value_counts().min() < 2 * LEAST:
        return None
    return tuple(train_test_split(X, y, test_size=0.5, random_state=0, stratify=y))


def fit(task: str, metric: Any, X: pd.DataFrame, y: pd.Series, calibrate: bool | None = None) -> Any:
    make = AutoRegressor if task == "regression" else AutoClassifier
    search = SearchSettings(models=["linear", "lightgbm", "histogram"], folds=3, calibrate=calibrate)
    return make(metric, time_limit=None, trials=3, search=search, random_state=0, experience=None).fit(X, y)


def calibration(X: pd.DataFrame, X_test: pd.DataFrame, y: pd.Series, y_test: pd.Series) -> dict[str, Any]:
    model = fit("classes", "log_loss", X, y, calibrate=True)
    fitted, labels = model.fitted_, model.classes_
    plain = replace(fitted, postprocessor=Postprocessor()).predict(X_test)
    found = fitted.postprocessor.calibration
    return {
        "calibration": None if found is None else found.name,
        "log_loss": float(log_loss(y_test, model.predict_proba(X_test), labels=labels)),
        "log_loss_without": float(log_loss(y_test, plain / plain.sum(axis=1, keepdims=True), labels=labels)),
        "validation": fitted.validated.loss,
    }


def threshold(X: pd.DataFrame, X_test: pd.DataFrame, y: pd.Series, y_test: pd.Series) -> dict[str, Any]:
    rare = y.value_counts().idxmin()
    model = fit("classes", Metric("f1", positive=rare), X, y)
    decision, place = model.fitted_.postprocessor.decision, model.classes_.tolist().index(rare)
    half = model.classes_[model.predict_proba(X_test).argmax(axis=1)]
    return {
        "share": float((y == rare).mean()),
        "threshold": None if decision is None else decision.threshold(place),
        "f1": float(f1_score(y_test == rare, model.predict(X_test) == rare)),
        "f1_at_half": float(f1_score(y_test == rare, half == rare)),
        "f1_validation": -model.fitted_.validated.loss,
    }


def intervals(X: pd.DataFrame, X_test: pd.DataFrame, y: pd.Series, y_test: pd.Series) -> dict[str, Any]:
    model = fit("regression", "rmse", X, y.astype(float))
    truth, conformal, known = y_test.to_numpy(float), model.fitted_.conformal, model.fitted_.validated
    bounds = model.predict_interval(X_test, coverage=COVERAGE)
    gaps = np.sort(known.truth - known.predicted.astype(np.float64))
    one_width = replace(conformal, scores=gaps, mass=np.ones(len(gaps)), scale=None, floor=1.0)
    plain = one_width.intervals(model.predict(X_test), None, COVERAGE)
    return {
        "coverage": float(np.mean((bounds[:, 0] <= truth) & (truth <= bounds[:, 1]))),
        "coverage_of_one_width": float(np.mean((plain[:, 0] <= truth) & (truth <= plain[:, 1]))),
        "held_out": len(truth),
        "scores": len(conformal.scores),
        "scale": conformal.scale is not None,
        "interval_score_ratio": interval_score(bounds, truth) / interval_score(plain, truth),
    }


def interval_score(bounds: np.ndarray, truth: np.ndarray) -> float:
    low, high = bounds.T
    outside = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
    return float(np.mean(high - low + 2 / (1 - COVERAGE) * outside))


def one(folder: Path, entry: dict[str, Any]) -> dict[str, Any]:
    row = {"table": entry["name"], "task": entry["task"]}
    parts = halves(folder, entry)
    if parts is None:
        return {**row, "left_out": f"a class has fewer than {2 * LEAST} rows"}
    start = time.perf_counter()
    if entry["task"] == "regression":
        row |= intervals(*parts)
    else:
        row |= calibration(*parts)
        row |= threshold(*parts) if entry["task"] == "binary" else {}
    return {**row, "rows": len(parts[0]), "seconds": round(time.perf_counter() - start, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="names of tables, separated by commas")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    entries = json.loads((options.folder / "manifest.json").read_text())["datasets"]
    chosen = sorted(entries, key=lambda entry: entry["name"])[:FIRST]
    only = {name for name in options.only.split(",") if name}
    done = (
        options.out.read_text().splitlines() if options.out.exists() else [json.dumps({"environment": environment()})]
    )
    options.out.write_text("\n".join(done) + "\n")
    known = {json.loads(line).get("table") for line in done}
    for entry in chosen:
        if entry["name"] in known or (only and entry["name"] not in only):
            continue
        row = one(options.folder, entry)
        with options.out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(row, flush=True)


if __name__ == "__main__":
    main()
