"""Few-shot learning on real tables: against one global model and a model a group; tuned against fixed adaptation.

    python benchmarks/few_shot.py --datasets FOLDER --out FILE [--only grouped|tuned] [--seeds N] [--development]

`grouped`: `FewShotRegressor` on ten tables with a natural group column. 30% of the groups are new; it adapts to 5 and
10 rows of each and is judged on the same other rows (beyond the first ten) as a global model that had the adaptation
rows of all new groups in its training data, with and without the group as a category, and as a ridge regression a
group. `tuned`: `adapt(tune=True)` against `adapt(tune=False)` on 20 tables cut into tasks by a category column; squared
error or log loss. Errors of a table are the mean over seeds; tables are paired by Wilcoxon's signed-rank test on log
ratios. The lists of tables (`few_shots/tables.py`) were fixed before measuring. Fits that fail are counted, not hidden.
Errors are measured, not times, so the machine need not be quiet; `FILE` with .jsonl keeps what is done, for going on.
"""

from __future__ import annotations

import argparse
import json
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from common import HERE, write
from few_shots.rivals import GlobalModel, own_model
from few_shots.tables import CUT, DEVELOPMENT, GROUPED, Table, cut
from seasoned import FewShotClassifier, FewShotRegressor

SHOTS = (5, 10)
RIVALS = ("global", "global_with_group", "per_group", "unadapted")


def features(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    return frame.drop(columns=table.target)


def fit(train: pd.DataFrame, table: Table, seed: int) -> Any:
    make = FewShotRegressor if table.kind == "regression" else FewShotClassifier
    return make(time_limit=None, random_state=seed).fit(features(train, table), train[table.target], task=table.task)


def grouped(frame: pd.DataFrame, table: Table, seed: int) -> dict[str, float]:
    """Mean squared errors: method and shots -> number."""
    train, tests = cut(frame, table, seed)
    model = fit(train, table, seed)
    queries = [test.iloc[max(SHOTS) :] for test in tests]
    y = np.concatenate([query[table.target].to_numpy(dtype=float) for query in queries])
    found: dict[str, float] = {}

    def judge(name: str, shots: int, predicted: list[np.ndarray]) -> None:
        found[f"{name}@{shots}"] = float(np.mean((np.concatenate(predicted) - y) ** 2))

    for shots in SHOTS:
        support = [test.iloc[:shots] for test in tests]
        pairs = list(zip(support, queries, strict=True))
        for name, tune in (("few_shot", True), ("few_shot_fixed", False)):
            adapted = [model.adapt(features(s, table), s[table.target], tune=tune) for s in support]
            judge(name, shots, [a.predict(features(q, table)) for a, q in zip(adapted, queries, strict=True)])
        judge("unadapted", shots, [model.fitted_.fitted.predict(features(query, table)) for query in queries])
        rows = pd.concat([train, *support], ignore_index=True)
        target = rows[table.target].to_numpy(dtype=float)
        for name, left_out in (("global", [table.task]), ("global_with_group", [])):
            X = features(rows, table).drop(columns=left_out)
            if not left_out:
                X[table.task] = X[table.task].astype(str).astype("category")
            rival = GlobalModel().fit(X, target, seed)
            new = [features(query, table).astype({} if left_out else {table.task: str}) for query in queries]
            judge(name, shots, [rival.predict(part) for part in new])
            if left_out:
                dense = [[rival.plan.matrices(features(p, table), ("dense",))["dense"] for p in pair] for pair in pairs]
        own = [own_model(a, s[table.target].to_numpy(float), b) for (a, b), s in zip(dense, support, strict=True)]
        judge("per_group", shots, own)
    return found


def tuned(frame: pd.DataFrame, table: Table, seed: int) -> dict[str, float]:
    """Mean losses of tuned and fixed adaptation: name and shots -> number."""
    train, tests = cut(frame, table, seed)
    model = fit(train, table, seed)
    found: dict[str, float] = {}
    for shots in SHOTS:
        for name, tune in (("tuned", True), ("fixed", False)):
            losses = []
            for test in tests:
                support, query = test.iloc[:shots], test.iloc[max(SHOTS) :]
                known = query[query[table.target].isin(train[table.target])] if table.kind != "regression" else query
                support = support[support[table.target].isin(train[table.target])] if known is not query else support
                if len(known) and len(support):
                    adapted = model.adapt(features(support, table), support[table.target], tune=tune)
                    losses.append(row_losses(adapted, features(known, table), known[table.target]))
            found[f"{name}@{shots}"] = float(np.concatenate(losses).mean())
    return found


def row_losses(model: Any, X: pd.DataFrame, y: pd.Series) -> np.ndarray:
    if not len(model.classes_):
        return (model.predict(X) - y.to_numpy(dtype=float)) ** 2
    probabilities = model.predict_proba(X)
    place = pd.Index(model.classes_).get_indexer(pd.Index(y.to_numpy().astype(model.classes_.dtype)))
    return -np.log(np.maximum(probabilities[np.arange(len(y)), place], 1e-12))


def run(tables: tuple[Table, ...], measure: Any, folder: Path, seeds: int, log: Path) -> dict[str, Any]:
    """Every table with every seed; each is logged when it is done, and one that is in the log is not run again."""
    done = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for seed in range(seeds):
        for table in tables:
            key = [measure.__name__, table.name, seed]
            if any(entry["key"] == key for entry in done):
                continue
            start, entry = time.process_time(), {"key": key}
            try:
                entry["losses"] = measure(table.load(folder), table, seed)
            except Exception as error:  # noqa: BLE001 - whatever fails is counted
                traceback.print_exc()
                entry["failed"] = f"{type(error).__name__}: {error}"
            entry["cpu_seconds"] = round(time.process_time() - start, 1)
            done.append(entry)
            print(entry, flush=True)
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a") as file:
                file.write(json.dumps(entry) + "\n")
    own = [entry for entry in done if entry["key"][0] == measure.__name__]
    return {
        table.name: [entry for entry in own if entry["key"][1] == table.name and entry["key"][2] < seeds]
        for table in tables
    }


def mean_losses(entries: list[dict[str, Any]]) -> dict[str, float]:
    found = [entry["losses"] for entry in entries if "losses" in entry]
    return {name: float(np.mean([losses[name] for losses in found])) for name in found[0]} if found else {}


def compare(means: dict[str, dict[str, float]], ours: str, other: str) -> dict[str, Any]:
    """Ratio of root losses (below 1: ours is better), table by table, and the paired test."""
    ratios = {name: losses[ours] / losses[other] for name, losses in means.items() if losses}
    logs = np.log(list(ratios.values()))
    p = float(wilcoxon(logs).pvalue) if (logs != 0).any() else 1.0
    return {
        "geometric_mean_ratio": float(np.exp(logs.mean())),
        "better": int((logs < 0).sum()),
        "worse": int((logs > 0).sum()),
        "p": p,
    }


def summary(results: dict[str, list[dict[str, Any]]], pairs: list[tuple[str, str]]) -> dict[str, Any]:
    means = {name: mean_losses(entries) for name, entries in results.items()}
    return {
        "failed": sum("failed" in entry for entries in results.values() for entry in entries),
        "seeds": {name: len(entries) for name, entries in results.items()},
        "mean_losses": means,
        "pairs": {f"{ours} / {other}": compare(means, ours, other) for ours, other in pairs},
    }


def main() -> None:
    """Runs the parts asked for and writes their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, required=True, help="folder of Parquet tables")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "few_shot.json")
    parser.add_argument("--only", choices=("grouped", "tuned"), action="append")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--development", action="store_true", help="the tables that methods were chosen on")
    given = parser.parse_args()
    parts = given.only or ["grouped", "tuned"]
    log = given.out.with_suffix(".jsonl")
    result: dict[str, Any] = {"seeds": given.seeds}
    if "grouped" in parts:
        tables = tuple(t for t in DEVELOPMENT if t.kind == "regression") if given.development else GROUPED
        pairs = [(f"few_shot@{k}", f"{rival}@{k}") for k in SHOTS for rival in (*RIVALS, "few_shot_fixed")]
        result["grouped"] = summary(run(tables, grouped, given.datasets, given.seeds, log), pairs)
    if "tuned" in parts:
        tables = DEVELOPMENT if given.development else CUT
        pairs = [(f"tuned@{k}", f"fixed@{k}") for k in SHOTS]
        result["tuned"] = summary(run(tables, tuned, given.datasets, given.seeds, log), pairs)
    write(given.out, result)


if __name__ == "__main__":
    main()
