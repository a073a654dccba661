"""What the feature steps are worth to one family: its default configuration without and with all of them.

For each table and family one `fit` of two trials: the default, and the default with all steps that make columns at
their defaults (at most 20 columns a step; the steps that leave columns out stay off, as in first configurations). Both
are judged on the same 3 folds, out of fold, the steps fitted inside each fold; boosters stop early on a fold's
validation rows in both. At most so many rows (seed 0) are used. Nothing is chosen: what is compared was fixed before,
and every table counts once a family. `gain` is log(loss without / loss with), of 1 - AUC, log loss or RMSE: above 0
features helped. Wilcoxon's signed-rank test is over tables.

    python benchmarks/feature_steps.py DATASETS_FOLDER --first 41 --out benchmarks/results/feature-steps.jsonl

A line a table and family, kept between runs; the summary is printed at the end.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from common import environment
from seasoned import AutoClassifier, AutoRegressor, SearchSettings


def pair(folder: Path, entry: dict[str, Any], model: str, rows: int, features: Any) -> dict[str, Any]:
    """Losses and seconds without and with features."""
    table = pd.read_parquet(folder / entry["file"])
    table = table.sample(min(rows, len(table)), random_state=0).reset_index(drop=True)
    make = AutoRegressor if entry["task"] == "regression" else AutoClassifier
    search = SearchSettings(models=[model], folds=3, ensemble=1, features=features)
    fitted = make(time_limit=1800, trials=2, workers=1, experience=None, random_state=0, search=search)
    fitted.fit(table.drop(columns=entry["target"]), table[entry["target"]])
    found: dict[str, Any] = {"rows": len(table), "metric": fitted.fitted_.metric.name}
    for trial in fitted.fitted_.trials:
        (name,) = trial.config["features"]
        error = 1.0 + trial.loss if found["metric"] == "roc_auc" else trial.loss
        found[name] = {"loss": error, "seconds": trial.seconds, "state": trial.state}
    if all(found.get(name, {}).get("loss") for name in ("none", "made")):
        found["gain"] = math.log(found["none"]["loss"] / found["made"]["loss"])
    return found


def summary(lines: list[dict[str, Any]]) -> None:
    for model in sorted({line["model"] for line in lines}):
        gains = np.array([line["gain"] for line in lines if line["model"] == model and "gain" in line])
        if len(gains) < 6:
            continue
        ratio = [line["made"]["seconds"] / line["none"]["seconds"] for line in lines if line["model"] == model]
        p = wilcoxon(gains).pvalue if gains.any() else 1.0
        print(
            f"{model}: {len(gains)} tables, better {np.sum(gains > 0)}, worse {np.sum(gains < 0)}, median gain "
            f"{np.median(gains):+.4f}, mean {gains.mean():+.4f}, Wilcoxon p {p:.4f}, seconds x {np.median(ratio):.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path, help="folder with manifest.json and the tables")
    parser.add_argument("--first", type=int, default=41, help="so many tables in alphabetical order")
    parser.add_argument("--only", default="", help="names of tables, of these")
    parser.add_argument("--models", default="linear,lightgbm")
    parser.add_argument("--features", default="all", help="names of steps")
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    entries = json.loads((arguments.datasets / "manifest.json").read_text())["datasets"]
    known = sorted((e for e in entries if e["task"] in {"binary", "multiclass", "regression"}), key=lambda e: e["name"])
    wanted = [e for e in known[: arguments.first] if not arguments.only or e["name"] in arguments.only.split(",")]
    lines = [json.loads(line) for line in arguments.out.read_text().splitlines()] if arguments.out.exists() else []
    features: Any = arguments.features if arguments.features == "all" else arguments.features.split(",")
    for entry in wanted:
        for model in arguments.models.split(","):
            key = {"table": entry["name"], "model": model, "features": arguments.features, "most": arguments.rows}
            if any(line.items() >= key.items() for line in lines):
                continue
            line = {**key, **pair(arguments.datasets, entry, model, arguments.rows, features)}
            lines.append({**line, "versions": environment()["versions"]})
            with arguments.out.open("a") as file:
                file.write(json.dumps(lines[-1]) + "\n")
            print(entry["name"], model, f"{line.get('gain', math.nan):+.4f}", flush=True)
    summary([line for line in lines if line["features"] == arguments.features and line["most"] == arguments.rows])


if __name__ == "__main__":
    main()
