"""What feature engineering is worth to who switches it on: the same search with all steps and without, judged outside.

    python benchmarks/features_worth.py --datasets FOLDER --out benchmarks/results/features-worth.jsonl

Written down before measuring. On each table, cut to `--rows` rows at most (seed 0; then without classes of fewer than
10 rows), and on each of five outer folds two searches get the same training rows: `none` as it is by default, and
`made` with all feature steps, or those of `--features`. Both have the same quick families (linear, LightGBM, and
CatBoost where it is installed) and as many trials of three inner folds; the order of these, the first configurations
before all others, the race, the ensemble, and the choice between pipelines with and without features by validation
alone are those that users get. `made` has to spend some of its trials on features. Time decides nothing: one worker on
one core each, and a time limit that is not reached. The score is the table's metric on the outer test fold. Where there
are two cores the two run abreast, on one of them each.

The unit is `gain`, what part of the dummy's error is taken away (`comparison/summary.py`), so that tables of all
metrics can be compared; a search that fails scores what the dummy scores. The verdict: Wilcoxon's signed-rank test over
tables of the mean difference over their folds, and for each table the corrected resampled t-test over its folds, with
Holm's correction over tables; better and worse are those whose corrected p is below .05. All two-sided. With five folds
the t-test has four degrees of freedom: among 61 tables the first needs a mean difference of some six standard
deviations. So beside it stands a second test for each table, over the rows of all its folds (`comparison/paired.py`:
differences of row losses, DeLong's for AUC), with Holm's correction of its own: better and worse on these rows, by
these fits. Both are reported; which of them decides is not chosen afterwards: the first says what training again would
give.

A line a table and fold, kept between runs; one with a failure is measured again.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import math
import os
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import common
from automl import names
from comparison.holdout import FOLDS, SEED
from comparison.holm import holm
from comparison.paired import Gap, gap_of_auc, gap_of_losses, p_of_rows
from comparison.resampled import corrected_t
from comparison.source import source_state
from comparison.splits import aligned, development, folds, judge, manifest, one_fold
from comparison.summary import gain, signed_rank
from comparison.text import table
from seasoned import AutoClassifier, AutoRegressor, SearchSettings

if TYPE_CHECKING:
    from comparison.splits import Fold

ARMS = ("none", "made")
MODELS = ["linear", "lightgbm", *(["catboost"] if importlib.util.find_spec("catboost") else [])]
LEVEL = 0.05
PATIENCE = 600  # seconds beyond the time limit, after which a search is killed
RATIO = 1 / (FOLDS - 1)  # rows to judge by over rows to learn from


# ------------------------------------------------------------------------------------------------ one search


def run(task: dict[str, Any]) -> dict[str, Any]:
    """In the child: one search, its score on the test fold, and what it chose."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task["cores"])
    folder = Path(task["datasets"])
    fold = one_fold(folder, manifest(folder, [task["table"]])[0], task["fold"], task["most"])
    frame = pd.read_parquet(fold.file)
    X, regression = frame.drop(columns=fold.target), fold.task == "regression"
    y = frame[fold.target] if regression else frame[fold.target].astype(str)
    features = [] if task["arm"] == "none" else task["features"]
    search = SearchSettings(models=task["models"], folds=task["inner"], features=features)
    limits = {"time_limit": task["time_limit"], "trials": task["trials"], "workers": 1}
    make = AutoRegressor if regression else AutoClassifier
    model = make(fold.metric, **limits, experience=None, random_state=SEED, search=search)
    model.fit(X.iloc[fold.train].reset_index(drop=True), y.iloc[fold.train].reset_index(drop=True))
    unseen = X.iloc[fold.test].reset_index(drop=True)
    labels = None if regression else [str(label) for label in model.classes_]
    predicted = model.predict(unseen) if regression else model.predict_proba(unseen)
    score = judge(fold, predicted, labels)
    members = model.fitted_.members
    return {
        "score": score,
        "by_row": [float(f"{value:.6g}") for value in by_row_of(fold, predicted, labels)],
        "seconds": round(model.fitted_.seconds, 1),
        "done": sum(trial.state != "cut off" for trial in model.fitted_.trials),
        "with_features": round(sum(m.weight for m in members if "made" in (m.config.get("features") or {})), 3),
    }


def by_row_of(fold: Fold, predicted: Any, labels: list[str] | None) -> Any:
    """For each test row its squared error, its logarithmic loss, or for AUC the score of the second class."""
    truth = fold.y.iloc[fold.test]
    if labels is None:
        return np.square(truth.to_numpy(dtype=float) - predicted)
    probabilities, classes = aligned(fold, predicted, labels)
    if fold.task == "binary":
        return probabilities[:, 1]
    places = truth.astype(str).map(classes.index).to_numpy()
    shares = probabilities[np.arange(len(places)), places] / probabilities.sum(axis=1)
    return -np.log(np.clip(shares, np.finfo(float).eps, 1.0))


def gap(fold: Fold, found: dict[str, dict[str, Any]]) -> list[float] | None:
    """By how much the test rows' loss is larger without features; None where a search failed."""
    rows = [np.array(found[arm]["by_row"]) for arm in ("made", "none") if "by_row" in found[arm]]
    if len(rows) < len(ARMS):
        return None
    if fold.task != "binary":
        return list(gap_of_losses(*rows))
    positive = sorted(fold.y.astype(str).unique())[1]
    return list(gap_of_auc((fold.y.iloc[fold.test].astype(str) == positive).to_numpy(), *rows))


def searched(task: dict[str, Any]) -> dict[str, Any]:
    """In the parent: one search in a process of its own, or why there is no score."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as cache:
        command = [sys.executable, str(Path(__file__).resolve()), "--run", json.dumps(task)]
        environment = {**os.environ, "SEASONED_CACHE": cache}
        return common.child(command, limit=task["time_limit"] + PATIENCE, env=environment)


def lanes() -> list[list[int]]:
    """One core for each arm, which run abreast then; one for both where there is no other."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    return [[core] for core in allowed[: len(ARMS)]]


def pair(fold: Fold, task: dict[str, Any]) -> dict[str, Any]:
    """Both arms on one fold."""
    cores = lanes()
    tasks = [{**task, "arm": arm, "cores": cores[number % len(cores)]} for number, arm in enumerate(ARMS)]
    with common.alone(), ThreadPoolExecutor(len(cores)) as together:
        found = dict(zip(ARMS, together.map(searched, tasks), strict=True))
    return {
        "split": fold.identity["split"],
        "sha256": fold.sha256,
        "metric": fold.metric,
        "train_rows": len(fold.train),
        "dummy": dummy(fold),
        "gap": gap(fold, found),
        "scores": {arm: result.get("score") for arm, result in found.items()},
        "errors": {arm: result["error"] for arm, result in found.items() if "error" in result},
        **{field: {arm: result.get(field) for arm, result in found.items()} for field in ("seconds", "done")},
        "with_features": found["made"].get("with_features"),
        "source": source_state(),
        "versions": common.environment()["versions"],
    }


def dummy(fold: Fold) -> float:
    """The score of predicting the mean, or the frequencies of the classes."""
    y = fold.y.iloc[fold.train]
    if fold.task == "regression":
        return judge(fold, np.full(len(fold.test), y.mean()), None)
    shares = y.astype(str).value_counts(normalize=True)
    return judge(fold, np.tile(shares.to_numpy(), (len(fold.test), 1)), list(shares.index))


# ------------------------------------------------------------------------------------------------ the verdict


def difference(line: dict[str, Any]) -> float:
    """How much more of the dummy's error is taken away with features; a search that failed takes nothing away."""
    scores = {arm: line["dummy"] if line["scores"][arm] is None else line["scores"][arm] for arm in ARMS}
    row = {**line, "scores": scores}
    return gain(row, "made") - gain(row, "none")


def verdict(lines: list[dict[str, Any]], asked: list[int]) -> dict[str, Any]:
    """Over the tables whose folds are all there."""
    by_table: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_table.setdefault(line["table"], []).append(line)
    whole = {name: found for name, found in by_table.items() if {line["fold"] for line in found} == set(asked)}
    used = [line for found in whole.values() for line in found]
    rows = by_row(whole)
    means = [row["difference"] for row in rows]
    certain = [row for row in rows if row["holm_p"] < LEVEL]
    return {
        "tables": len(rows),
        "positive": sum(mean > 0 for mean in means),
        "negative": sum(mean < 0 for mean in means),
        "mean_difference": statistics.fmean(means) if rows else None,
        "median_difference": statistics.median(means) if rows else None,
        "wilcoxon_p": signed_rank(means),
        "better": [row["table"] for row in certain if row["difference"] > 0],
        "worse": [row["table"] for row in certain if row["difference"] < 0],
        "better_on_these_rows": [row["table"] for row in rows if row["holm_p_of_rows"] < LEVEL and row["gap"] > 0],
        "worse_on_these_rows": [row["table"] for row in rows if row["holm_p_of_rows"] < LEVEL and row["gap"] < 0],
        "failed": [f"{place(line, arm)}: {error}" for line in used for arm, error in line["errors"].items()],
        "cut": [place(line, arm) for line in used for arm in ARMS if (line["done"][arm] or math.inf) < line["trials"]],
        "left_out": sorted(by_table.keys() - whole.keys()),
        "rows": rows,
    }


def parts(lines: list[dict[str, Any]], asked: list[int], chosen: set[str]) -> dict[str, dict[str, Any]]:
    """The verdict on the development tables and on the others, each by itself, where there are both; else nothing."""
    found = {
        "the development tables": verdict([line for line in lines if line["table"] in chosen], asked),
        "the others": verdict([line for line in lines if line["table"] not in chosen], asked),
    }
    return found if all(part["tables"] for part in found.values()) else {}


def by_row(tables: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """For each table: the mean difference over its folds, and whether it is one."""
    differences = {name: [difference(line) for line in lines] for name, lines in tables.items()}
    alone = [corrected_t(found, RATIO) for found in differences.values()]
    gaps = [[Gap(*line["gap"]) for line in lines if line.get("gap")] for lines in tables.values()]
    of_rows = [p_of_rows(found) if found else 1.0 for found in gaps]
    return [
        {
            "table": name,
            "metric": lines[0]["metric"],
            "difference": statistics.fmean(differences[name]),
            "folds_better": sum(value > 0 for value in differences[name]),
            "with_features": statistics.fmean(line["with_features"] or 0.0 for line in lines),
            "p": p,
            "holm_p": corrected,
            "gap": sum(one.rows * one.mean for one in here) / max(sum(one.rows for one in here), 1),
            "holm_p_of_rows": by_rows,
        }
        for (name, lines), p, corrected, here, by_rows in zip(
            tables.items(), alone, holm(alone), gaps, holm(of_rows), strict=True
        )
    ]


def place(line: dict[str, Any], arm: str) -> str:
    return f"{line['table']}, fold {line['fold']}, {arm}"


def render(found: dict[str, Any]) -> str:
    fields = ["table", "metric", "difference", "folds_better", "with_features", "p", "holm_p", "holm_p_of_rows"]
    shown = table([[field.replace("_", " ") for field in fields], *([row[f] for f in fields] for row in found["rows"])])
    if not found["rows"]:
        return "no table has all its folds yet"
    names_of = ("better", "worse", "better_on_these_rows", "worse_on_these_rows")
    better, worse, *of_rows = (f"{len(found[name])} ({', '.join(found[name]) or 'none'})" for name in names_of)
    sentences = (
        f"{found['tables']} tables: gain with features larger on {found['positive']}, smaller on {found['negative']}; "
        f"difference {found['mean_difference']:+.5f} in the mean, {found['median_difference']:+.5f} in the median, "
        f"Wilcoxon p {found['wilcoxon_p']:.4g}.\nBy the corrected t-test over folds, after Holm: better on {better}, "
        f"worse on {worse}.\nBy the test over rows, after Holm: better on {of_rows[0]}, worse on {of_rows[1]}."
    )
    parts = [shown, sentences]
    if found["cut"]:
        parts.append("The time limit came before the trials, so time decided: " + ", ".join(found["cut"]))
    if found["failed"]:
        parts.append("\n".join(["Failures (each scores what the dummy scores):", *found["failed"]]))
    if found["left_out"]:
        parts.append("Left out, for a fold is missing: " + ", ".join(found["left_out"]))
    return "\n\n".join(parts)


# ------------------------------------------------------------------------------------------------ the whole


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, metavar="FOLDER", help="tables with a manifest.json")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a line a table and fold")
    parser.add_argument("--only", type=names, default=[], help="names of tables; all if left out")
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--first", type=int, metavar="N", help="the first N of these in alphabetical order")
    end.add_argument("--last", type=int, metavar="N", help="the last N of these in alphabetical order")
    parser.add_argument("--folds", type=names, default=[str(n) for n in range(FOLDS)], help="numbers from 0 to 4")
    parser.add_argument("--rows", type=int, default=3_000, help="of a table at most (default %(default)s)")
    parser.add_argument("--models", type=names, default=MODELS, help=f"families (default {','.join(MODELS)})")
    parser.add_argument("--features", type=names, default=["all"], help="names of steps (default all)")
    parser.add_argument("--trials", type=int, default=8, help="of each search (default %(default)s)")
    parser.add_argument("--inner", type=int, default=3, help="folds of a trial (default %(default)s)")
    parser.add_argument("--time-limit", type=float, default=3600, help="not to be reached (default %(default)s)")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if not options.run and not (options.datasets and options.out):
        parser.error("give --datasets FOLDER and --out FILE")
    return options


def kept(path: Path, settings: dict[str, Any]) -> dict[tuple[str, int, int], dict[str, Any]]:
    """The latest line of each table and fold, of those with these settings."""
    lines = []
    for text in path.read_text().splitlines() if path.exists() else []:
        with contextlib.suppress(ValueError):  # killed while it was written
            lines.append(json.loads(text))
    return {
        (line["table"], line["fold"], line["split"]): line
        for line in lines
        if {name: line[name] for name in settings} == settings
    }


def main(words: list[str] | None = None) -> dict[str, Any] | None:
    options = arguments(words)
    if options.run:
        print(json.dumps(run(json.loads(options.run))))
        return None
    features = "all" if options.features == ["all"] else options.features
    settings = {"most": options.rows, "models": options.models, "features": features}
    settings |= {"trials": options.trials, "inner": options.inner}
    known, asked, lines = kept(options.out, settings), [int(number) for number in options.folds], []
    for entry in manifest(options.datasets, options.only, options.first, options.last):
        for fold in folds(options.datasets, entry, asked, options.rows):
            line = known.get((fold.table, fold.number, fold.identity["split"]))
            if line is None or line["errors"]:
                here = {"table": fold.table, "fold": fold.number, **settings}
                given = {"datasets": str(options.datasets), "time_limit": options.time_limit}
                line = {**here, **pair(fold, {**here, **given})}
                with options.out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(fold.table, fold.number, line["scores"], line["errors"] or f"{difference(line):+.5f}", flush=True)
            lines.append(line)
    found = verdict(lines, asked)
    print("\n" + render(found))
    for title, part in parts(lines, asked, development(options.datasets)).items():
        print(f"\n{title}:\n\n{render(part)}")
    if (states := len({line["source"] for line in lines})) > 1:
        print(f"\nthese lines come from {states} states of the source.")
    return found


if __name__ == "__main__":
    main()
