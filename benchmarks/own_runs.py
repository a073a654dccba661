"""What a user's own fits are worth for later ones: tables that come again, and tables that have nothing in common.

    python benchmarks/own_runs.py --datasets FOLDER --budget 60 --out benchmarks/results/own-runs.json
    python benchmarks/own_runs.py --datasets FOLDER --budget 60 --unrelated --out benchmarks/results/unrelated.json

Written down before measuring. Each source table is cut into three disjoint blocks of rows; each block keeps a random
80% of the columns, and the second block's target is written in another way (classes renamed, numbers scaled). All
blocks of all sources are fitted in an order drawn with seed 0, with an empty store at first, which grows with each fit,
and nothing that ships. A fifth of each block's rows is held out. Each fit is compared with one without experience on
the same rows:

- **time**: the seconds and trials until the final validation loss of the fit without; what is never reached counts as
  the whole of that fit. `speedup` is the median over sources of the time of a source's first fit over that of its
  third, with a 95% interval by the bootstrap over sources (2,000 draws, seed 0);
- **harm**: wins, losses and Wilcoxon's signed-rank test of the held-out losses, relative to the one without, and the
  same for the time until the worse of the two final validation losses, which both reach. `guided` is how many fits had
  any experience to go by.

With `--unrelated` each of thirty named tables is fitted once, as its first block, in the same way: the store never
holds anything of the same table, so what it does is what unrelated experience does. With `--trials N` each search has N
trials whatever they take; then the machine's load does not matter, and no lock is taken. A comparison that was
interrupted goes on where it was, with the store as it was then.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import shutil
import signal
import statistics
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error

import common
from comparison.source import source_state
from comparison.splits import manifest
from comparison.summary import signed_rank
from frameworks.seasoned_ import improvements
from seasoned import AutoClassifier, AutoRegressor
from seasoned.knowledge import Experience

BLOCKS = 3
KEPT = 0.8
HELD_OUT = 5  # every fifth row of a block
PATIENCE = 300  # seconds beyond three budgets, after which a fit is killed
SOURCES = "car,cmc,credit-g,abalone,phoneme,kr-vs-kp,wine-quality,churn,segment,spambase"
UNRELATED = (
    "adult,amazon-employee-access,ames-housing,analcatdata_dmft,bike-sharing,california-housing,compas,concrete,cpu-act,"
    "credit-approval,credit-default-taiwan,diabetes,diamonds,eeg-eye-state,electricity,elevators,fars,"
    "first-order-theorem-proving,flights-late,hotel-rates,ibm-attrition,insurance,letter,MagicTelescope,mammography,"
    "mfeat-factors,pc4,pendigits,protein-casp,satimage"
)
DRAWS = 2_000


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
    unseen = np.arange(len(X)) % HELD_OUT == 0
    if entry["task"] != "regression":  # a class that only held-out rows have cannot be foretold
        unseen &= y.isin(y[~unseen]).to_numpy()
    make = AutoRegressor if entry["task"] == "regression" else AutoClassifier
    limits = (
        {"time_limit": task["budget"]} if task["trials"] is None else {"time_limit": None, "trials": task["trials"]}
    )
    with patch("seasoned.knowledge.experience.locations.shipped", lambda: Experience.of_studies(())):
        model = make(entry["metric"], **limits, workers=2, experience=task["store"], random_state=0)
        model.fit(X[~unseen], y[~unseen])
    predicted = model.predict(X[unseen]) if entry["task"] == "regression" else model.predict_proba(X[unseen])
    labels = None if entry["task"] == "regression" else [str(label) for label in model.classes_]
    trials, told = model.fitted_.trials, model.fitted_.experience
    ended = [t for t in trials if t.loss is not None and t.elapsed is not None]
    return {
        "loss": held_out_loss(y[unseen], predicted, labels),
        "curve": improvements(trials),
        "elapsed": sorted(trial.elapsed for trial in ended),
        "models": [trial.model for trial in sorted(ended, key=lambda trial: trial.elapsed)[:10]],
        "tasks": None if told is None else told["tasks"],
        "similar": None if told is None else told["similar"][:2],
    }


def held_out_loss(truth: pd.Series, predicted: np.ndarray, labels: list[str] | None) -> float:
    """RMSE, the logarithmic loss, or of two classes the AUC, negated."""
    if labels is None:
        return float(root_mean_squared_error(truth, predicted))
    if len(labels) == 2:
        return -float(roc_auc_score(truth == labels[1], predicted[:, 1]))
    return float(log_loss(truth, predicted, labels=labels))


def fitted(options: argparse.Namespace, source: str, number: int, store: str | None) -> dict[str, Any]:
    task = {"datasets": str(options.datasets), "source": source, "block": number, "store": store}
    task |= {"budget": options.budget, "trials": options.trials}
    limit = None if options.trials else 3 * options.budget + PATIENCE
    return common.child([sys.executable, __file__, "--run", json.dumps(task)], limit=limit)


# ------------------------------------------------------------------------------------------------ the verdict


def reached(result: dict[str, Any], goal: float) -> tuple[float, float]:
    """Seconds and trials until a validation loss; all of the fit's if it never was."""
    elapsed = result["elapsed"]
    seconds = next((seconds for seconds, loss in result["curve"] if loss <= goal), elapsed[-1] if elapsed else math.inf)
    return seconds, float(sum(one <= seconds for one in elapsed))


def summary(fits: list[dict[str, Any]]) -> dict[str, Any]:
    """Over all fits of which both came to their end."""
    whole = [fit for fit in fits if all(fit[name].get("curve") for name in ("warm", "cold"))]
    found: dict[str, Any] = {
        "fits": len(fits),
        "failed": {name: sum("error" in fit[name] for fit in fits) for name in ("warm", "cold")},
        "guided": sum(fit["warm"].get("tasks") is not None for fit in whole),
        **harm(whole),
    }
    for place in range(max((fit["place"] for fit in fits), default=-1) + 1):
        rows = [fit for fit in whole if fit["place"] == place]
        if rows:
            found[f"fit {place + 1}"] = times(rows)
    return found | speedup(whole)


def times(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians until the final validation loss of the fit without, and how often that is reached."""
    goals = [fit["cold"]["curve"][-1][1] for fit in rows]
    found: dict[str, Any] = {"fits": len(rows)}
    for name in ("warm", "cold"):
        seconds, trials = zip(*(reached(fit[name], goal) for fit, goal in zip(rows, goals, strict=True)), strict=True)
        found[name] = {"seconds": round(statistics.median(seconds), 1), "trials": statistics.median(trials)}
    ends = [fit["warm"]["curve"][-1][1] <= goal for fit, goal in zip(rows, goals, strict=True)]
    return found | {"warm_reached": sum(ends)}


def speedup(fits: list[dict[str, Any]]) -> dict[str, Any]:
    """Seconds of a source's first fit over those of its last, both until its own goal: median, and its interval."""
    seconds: dict[str, dict[int, float]] = {}
    for fit in fits:
        goal = fit["cold"]["curve"][-1][1]
        seconds.setdefault(fit["source"], {})[fit["place"]] = max(reached(fit["warm"], goal)[0], 1e-3)
    ratios = np.array([found[0] / found[BLOCKS - 1] for found in seconds.values() if {0, BLOCKS - 1} <= set(found)])
    if not len(ratios):
        return {}
    draws = np.random.default_rng(0).integers(len(ratios), size=(DRAWS, len(ratios)))
    low, high = np.quantile(np.median(ratios[draws], axis=1), [0.025, 0.975])
    told = {"sources": len(ratios), "median": float(np.median(ratios)), "interval": [float(low), float(high)]}
    return {"speedup": {name: np.round(value, 2).tolist() for name, value in told.items()}}


def harm(fits: list[dict[str, Any]]) -> dict[str, Any]:
    """What experience did to the held-out loss, and to the time until a loss that both reach."""
    losses = [[fit[name]["loss"] for name in ("warm", "cold")] for fit in fits]
    gaps = [(warm - cold) / max(abs(cold), 1e-12) for warm, cold in losses]
    goals = [max(fit[name]["curve"][-1][1] for name in ("warm", "cold")) for fit in fits]
    both = [[reached(fit[name], goal)[0] for name in ("warm", "cold")] for fit, goal in zip(fits, goals, strict=True)]
    later = [math.log(max(warm, 1e-3) / max(cold, 1e-3)) for warm, cold in both]
    return {"held_out": signs(gaps), "seconds_to_what_both_reach": signs(later)}


def signs(differences: list[float]) -> dict[str, Any]:
    return {
        "better": sum(value < 0 for value in differences),
        "worse": sum(value > 0 for value in differences),
        "median": round(statistics.median(differences), 5) if differences else None,
        "wilcoxon_p": signed_rank(differences),
    }


# ------------------------------------------------------------------------------------------------ the whole


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, metavar="FOLDER")
    parser.add_argument("--sources", help="names of tables, in the place of those that are named here")
    parser.add_argument("--unrelated", action="store_true", help="thirty tables, each once")
    parser.add_argument("--budget", type=float, default=60)
    parser.add_argument("--trials", type=int, help="of each search, in the place of a time limit")
    parser.add_argument("--out", type=Path, default=common.HERE / "results" / "own-runs.json")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    return parser.parse_args()


def ordered(sources: str, blocks: int) -> list[tuple[str, int]]:
    """All blocks of all sources, in the order that seed 0 draws."""
    order = [(source, number) for source in sources.split(",") for number in range(blocks)]
    return [order[place] for place in np.random.default_rng(0).permutation(len(order))]


def pair(options: argparse.Namespace, source: str, number: int, store: Path) -> dict[str, dict[str, Any]]:
    """The fit with the store, which it adds to, and the one without."""
    return {
        "warm": fitted(options, source, number, f"sqlite:///{store.absolute()}"),
        "cold": fitted(options, source, number, None),
    }


def as_before(store: Path, pairs: int) -> None:
    """Keep the store as it is after so many pairs; or bring it back to that, where the next pair was cut off."""
    kept = store.with_name(f"{store.name}.before-{pairs}")
    if kept.exists():
        for left in store.parent.glob(f"{store.name}-*"):  # a log that SQLite has not folded in yet
            left.unlink()
        shutil.copy(kept, store)
        return
    for stale in store.parent.glob(f"{store.name}.before-*"):
        stale.unlink()
    part = store.with_name(f"{store.name}.copying")
    shutil.copy(store, part) if store.exists() else part.write_bytes(b"")
    part.replace(kept)  # whole, or not there


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # or the fit that runs would go on, and add to the store
    options = arguments()
    if options.run:
        print(json.dumps(run(json.loads(options.run))))
        return
    common.all_families()
    sources = options.sources or (UNRELATED if options.unrelated else SOURCES)
    setup = {"budget": options.budget, "trials": options.trials, "sources": sources, "unrelated": options.unrelated}
    stored = json.loads(options.out.read_text()) if options.out.exists() else {**setup, "fits": []}
    if other := {name: stored.get(name) for name in setup if stored.get(name) != setup[name]}:
        raise SystemExit(f"{options.out} is of {other}, not of {setup}: give another --out")
    fits, store = stored["fits"], options.out.with_suffix(".db")
    if not fits and store.exists() and not store.with_name(f"{store.name}.before-0").exists():
        raise SystemExit(f"{store} is there already, and the first fit must find an empty store: move it away")
    for source, number in ordered(sources, 1 if options.unrelated else BLOCKS)[len(fits) :]:
        as_before(store, len(fits))
        with contextlib.nullcontext() if options.trials else common.alone():
            found = pair(options, source, number, store)
        place = sum(fit["source"] == source for fit in fits)
        fits.append({"source": source, "block": number, "place": place, "state": source_state(), **found})
        print(source, number, {name: one.get("error") or one["loss"] for name, one in found.items()}, flush=True)
        common.write(options.out, {**setup, "summary": summary(fits), "fits": fits})
    for kept in store.parent.glob(f"{store.name}.before-*"):
        kept.unlink()
    print(json.dumps(summary(fits), indent=1))


if __name__ == "__main__":
    main()
