"""Whether a family's trials should keep apart: the same search with no distance between them and with some.

    python benchmarks/apart.py --datasets FOLDER --out benchmarks/results/apart.json

Written down before measuring. On each of eight development tables of few rows (training rows of fold 2 of five, 1,500
at most) each of three families of few settings is searched alone, `--trials` trials of three folds, with each distance
of `--apart` (`Bayes(apart=...)`, which the search uses within families), two seeds. Time decides nothing. The ensemble
of the family's trials is judged on the test rows of the fold (1,500 at most). What is compared is the logarithm of its
loss (1 - AUC for two classes) with that of distance 0, the mean over seeds: a table and family is one comparison, the
signed-rank test is over these. A distance is taken if its mean is below 0 and it is better on more than it is worse.
Also told: what share of a search's trials has the validation loss of an earlier one to the last digit. Boosters were
begun and left out: with seven settings and more, twenty trials were the same with either distance.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

import common
from comparison.splits import folds, judge, manifest
from comparison.summary import signed_rank
from seasoned import AutoClassifier, AutoRegressor, SearchSettings, samplers

TABLES = "credit-g,cmc,car,concrete,insurance,segment,abalone,churn"
FAMILIES = "extra_trees,forest,tree"
ROWS, FOLD, SEEDS = 1_500, 2, 2
LIMIT = 1_800  # seconds after which a search is killed


def run(task: dict[str, Any]) -> dict[str, Any]:
    """In the child: one search."""
    folder = Path(task["datasets"])
    (fold,) = folds(folder, manifest(folder, [task["table"]])[0], [FOLD])
    frame = pd.read_parquet(fold.file)
    X, train, test = frame.drop(columns=fold.target), fold.train[:ROWS], fold.test[:ROWS]
    regression = fold.task == "regression"
    y = fold.y if regression else fold.y.astype(str)
    make = AutoRegressor if regression else AutoClassifier
    settings = SearchSettings(models=[task["family"]], folds=3)
    limits = {"time_limit": LIMIT, "trials": task["trials"], "workers": 1}
    model = make(fold.metric, **limits, experience=None, random_state=task["seed"], search=settings)
    with patch("seasoned.tabular.search.Bayes", partial(samplers.Bayes, apart=task["apart"])):
        model.fit(X.iloc[train], y.iloc[train])
    fold = type(fold)(**{**vars(fold), "test": test})
    unseen = X.iloc[test]
    labels = None if regression else [str(label) for label in model.classes_]
    score = judge(fold, model.predict(unseen) if regression else model.predict_proba(unseen), labels)
    losses = [trial["loss"] for trial in model.fitted_.trials if trial["loss"] is not None]
    return {
        "loss": 1.0 - score if fold.metric == "roc_auc" else score,
        "validated": min(losses),
        "same": len(losses) - len(set(losses)),
        "trials": len(losses),
    }


def measured(options: argparse.Namespace, task: dict[str, Any]) -> dict[str, Any]:
    told = {**task, "datasets": str(options.datasets.resolve()), "trials": options.trials}
    found = common.child([sys.executable, __file__, "--run", json.dumps(told)], limit=LIMIT)
    print({**task, **found}, flush=True)
    return {**task, **found}


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Each distance against 0, over tables and families."""
    logs: dict[tuple[str, str, float], list[float]] = {}
    for record in records:
        if "loss" in record:
            place = record["table"], record["family"], record["apart"]
            logs.setdefault(place, []).append(float(np.log(max(record["loss"], 1e-9))))
    found = {}
    for apart in sorted({record["apart"] for record in records} - {0.0}):
        both = [(table, family) for table, family, own in logs if own == apart and (table, family, 0.0) in logs]
        gaps = [float(np.mean(logs[*one, apart]) - np.mean(logs[*one, 0.0])) for one in both]
        found[str(apart)] = {
            "better": sum(gap < 0 for gap in gaps),
            "worse": sum(gap > 0 for gap in gaps),
            "mean": round(float(np.mean(gaps)), 5) if gaps else None,
            "median": round(float(np.median(gaps)), 5) if gaps else None,
            "p": signed_rank(gaps),
        }
    return found | {
        "same": {
            family: {
                str(apart): round(float(np.mean([r["same"] / r["trials"] for r in some])), 3)
                for apart in sorted({record["apart"] for record in records})
                if (some := [r for r in records if r["family"] == family and r["apart"] == apart and "same" in r])
            }
            for family in sorted({record["family"] for record in records})
        }
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path)
    parser.add_argument("--tables", default=TABLES)
    parser.add_argument("--families", default=FAMILIES)
    parser.add_argument("--apart", default="0,0.05")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run(json.loads(options.run))))
        return
    common.all_families()
    tasks = [
        {"table": table, "family": family, "apart": float(apart), "seed": seed}
        for table in options.tables.split(",")
        for family in options.families.split(",")
        for seed in range(SEEDS)
        for apart in options.apart.split(",")
    ]
    with ThreadPoolExecutor(options.workers) as pool:
        records = list(pool.map(partial(measured, options), tasks))
    print(json.dumps(summary(records), indent=1))
    if options.out:
        found = {"environment": common.environment(), "trials": options.trials, "summary": summary(records)}
        common.write(options.out, {**found, "records": records})


if __name__ == "__main__":
    main()
