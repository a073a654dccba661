"""What a user's own fits are worth for later ones: tables that come again, and tables that have nothing in common.

    python benchmarks/own_runs.py --datasets FOLDER --budget 60 --out benchmarks/results/own-runs.json

Each source table is cut into three disjoint blocks of rows; each block keeps a random 80% of the columns, and the
second block's target is written in another way (classes renamed, numbers scaled). All blocks of all sources are fitted
in an order drawn with seed 0, with an empty store at first, which grows with each fit, and nothing that ships. Each fit
is compared with one without experience on the same rows: how many seconds and trials does it take to reach that one's
final validation loss? Reported: for a source's first, second and third fit the median of both; a fit that never reaches
it counts as infinite. With `--trials N` each search has N trials whatever they take; then the machine's load does not
matter, and no lock is taken.

The sources are named before measuring. That unrelated tables do no harm shows in the first fits of each source: the
store holds nothing but other sources then.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

import common
from comparison.splits import manifest
from seasoned import AutoClassifier, AutoRegressor
from seasoned.knowledge import Experience

BLOCKS = 3
KEPT = 0.8
SOURCES = "car,cmc,credit-g,abalone,phoneme,kr-vs-kp,wine-quality,churn,segment,spambase"


def block(folder: Path, entry: dict[str, Any], number: int) -> tuple[pd.DataFrame, pd.Series]:
    """The features and the target of one block."""
    frame = pd.read_parquet(folder / entry["file"])
    rng = np.random.default_rng((0, len(frame)))
    rows = np.array_split(rng.permutation(len(frame)), BLOCKS)[number]
    features = frame.drop(columns=entry["target"])
    chosen = np.random.default_rng((number, len(frame))).choice(
        features.shape[1], max(2, round(KEPT * features.shape[1])), replace=False
    )
    y = frame[entry["target"]].iloc[rows].reset_index(drop=True)
    if entry["task"] != "regression":
        y = y.astype(str).map(lambda label: f"class {label}") if number == 1 else y.astype(str)
    elif number == 1:
        y = 100.0 * y
    return features.iloc[rows, np.sort(chosen)].reset_index(drop=True), y


def run(task: dict[str, Any]) -> dict[str, Any]:
    """One fit, in a process of its own."""
    folder = Path(task["datasets"])
    entry = manifest(folder, [task["source"]])[0]
    X, y = block(folder, entry, task["block"])
    make = AutoRegressor if entry["task"] == "regression" else AutoClassifier
    limits = (
        {"time_limit": task["budget"]} if task["trials"] is None else {"time_limit": None, "trials": task["trials"]}
    )
    with patch("seasoned.knowledge.places.shipped", lambda: Experience.of_studies(())):
        model = make(entry["metric"], **limits, workers=2, experience=task["store"], random_state=0).fit(X, y)
    done = [t for t in model.fitted_.trials if t["loss"] is not None and t["elapsed"] is not None]
    order = sorted(done, key=lambda trial: trial["elapsed"])
    return {
        "losses": [trial["loss"] for trial in order],
        "elapsed": [trial["elapsed"] for trial in order],
        "models": [trial["model"] for trial in order],
        "tasks": None if model.fitted_.experience is None else model.fitted_.experience["tasks"],
        "similar": None if model.fitted_.experience is None else model.fitted_.experience["similar"][:2],
    }


def fitted(options: argparse.Namespace, source: str, number: int, store: str | None) -> dict[str, Any]:
    task = {"datasets": str(options.datasets), "source": source, "block": number, "store": store}
    task |= {"budget": options.budget, "trials": options.trials}
    command = [sys.executable, __file__, "--run", json.dumps(task)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        return {"error": (ended.stderr.strip().splitlines() or ["no reason"])[-1]}
    found: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return found


def reached(result: dict[str, Any], loss: float) -> tuple[float, float]:
    """Trials and seconds until a loss; infinite if it never was, or the fit failed."""
    for place, (found, elapsed) in enumerate(zip(result.get("losses", ()), result.get("elapsed", ()), strict=True)):
        if found <= loss:
            return place + 1.0, elapsed
    return float("inf"), float("inf")


def summary(fits: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over sources, by the place of a block among its source's."""
    found: dict[str, Any] = {}
    for place in range(BLOCKS):
        rows = [fit for fit in fits if fit["place"] == place and fit["cold"].get("losses")]
        if rows:
            goals = [min(fit["cold"]["losses"]) for fit in rows]
            for name in ("warm", "cold"):
                both = [reached(fit[name], goal) for fit, goal in zip(rows, goals, strict=True)]
                trials, seconds = (statistics.median(side) for side in zip(*both, strict=True))
                failed = sum("losses" not in fit[name] for fit in rows)
                found[f"{name}, block {place + 1}"] = {
                    "fits": len(rows),
                    "failed": failed,
                    "trials": trials,
                    "seconds": seconds,
                }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, metavar="FOLDER")
    parser.add_argument("--sources", default=SOURCES)
    parser.add_argument("--budget", type=float, default=60)
    parser.add_argument("--trials", type=int, help="of each search, in the place of a time limit")
    parser.add_argument("--store", type=Path, default=Path("own-runs.db"), help="file of the store, empty at first")
    parser.add_argument("--out", type=Path, default=common.HERE / "results" / "own-runs.json")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run(json.loads(options.run))))
        return
    common.all_families()
    if options.store.exists():
        parser.error(f"{options.store} is there already, and the first fits must find an empty store: move it away")
    order = [(source, number) for source in options.sources.split(",") for number in range(BLOCKS)]
    order = [order[place] for place in np.random.default_rng(0).permutation(len(order))]
    fits: list[dict[str, Any]] = []
    with contextlib.nullcontext() if options.trials else common.alone():
        for source, number in order:
            place = sum(fit["source"] == source for fit in fits)
            results = {
                "warm": fitted(options, source, number, f"sqlite:///{options.store.absolute()}"),
                "cold": fitted(options, source, number, None),
            }
            fits.append({"source": source, "block": number, "place": place, **results})
            print(
                source,
                number,
                place,
                {name: found.get("error", len(found.get("losses", []))) for name, found in results.items()},
                flush=True,
            )
            common.write(
                options.out,
                {"budget": options.budget, "trials": options.trials, "summary": summary(fits), "fits": fits},
            )
    print(json.dumps(summary(fits), indent=1))


if __name__ == "__main__":
    main()
