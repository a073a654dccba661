"""What experience is worth on whole tables: the same search with what ships and without any.

    python benchmarks/warm_start.py --datasets FOLDER --budget 60 --first 41 --out benchmarks/results/warm-start.json

The folder is as in `automl.py`: a `manifest.json` and Parquet files. On each table `experience="shipped"` and
`experience=None` are fitted on the training rows of the same fold, one after the other in alternating order, each in a
process of its own; the settings are those of `automl.py`. Reported for each:

- the loss on the held-out fifth, and after every trial the best validation loss and the seconds since the fit began;
- how many seconds and trials the search with experience takes to reach the final validation loss of the one without;
- over all tables: mean rank on held-out rows with Wilcoxon's signed-rank test, and the medians of both.

A run that is in the file is not made again, unless it failed; a file of other settings is refused, and each fit says
which source it is of. A failed fit loses against one that did not. Nothing is tuned here: which tables choices may be
made on is said in `docs/benchmarks.md`. With `--store URL` in the place of what ships: that store, which then grows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

import common
from comparison.source import source_state
from comparison.splits import judge, manifest, one_fold
from frameworks.seasoned_ import improvements
from seasoned import AutoClassifier, AutoRegressor

SETTINGS = ("shipped", None)
FOLD = 0
PATIENCE = 300  # seconds beyond three budgets, after which a fit is killed
FAILED = 1e9  # the gap between a fit that failed and one that did not: larger than all others


def run(options: dict[str, Any]) -> dict[str, Any]:
    """One fit, in a process of its own."""
    folder = Path(options["datasets"])
    entry = manifest(folder, [options["table"]])[0]
    fold = one_fold(folder, entry, FOLD)
    frame = pd.read_parquet(fold.file)
    X, y = frame.drop(columns=fold.target), frame[fold.target]
    if fold.task != "regression":
        y = y.astype(str)
    make = AutoRegressor if fold.task == "regression" else AutoClassifier
    began = time.monotonic()
    limits = {"time_limit": options["budget"]}
    if options["trials"]:
        limits = {"time_limit": None, "trials": options["trials"]}
    make_ = partial(make, fold.metric, workers=2, experience=options["experience"], random_state=0)
    model = make_(**limits).fit(X.iloc[fold.train], y.iloc[fold.train])
    seconds = time.monotonic() - began
    unseen = X.iloc[fold.test]
    if fold.task == "regression":
        score = judge(fold, model.predict(unseen), None)
    else:
        score = judge(fold, model.predict_proba(unseen), [str(label) for label in model.classes_])
    return {
        "loss": -score if fold.metric == "roc_auc" else score,
        "seconds": seconds,
        "trials": len(model.fitted_.trials),
        "curve": improvements(model.fitted_.trials),
        "order": [trial.model for trial in model.fitted_.trials[:20]],
        "experience": model.fitted_.experience,
    }


def measured(table: str, options: argparse.Namespace, setting: str | None) -> dict[str, Any]:
    """The result of a fit, or why there is none."""
    experience = options.store if setting and options.store else setting
    task = {"datasets": str(options.datasets), "table": table, "budget": options.budget, "experience": experience}
    task["trials"] = options.trials
    command = [sys.executable, __file__, "--run", json.dumps(task)]
    return common.child(command, limit=None if options.trials else 3 * options.budget + PATIENCE)


def reached(curve: list[list[float]], loss: float) -> float | None:
    """Seconds until the loss; None if it never was."""
    return next((seconds for seconds, best in curve if best <= loss and seconds is not None), None)


def gap(warm: float, cold: float) -> float:
    """How much larger the first is, as a share of the second; a failed fit's loss is infinite."""
    if math.isinf(warm) or math.isinf(cold):
        return math.copysign(FAILED, warm - cold)
    return (warm - cold) / max(abs(cold), 1e-12)


def middle(seconds: list[float | None]) -> float | None:
    """The median; what never came is later than all else. None of nothing, or where most never came."""
    found = statistics.median(math.inf if t is None else t for t in seconds) if seconds else math.inf
    return found if math.isfinite(found) else None


def summary(tables: dict[str, Any]) -> dict[str, Any]:
    """Over all tables with both results, of one state of the source."""
    from scipy.stats import wilcoxon

    infinite = float("inf")
    both = [t for t in tables.values() if all(str(setting) in t for setting in SETTINGS)]
    both = [t for t in both if any("loss" in t[str(setting)] for setting in SETTINGS)]
    both = [t for t in both if len({t[str(setting)].get("source") for setting in SETTINGS}) == 1]
    if not both:
        return {}
    warm, cold = ([t[str(setting)] for t in both] for setting in SETTINGS)
    gaps = [gap(w.get("loss", infinite), c.get("loss", infinite)) for w, c in zip(warm, cold, strict=True)]
    timed = [(w, c) for w, c in zip(warm, cold, strict=True) if c.get("curve")]
    times = [reached(w.get("curve", []), c["curve"][-1][1]) for w, c in timed]
    own = [reached(c["curve"], c["curve"][-1][1]) for _, c in timed]
    wins = sum(found < 0 for found in gaps) + 0.5 * sum(found == 0 for found in gaps)
    return {
        "tables": len(both),
        "mean_rank_with": 2 - wins / len(both),
        "failed": {str(setting): sum("loss" not in t[str(setting)] for t in both) for setting in SETTINGS},
        "wins": sum(found < 0 for found in gaps),
        "ties": sum(found == 0 for found in gaps),
        "wilcoxon_p": float(wilcoxon(gaps).pvalue) if any(gaps) else 1.0,
        "reached_cold_score": sum(found is not None for found in times),
        "median_seconds_to_cold_score": middle(times),
        "median_seconds_of_cold": middle(own),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, metavar="FOLDER")
    parser.add_argument("--budget", type=float, default=60, help="seconds for each fit (default 60)")
    parser.add_argument("--trials", type=int, help="of each search, in the place of a time limit; takes no lock")
    parser.add_argument("--only", default="", help="names of tables; all if left out")
    parser.add_argument("--first", type=int, help="the first N in alphabetical order")
    parser.add_argument("--store", help="URL of a store, in the place of what ships")
    parser.add_argument("--out", type=Path, default=common.HERE / "results" / "warm-start.json")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run(json.loads(options.run))))
        return
    measure_all(options)


def done(table: dict[str, Any], setting: str | None) -> bool:
    """Whether a table has this result, and it is of today's source or of the same as the other one."""
    own = table.get(str(setting), {})
    others = [table.get(str(other), {}) for other in SETTINGS if other != setting]
    whole = all("loss" in other and other.get("source") == own.get("source") for other in others)
    return "loss" in own and (whole or own.get("source") == source_state())


def measure_all(options: argparse.Namespace) -> None:
    names = [name for name in options.only.split(",") if name]
    entries = sorted(manifest(options.datasets, names, options.first), key=lambda entry: entry["name"].casefold())
    common.all_families()
    setup = {"budget": options.budget, "trials": options.trials, "store": options.store}
    stored = json.loads(options.out.read_text()) if options.out.exists() else {**setup, "tables": {}}
    if other := {name: stored.get(name) for name in setup if stored.get(name) != setup[name]}:
        raise SystemExit(f"{options.out} is of {other}, not of {setup}: give another --out")
    kept = stored["tables"]
    for number, entry in enumerate(entries):
        table = kept.setdefault(entry["name"], {})
        for setting in SETTINGS if number % 2 else SETTINGS[::-1]:
            if done(table, setting):
                continue
            with contextlib.nullcontext() if options.trials else common.alone():
                table[str(setting)] = {**measured(entry["name"], options, setting), "source": source_state()}
            shown = {name: table[str(setting)].get(name) for name in ("loss", "trials", "error")}
            print(entry["name"], setting, shown, flush=True)
            common.write(options.out, {**setup, "summary": summary(kept), "tables": kept})
    print(json.dumps(summary(kept), indent=1))


if __name__ == "__main__":
    main()
